#!/bin/sh
# headers.sh -- every public header stands alone, in C and in C++.
cc=${CC:-cc} cxx=${CXX:-c++}
flags="-Iinclude -Wall -Wextra -Wpedantic -Werror"
passed=0 failed=0

check() {
    if "$@" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL headers: $*"
    fi
}

scratch=$(mktemp -d)
for header in include/diffuse/*.h; do
    printf '#include "%s"\nint main(void) { return 0; }\n' "${header#include/}" >"$scratch/one.c"
    check $cc $flags -std=c11 -fsyntax-only "$scratch/one.c"
done
if command -v "$cxx" >/dev/null 2>&1; then
    for header in include/diffuse/*.h; do
        printf '#include "%s"\nint main() { return 0; }\n' "${header#include/}" >"$scratch/one.cpp"
        check "$cxx" $flags -std=c++17 -fsyntax-only "$scratch/one.cpp"
    done
else
    echo "skipped: no C++ compiler"
fi
rm -rf "$scratch"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
