#!/usr/bin/env bash
# `server` starts Vault with the files in /vault/config, every other subcommand (`agent`, `status`, ...) goes to `vault`
# as it is, and anything else is a command of its own.
set -euo pipefail
case ${1:-} in
    server)
        shift
        if [[ -n ${VAULT_LOCAL_CONFIG:-} ]]; then
            echo "$VAULT_LOCAL_CONFIG" >/vault/config/local.json
        fi
        set -- vault server -config=/vault/config "$@"
        ;;
    -*) set -- vault "$@" ;;
    *)
        if [[ -n ${1:-} ]] && ! command -v "$1" >/dev/null; then
            set -- vault "$@"
        fi
        ;;
esac
# As root, own the volumes and give up the rights; under any other user, start as that one.
if [[ ${1:-} == vault && $(id -u) == 0 ]]; then
    chown --recursive vault:vault /vault/config /vault/file /vault/logs 2>/dev/null || true
    export HOME=/home/vault # as su-exec in the public image does
    exec setpriv --reuid=vault --regid=vault --init-groups "$@"
fi
exec "$@"
