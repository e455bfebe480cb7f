#!/usr/bin/env bash
# Fill a running gateway with sample projects and a sample session. --help says how.
set -euo pipefail
# shellcheck source=scripts/requests.sh
. "$(dirname "${BASH_SOURCE[0]}")/requests.sh"

usage() {
    cat <<'USAGE'
Usage: scripts/seed_data.sh [--help]

Makes two projects, "iOS App" and "Backend API", and a session in the newest project, through the
HTTP API of a running gateway, and prints what it made. Running it again makes them again.

  BASE_URL   where the gateway is (http://localhost:8000)
  API_KEY    a key, where it wants one: one of GATEWAY_API_KEYS, or its Anthropic key

curl is needed; jq is used where it is installed.
USAGE
}

# Prints the answer to a request; ends with its error when there is one.
call() {
    local method=$1 path=$2 answer status
    shift 2
    answer=$(ask --max-time 30 -X "$method" "$BASE_URL$path" \
        -H 'Content-Type: application/json' -w '\n%{http_code}' "$@") ||
        fail "there is no gateway at $BASE_URL; start one with: make run"
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    [[ $status == 2* ]] || fail "$method $path was refused with $status: $answer"
    printf '%s\n' "$answer"
}

# The id of the first project of a list.
first_project() {
    if command -v jq >/dev/null; then
        jq -r '.projects[0].id'
    else # answers are compact and say an object's id first
        sed -n 's/^{"projects":\[{"id":"\([^"]*\)".*/\1/p'
    fi
}

help_or_nothing "$@"
need curl curl
command -v jq >/dev/null || printf 'seed_data: jq was not found; sed does its work.\n' >&2

# Create sample projects
call POST /v1/projects -d '{"name": "iOS App", "description": "Main iOS project", "path": "/workspace/ios-app"}'
call POST /v1/projects -d '{"name": "Backend API", "description": "Python FastAPI", "path": "/workspace/backend"}'

# Create sample sessions
projects=$(call GET /v1/projects)
PROJECT_ID=$(first_project <<<"$projects")
[[ -n $PROJECT_ID ]] || fail "the projects that were made are not listed."

call POST /v1/sessions -d "{
    \"project_id\": \"$PROJECT_ID\",
    \"model\": \"claude-3-5-haiku-20241022\",
    \"title\": \"Initial Setup\",
    \"system_prompt\": \"You are an iOS development assistant\"
  }"
