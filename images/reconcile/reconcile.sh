#!/bin/sh
# Gives up root, also when started by `docker exec`. (An engine copies files only into containers that start as root, or
# as a user that the engine's host knows too.)
if [ "$(id -u)" = 0 ]; then
    export HOME=/var/lib/reconcile
    exec setpriv --reuid=reconcile --regid=reconcile --init-groups --inh-caps=-all "$0" "$@"
fi
exec python3 -m reconcile "$@"
