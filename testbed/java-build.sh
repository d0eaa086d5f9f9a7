#!/usr/bin/env bash
# Usage: java-build.sh PROJECT OUT_DIR - builds a Maven project's jar and leaves it with all jars that it needs in OUT_DIR.
set -euo pipefail
usage='usage: java-build.sh PROJECT OUT_DIR'
project=${1:?$usage}
out=${2:?$usage}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "building $(basename "$project")" >&2
mvn --batch-mode --quiet --file "$project/pom.xml" -DskipTests -Dbuild.dir="$work" package >&2
mkdir -p "$out"
cp "$work"/runtime/*.jar "$out"
echo "built $(basename "$project"): $(find "$out" -name '*.jar' | wc -l) jars in $out" >&2
