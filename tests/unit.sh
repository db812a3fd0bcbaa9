#!/bin/sh
# unit.sh BUILD -- runs the unit tests one by one and adds up their counts. RUN may hold a command to run them under.
build=$1
passed=0 failed=0
for test in "$build"/tests/test_*; do
    case $test in *.o | *.d) continue ;; esac
    [ -f "tests/${test##*/}.c" ] || continue
    scratch=$(mktemp -d)
    last=$($RUN "$test" "$build/diffuse" "$scratch" | tail -n 1)
    rm -rf "$scratch"
    counts=$(printf '%s\n' "$last" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    if [ -z "$counts" ] || [ "$counts" = "0 0" ]; then
        counts="0 1" last="did not finish"
    fi
    printf '%-20s %s\n' "${test##*/}" "$last"
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
