#!/usr/bin/env bash
# Check what an existing iOS app and its scripts expect of a gateway. --help says how.
set -euo pipefail
# shellcheck source=scripts/requests.sh
. "$(dirname "${BASH_SOURCE[0]}")/requests.sh"

usage() {
    cat <<'USAGE'
Usage: scripts/validate.sh [--help]

Checks everything that an existing iOS app, and the scripts that came with it, expect of a running
gateway. What is the app's own (paths with %3F, bare arrays, other spellings) is asked for with the
header x-gateway-profile: ios, and skipped where the gateway has no such profile; so is what the
gateway does not serve, by name. It deletes what it made; folders in the workspace stay.

  BASE_URL   where the gateway is (http://localhost:8000)
  API_KEY    a key, where it wants one; needed to check that it is wanted

Not checked, because no gateway can pass it or ask it: that /health is limited to 20 calls, that the
stream of a session called "test" is there before the session, and what needs Docker or Xcode.

Ends with 0 when all is well, 1 when something is not, 2 for wrong arguments, 3 without curl.
USAGE
}

help_or_nothing "$@"
need curl curl
is_there
begin
mark=validate-$$-$RANDOM
haiku=claude-3-5-haiku-20241022
sonnet=claude-3-5-sonnet-20241022

app_header=(-H 'x-gateway-profile: ios')
[[ $(ask "$BASE_URL/v1/projects" "${app_header[@]}") == \[* ]] && has_profile=yes || has_profile=''

# app STATUSES METHOD PATH EXPECTED [BODY [curl arguments]]: a call as the app makes it.
app() {
    if [[ -n $has_profile ]]; then
        try "$1" "$2" "$3" "$4" "${5:-}" "${app_header[@]}" "${@:6}"
    else
        STATUS='' BODY=''
        resolve "$3"
        skip "${title:+$title: }$2 $route" 'this gateway has no profile for the app'
    fi
}

# offered STATUSES METHOD PATH EXPECTED [BODY [curl arguments]]: the same, of what not every gateway serves.
offered() {
    local found path route
    resolve "$3"
    found=$(ask --max-time "$limit" -X "$2" "$BASE_URL$path" "${app_header[@]}" 2>/dev/null | tr -d '\0') || true
    if [[ $found == *'"There is nothing at '* || $found == *'"method_not_allowed"'* ]]; then
        skip "${title:+$title: }$2 $route" 'this gateway does not serve it'
    else
        try "$1" "$2" "$3" "$4" "${5:-}" "${app_header[@]}" "${@:6}"
    fi
}

# holds WHAT COMMAND: something about the last answer.
holds() {
    local what=$1
    shift
    if "$@"; then good "$what"; else bad "$what" "${BODY:0:400}"; fi
}

# as_app WHAT COMMAND: the same, after a call of the app's.
as_app() {
    if [[ -n $has_profile ]]; then holds "$@"; else skip "$1" 'this gateway has no profile for the app'; fi
}

contains() { [[ $BODY == *"$1"* ]]; }
lacks() { [[ $BODY != *"$1"* ]]; }
is_array() { [[ $BODY == \[* ]]; }
says_header() { tr -d '\r' <"$work/headers" | grep -q "^$1"; }
within() { awk -v s="$SECONDS_TAKEN" -v most="$1" 'BEGIN { exit !(s < most) }'; }
one_id() { [[ $(grep -o '"id":"' <<<"$BODY" | wc -l) -eq 1 ]]; }
is_json() {
    if command -v python3 >/dev/null; then
        python3 -m json.tool <<<"$BODY" >/dev/null
    elif command -v jq >/dev/null; then
        jq . <<<"$BODY" >/dev/null
    else
        [[ $BODY == '{'*'}' || $BODY == '['*']' ]]
    fi
}

# Every frame with JSON has choices; those that are not empty have an index and a delta.
frames_have_choices() {
    ! sed -n 's/^data: {/{/p' <<<"$BODY" | grep -v -e '"choices":\[\]' -e '"choices":\[{"index":0,"delta":{' | grep -q .
}
ends_with_done() { [[ $(tail -n 1 <<<"$BODY") == 'data: [DONE]' ]]; }
says_something() { grep -q '^data: .*"delta":{"content":"[^"]' <<<"$BODY"; }

chat() { # chat WORDS [MORE FIELDS]
    printf '{"messages":%s%s}' "$(say "$1")" "${2:+,$2}"
}

printf 'Health\n'
try 200 GET /health '"status":"healthy"'
SECONDS_TAKEN=$(ask -o /dev/null -w '%{time_total}' "$BASE_URL/health")
holds 'it takes less than 500 ms' within 0.5
holds 'it tells its version' contains '"version":"'
try 200 HEAD / ''
try 200 GET /readiness '"ready":true'
try 200 GET /v1 '"version":"'
app 200 GET /v1/health '"status":"healthy"'
app 200 GET /v1/health 'Access-Control-Allow-Origin: '
offered 200 GET /v1/health/database '"status":"connected"'
offered 200 GET /v1/health/redis '"status":"connected"'
offered 200 GET /docs ''

printf 'Models\n'
try 200 GET /v1/models '"object":"model"'
if [[ -n $API_KEY ]]; then
    key_header='x-api-key: ' title='the other way to send a key' try 200 GET /v1/models '"object":"list"'
fi
try 200 GET "/v1/models/{id:$haiku}" '"owned_by":"'
app 200 GET /v1/models/capabilities '"models":[{"'
as_app 'capabilities are spelled both ways' contains '"maxTokens":'
try 404,405 DELETE /v1/models ''

printf 'Who may come in\n'
API_KEY=invalid try 401 GET /v1/projects '"status":401'
if [[ -n $API_KEY ]]; then
    API_KEY='' try 401,403 GET /v1/sessions '"error":'
else
    skip 'GET /v1/sessions without a key is refused' 'no API_KEY was given: this gateway lets this machine in without'
fi
offered 200 POST /v1/auth/validate '"valid"' '{"api_key":"sk-ant-xxx"}'
offered 200 POST /v1/auth/token '"access_token":"' '{"api_key":"sk-ant-xxx"}'

printf 'CORS\n'
title='without an Origin' try 200 HEAD /health 'Access-Control-Allow-Origin: '
try 200,204 OPTIONS /v1/chat/completions 'Access-Control-Allow-Origin: ' '' \
    -H 'Origin: http://localhost:3000' -H 'Access-Control-Request-Method: POST'
title='on what is not there' try 404 GET /v1/nonexistent 'Access-Control-Allow-Origin: '

printf 'Projects\n'
try 201 POST /v1/projects '"id":"' "{\"name\":\"$mark\",\"description\":\"Integration test\",\"path\":\"/workspace/test\"}"
project=$(id)
made+=("/v1/projects/$project")
title='for curl, an object whose first project has an id' try 200 GET /v1/projects '{"projects":[{"id":"'
title='without a description' try 201 POST /v1/projects '"description":""' "{\"name\":\"$mark again\",\"path\":\"/workspace/test\"}"
made+=("/v1/projects/$(id)")
holds 'it can be read as JSON' is_json
title='for the app, a bare array' app 200 GET /v1/projects "\"id\":\"$project\""
as_app 'it begins with [' is_array
as_app 'dates are spelled both ways' contains '"createdAt":"'
title='without a version' app 200 GET /projects "\"id\":\"$project\""
title='under /api' app 200 GET /api/v1/projects "\"id\":\"$project\""
try 200 PATCH "/v1/projects/{id:$project}" '"description":"Changed"' '{"description":"Changed"}'

printf 'Sessions\n'
try 201 POST /v1/sessions '"id":"' "{\"project_id\":\"$project\",\"model\":\"$haiku\",\"title\":\"Initial Setup\",\"system_prompt\":\"You are an iOS development assistant\"}"
seeded=$(id)
made+=("/v1/sessions/$seeded")
title='without a project' try 201 POST /v1/sessions '"id":"' '{"title":"Test Session","model":"claude-3-opus"}'
session=$(id)
made+=("/v1/sessions/$session")
holds 'it has one id' one_id
title='with a name, no model, and a project that is not there' app 201 POST /v1/sessions '"isActive":true' \
    "{\"project_id\":\"$mark-project\",\"name\":\"A name\"}"
if [[ -n $has_profile ]]; then made+=("/v1/sessions/$(id)" "/v1/projects/$mark-project"); fi
as_app 'the name is its title' contains '"title":"A name"'
as_app 'it is spelled both ways' contains "\"projectId\":\"$mark-project\""
try 200 GET /v1/sessions '['
title='the app'\''s list' app 200 GET "/v1/sessions%3Fproject_id={id:$project}" "\"id\":\"$seeded\""
as_app 'it begins with [' is_array
as_app 'and has that project'\''s only' lacks "\"id\":\"$session\""
try 201 POST "/v1/sessions/{id:$session}/messages" '"id":"' '{"content":"Hello","role":"user"}'
title='the app'\''s query' app 200 GET "/v1/sessions/{id:$session}/messages%3Flimit=100&offset=0" '"total":1'
try 200 GET "/v1/sessions/{id:$session}" "\"id\":\"$session\""
try 200,201 POST "/v1/sessions/{id:$session}/tools" '"read_file"' '{"tools":["read_file"],"enabled":true}'
app 200 POST "/v1/sessions/{id:$session}/tools" '"enabledTools":["read_file"]' '{"tools":["read_file"],"priority":5}'
app 200 GET "/v1/sessions/{id:$session}/tools%3Flimit=100" '"executions":['
app 200 GET /v1/sessions/stats '"totalMessages":'
app 200 GET /v1/user/profile '"token_usage":{'
offered 200 GET /v1/analytics/metrics '{'
try 400 POST /v1/sessions 'invalid' '{"title":'

# curl stays until the time is over; what came until then is looked at.
limit=4 offered 200 GET "/v1/sessions/{id:$session}/stream" 'heartbeat'
for place in /v1/ws '/v1/ws?token=x'; do
    limit=4 offered 101,426 GET "$place" '' '' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
done

printf 'Chat\n'
title='without a model' try 200 POST /v1/chat/completions '"object":"chat.completion"' "$(chat Hello '"stream":false')"
title='with a role system' try 200 POST /v1/chat/completions '"finish_reason":"' \
    "{\"model\":\"$haiku\",\"temperature\":0.7,\"max_tokens\":100,\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"Hello\"}]}"
holds 'it has a message, a number and a time' contains '"choices":[{"index":0,"message":{'
holds 'it was created at a whole second' contains '"created":1'
try 200 POST /v1/chat/completions 'data: [DONE]' "$(chat Hello "\"stream\":true,\"max_tokens\":100,\"model\":\"$sonnet\"")" -H 'Accept: text/event-stream'
holds 'every frame has choices, with an index and a delta' frames_have_choices
holds 'it says something' says_something
holds 'it ends with [DONE]' ends_with_done
holds 'it is an event stream' says_header '[Cc]ontent-[Tt]ype: text/event-stream'
made+=("/v1/sessions/$mark-turns")
title='a first turn' try 200 POST /v1/chat/completions "\"session_id\":\"$mark-turns\"" "$(chat 'My name is Ada' "\"session_id\":\"$mark-turns\"")"
title='a second turn' try 200 POST /v1/chat/completions "\"session_id\":\"$mark-turns\"" "$(chat 'What is my name?' "\"session_id\":\"$mark-turns\"")"
title='both are kept' try 200 GET "/v1/chat/completions/{id:$mark-turns}/status" '"message_count":4'
title='three at the same time'
for i in 1 2 3; do
    ask --max-time 5 -o "$work/at-once-$i" "$BASE_URL/v1/chat/completions" -H 'Content-Type: application/json' -d "$(chat Hello)" &
