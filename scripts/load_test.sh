#!/usr/bin/env bash
# Measure a running gateway under load, against targets. --help says how.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/requests.sh
. "$here/requests.sh"

export API_KEY MODEL=${MODEL:-haiku} # chat.lua reads them: on wrk's command line everybody could
threads=${LOAD_THREADS:-4} connections=${LOAD_CONNECTIONS:-100} seconds=${LOAD_SECONDS:-30}
samples=${LOAD_SAMPLES:-30} sessions=${LOAD_SESSIONS:-50}
soak='' live=''

usage() {
    cat <<'USAGE'
Usage: scripts/load_test.sh [--soak [SECONDS]] [--live] [--help]

Measures a running gateway in demo mode, where nothing costs money, and prints a table of what was
measured beside its targets. wrk and ab (Apache Bench) are needed. Its sessions are deleted again.

  --soak     go on for SECONDS (600) more with a fifth of the connections, and watch memory
  --live     measure a gateway that asks Claude: thousands of requests, which cost money

  BASE_URL   where the gateway is (http://localhost:8000)
  API_KEY    a key, where it wants one
  MODEL      the model to ask (haiku)

How much:
  LOAD_THREADS, LOAD_CONNECTIONS, LOAD_SECONDS   wrk's -t, -c and -d (4, 100, 30)
  LOAD_SAMPLES   streams and sessions that are timed, one by one (30)
  GATEWAY_PID    its process, where it is on this machine and is not found

Targets, and what is wanted when nothing is said:
  LOAD_HEALTH_MS        50   99 % of answers of /health, 10 at a time, come within
  LOAD_FIRST_TOKEN_MS  500   99 % of streams say their first word within
  LOAD_CHUNK_MS        100   the longest time between two pieces of a stream, in 99 % of streams
  LOAD_SESSION_MS      200   99 % of sessions are made within
  LOAD_SESSIONS         50   sessions that answer at the same time
  LOAD_SESSION_MB       10   memory for each of these
  LOAD_RPS             250   chats a second, with all connections
  LOAD_P50_MS          150   half of these are answered within
  LOAD_P99_MS          800   99 % are
  LOAD_ERRORS_PERCENT  0.1   are not answered, or with an error
  LOAD_GROWTH_MB             memory that a soak may take; without it, it is only told

Ends with 0 when every target is met, 1 when one is not, 2 for wrong arguments, 3 without a program.
USAGE
}

while (($#)); do
    case $1 in
    --soak)
        soak=600
        if [[ ${2:-} =~ ^[0-9]+$ ]]; then
            soak=$2
            shift
        fi
        ;;
    --live) live=yes ;;
    *) help_or_nothing "$1" ;;
    esac
    shift
done
need curl curl
need wrk wrk
need ab apache2-utils httpd
is_there
[[ -n $live ]] || is_demo ||
    fail 'this gateway asks Claude, and thousands of requests cost money. --live says that you mean it.'

begin
mark=load-$$-$RANDOM
json='Content-Type: application/json'
numeric=${BASE_URL/\/\/localhost/\/\/127.0.0.1} # ab takes only the first address of a name

# --- the process --------------------------------------------------------------------------------------

