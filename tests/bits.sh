#!/bin/sh
# bits.sh FOLDER PROGRAM [all] -- the same command and seed give the same bytes, whatever compiled the program and runs it.
# Builds the program in several ways, no warnings allowed, and has tests/everything.sh make one of everything by each
# build, another set of kernels and number of threads each time. Every checksum must be that of the first program, and
# those of numbers the golden ones too. `all`: many builds, every set, and AArch64 under emulation, as a table.
# BITS="gcc:-O1" names other builds, COMPILER:FLAGS, a line each.
unset MAKEFLAGS MFLAGS MAKELEVEL # the makes below are their own
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 program=$(cd "$(dirname "$2")" && pwd)/${2##*/} scope=${3:-few}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd) && rm -f "$folder/reference"
passed=0 failed=0 runs=0
few='gcc:-O0
clang:-O2
musl-gcc:-O3'
all='gcc:-O0
gcc:-O1
gcc:-O2
gcc:-O3
gcc:-Os
gcc:-O2 -march=native
gcc:-O3 -flto
clang:-O0
clang:-O1
clang:-O2
clang:-O3
clang:-Os
clang:-O3 -march=native
musl-gcc:-O0
musl-gcc:-O2
musl-gcc:-O3
i686-linux-gnu-gcc:-O2 -msse2 -mfpmath=sse -Wno-error=conversion
aarch64-linux-gnu-gcc:-O1
aarch64-linux-gnu-gcc:-O2
clang --target=aarch64-linux-gnu:-O2'
[ "$scope" = all ] && builds=$all || builds=$few

fail() { failed=$((failed + 1)); echo "FAIL bits: $*"; }
row() { [ "$scope" != all ] || printf '%-60s %-9s %s\n' "$@"; }
kernels() { "$1" --version 2>/dev/null | sed -n 's/.*kernels here: //p' | tr -d ,; }

# The lines "CHECKSUM [SIZE] NAME" of which two files have others, by name.
differ() { diff "$1" "$2" | sed -n 's/^[<>] \(refused \|[0-9a-f]* \([0-9]* \)\{0,1\}\)//p' | sort -u; }

# judge FILE FILE WHOSE WORDS: a line of the two that differs is a failure, any other is passed.
judge() {
    differ "$1" "$2" >"$folder/different"
    count=$(grep -c . "$folder/different")
    failed=$((failed + count)) passed=$((passed + $(grep -c . "$2") - count))
    sed "s|^|FAIL bits: $3: $4: |" "$folder/different" | head -n 9
}

# make_everything NAME PROGRAM SET: each time with another number of threads; sixteen times in a row, all of 1 to 16.
make_everything() {
    threads=$((runs * 5 % 16 + 1)) runs=$((runs + 1)) done="$done $3/$threads"
    rm -rf "$folder/work" && mkdir "$folder/work"
    if ! (cd "$folder/work" && DIFFUSE_SIMD=$3 sh "$here/everything.sh" "$2" $threads "$here/golden") >"$folder/errors" 2>&1; then
        fail "$1, kernels $3, --threads $threads: $(tail -n 1 "$folder/errors")"
        return
    fi
    cat "$folder/work/numbers" "$folder/work/words" >"$folder/sums"
    [ -f "$folder/reference" ] || { cp "$folder/work/numbers" "$folder" && cp "$folder/sums" "$folder/reference"; }
    judge "$folder/reference" "$folder/sums" "$1, kernels $3, --threads $threads" "other bytes"
}

# try NAME PROGRAM SETS: one row of the table.
try() {
    done= before=$failed
    for set in $3; do make_everything "$1" "$2" "$set"; done
    [ "$failed" -eq "$before" ] && row "$1" equal "${done# }" || row "$1" DIFFERENT "${done# }"
}

# build COMPILER FLAGS: leaves the path of the program in $built, a script where it needs an emulator.
build() {
    machine=$($1 -dumpmachine 2>/dev/null) || { echo "skipped: ${1%% *} is not here"; return 1; }
    at=$folder/programs/$(echo "$1$2" | tr -d ' =')
    case $1 in gcc | clang) link= ;; *) link=-static ;; esac
    if ! make -s -j2 -C "$here/.." B="$at" CC="$1" CFLAGS="$2 -Werror" LDFLAGS="$link" "$at/diffuse" >"$folder/build.log" 2>&1; then
        if grep -q 'cannot find\|fatal error: .*\.h: No such file' "$folder/build.log"; then
            echo "skipped: $1 $2 has no libraries here"
        else
            fail "$1 $2 does not build: $(grep -m 1 -E ': (error|warning):' "$folder/build.log")"
        fi
        return 1
    fi
    built=$at/diffuse
    "$built" --version >/dev/null 2>&1 && return
    emulator=qemu-${machine%%-*}
    command -v "$emulator" >/dev/null 2>&1 || { echo "skipped: ${machine%%-*} needs $emulator"; return 1; }
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$emulator" "$built" >"$at/emulated"
    chmod +x "$at/emulated"
    built=$at/emulated
}

row build bytes kernels/threads
sets=$(kernels "$program") best=${sets##* }
try "as it is" "$program" "$sets"
[ "$scope" != all ] || try "as it is, 1 to 16 threads" "$program" \
    "$best $best $best $best $best $best $best $best $best $best $best $best $best $best $best $best"
while IFS=: read -r compiler flags; do
    build "$compiler" "$flags" </dev/null || continue
    sets=$(kernels "$built")
    [ "$scope" = all ] || sets=$(echo "$sets" | cut -d ' ' -f $((runs % $(echo "$sets" | wc -w) + 1)))
    try "$compiler $flags" "$built" "$sets" </dev/null
done <<END
${BITS:-$builds}
END
rm -rf "$folder/work"

judge "$here/golden/numbers" "$folder/numbers" "$program" "not the golden bytes (see tests/golden.sh)"
echo "hash $(cksum <"$folder/reference" | tr ' ' -) of $(grep -c . "$folder/reference") outputs"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
