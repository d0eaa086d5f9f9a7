#!/bin/sh
# Fetches the secret id that was delivered wrapped, once, and starts the agent. The wrapping token is spent then; the secret
# id stays in this container's own volume, so that a restart finds it.
set -eu
if [ "$(id -u)" = 0 ]; then
    export HOME=/home/vault
    if command -v su-exec >/dev/null; then
        exec su-exec vault sh "$0"
    fi
    exec setpriv --reuid=vault --regid=vault --init-groups sh "$0"
fi

umask 077
delivered=/vault/approle/secret-id
own=/vault/file/secret-id
if [ "$SECRET_ID_WRAPPED" = false ]; then
    cat "$delivered" >"$own"
elif ! cmp -s "$delivered" "$own.delivered"; then
    if ! VAULT_TOKEN=$(cat "$delivered") vault unwrap -field=secret_id >"$own.new"; then
        echo "The secret id cannot be fetched. If Vault answers, somebody else has fetched it, or a day has passed:" \
            "see docs/security.md, Break-glass." >&2
        exit 1
    fi
    mv "$own.new" "$own"
    cp "$delivered" "$own.delivered"
fi
for config in $CONFIGS; do
    set -- "$@" "-config=/vault/agent/$config"
done
exec vault agent "$@"
