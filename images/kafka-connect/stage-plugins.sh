#!/bin/sh
# Lays out the connector plug-ins of our Kafka Connect image, one folder each, every file a jar:
#   OUT_DIR/jdbc-sink      Debezium's JDBC sink, our plug-in, which extends it, and OpenTelemetry's interface
#   OUT_DIR/scylla-source  ScyllaDB's connector, with --scylla-source (it is not in every mirror of Maven Central)
# Needs Java 17 and Maven. The versions are properties in plugin/pom.xml.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ] || { [ $# -eq 2 ] && [ "$2" != --scylla-source ]; }; then
    echo "usage: $0 OUT_DIR [--scylla-source]" >&2
    exit 2
fi
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$1"
out=$(CDPATH='' cd -- "$1" && pwd)
rm -rf "$out/jdbc-sink" "$out/scylla-source"

# A build folder of its own: two builds of one checkout must not meet.
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mvn --batch-mode --quiet --file "$here/plugin/pom.xml" ${2:+--activate-profiles scylla-source} \
    -Dmaven.test.skip=true -Dbuild.dir="$build" -Dstage.dir="$out" package
cp "$build/cdc-connect-plugin.jar" "$out/jdbc-sink/"
chmod -R a+rX "$out"
