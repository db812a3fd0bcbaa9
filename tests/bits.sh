#!/bin/sh
# bits.sh FOLDER -- the same command and seed give the same bytes, whatever compiled the program and runs it.
# Builds the program with the compilers present (with musl-gcc as one static file), no warnings allowed, and compares
# data, noised data, log, model, checkpoint, samples, latents, likelihoods and a picture, for every set of kernels this
# machine can run; each time with another number of threads.
# BITS="gcc/-O1 clang/-O0" names other builds.
folder=$1
builds=${BITS:-gcc/-O0 gcc/-O3 clang/-O2 clang/-O3 musl-gcc/-O2}
passed=0 failed=0 compared=0 first=
mkdir -p "$folder"

# Small enough for -O0 and scalar kernels, and every kind of layer, embedding, schedule and sampler once.
produce() {
    d() { command=$1 && shift && "$program" "$command" --threads "$threads" "$@"; }
    d data swissroll -q -n 300 --seed 5 -f -o roll.csv &&
    d data dino -q -n 100 --seed 6 -f -o dino.npy &&
    d noise roll.csv -q --t 0.37 -f -o noised.csv &&
    d train roll.csv -q -f -o roll.safetensors --train-steps 30 --batch-size 70 --hidden 21 --layers 2 --log run.csv --log-every 7 --holdout 0.1 &&
    d train dino -n 100 -q -f -o tiny.safetensors --preset tiny-diffusion-fixed --train-steps 5 --hidden 24 &&
    d train roll.csv -q -f -o checkpoint.safetensors --hidden 9 --layers 1 --time-limit 1e-9 &&
    d train roll.csv -q -f -o plain.safetensors --train-steps 20 --hidden 10 --layers 2 --block plain --point-features raw --prediction-type x0 --loss vlb --beta-schedule scaled-linear --seed 3 &&
    d sample roll.safetensors -q -n 130 --steps 12 -f -o ddim.csv &&
    d sample roll.safetensors -q -n 70 --steps 9 --eta 0.7 --seed 8 -f -o eta.csv &&
    d sample tiny.safetensors -q -n 70 --sampler ddpm -f -o ddpm.csv &&
    d sample plain.safetensors -q -n 20 --trajectory --frames 5 --steps 8 --timestep-spacing quad -f -o path.csv &&
    d encode roll.safetensors roll.csv -q --steps 6 -f -o latents.csv &&
    d likelihood plain.safetensors ddim.csv -q --ode-steps 4 -f -o likelihood.csv &&
    d likelihood exact:moons ddim.csv -q -f -o exact.csv &&
    "$program" plot roll.csv ddim.csv -q -f -o picture.svg &&
    cat roll.csv dino.npy noised.csv run.csv roll.safetensors tiny.safetensors plain.safetensors checkpoint.safetensors likelihood.csv exact.csv ddim.csv eta.csv ddpm.csv path.csv latents.csv picture.svg
}

compare() {
    program=$2 threads=$(echo 1 2 3 7 | cut -d ' ' -f $((compared % 4 + 1)))
    name="$1, --threads $threads" compared=$((compared + 1))
    mkdir -p "$folder/work"
    (cd "$folder/work" && produce) >"$folder/bytes" 2>"$folder/errors"
    if [ $? -ne 0 ]; then
        echo "FAIL bits: $name: $(tail -n 1 "$folder/errors")"
        failed=$((failed + 1))
        return
    fi
    sum=$(cksum <"$folder/bytes")
    [ -n "$first" ] || first=$sum
    if [ "$sum" = "$first" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL bits: $name gives other bytes: $sum, not $first"
    fi
    rm -rf "$folder/work"
}

for pair in $builds; do
    compiler=${pair%/*} level=${pair#*/}
    if ! command -v "$compiler" >/dev/null 2>&1; then
        echo "skipped: $compiler is not here"
        continue
    fi
    build=$folder/$compiler$level
    case $compiler in musl-*) link=-static ;; *) link= ;; esac
    if ! make -s -j2 B="$build" CC="$compiler" CFLAGS="$level -Werror" LDFLAGS="$link" "$build/diffuse" >"$folder/build.log" 2>&1; then
        echo "FAIL bits: $compiler $level does not build: $(grep -m 1 -E 'error|warning' "$folder/build.log")"
        failed=$((failed + 1))
        continue
    fi
    program=$(cd "$build" && pwd)/diffuse
    for set in $("$program" --version | sed -n 's/.*kernels here: //p' | tr -d ,); do
        DIFFUSE_SIMD=$set
        export DIFFUSE_SIMD
        compare "$compiler $level $set" "$program"
        unset DIFFUSE_SIMD
    done
done
echo "hash $first"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 1 ]