# Prints the id of the process that listens on the gateway's port, where that is on this machine.
find_process() {
    local port inode
    [[ $BASE_URL =~ ^http://(localhost|127\.[0-9.]+|\[::1\])(:([0-9]+))?$ ]] || return 0
    port=${BASH_REMATCH[3]:-80}
    if [[ -r /proc/net/tcp ]]; then
        inode=$(awk -v port="$(printf ':%04X' "$port")\$" '$4 == "0A" && $2 ~ port { print $10; exit }' \
            /proc/net/tcp /proc/net/tcp6 2>/dev/null) || true
        [[ -z $inode ]] || { find /proc/[0-9]*/fd -lname "socket:\\[$inode\\]" 2>/dev/null || true; } |
            sed -n '1s|^/proc/\([0-9]*\)/.*|\1|p'
    elif command -v lsof >/dev/null; then
        { lsof -nP -t -iTCP:"$port" -sTCP:LISTEN || true; } | sed -n 1p
    fi
}

# Memory of the process in MB; nothing where it is not known.
memory() {
    [[ -n $process ]] || return 0
    if [[ -r /proc/$process/status ]]; then
        awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$process/status"
    else
        ps -o rss= -p "$process" | awk '{ printf "%.1f", $1 / 1024 }'
    fi
}

# Seconds of CPU that the process has had.
cpu() {
    [[ -r /proc/${process:-none}/stat ]] || return 0
    sed 's/.*) //' "/proc/$process/stat" | awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($12 + $13) / hz }'
}

# --- the table ----------------------------------------------------------------------------------------

: >"${work}/table"

# row NAME '<'|'>=' TARGET UNIT MEASURED: without a measure or a target there is no verdict.
row() {
    local verdict='-' target="$2 $3 $4"
    [[ -n $3 ]] || target=''
    if [[ -n $3 && -n $5 ]]; then
        if awk -v a="$5" -v b="$3" -v op="$2" 'BEGIN { exit !(op == "<" ? a < b : a >= b) }'; then
            verdict=✓ passed=$((passed + 1))
        else
            verdict=✗ failed=$((failed + 1))
        fi
    else
        skipped=$((skipped + 1))
    fi
    printf '%-46s %-12s %14s  %s\n' "$1" "$target" "${5:-not known}${5:+ $4}" "$verdict" >>"$work/table"
}

minus() {
    if [[ -n $1 && -n $2 ]]; then awk -v a="$1" -v b="$2" -v n="${3:-1}" 'BEGIN { printf "%.2f", (a - b) / n }'; fi
}

# percentile P: of numbers, a line each.
percentile() {
    sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int(NR * p / 100 + 0.999999); if (NR) printf "%.1f", v[i ? i : 1] }'
}

# --- what is measured ---------------------------------------------------------------------------------

health() {
    ab -q -l -n 1000 -c 10 "$numeric/health" >"$work/ab" 2>&1 || fail "ab failed: $(tail -n 3 "$work/ab")"
    if grep -q 'Non-2xx' "$work/ab"; then fail "/health was not answered with 200: $(grep Non-2xx "$work/ab")"; fi
    row '/health, 10 at a time, 99 %' '<' "${LOAD_HEALTH_MS:-50}" ms "$(awk '$1 == "99%" { print $2 }' "$work/ab")"
}

# Reads curl's trace; prints milliseconds to the first word, and the longest wait for another piece.
waits() {
    awk '
        function clock(t, p) { split(t, p, ":"); return (p[1] * 60 + p[2]) * 60 + p[3] }
        function since(a, b) { return (b - a + (b < a ? 86400 : 0)) * 1000 }
        function ended() {
            if (piece !~ /"delta":\{"content":"[^"]/) return
            if (!said) { said = now; first = since(sent, now) }
            else { gap = since(last, now); if (gap > longest) longest = gap }
            last = now
        }
        /^[0-9:.]+ (=>|<=|==) / {
            ended(); piece = ""; now = clock($1); taking = ($0 ~ /<= Recv data/)
            if (!sent && $0 ~ /=> Send header/) sent = now
            next
        }
        taking { piece = piece substr($0, 7) }
        END { ended(); if (said) printf "%.1f %.1f\n", first, longest }'
}

streams() {
    local i
    for ((i = 0; i < samples; i++)); do
        ask --no-buffer --max-time 120 -o /dev/null --trace-ascii - --trace-time "$BASE_URL/v1/chat/completions" \
            -H "$json" -d "{\"model\":\"$MODEL\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}" |
            waits
    done >"$work/waits"
    (($(wc -l <"$work/waits") == samples)) || fail "only $(wc -l <"$work/waits") of $samples streams said something"
    row 'First word of a stream, 99 %' '<' "${LOAD_FIRST_TOKEN_MS:-500}" ms "$(cut -d ' ' -f 1 "$work/waits" | percentile 99)"
    row 'Longest wait between two pieces, 99 %' '<' "${LOAD_CHUNK_MS:-100}" ms "$(cut -d ' ' -f 2 "$work/waits" | percentile 99)"
}

creation() {
    local i answer id
    for ((i = 0; i < samples; i++)); do
        answer=$(ask --max-time 60 "$BASE_URL/v1/sessions" -H "$json" -d "{\"title\":\"$mark\"}" -w '\n%{time_total}')
        id=$(text id <<<"$answer")
        [[ -n $id ]] || fail "a session could not be made: $answer"
        made+=("/v1/sessions/$id")
        tail -n 1 <<<"$answer" | awk '{ print $1 * 1000 }' >>"$work/creation"
    done
    row 'A new session, 99 %' '<' "${LOAD_SESSION_MS:-200}" ms "$(percentile 99 <"$work/creation")"
}

