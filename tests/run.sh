#!/bin/sh
# run.sh BUILD -- every test that `make test` runs; the last line counts them all.
unset MAKEFLAGS MFLAGS MAKELEVEL # the makes below are their own
build=$1
program=$build/diffuse

# part NAME COMMAND...: runs a test whose last line is "N passed, N failed", perhaps with skips after it; leaves the
# two counts in NAME.count.
part() {
    name=$1
    shift
    "$@" >"$build/$name.log" 2>&1
    status=$?
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$build/$name.log" | tail -n 1)
    counts=$(printf '%s\n' "$last" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p')
    if [ -z "$counts" ] || [ "$counts" = "0 0" ]; then
        counts="0 1" last="did not finish: $(tail -n 1 "$build/$name.log")"
    elif [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
        counts="${counts% *} 1" last="ended with status $status"
    fi
    echo "$counts" >"$build/$name.count"
    grep -E '^(FAIL|skipped)' "$build/$name.log"
    printf '%-12s %s\n' "$name" "$last"
}

# claims: what trained models must show.
claims() {
    good=0 bad=0
    for test in "$build"/tests/claim_*; do
        case $test in *.o | *.d) continue ;; esac
        [ -f "tests/${test##*/}.c" ] || continue
        scratch=$(mktemp -d)
        "$test" "$program" "$scratch" >"$build/claim.log"
        rm -rf "$scratch"
        sed '$d' "$build/claim.log"
        counts=$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$build/claim.log")
        [ -n "$counts" ] || counts="0 1"
        good=$((good + ${counts% *})) bad=$((bad + ${counts#* }))
    done
    printf '%s passed, %s failed\n' "$good" "$bad"
    [ "$bad" -eq 0 ]
}

rm -f "$build"/*.count

# Two lanes, of about the same length.
{
    part layers awk -f tests/layers.awk include/diffuse/*.h src/*/*.[ch]
    part headers sh tests/headers.sh
    part unit sh tests/unit.sh "$build"
    part double make -s B="$build/double" CPPFLAGS=-DDF_DOUBLE unit
    part arithmetic sh tests/arithmetic.sh "$program"
    part bits sh tests/bits.sh "$build/bits" "$program"
    part references sh tests/references.sh "$program"
    part install sh tests/install.sh "$program"
    part threads sh tests/threads.sh "$program"
    part shards sh tests/shards.sh "$program"
    part surprises sh tests/surprises.sh "$program"
    part stops sh tests/stops.sh "$program"
    part statuses sh tests/statuses.sh "$program"
} &
part cli sh tests/cli.sh "$program"
part odd sh tests/odd.sh "$program"
part arguments sh tests/arguments.sh "$program" "$build/tests/arguments"
part hostile sh tests/hostile.sh "$program"
part rare sh tests/rare.sh "$program"
part pictures sh tests/pictures.sh "$program"
part pages sh tests/pages.sh "$program"
part exact sh tests/exact.sh "$program"
part faults sh tests/faults.sh "$program" 9
part readme sh tests/readme.sh "$program"
part claims claims
wait

passed=0 failed=0
for name in layers headers unit double arithmetic bits references install threads shards stops surprises statuses cli odd arguments hostile rare pictures pages exact faults readme claims; do
    counts=$(cat "$build/$name.count" 2>/dev/null || echo "0 1")
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
