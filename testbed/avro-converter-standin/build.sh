#!/usr/bin/env bash
# Usage: build.sh OUT_DIR - builds the jar and leaves it with all jars that it needs at run time in OUT_DIR.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: build.sh OUT_DIR}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "building $(basename "$project")" >&2
mvn --batch-mode --quiet --file "$project/pom.xml" -DskipTests -Dbuild.dir="$work" package >&2
mkdir -p "$out"
cp "$work"/runtime/*.jar "$out"
echo "built $(basename "$project"): $(find "$out" -name '*.jar' | wc -l) jars in $out" >&2