# The most turns at work at a time, while all were asked; leaves how much memory there was then.
watch_runs() {
    local most=0 now until=$((SECONDS + 15))
    while ((most < sessions && SECONDS < until)); do
        now=$(ask --max-time 10 "$BASE_URL/v1/runs?status=running&limit=1" | sed -n 's/.*"total":\([0-9]*\).*/\1/p')
        if ((${now:-0} > most)); then
            most=$now
            memory >"$work/memory"
        fi
    done
    printf '%s' "$most"
}

concurrent() {
    local i before most words='{\"mock\":[{\"text\":\"So far. \"},{\"stall\":4},{\"text\":\"The end.\"}]}' finished
    [[ -z $live ]] || words='Count from one to two hundred, in words.'
    before=$(memory)
    local waiting=()
    for ((i = 0; i < sessions; i++)); do
        made+=("/v1/sessions/$mark-$i")
        ask --max-time 300 -o "$work/stream-$i" "$BASE_URL/v1/chat/completions" -H "$json" \
            -d "{\"model\":\"$MODEL\",\"stream\":true,\"session_id\":\"$mark-$i\",\"messages\":[{\"role\":\"user\",\"content\":\"$words\"}]}" &
        waiting+=($!)
    done
    most=$(watch_runs)
    for i in "${waiting[@]}"; do wait "$i" || true; done
    finished=$(grep -l '^data: \[DONE\]' "$work"/stream-* | wc -l)
    row 'Sessions that answer at the same time' '>=' "$sessions" '' "$((most < finished ? most : finished))"
    row 'Memory for each of these' '<' "${LOAD_SESSION_MB:-10}" MB "$(minus "$(cat "$work/memory" 2>/dev/null)" "$before" "$sessions")"
}

# chats CONNECTIONS SECONDS: sets rps, p50, p99 and errors.
chats() {
    local said threads_=$((threads < $1 ? threads : $1))
    said=$(wrk -t"$threads_" -c"$1" -d"$2s" --timeout 60s --script="$here/chat.lua" "$numeric/v1/chat/completions" 2>&1 |
        sed -n 's/^load: //p')
    [[ $said =~ ^rps=([0-9.]+)\ p50=([0-9.]+)\ p99=([0-9.]+)\ errors=([0-9.]+)$ ]] || fail "wrk failed: $said"
    rps=${BASH_REMATCH[1]} p50=${BASH_REMATCH[2]} p99=${BASH_REMATCH[3]} errors=${BASH_REMATCH[4]}
}

load() {
    local had
    had=$(cpu)
    chats "$connections" "$seconds"
    row "Chats with $connections connections, a second" '>=' "${LOAD_RPS:-250}" '' "$rps"
    row '… half of them' '<' "${LOAD_P50_MS:-150}" ms "$p50"
    row '… 99 %' '<' "${LOAD_P99_MS:-800}" ms "$p99"
    row '… errors' '<' "${LOAD_ERRORS_PERCENT:-0.1}" % "$errors"
    row '… CPU' '<' '' cores "$(minus "$(cpu)" "${had:-}" "$seconds")"
    row 'Memory afterwards' '<' '' MB "$(memory)"
}

soaked() {
    local i slices=10 began most=0 a_fifth=$(((connections + 4) / 5))
    ((soak >= slices)) || slices=1
    for ((i = 1; i <= slices; i++)); do
        chats "$a_fifth" "$((soak / slices))"
        [[ -n ${began:-} ]] || began=$(memory) # what the first slice warms up is no growth
        printf '  %3d %%: %s chats a second, 99 %% within %s ms, %s %% errors, %s MB\n' \
            "$((i * 100 / slices))" "$rps" "$p99" "$errors" "$(memory)"
        most=$(awk -v a="$most" -v b="$errors" 'BEGIN { print (a > b ? a : b) }')
    done
    row "Soak of $soak s, errors in the worst tenth" '<' "${LOAD_ERRORS_PERCENT:-0.1}" % "$most"
    row '… memory gained since the first tenth' '<' "${LOAD_GROWTH_MB:-}" MB "$(minus "$(memory)" "${began:-}")"
}

process=${GATEWAY_PID:-$(find_process)}
printf 'The gateway at %s%s\n' "$BASE_URL" "${process:+, process $process}"
printf 'health…\n'
health
printf 'streams…\n'
streams
printf 'sessions…\n'
creation
concurrent
printf 'chats, for %s seconds…\n' "$seconds"
load
if [[ -n $soak ]]; then
    printf 'soak, for %s seconds…\n' "$soak"
    soaked
fi

printf '\n%-46s %-12s %14s\n' '' target measured
cat "$work/table"
conclude
