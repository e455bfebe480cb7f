#!/usr/bin/env bash
# Show a stream as it comes, and check it frame by frame. --help says how.
set -euo pipefail
# shellcheck source=scripts/requests.sh
. "$(dirname "${BASH_SOURCE[0]}")/requests.sh"

MODEL=${MODEL:-haiku}
words='Tell me something'
silence='' # seconds

usage() {
    cat <<'USAGE'
Usage: scripts/test_sse.sh [--ping [SECONDS]] [--help] [WORDS]

Asks a running gateway for a stream, shows it as it comes, and checks it: the headers, the order of
the frames, their numbers, that it ends with [DONE] and nothing after it, and that the rest of it,
asked for later with Last-Event-ID, is the same bytes. The session that it makes is deleted again.

  --ping     let the model be silent for SECONDS (15), and expect a ": ping" meanwhile; only a gateway
             in demo mode can be told to
  WORDS      what to say to the model
  BASE_URL   where the gateway is (http://localhost:8000)
  API_KEY    a key, where it wants one
  MODEL      the model to ask (haiku)

Ends with 0 when all is well, 1 when something is not, 2 for wrong arguments, 3 without curl.
USAGE
}

while (($#)); do
    case $1 in
    --ping)
        silence=15
        if [[ ${2:-} =~ ^[0-9]+$ ]]; then
            silence=$2
            shift
        fi
        ;;
    -*) help_or_nothing "$1" ;;
    *) words=$1 ;;
    esac
    shift
done
need curl curl
is_there
if [[ -n $silence ]] && ! is_demo; then
    fail "--ping needs a gateway in demo mode: no other can be told to be silent"
fi

begin
session=sse-$$-$RANDOM
made+=("/v1/sessions/$session")

if [[ -n $silence ]]; then
    words="{\"mock\":[{\"text\":\"Wait for it. \"},{\"stall\":$silence},{\"text\":\"Here it is.\"}]}"
fi
escaped=${words//\\/\\\\}
escaped=${escaped//\"/\\\"}
escaped=${escaped//$'\n'/\\n}

stream=$work/stream
printf 'A stream from %s\n\n' "$BASE_URL"
ask --no-buffer --max-time 600 -D "$work/headers" "$BASE_URL/v1/chat/completions" \
    -H 'Content-Type: application/json' -H 'Accept: text/event-stream' \
    -d "{\"model\":\"$MODEL\",\"stream\":true,\"session_id\":\"$session\",\"messages\":[{\"role\":\"user\",\"content\":\"$escaped\"}]}" |
    tee "$stream" || bad 'it comes whole' 'curl gave up'
printf '\n'

# check WHAT COMMAND: whether it succeeds.
check() {
    local what=$1
    shift
    if "$@"; then good "$what"; else bad "$what" "the whole stream is above"; fi
}

# frames: the data of each frame, a line each. What has no data is a comment.
frames() {
    sed -n 's/^data: //p' "$stream"
}

# kinds: what each frame is, a line each.
kinds() {
    frames | awk '
        $0 == "[DONE]"                                { print "done"; next }
        /^\{"error":/ || /"type":"error"/             { print "error"; next }
        !/"object":"chat\.completion\.chunk"/         { print "unknown"; next }
        /"finish_reason":"/                           { print "finish"; next }
        /"delta":\{"role":"assistant"/                { print "role"; next }
        /"delta":\{"content":"/                       { print "text"; next }
        /"choices":\[\]/                              { print "usage"; next }
                                                      { print "other" }'
}

numbers() {
    sed -n 's/^id: //p' "$stream"
}

status_line() { head -n 1 "$work/headers" | grep -q ' 200'; }
event_stream() { grep -qi '^content-type: text/event-stream' "$work/headers"; }
not_kept_back() { grep -qi '^cache-control:.*no-transform' "$work/headers" && grep -qi '^x-accel-buffering: no' "$work/headers"; }
in_order() { [[ $(kinds | uniq | grep -v -e usage -e other | tr '\n' ' ') == 'role text finish done ' ]]; }
once() { [[ $(kinds | grep -c finish) == 1 && $(kinds | grep -c 'done') == 1 ]]; }
no_errors() { ! kinds | grep -q -e error -e unknown; }
plain_lines() { ! grep -q $'\r' "$stream" && ! grep -qv -e '^id: [0-9][0-9]*$' -e '^data: ' -e '^:' -e '^$' "$stream"; }
at_its_end() { [[ $(tail -c 16 "$stream" | tr '\n' '|') == *'data: [DONE]||' ]]; }
numbered() { diff -q <(numbers) <(frames | awk '{ print NR }') >/dev/null; }
pinged() { grep -q '^: ping$' "$stream"; }

check 'it is answered with 200' status_line
check 'it is an event stream' event_stream
check 'nothing on its way may keep it back' not_kept_back
check 'lines are id, data, a comment or empty, and end in LF' plain_lines
check 'no frame is an error or unknown' no_errors
check 'role, then text, then the reason for the end, then [DONE]' in_order
check 'one end, and one [DONE]' once
check '[DONE] is the last thing' at_its_end
check 'frames are numbered from 1, without a gap' numbered
if [[ -n $silence ]]; then check "a ping came in $silence seconds of silence" pinged; fi

# Comments have no number and are no part of what is kept: they are left out of both.
rest_of() {
    awk -v after="$1" '/^:/ { quiet = 1; next } quiet && /^$/ { quiet = 0; next } { quiet = 0 }
        /^id: / { shown = ($2 > after) } shown' "$stream"
}

resumed() {
    ask --no-buffer --max-time 60 -o "$work/again" "$BASE_URL/v1/runs/$run/events" -H "Last-Event-ID: $1" &&
        rest_of "$1" | diff -q - "$work/again" >/dev/null
}

run=$(header x-run-id "$work/headers")
last=$(numbers | tail -n 1)
if [[ -z $run || -z $last ]]; then
    bad 'it can be resumed' 'it has no x-run-id, or no numbers'
else
    check 'asked for again from its beginning, it is the same bytes' resumed 0
    check "asked for again after frame $((last / 2)), it is the same bytes" resumed "$((last / 2))"
    check 'asked for again before [DONE], it is just that' resumed "$((last - 1))"
fi
conclude
