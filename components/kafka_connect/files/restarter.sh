# Restarts a connector when the file with its login has changed: exactly that connector, once for each change, and again with
# growing pauses as long as it does not run. Connectors that nobody gave a new login are left alone.
#
#   CONNECT_URL    REST API of the workers
#   WATCHED        words `file=connector`
#   GRACE_SECONDS  time between the change and the restart, for other hosts to get their files
#   HEARTBEAT_FILE where to leave signs of life, if anywhere
set -uo pipefail
poll_seconds=0.5
stable_seconds=3  # RUNNING right after a restart proves nothing
settle_seconds=60 # then the restart has failed
longest_pause_seconds=60
beat_seconds=5

log() { TZ=UTC printf '%(%Y-%m-%dT%H:%M:%SZ)T %s\n' -1 "$*"; }

digest() {
    [[ -s $1 ]] && sha256sum <"$1"
}

# Prints running, failed or busy.
state_of() {
    local states
    if ! states=$(curl -fsS --max-time 10 "$CONNECT_URL/connectors/$1/status" 2>/dev/null | grep -o '"state":"[A-Z]*"'); then
        echo busy
    elif grep -q FAILED <<<"$states"; then
        echo failed
    elif grep -qvE 'RUNNING|PAUSED|STOPPED' <<<"$states"; then
        echo busy
    else
        echo running
    fi
}

# Succeeds when the connector runs, or does not exist: then it will start with the new file.
restart() {
    local connector=$1 answer begin=$SECONDS running_since= failed=0
    answer=$(curl -sS --max-time 100 -o /dev/null -w '%{http_code}' -X POST \
        "$CONNECT_URL/connectors/$connector/restart?includeTasks=true&onlyFailed=false" 2>/dev/null)
    case $answer in
        404) return 0 ;;
        2??) ;;
        000) return 2 ;; # no worker: it starts with the new file, which the next answer will show
        *) return 1 ;;
    esac
    while ((SECONDS - begin < settle_seconds)); do
        case $(state_of "$connector") in
            running)
                running_since=${running_since:-$SECONDS}
                ((SECONDS - running_since >= stable_seconds)) && return 0
                ;;
            failed)
                # It may be left from before the restart.
                running_since= failed=$((failed + 1))
                ((failed > 5)) && return 1
                ;;
            *) running_since= ;;
        esac
        sleep "$poll_seconds"
    done
    return 1
}

watch() {
    local file=$1 connector=$2 used= now result pause=1
    while true; do
        now=$(digest "$file")
        if [[ -z $now || $now == "$used" ]]; then
            sleep "$poll_seconds"
            continue
        fi
        sleep "$GRACE_SECONDS"
        restart "$connector"
        result=$?
        if ((result == 0)); then
            log "$connector runs with its new login"
            used=$now pause=1
        elif ((result == 2)); then
            sleep 2
        else
            log "$connector does not run with its new login; once more in $pause s"
            sleep "$pause"
            pause=$((pause * 2 > longest_pause_seconds ? longest_pause_seconds : pause * 2))
        fi
    done
}

# As long as this lives, the watchers do: process 1 ends with the first of its children.
beat() {
    while true; do
        echo '[]' >"$HEARTBEAT_FILE"
        sleep "$beat_seconds"
    done
}

if [[ -n ${HEARTBEAT_FILE:-} ]]; then
    beat &
fi
for pair in $WATCHED; do
    watch "${pair%%=*}" "${pair#*=}" &
done
wait -n
