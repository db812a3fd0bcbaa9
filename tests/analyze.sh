#!/bin/sh
# analyze.sh SOURCE -- FLAGS...: what clang-tidy and gcc's analyzer have to say about one file, on standard output.
# analyze.sh REPORT...: adds such reports up; fails when one of them is not empty.
have() { command -v "$1" >/dev/null 2>&1; }

if [ "${2:-}" = -- ]; then
    source=$1
    shift 2
    # A test compares bits, runs shells, keeps memory to its end and goes on after a failure; sanitizers watch it.
    case $source in
        tests/*)
            less='-bugprone-not-null-*,-bugprone-suspicious-*,-cert-env33-c,-cert-exp42-c,-cert-flp37-c'
            less="$less,-clang-analyzer-core.*,-clang-analyzer-security.insecureAPI.strcpy,-clang-analyzer-unix.Malloc"
            [ "$source" != tests/faults.c ] || less="$less,-performance-no-int-to-ptr" # it is libc
            set -- "$@" -Wno-analyzer-malloc-leak -Wno-analyzer-null-argument -Wno-analyzer-possible-null-argument ;;
        *) less= ;;
    esac
    if have clang-tidy; then clang-tidy --quiet --checks="$less" "$source" -- "$@" 2>/dev/null; fi
    if have gcc; then gcc "$@" -O0 -fanalyzer -c -o /dev/null "$source" 2>&1; fi
    exit 0
fi

for tool in clang-tidy gcc; do have $tool || echo "skipped: $tool is not here"; done
passed=0 failed=0
for report; do
    if [ -s "$report" ]; then cat "$report" && failed=$((failed + 1)); else passed=$((passed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
