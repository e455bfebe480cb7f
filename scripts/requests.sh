# shellcheck shell=bash
# Sourced by the scripts that talk to a running gateway: where it is, the key, and how to ask.

BASE_URL=${BASE_URL:-http://localhost:8000}
BASE_URL=${BASE_URL%/}
API_KEY=${API_KEY:-}
me=${0##*/}
me=${me%.sh}
if [[ $API_KEY == *[[:cntrl:]]* ]]; then
    printf '%s: API_KEY must be one line without control characters.\n' "$me" >&2
    exit 2
fi

fail() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 1
}

# need PROGRAM PACKAGE: ends with 3 when the program is not there.
need() {
    command -v "$1" >/dev/null && return
    printf '%s: %s is needed and was not found. Install it with one of:\n' "$me" "$1" >&2
    printf '  apt-get install %s\n  brew install %s\n' "$2" "${3:-$2}" >&2
    exit 3
}

# The only argument that these scripts take without an option of their own.
help_or_nothing() {
    case ${1:-} in
    '') ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
}

key_header='Authorization: Bearer '

# The key as curl's configuration: on its command line everybody on this machine could read it.
credential() {
    local key=${API_KEY//\\/\\\\}
    [[ -z $key ]] || printf 'header = "%s%s"\n' "$key_header" "${key//\"/\\\"}"
}

# curl, with the key.
ask() {
    credential | curl -sS --globoff --config - "$@"
}

work=''
made=() # paths of what has to go again, in the order in which it was made

# Makes the folder $work. It goes when the script ends, however it ends, and so does what is in `made`.
begin() {
    work=$(mktemp -d)
    trap leave EXIT
}

leave() {
    local path
    for path in ${made[@]+"${made[@]}"}; do
        ask --max-time 10 -o /dev/null -X DELETE "$BASE_URL$path" || true
    done
    rm -rf "$work"
}

is_there() {
    ask --max-time 10 -o /dev/null "$BASE_URL/health" 2>/dev/null ||
        fail "there is no gateway at $BASE_URL; start one with: make run"
}

is_demo() {
    [[ $(ask --max-time 10 "$BASE_URL/health") == *'"mode":"demo"'* ]]
}

# text NAME: the first string of that name in JSON on standard input, which is compact. None is empty.
text() {
    { grep -o "\"$1\":\"[^\"]*\"" || true; } | sed -n 1p | cut -d '"' -f 4
}

# header NAME FILE: the value of a header of an answer.
header() {
    { grep -i "^$1:" "$2" || true; } | tail -n 1 | tr -d '\r' | sed 's/^[^:]*: *//'
}

# Words for a terminal.
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    green=$'\e[32m' red=$'\e[31m' faint=$'\e[2m' plain=$'\e[0m'
else
    green='' red='' faint='' plain=''
fi
passed=0 failed=0 skipped=0

good() {
    passed=$((passed + 1))
    printf '  %s✓%s %s\n' "$green" "$plain" "$1"
}

# bad WHAT WHY
bad() {
    failed=$((failed + 1))
    printf '  %s✗%s %s\n      %s\n' "$red" "$plain" "$1" "$2"
}

# skip WHAT WHY
skip() {
    skipped=$((skipped + 1))
    printf '  %s-%s %s %s(skipped: %s)%s\n' "$faint" "$plain" "$1" "$faint" "$2" "$plain"
}

tried='
' # methods and routes, a line each
limit=60 # seconds for one call
title='' # what a call is for, where its method and path do not say it

part='^([^{]*)\{([a-z_]+):([^}]*)\}(.*)$'

# Sets path and route of what is written with {name:value}. No other program: there are many calls.
resolve() {
    local rest=$1
    path='' route=''
    while [[ $rest =~ $part ]]; do
        path+=${BASH_REMATCH[1]}${BASH_REMATCH[3]}
        route+="${BASH_REMATCH[1]}{${BASH_REMATCH[2]}}"
        rest=${BASH_REMATCH[4]}
    done
    path+=$rest
    route+=$rest
}

# try STATUSES METHOD PATH EXPECTED [BODY [curl arguments]]
#
# One call: its status must be one of STATUSES, its headers or body must contain EXPECTED. What
# varies in PATH is written {name:value}, so that the route it belongs to is known. Leaves STATUS, BODY
# and the headers in $work/headers.
try() {
    local statuses=$1 method=$2 expected=$4 how=(-X "$2") took thousandths what
    resolve "$3"
    what="${title:+$title: }$method $route"
    if [[ -n ${5:-} ]]; then how+=(-H 'Content-Type: application/json' -d "$5"); fi
    if [[ $method == HEAD ]]; then how=(-I); fi
    if [[ ${5:-} == *'"stream":true'* ]]; then what+=' (stream)'; fi
    shift $(($# < 5 ? $# : 5))
    tried+="$method ${route%%\?*}"$'\n'
    : >"$work/headers"
    : >"$work/body"
    took=$(ask --max-time "$limit" "${how[@]}" "$@" -D "$work/headers" -o "$work/body" \
        -w '%{http_code} %{time_total}' "$BASE_URL$path" 2>"$work/trouble") || true
    STATUS=${took%% *} took=${took#* }
    thousandths=${took#*[.,]}
    { BODY=$(<"$work/body"); } 2>/dev/null # bash complains of zeros
    if [[ ,$statuses, != *",$STATUS,"* ]]; then
        bad "$what" "expected $statuses, got $STATUS: $(<"$work/trouble")${BODY:0:400}"
    elif [[ $(<"$work/headers")$BODY != *"$expected"* ]]; then
        bad "$what" "expected $expected, got: ${BODY:0:400}"
    else
        good "$what $faint$STATUS, ${took%%[.,]*}.${thousandths:0:3} s$plain"
    fi
}

id() {
    text id <<<"$BODY"
}

say() {
    printf '[{"role":"user","content":"%s"}]' "$1"
}

# Says how it went, and ends the script accordingly.
conclude() {
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0)) || exit 1
}
