"""`python -m testbed toolchain|images [ROLE ...]|all`: build what takes the place of downloads on other machines."""

import argparse
import json
import signal
import sys

from testbed import host, images, toolchain


def main(arguments: list[str] | None = None) -> int:
    """Build what is asked for; progress goes to standard error, the result as JSON to standard output."""
    parser = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    parser.add_argument("what", choices=["toolchain", "images", "all"])
    parser.add_argument("roles", nargs="*", metavar="ROLE", help="only these images and their bases")
    parsed = parser.parse_args(arguments)
    what = parsed.what
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the command that is running ends, too
    result: dict[str, object] = {}
    try:
        if what in ("toolchain", "all"):
            installed = toolchain.install()
            result |= {"bin": str(installed.bin), "pulumi_home": str(installed.pulumi_home)}
        if what in ("images", "all"):
            result["images"] = images.build_all(*parsed.roles)
    except host.HostError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
