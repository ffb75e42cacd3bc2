# Words for system tests: sourced, not run. A test calls `case_is "what a person sees"` and then checks; a check that
# fails says what it saw and ends that case, not the script. The script ends with `finish`.
#
#   case_is "a wrong password is refused"
#   check_equal "$(api_status POST /login "$body")" 401 && ok
passed=0
failed=0
current=
open=0

# Start a case. The one before it counts as failed when it never said `ok`.
case_is() {
    case_close
    current=$1
    open=1
}

ok() {
    [ "$open" = 1 ] || return 0
    printf '  ok     %s\n' "$current"
    passed=$((passed + 1))
    open=0
}

# fail SENTENCE: always returns 1, so that `check … && check … && ok` stops here.
fail() {
    if [ "$open" = 1 ]; then
        printf '  FAILED %s: %s\n' "$current" "$1"
        failed=$((failed + 1))
        open=0
    fi
    return 1
}

case_close() {
    [ "$open" = 0 ] || fail "it did not come to its end" || true
}

check_equal() { # GOT WANTED [WHAT]
    [ "$1" = "$2" ] || fail "${3:-got} \"$(head -c 300 <<<"$1")\" instead of \"$2\""
}

check_match() { # TEXT REGEX [WHAT]
    grep -qE -- "$2" <<<"$1" || fail "${3:-text} lacks /$2/: $(head -c 400 <<<"$1" | tr '\n' ' ')"
}

check_not_match() { # TEXT REGEX [WHAT]
    ! grep -qE -- "$2" <<<"$1" || fail "${3:-text} must not hold /$2/"
}

# Wait until COMMAND succeeds, at most SECONDS; quiet.
wait_for() { # SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

finish() {
    case_close
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}
