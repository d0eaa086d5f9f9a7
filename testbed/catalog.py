"""The testbed's images: what each is, what it is made of, and the tag that follows from that.

Pure: reads source files only, so that a stack can compute the tags without Docker and without a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.digest import tree_digest

REPOSITORY = Path(__file__).resolve().parents[1]
PREFIX = "scylla-pg-cdc-testbed"
TAG_LENGTH = 12
JAVA_BUILD = "testbed/java-build.sh"


@dataclass(frozen=True)
class ImageSource:
    """One image: what it is built from, in addition to its base image."""

    role: str
    stand_in: str
    """What the image really holds; becomes its label `scylla-pg-cdc.stand-in`."""
    sources: tuple[str, ...]
    """Files and folders, relative to the repository, that the image is made of."""
    base: str | None
    """Role of the image that it builds upon."""


def java_project(folder: str) -> tuple[str, ...]:
    """Return what a Maven project's jar is made of, relative to the repository: not its tests and its documents."""
    parts = ("pom.xml", "bin", "repository", "src/main")
    return tuple(f"{folder}/{part}" for part in parts if (REPOSITORY / folder / part).exists())


def java_stand_in(folder: str) -> tuple[str, ...]:
    """Return what a stand-in's jars are made of: its Maven project, and the script that builds it."""
    return (JAVA_BUILD, *java_project(folder))


def _image(role: str, base: str | None, stand_in: str, *more_sources: str) -> ImageSource:
    return ImageSource(role, stand_in, (f"testbed/images/{role}", *more_sources), base)


TESTBED_IMAGES: Mapping[str, ImageSource] = {
    image.role: image
    for image in (  # in the order in which they are built
        ImageSource("base", "Debian bookworm made with debootstrap", ("testbed/debian.py",), None),
        _image("jre", "base", "Debian's OpenJDK 17 runtime"),
        _image("zookeeper", "jre", "Apache ZooKeeper 3.8.3 from Maven Central"),
        _image("kafka", "jre", "Apache Kafka 3.6.1 from Maven Central"),
        _image("schema-registry", "jre", "Apicurio Registry 3.0.9 behind nginx"),
        _image(
            "kafka-connect-base",
            "jre",
            "Apache Kafka Connect 3.6.1 from Maven Central, Apicurio's Avro converter",
            *java_stand_in("testbed/avro-converter-standin"),
        ),
        _image(
            "connect-plugins",
            None,
            "Debezium's JDBC sink with our plug-in; a stand-in for ScyllaDB's source connector",
            "images/kafka-connect/stage-plugins.sh",
            *java_project("images/kafka-connect/plugin"),
            *java_stand_in("testbed/scylla-source-standin"),
        ),
        _image(
            "scylla",
            "jre",
            "Apache Cassandra 5.0 that writes ScyllaDB's CDC log",
            *java_stand_in("testbed/scylla-standin"),
        ),
        _image("postgres", "base", "Debian's PostgreSQL 15"),
        _image("vault", "base", "Vault 1.15.2 built from its Go module, without web UI", "testbed/toolchain/vault"),
        _image("python", "base", "Debian's Python 3.11"),
        ImageSource(
            "java-agents",
            "the JMX exporter with our rules for it, and OpenTelemetry's agent",
            ("testbed/images/java-agents", "images/java-agents/pom.xml", "images/java-agents/jmx"),
            None,
        ),
        _image("prometheus", "base", "Debian's Prometheus 2.42"),
        _image("alertmanager", "base", "Debian's Alertmanager 0.25, without web page"),
        _image(
            "jaeger",
            "base",
            "Jaeger 1.51 built from its Go module, without web page",
            "testbed/toolchain/jaeger",
        ),
        _image("postgres-exporter", "base", "Debian's exporter for PostgreSQL 0.11"),
        ImageSource("reconcile", "our own image, on Debian's Python 3.11", ("images/reconcile", "reconcile"), "python"),
    )
}


def digest(role: str) -> str:
    """Return the SHA-256 digest over everything that an image is made of, its base included.

    Raises:
        KeyError: there is no such role.
        FileNotFoundError: a source is missing from the checkout.
    """
    sources: list[Path] = []
    image: ImageSource | None = TESTBED_IMAGES[role]
    while image:
        sources += (REPOSITORY / source for source in image.sources)
        image = TESTBED_IMAGES[image.base] if image.base else None
    return tree_digest(*sources)


def testbed_image(role: str) -> str:
    """Return name and tag of the testbed's image for a role, such as `kafka`; the tag follows from its sources."""
    return f"{PREFIX}/{role}:{digest(role)[:TAG_LENGTH]}"


testbed_image.__test__ = False  # type: ignore[attr-defined]  # pytest takes every `test...` for a test
