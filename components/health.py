"""Commands of health checks: a request inside the container, with what its image has for that.

`exec` puts the command in the shell's place: the engine ends only the shell of a check that takes too long, and what it
leaves behind would stay in the container's process list for ever, since few main processes look after orphans.
"""

from __future__ import annotations


def curl(port: int, path: str, scheme: str = "http", authority: str = "") -> str:
    """For the images of Java services. `authority` is a file to verify https by, where no `.curlrc` names one."""
    verified = f"--cacert {authority} " if authority else ""
    return f"exec curl -fsS {verified}{scheme}://localhost:{port}{path}"


def wget(port: int, path: str) -> str:
    """For the images around Prometheus."""
    return f"exec wget -q -O /dev/null http://127.0.0.1:{port}{path}"


def python(port: int, path: str) -> str:
    """For our own image, which has neither; shorter than the check's own time limit."""
    return (
        f"exec python3 -c 'from urllib.request import urlopen; urlopen(\"http://127.0.0.1:{port}{path}\", timeout=4)'"
    )


def tcp(port: int, host: str = "localhost", then: str = "") -> str:
    """For the images that have bash. `then` is what to do with the connection, which is descriptor 3."""
    return f"exec bash -c 'exec 3<>/dev/tcp/{host}/{port}{then}'"
