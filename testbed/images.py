"""Builds the testbed's images in the Docker engine: those that it lacks, in the order of the catalogue."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from components.digest import IGNORED_NAMES, tree_digest
from testbed import cache, debian, host, toolchain
from testbed.cache import Progress, say
from testbed.catalog import (
    JAVA_BUILD,
    REPOSITORY,
    TESTBED_IMAGES,
    ImageSource,
    digest,
    java_project,
    java_stand_in,
    testbed_image,
)

STAND_IN_LABEL = "scylla-pg-cdc.stand-in"
DIGEST_LABEL = "scylla-pg-cdc.digest"


def build_all(*roles: str, progress: Progress = say) -> dict[str, str]:
    """Build the images of the roles (without any: all) that the engine does not have, each after its base.

    Returns the name of each role's image.

    Raises:
        HostError: there is no such role, the engine does not answer, or a build failed; the message ends with what it
            printed.
    """
    host.require("docker", progress)
    host.run("docker", "version")
    chosen = with_bases(roles) if roles else list(TESTBED_IMAGES.values())
    names = {image.role: testbed_image(image.role) for image in chosen}
    for number, image in enumerate(chosen, start=1):
        step = f"[{number}/{len(chosen)}] image {image.role}"
        if exists(names[image.role]):
            continue
        begin = time.monotonic()
        progress(f"{step}: building")
        build(image, progress)
        if not exists(names[image.role]):
            raise host.HostError(f"the sources of the image {image.role} changed while it was built; run this again")
        progress(f"{step}: built in {time.monotonic() - begin:.0f} s")
    return names


def with_bases(roles: Sequence[str]) -> list[ImageSource]:
    """Return the images of the roles and all that they build upon, in the order in which they are built.

    Raises:
        HostError: there is no such role.
    """
    needed = set()
    for role in roles:
        if role not in TESTBED_IMAGES:
            raise host.HostError(f"there is no image {role}; there are {', '.join(TESTBED_IMAGES)}")
        base: str | None = role
        while base:
            needed.add(base)
            base = TESTBED_IMAGES[base].base
    return [image for role, image in TESTBED_IMAGES.items() if role in needed]


def exists(name: str) -> bool:
    """Return whether the engine has an image."""
    seen = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False)
    return seen.returncode == 0


def build(image: ImageSource, progress: Progress = say) -> None:
    """Build one image; its base must be there."""
    labels = {STAND_IN_LABEL: image.stand_in, DIGEST_LABEL: digest(image.role)}
    name = testbed_image(image.role)
    if image.role == "base":
        changes = [word for key, value in labels.items() for word in ("--change", f'LABEL "{key}"="{value}"')]
        host.run("docker", "import", *changes, "--change", 'CMD ["bash"]', debian.root_filesystem(progress), name)
        return
    cache.root().mkdir(parents=True, exist_ok=True)
    # Beside the cache entries, so that their files can be linked instead of copied.
    with tempfile.TemporaryDirectory(prefix=".context-", dir=cache.root()) as folder:
        context = Path(folder)
        shutil.copytree(REPOSITORY / image.sources[0], context, dirs_exist_ok=True)
        if image.role in STAGING:
            STAGING[image.role](context, progress)
        options = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
        if image.base:
            options += ["--build-arg", f"BASE_IMAGE={testbed_image(image.base)}"]
        options += BUILD_OPTIONS.get(image.role, ())
        host.run("docker", "build", "--tag", name, *options, context)


def _maven_libraries(role: str) -> Callable[[Path, Progress], None]:
    """Stage the jars that the role's pom.xml lists as `lib`."""

    def stage(context: Path, progress: Progress) -> None:
        pom = REPOSITORY / "testbed/images" / role / "pom.xml"

        def fetch(directory: Path) -> None:
            host.require("mvn", progress)
            lib = directory / "lib"
            host.run("mvn", "--batch-mode", "--quiet", "--file", pom, f"-Dlib={lib}", "package")

        _link(cache.entry(f"lib-{role}", _key(pom), fetch, progress) / "lib", context / "lib")

    return stage