done
wait
holds "$title are answered within 5 seconds" test "$(grep -l '"choices":\[' "$work"/at-once-* 2>/dev/null | wc -l)" -ge 2
title=''
try 400,404,422 POST /v1/chat/completions '"error":' "$(chat Hello '"model":"non-existent-model"')"
try 400,422 POST /v1/chat/completions '"error":' '{"messages":'
try 400,422 POST /v1/chat/completions '"error":' '{}'

printf 'Chat, as the app does it\n'
phone=$(printf '%08X-0000-4000-8000-%012X' "$RANDOM" "$RANDOM$RANDOM")
made+=("/v1/sessions/$phone")
title='a session that the phone invented' app 200 POST /api/v1/chat/completions '"object":"usage"' \
    "$(chat Hello "\"stream\":true,\"session_id\":\"$phone\",\"project_id\":\"default\",\"model\":\"gpt-4\"")" -H 'Accept: text/event-stream'
as_app 'frames name the session' contains "\"session_id\":\"$phone\""
as_app 'every frame has choices, with an index and a delta' frames_have_choices
as_app 'it ends with [DONE]' ends_with_done
three_ends() { tail -c 15 "$work/body" | od -An -c | tr -d ' \n' | grep -q '\[DONE\]\\n\\n\\n$'; }
as_app 'frames end in three line feeds' three_ends
title='totals are there at once' app 200 GET "/v1/chat/completions/{id:$phone}/status" '"totalTokens":'
as_app 'and are more than none' lacks '"totalTokens":0,'
title='without a session, under two slashes' app 200 POST //api/v1/chat/completions '"session_id":"' "$(chat Hello '"session_id":null,"project_id":"default","stream":false')"
if [[ -n $has_profile ]]; then made+=("/v1/sessions/$(text session_id <<<"$BODY")"); fi
title='an error is a stream for who reads streams' app 400,404 POST /api/v1/chat/completions 'data: [DONE]' \
    "$(chat Hello '"stream":true,"model":"non-existent-model"')" -H 'Accept: text/event-stream'
