#!/usr/bin/env bash
# Makes .venv from the hash-pinned lock on a machine that has nothing but Debian and root, or any machine with Python 3.11+.
# Does nothing when the stamp says that it is done. All it prints goes to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."
exec 1>&2

venv=.venv
stamp=$venv/.stamp

say() { printf 'bootstrap: %s\n' "$*"; }

fail() {
    say "$*"
    exit 1
}

usable() { # Whether the interpreter is 3.11 or 3.12 and can make virtual environments.
    "$1" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null
}

find_python() {
    local name
    for name in python3.11 python3.12 python3; do
        if command -v "$name" >/dev/null && usable "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

install_python() {
    [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ] ||
        fail "Python 3.11 or 3.12 with the modules venv and ensurepip is needed; install it and run this again"
    say "installing python3 and python3-venv"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -y -o DPkg::Lock::Timeout=300 update >/dev/null
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends python3 python3-venv ca-certificates >/dev/null
}

wanted() { cat requirements.lock pyproject.toml scripts/bootstrap.sh | sha256sum | cut -d' ' -f1; }

# One at a time: the lock goes with the process, however it ends.
mkdir -p -m 700 .state
exec 9>.state/bootstrap.lock
if ! flock -n 9; then
    say "another bootstrap is running, waiting"
    flock 9
fi

digest=$(wanted)
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$digest" ] && [ -x "$venv/bin/python" ]; then
    exit 0
fi

python=$(find_python) || {
    install_python
    python=$(find_python) || fail "Debian's python3 is not 3.11 or 3.12; install one of them and run this again"
}

rm -f "$stamp"
if ! [ -x "$venv/bin/python" ] || ! usable "$venv/bin/python"; then
    say "making $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
say "installing $(grep -c '^[a-z]' requirements.lock) pinned packages"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# The lock is complete; resolving it again would let a newer release of an extra's package break it.
"$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements.lock
"$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
printf '%s\n' "$digest" >"$stamp"
say "done"
