#!/bin/sh
# references.sh PROGRAM -- REFERENCES.md, the program's list of papers and the files tell the same story.
program=$1
page=REFERENCES.md
tab=$(printf '\t') newline='
'
passed=0 failed=0

# check MESSAGE COMMAND...: prints the message unless the command succeeds.
check() {
    message=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL references: $message"
    fi
}

# contains TEXT PART
contains() {
    case $1 in *"$2"*) ;; *) return 1 ;; esac
}

# entry KEY: the lines of its entry, or entries, under "## Held".
entry() {
    awk -v start="### [$1] " '
        /^## / { held = $0 == "## Held" }
        /^##/ { inside = held && index($0, start) == 1 }
        inside' "$page"
}

# The keys of all entries, wherever they are.
entries() {
    sed -n 's/^### \[\([^]]*\)\].*/\1/p' "$page"
}

# The rows of the reading list that say "held", as key, tab, and what `papers KEY` begins with.
held_rows() {
    awk -F ' [|] ' '/^\| .* \| held \|$/ {
        split($5, link, /[][]/)
        printf "%s\t%s. %s. %s. arXiv:%s\n", substr($1, 3), $3, $2, $4, link[2]
    }' "$page"
}

head_comment() {
    awk '{ print } /\*\// { exit }' "$1"
}

check_paper() {
    key=$1
    heading=$(entry "$key" | grep '^### ')
    count=$(printf '%s\n' "$heading" | grep -c .)
    check "$page has $count entries [$key] under '## Held' instead of one" [ "$count" -eq 1 ]
    [ "$count" -eq 1 ] || return

    title=${heading#"### [$key] "}
    listed=$(printf '%s\n' "$papers" | sed -n "s/^$key  *[0-9][0-9][0-9][0-9]  //p")
    check "[$key] has the title '$title' in $page and '$listed' in the program" [ "$title" = "$listed" ]

    arxiv=$(entry "$key" | sed -n 's|^<https://arxiv\.org/abs/\([0-9.]*\)>.*|\1|p')
    shown=$("$program" papers "$key" | sed -n 1p)
    check "[$key] is arXiv:$arxiv in $page, ${shown##* } in the program" [ "arXiv:$arxiv" = "${shown##* }" ]
    check "the reading list has no row, marked as held, that reads like '$key: $shown'" \
        contains "$newline$(held_rows)$newline" "$newline$key$tab$shown$newline"

    set -- src/*/"$key.c"
    check "[$key] should have one file src/ROOM/$key.c and has $*" [ "$#" -eq 1 ]
    check "there is no file $1" [ -f "$1" ]
    [ -f "$1" ] || return
    check "the entry [$key] does not name $1" contains "$(entry "$key")" "\`$1\`"
    check "the head comment of $1 does not name its key [$key]" contains "$(head_comment "$1")" "[$key]"
}

# arXiv numbers, yymm.nnnn or yymm.nnnnn, each on a line; a number within a longer one is none.
arxiv_numbers() {
    awk '{
        rest = " " $0 " "
        while (match(rest, /[^0-9.][0-2][0-9][01][0-9]\.[0-9][0-9][0-9][0-9][0-9]?[^0-9]/)) {
            print substr(rest, RSTART + 1, RLENGTH - 2)
            rest = substr(rest, RSTART + RLENGTH - 1)
        }
    }' "$@" | sort -u
}

papers=$("$program" papers)
keys=$(printf '%s\n' "$papers" |
    sed -n 's/^\([a-z0-9_]\{1,\}\)  *[0-9][0-9][0-9][0-9]  .*/\1/p' | tr '\n' ' ')
check "'$program papers' lists nothing" [ -n "$keys" ]
for key in $keys; do
    check_paper "$key"
done

for key in $( { entries && held_rows | cut -f 1; } | sort -u); do
    check "$page holds [$key], which the program does not know" contains " $keys" " $key "
done

for file in src/learn/*.c src/solve/*.c src/guide/*.c; do
    [ -f "$file" ] || continue
    key=$(basename "$file" .c)
    check "$file has no entry [$key] in $page" [ -n "$(entry "$key")" ]
done

known=" $(arxiv_numbers "$page" | tr '\n' ' ')"
cited=$(arxiv_numbers include/diffuse/*.h src/*/*.[ch])
check "no arXiv number is found in include and src" [ -n "$cited" ]
for number in $cited; do
    check "arXiv:$number is cited in the code and missing in $page" contains "$known" " $number "
done

for file in $(tr '`' '\n' <"$page" | grep -E '^(include|src|tests)/[^ ]+\.[a-z]+$' | sort -u); do
    check "$page names $file, which does not exist" [ -f "$file" ]
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
