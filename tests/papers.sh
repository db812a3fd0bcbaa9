#!/bin/sh
# papers.sh BUILD [KEY] -- checks what each paper claims (or one) with trained models; prints one table.
build=$1 only=$2
passed=0 failed=0
rows=$(mktemp)
for test in "$build"/tests/paper_*; do
    case $test in *.o | *.d) continue ;; esac
    name=${test##*/} key=${test##*/paper_}
    [ -f "tests/$name.c" ] || continue
    [ -z "$only" ] || [ "$only" = "$key" ] || continue
    folder=$(mktemp -d)
    start=$(date +%s)
    "$test" "$build/diffuse" "$folder" >"$build/$name.log" 2>"$build/$name.errors"
    rm -rf "$folder"
    grep '^claim' "$build/$name.log" >>"$rows"
    cat "$build/$name.errors"
    counts=$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$build/$name.log")
    if [ -z "$counts" ] || [ "$counts" = "0 0" ]; then
        echo "FAIL $name did not finish"
        counts="0 1"
    fi
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
    [ ! -t 2 ] || printf '%s: %s s\n' "$key" $(($(date +%s) - start)) >&2
done
awk -F'\t' '
    { for (i = 2; i <= 6; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } }
    END {
        split("x paper claim expected measured verdict", title, " ")
        for (i = 2; i <= 6; i++) if (length(title[i]) > width[i]) width[i] = length(title[i])
        for (i = 2; i <= 6; i++) printf "%-*s  ", width[i], title[i]
        print ""
        for (r = 1; r <= NR; r++) { for (i = 2; i <= 6; i++) printf "%-*s  ", width[i], cell[r, i]; print "" }
    }' "$rows"
rm -f "$rows"
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
