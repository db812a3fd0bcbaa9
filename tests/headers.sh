#!/bin/sh
# headers.sh LIBRARY -- every public header stands alone, in C and in C++, and a program in each links with the library.
library=$1 cc=${CC:-cc} cxx=${CXX:-c++}
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
cat >"$scratch/use.h" <<'END'
#include "diffuse/subject.h"
#include <stdio.h>
#include <string.h>

/* Five points of the roll and their exact density, as a program that uses the library would ask for them. */
static int use(void)
{
    df_arena arena;
    df_error error;
    df_reference roll;
    double x[10];
    memset(&arena, 0, sizeof arena);
    if (df_reference_load(&roll, &arena, "swissroll", -1, 0, &error) != DF_OK) return fprintf(stderr, "%s\n", error.message), 1;
    df_reference_points(&roll, 0, 5, x);
    for (int i = 0; i < 5; i++) printf("%.6g\n", df_mixture_log_density(&roll.mixture, 1, 0, x + 2 * i));
    df_arena_free(&arena);
    return 0;
}
END
printf '#include "use.h"\nint main(void) { return use(); }\n' >"$scratch/use.c"
cp "$scratch/use.c" "$scratch/use.cpp"
check $cc $flags -std=c11 -o "$scratch/in_c" "$scratch/use.c" "$library" -lm -pthread
check sh -c "$scratch/in_c | grep -c . | grep -qx 5"
for header in include/diffuse/*.h; do
    printf '#include "%s"\nint main(void) { return 0; }\n' "${header#include/}" >"$scratch/one.c"
    check $cc $flags -std=c11 -fsyntax-only "$scratch/one.c"
done
if command -v "$cxx" >/dev/null 2>&1; then
    check "$cxx" $flags -std=c++17 -o "$scratch/in_cpp" "$scratch/use.cpp" "$library" -lm -pthread
    check sh -c "test \"\$($scratch/in_c)\" = \"\$($scratch/in_cpp)\""
    for header in include/diffuse/*.h; do
        printf '#include "%s"\nint main() { return 0; }\n' "${header#include/}" >"$scratch/use.cpp"
        check "$cxx" $flags -std=c++17 -fsyntax-only "$scratch/use.cpp"
    done
else
    echo "skipped: no C++ compiler"
fi
rm -rf "$scratch"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
