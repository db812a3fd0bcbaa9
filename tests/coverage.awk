# coverage.awk -- how many lines and branches were taken, file by file, of what `gcov -b -c -t` prints. A branch is a
# way out of a condition: `if (a && b)` has four, a switch one for each case. That a call may not return is none.
# `strict` names the files of the first threshold. The branches that nothing took go to the file `missed`.
function percent(part, whole) { return whole ? 100 * part / whole : 100 }
function row(name, of) {
    return sprintf("%-28s %7d %6.1f %9d %6.1f", name, lines[of], percent(run[of], lines[of]),
                   branches[of], percent(taken[of], branches[of]))
}

/^ *-: *0:Source:/ { sub(/.*:Source:(\.\/)?/, ""); file = $0; next }
file !~ /^src\// { next }
{ group = index(" " strict " ", " " file " ") ? "strict" : "others" }
/^branch / {
    if (source ~ /assert\(/) next
    branches[file]++; branches[group]++; branches["all"]++
    if ($3 == "taken" && $4 > 0) { taken[file]++; taken[group]++; taken["all"]++ }
    else print file ":" line ":" source >missed
    next
}
/^ *[^ ]+: *[0-9]+:/ {
    split($0, field, ":")
    if (field[1] ~ /-/ || field[2] == 0) next
    line = field[2] + 0
    source = substr($0, length(field[1] field[2]) + 3)
    lines[file]++; lines[group]++; lines["all"]++
    if (field[1] + 0 > 0) { run[file]++; run[group]++; run["all"]++ }
}
END {
    printf "%-28s %7s %6s %9s %6s\n", "file", "lines", "%", "branches", "%"
    for (file in lines) if (file ~ /\//) print row(file, file) | "sort"
    close("sort")
    print row("readers, writers, options", "strict")
    print row("the whole", "all")
    if (percent(taken["strict"], branches["strict"]) < least_strict) bad = "readers, writers and options"
    if (percent(taken["all"], branches["all"]) < least) bad = "the whole"
    if (bad) print "FAIL coverage: too few branches of " bad " are taken"
    print bad ? "0 passed, 1 failed" : "1 passed, 0 failed"
    exit bad != ""
}