def _built(name: str, command: Sequence[str], sources: Sequence[str], target: str) -> Callable[[Path, Progress], None]:
    """Stage what `COMMAND OUT_DIR` makes of its sources as the folder `target`; all are relative to the repository."""

    def stage(context: Path, progress: Progress) -> None:
        def run_script(directory: Path) -> None:
            host.require("mvn", progress)
            host.run(*(REPOSITORY / word for word in command), directory / "out")

        key = _key(*(REPOSITORY / source for source in sources))
        _link(cache.entry(name, key, run_script, progress) / "out", context / target)

    return stage


def _java_stand_in(name: str, target: str) -> Callable[[Path, Progress], None]:
    """Stage a stand-in's jars."""
    project = f"testbed/{name}"
    return _built(name, (JAVA_BUILD, project), java_stand_in(project), target)


def _scylla(context: Path, progress: Progress) -> None:
    _java_stand_in("scylla-standin", "lib")(context, progress)
    shutil.copytree(REPOSITORY / "testbed/scylla-standin/bin", context / "bin")


def _connect_base(context: Path, progress: Progress) -> None:
    _maven_libraries("kafka-connect-base")(context, progress)
    _java_stand_in("avro-converter-standin", "converter")(context, progress)


def _connect_plugins(context: Path, progress: Progress) -> None:
    ours = "images/kafka-connect"
    stage = f"{ours}/stage-plugins.sh"
    _built("connect-plugins", [stage], (stage, *java_project(f"{ours}/plugin")), "plugins")(context, progress)
    _java_stand_in("scylla-source-standin", "plugins/scylla-source")(context, progress)


def _go_server(name: str) -> Callable[[Path, Progress], None]:
    """Stage a server of the toolchain."""

    def stage(context: Path, progress: Progress) -> None:
        os.link(toolchain.binary(name, progress), context / name)

    return stage


def _java_agents(context: Path, progress: Progress) -> None:
    project = REPOSITORY / "images/java-agents"

    def fetch(directory: Path) -> None:
        host.require("mvn", progress)
        host.run(
            "mvn", "--batch-mode", "--quiet", "--file", project / "pom.xml", f"-Dlib={directory / 'lib'}", "package"
        )

    _link(cache.entry("java-agents", _key(project / "pom.xml"), fetch, progress) / "lib", context / "agents")
    shutil.copytree(project / "jmx", context / "agents/jmx")


def _reconcile(context: Path, progress: Progress) -> None:
    """The context of our own Dockerfile is the repository; the wheels of its lock come from the cache."""
    lock = REPOSITORY / "reconcile/requirements.lock"

    def fetch(directory: Path) -> None:
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
        host.run(*pip, "--only-binary", ":all:", "--requirement", lock, "--dest", directory / "wheels")

    _link(cache.entry("wheels-reconcile", _key(lock), fetch, progress) / "wheels", context / "wheels")
    for source in ("reconcile", "images/reconcile"):
        shutil.copytree(REPOSITORY / source, context / source, ignore=shutil.ignore_patterns(*IGNORED_NAMES))


STAGING: Mapping[str, Callable[[Path, Progress], None]] = {
    "zookeeper": _maven_libraries("zookeeper"),
    "kafka": _maven_libraries("kafka"),
    "schema-registry": _maven_libraries("schema-registry"),
    "kafka-connect-base": _connect_base,
    "connect-plugins": _connect_plugins,
    "scylla": _scylla,
    "vault": _go_server("vault"),
    "jaeger": _go_server("jaeger"),
    "java-agents": _java_agents,
    "reconcile": _reconcile,
}
"""What a role's build context holds besides its first source."""
BUILD_OPTIONS: Mapping[str, Sequence[str]] = {
    "reconcile": ("--build-arg", "PIP_OPTIONS=--no-index --find-links /build"),
}
"""More options of `docker build`."""


def _key(*paths: Path) -> str:
    return tree_digest(*paths)[:16]


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=os.link)
