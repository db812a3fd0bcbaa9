#!/bin/sh
# unit.sh BUILD -- runs the unit tests one by one, the fuzz targets on their corpus, and adds up the counts. RUN may hold
# a command to run them under.
build=$1
passed=0 failed=0
for source in tests/test_*.c tests/fuzz_*.c; do
    test=$(basename "$source" .c) scratch=$(mktemp -d)
    set -- "$build/diffuse" "$scratch"
    if [ "$test" != "${test#fuzz_}" ]; then set -- tests/corpus/"${test#fuzz_}"/*; fi
    last=$($RUN "$build/tests/$test" "$@" | tail -n 1)
    rm -rf "$scratch"
    counts=$(printf '%s\n' "$last" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
    if [ -z "$counts" ] || [ "$counts" = "0 0" ]; then
        counts="0 1" last="did not finish"
    fi
    printf '%-20s %s\n' "$test" "$last"
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
