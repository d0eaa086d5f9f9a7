#!/usr/bin/env bash
# Initialises PGDATA once and starts PostgreSQL, with the variables of the public image:
# POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE.
set -euo pipefail
if [[ ${1:-} == -* ]]; then
    set -- postgres "$@"
fi
if [[ ${1:-} != postgres ]]; then
    exec "$@"
fi
if [[ $(id -u) == 0 ]]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

# PG_VERSION moves into PGDATA last: without it, whatever else is there is the rest of an initialisation that was killed.
unfinished=$PGDATA/.initialising
initialise() {
    local user=${POSTGRES_USER:-postgres} password=${POSTGRES_PASSWORD:-}
    if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
        password=$(<"$POSTGRES_PASSWORD_FILE")
    fi
    if [[ -z $password ]]; then
        echo "set POSTGRES_PASSWORD_FILE to a file with the password of $user" >&2
        exit 1
    fi
    find "$PGDATA" -mindepth 1 -delete
    mkdir -m 700 "$unfinished"
    initdb --pgdata="$unfinished" --username="$user" --pwfile=<(printf '%s\n' "$password") \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8
    echo "host all all all scram-sha-256" >>"$unfinished/pg_hba.conf"

    # Its socket lies where no client and no health check looks, so that nobody takes this server for the real one.
    pg_ctl --pgdata="$unfinished" --wait start --options="-c listen_addresses='' -c unix_socket_directories='$unfinished'"
    if [[ ${POSTGRES_DB:-$user} != postgres ]]; then
        createdb --host="$unfinished" --username="$user" --maintenance-db=postgres "${POSTGRES_DB:-$user}"
    fi
    pg_ctl --pgdata="$unfinished" --wait --mode=fast stop

    find "$unfinished" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv --target-directory="$PGDATA" {} +
    mv "$unfinished/PG_VERSION" "$PGDATA"
    rmdir "$unfinished"
}

mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    if [[ -n $(ls -A "$PGDATA") && ! -e $unfinished ]]; then
        echo "$PGDATA is not empty and is no PostgreSQL data directory" >&2
        exit 1
    fi
    initialise
fi
unset POSTGRES_PASSWORD
exec "$@" -c listen_addresses='*'
