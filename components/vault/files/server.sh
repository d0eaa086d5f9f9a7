#!/bin/sh
# Starts the server as user `vault`, and beside it what rotates the audit log: AUDIT_FILE is put aside when it is larger
# than AUDIT_MAX_BYTES, and AUDIT_KEEP older ones stay. No entry is lost: until the server opens the new file, it writes to
# the one that was put aside.
set -eu
if [ "$(id -u)" = 0 ]; then
    export HOME=/home/vault
    # The public image has the one, the testbed's the other.
    if command -v su-exec >/dev/null; then
        exec su-exec vault sh "$0"
    fi
    exec setpriv --reuid=vault --regid=vault --init-groups sh "$0"
fi

put_aside() {
    number=$AUDIT_KEEP
    while [ "$number" -gt 1 ]; do
        newer=$((number - 1))
        if [ -f "$AUDIT_FILE.$newer" ]; then
            mv "$AUDIT_FILE.$newer" "$AUDIT_FILE.$number"
        fi
        number=$newer
    done
    mv "$AUDIT_FILE" "$AUDIT_FILE.1"
    kill -HUP "$$" # the server's process, see exec below
}

(
    while sleep "$AUDIT_CHECK_SECONDS"; do
        if [ -f "$AUDIT_FILE" ] && [ "$(wc -c <"$AUDIT_FILE")" -gt "$AUDIT_MAX_BYTES" ]; then
            put_aside || echo "the audit log cannot be rotated" >&2
        fi
    done
) &
exec vault server -config=/vault/config