title='and JSON for who does not' app 400,404 POST /api/v1/chat/completions '"code":"model_not_found"' "$(chat Hello '"stream":true,"model":"non-existent-model"')"
app 200 POST /v1/chat/completions/debug '"modelState":"' "{\"sessionId\":\"$phone\",\"prompt\":\"Hello\",\"includeContext\":true}"
title='stop' app 200 DELETE "/v1/chat/completions/{id:$phone}" '"status":"'
title='after which the session is not live' app 200 GET "/v1/sessions/{id:$phone}" '"isActive":false'

printf 'Tools\n'
try 200 GET /v1/mcp/servers '"servers":['
holds 'the one for files is there' contains '"id":"mcp_filesystem"'
try 200 GET /v1/mcp/servers/mcp_filesystem/tools '"name":"read_file"'
try 200,404 GET /v1/mcp/tools '"tools":['
offered 200,400,404 POST /v1/mcp/tools/invoke '' '{"tool":"read_file","parameters":{"path":"none.txt"}}'

printf 'Errors\n'
try 404 GET /v1/nonexistent '"error":{"code":"not_found","message":"'
try 404 GET "/v1/sessions/{id:$mark-none}" '"status":404'
holds 'it can be read as JSON' is_json

printf 'The end\n'
try 200,204 DELETE "/v1/sessions/{id:$session}" ''
try 200,204 DELETE "/v1/projects/{id:$project}" ''
conclude
