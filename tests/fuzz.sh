#!/bin/sh
# fuzz.sh BUILD -- the fuzz targets in BUILD/tests under libFuzzer, each for FUZZ_SECONDS (60), from tests/corpus and what
# earlier runs found. BUILD keeps what they find: new ways through a reader in corpus, and in broken, what breaks a promise.
build=$1
passed=0 failed=0
mkdir -p "$build/broken"
for source in tests/fuzz_*.c; do
    name=$(basename "$source" .c)
    reader=${name#fuzz_} log=$build/$name.log
    mkdir -p "$build/corpus/$reader"
    "$build/tests/$name" "$build/corpus/$reader" "tests/corpus/$reader" -max_total_time="${FUZZ_SECONDS:-60}" \
        -timeout=10 -rss_limit_mb=1000 -malloc_limit_mb=100 -artifact_prefix="$build/broken/$reader-" \
        -print_final_stats=1 >"$log" 2>&1
    status=$?
    tried=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
    ways=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$status" -eq 0 ] && [ "${tried:-0}" -gt 0 ]; then
        passed=$((passed + 1)) verdict="nothing found"
    else
        failed=$((failed + 1)) verdict=$(grep -m 1 -E '^FAIL|ERROR:|runtime error:' "$log" || tail -n 1 "$log")
        verdict="$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1): $verdict"
    fi
    printf '%-6s %10s executions, %5s edges: %s\n' "$reader" "${tried:-0}" "${ways:-0}" "$verdict"
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
