#!/bin/sh
# readme.sh PROGRAM -- types every command of README.md in an empty folder, in order, and runs its scripts where
# the language is installed; makes the files of data/ again and compares them; so the README cannot go stale.
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
top=$(pwd)
folder=$(mktemp -d)
passed=0 failed=0 skipped=0
mkdir "$folder/bin"
ln -s "$program" "$folder/bin/diffuse"
PATH=$folder/bin:$PATH
export PATH

pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    echo "FAIL readme: $*"
}

# The blocks of the README, one file each: 01.sh, 02.sh, 03.python, ...
awk -v folder="$folder" '
    /^```[a-z]+$/ { n++; out = sprintf("%s/%02d.%s", folder, n, substr($0, 4)); next }
    /^```$/ { out = ""; next }
    out { print > out }' README.md

# The first python that can import everything in "$@".
find_python() {
    for python in python3 /usr/bin/python3; do
        command -v "$python" >/dev/null 2>&1 || continue
        for module; do "$python" -c "import $module" 2>/dev/null || continue 2; done
        echo "$python"
        return
    done
}

run_shell() {
    while IFS= read -r line; do
        case $line in "" | \#*) continue ;; esac
        if (cd "$folder" && sh -c "$line") >"$folder/out" 2>&1; then pass; else fail "$line: $(tail -n 1 "$folder/out")"; fi
    done <"$1"
}

run_script() {
    if (cd "$folder" && "$1" "$2") >"$folder/out" 2>&1; then pass; else fail "$1 script: $(tail -n 1 "$folder/out")"; fi
}

for block in "$folder"/[0-9]*.*; do
    needs=$(sed -n '1s/^# needs //p' "$block")
    case $block in
    *.sh)
        if [ -n "$needs" ] && ! command -v "$needs" >/dev/null 2>&1; then
            skipped=$((skipped + 1))
            continue
        fi
        run_shell "$block"
        ;;
    *.python | *.r)
        case $block in
        *.r) interpreter=$(command -v Rscript) ;;
        *) interpreter=$(find_python $needs) ;;
        esac
        if [ -n "$interpreter" ]; then run_script "$interpreter" "$block"; else skipped=$((skipped + 1)); fi
        ;;
    esac
done

# same A B: these two files are equal.
same() { if cmp -s "$1" "$2"; then pass; else fail "$1 and $2 differ"; fi; }

for picture in $(grep -o '(data/[^)]*\.svg)' README.md | tr -d '()'); do same "$folder/${picture#data/}" "$picture"; done

grep -o '`diffuse data [^`]*`' data/README.md | tr -d '`' >"$folder/data.txt"
while IFS= read -r line; do
    file=${line##* }
    (cd "$folder" && sh -c "$line -f -q") || fail "$line"
    same "$folder/$file" "data/$file"
done <"$folder/data.txt"

# What users load a CSV with, besides the recipes above.
python=$(find_python pandas)
if [ -n "$python" ]; then
    (cd "$folder" && "$python" -c "
import pandas
p = pandas.read_csv('samples.csv')
assert list(p.columns) == ['x', 'y'] and len(p) == 10000 and (p.dtypes == 'float64').all()") && pass || fail "pandas"
else
    skipped=$((skipped + 1))
fi

rm -rf "$folder"
cd "$top" || exit 1
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
