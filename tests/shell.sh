# shell.sh -- what the tests of the command line share; read by a script that was called with the program's path.
program=$1
name=$(basename "$0" .sh)
case $program in /*) ;; *) program=$PWD/$program ;; esac
passed=0 failed=0 skipped=0
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
unset DIFFUSE_SIMD

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAIL $name: $*"; }
skip() { skipped=$((skipped + 1)); echo "skipped: $*"; }

# d ARGUMENTS: the program; its words are in ../out and ../err, so that the folder holds only what the program made.
out=$work/out err=$work/err
d() { "$program" "$@" </dev/null >"$out" 2>"$err"; }

# t STATUS PATTERN ARGUMENTS: ends with that status; standard error has a line like PATTERN ("": none at all).
t() {
    status=$1 pattern=$2
    shift 2
    d "$@"
    got=$?
    if [ "$got" -ne "$status" ]; then
        fail "diffuse $*: expected status $status, got $got: $(head -n 1 "$err")"
    elif [ -z "$pattern" ] && [ -s "$err" ]; then
        fail "diffuse $*: expected no words, got: $(head -n 1 "$err")"
    elif [ -n "$pattern" ] && ! grep -qE -e "$pattern" "$err"; then
        fail "diffuse $*: expected '$pattern', got: $(cat "$err")"
    elif [ "$status" -ne 0 ] && [ -s "$out" ]; then
        fail "diffuse $*: an error, and yet there is a result: $(head -n 1 "$out")"
    else
        pass
    fi
}

# ok WHAT COMMAND...: the command succeeds.
ok() {
    what=$1
    shift
    if "$@" >"$work/said" 2>&1; then pass; else fail "$what: $*: $(head -n 3 "$work/said")"; fi
}

no() { ! "$@"; }
same() { cmp "$1" "$2"; }
is() { [ "$1" = "$2" ] || { echo "got '$1', expected '$2'"; return 1; }; }
has() { grep -qE -e "$1" "$2" || { echo "no '$1' in it"; return 1; }; }
rows() { is "$(wc -l <"$2" | tr -d ' ')" "$1"; }
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }' || { echo "$1 is not below $2"; return 1; }; }
pause() { sleep 0.05 2>/dev/null || sleep 1; }

# The largest difference between two CSVs of numbers with headers.
difference() {
    paste -d, "$1" "$2" | awk -F, 'NR > 1 { for (i = 1; i <= NF / 2; i++) { e = $i - $(i + NF / 2); if (e < 0) e = -e; if (e > most) most = e } }
        END { print NR > 1 ? most + 0 : "nothing" }'
}

# The checksum of all tensors of a model.
tensors() { "$program" info "$1" --json | sed 's/.*"crc32c":"\([0-9a-f]*\)".*/\1/'; }

# Runs in a folder of its own; what it may leave there is told by leaves.
folder() { rm -rf "$work/here" && mkdir "$work/here" && cd "$work/here" || exit 1; }
leaves() { ok "what is left" is "$(ls -A | tr '\n' ' ')" "$1"; }

# Standard input is lines of JSON.
can_parse() { command -v python3 >/dev/null 2>&1 || command -v node >/dev/null 2>&1; }
parses() {
    if command -v python3 >/dev/null 2>&1; then python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)'
    else node -e 'for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) JSON.parse(line)'; fi
}

# The last words of a test: how it went, as a line and as a status.
finish() {
    summary="$passed passed, $failed failed"
    [ "$skipped" -eq 0 ] || summary="$summary, $skipped skipped"
    echo "$summary"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
