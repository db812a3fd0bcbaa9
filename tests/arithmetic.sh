#!/bin/sh
# arithmetic.sh PROGRAM -- nothing that could change a number gets in: no approximate instruction, no compiler option that
# rewrites sums, no environment. That no inexact function of the C library is called is in surprises.sh.
sources=$(cd "$(dirname "$0")/.." && pwd)
. "$(dirname "$0")/shell.sh"
cc=${CC:-cc}

ok "no approximate reciprocal" no grep -rnE '_(mask_)?r(cp|sqrt)|vr(ecp|sqrt)[es]' "$sources/src" "$sources/include"

# compiles FLAGS: whether the headers accept them.
printf '#include "diffuse/math.h"\nint main(void) { return 0; }\n' >one.c
compiles() { $cc -std=c11 -I"$sources/include" "$@" -fsyntax-only one.c; }
ok "the headers compile" compiles
for flag in -ffast-math -Ofast -ffinite-math-only; do ok "$flag is refused" no compiles $flag; done
if $cc -fassociative-math -fno-signed-zeros -fno-trapping-math -dM -E -x c - </dev/null 2>/dev/null | grep -q __ASSOCIATIVE_MATH__; then
    ok "sums in any order are refused" no compiles -fassociative-math -fno-signed-zeros -fno-trapping-math
else
    skip "$cc leaves no mark of -fassociative-math"
fi
if $cc -mfpmath=387 -E -x c - </dev/null >/dev/null 2>&1; then ok "the long registers of x87 are refused" no compiles -mfpmath=387
else skip "$cc knows no x87"; fi

# A library that fuses says so; on a machine that cannot fuse there is nothing to say.
cat >fused.c <<'END'
#include "diffuse/conditions.h"
#include <stdio.h>
int main(void)
{
    df_error error = {0};
    const df_status status = df_check_arithmetic(&error);
    puts(error.message);
    return (int)status;
}
END
fuses() { $cc -std=c11 -O2 -I"$sources/include" "$@" -o fused fused.c "$sources/src/base/conditions.c" "${program%/*}/libdiffuse.a" -lm -pthread; }
ok "what does not fuse is content" fuses -ffp-contract=off
ok "and says nothing" ./fused
case $("$program" --version) in
*avx2*) fused='-mfma -ffp-contract=fast' ;;
*neon*) fused=-ffp-contract=fast ;;
*) fused= ;;
esac
if [ -n "$fused" ]; then
    ok "it can be built to fuse" fuses $fused
    ./fused >words
    ok "what fuses is found out" is "$?" 2
    ok "and why" has 'built to fuse products with sums' words
else
    skip 'this machine fuses nothing'
fi

# A preloaded library that flushes subnormal numbers, a foreign locale and an empty environment change no byte.
d sample exact:swissroll -n 50 --steps 5 --threads 2 && cp "$out" expected
echo 'int nothing;' >fast.c
if $cc -shared -fPIC -ffast-math -o fast.so fast.c 2>/dev/null; then
    ok "a library of -ffast-math" sh -c 'LD_PRELOAD=./fast.so "$0" sample exact:swissroll -n 50 --steps 5 --threads 2 -q >got' "$program"
    ok "changes nothing" same expected got
else
    skip 'no shared library can be built'
fi
for locale in de_DE.UTF-8 fr_FR.UTF-8 $(locale -a 2>/dev/null | grep -iE '^(de|fr|ru|fa)_' | head -n 2); do
    LC_ALL=$locale LANG=$locale d sample exact:swissroll -n 50 --steps 5 --threads 2
    ok "under the locale $locale" same expected "$out"
done
env -i "$program" sample exact:swissroll -n 50 --steps 5 --threads 2 -q >got
ok "in an empty environment" same expected got
finish
