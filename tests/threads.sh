#!/bin/sh
# threads.sh PROGRAM -- the same bytes for any number of threads, and memory that does not grow with the work.
. "$(dirname "$0")/shell.sh"

quick="--hidden 20 --layers 2 --train-steps 30 -q -f"
d data swissroll -n 700 -o roll.csv && d train roll.csv $quick --batch-size 200 -o model.safetensors ||
    fail "the files of the tests could not be made: $(cat "$err")"
printf 'x,y,sigma\n0,1,0.1\n0.5,0.5,0.1\n1,0,0.4\n' >places.csv

# alike ARGUMENTS: whatever --threads says, standard output and FILE, if there is one, are the same.
alike() {
    for threads in 1 2 3 7; do
        rm -f FILE
        t 0 '' "$@" --threads $threads
        [ ! -f FILE ] || cat FILE >>"$out"
        if [ $threads -eq 1 ]; then cp "$out" alone; else ok "$threads threads, diffuse $*" same alone "$out"; fi
    done
    ok "diffuse $*: there is a result" [ -s alone ]
}
alike data tree --labels -n 20000 -q
alike noise roll.csv -q
alike noise swissroll -n 500 --frames 3 -q
alike train roll.csv $quick --batch-size 200 --holdout 0.2 --log log.csv -o FILE
alike train moons $quick --batch-size 33 --preset tiny-diffusion-fixed --train-steps 4 -o FILE
alike sample model.safetensors -n 3000 --steps 6 -q
alike sample model.safetensors -n 700 --steps 6 --sampler ddpm -q
alike sample model.safetensors -n 200 --steps 6 --trajectory -q
alike sample exact:swissroll -n 500 --steps 6 -q -o FILE
alike encode model.safetensors roll.csv --steps 6 -q
alike decode model.safetensors roll.csv --steps 6 -q
alike interpolate model.safetensors --from 0,1 --to 1,0 -n 100 --steps 6 -q
alike likelihood model.safetensors roll.csv --ode-steps 4 -q
alike likelihood exact:swissroll roll.csv -q
alike likelihood model.safetensors roll.csv --bound --steps 5 -q
alike eval model.safetensors --against swissroll -n 700 --likelihood-points 150 --steps 6 --json -q
alike eval roll.csv --against swissroll -q
alike report model.safetensors --against swissroll --steps 6 -q -o FILE
alike field model.safetensors --grid 20x30 -q
alike field exact:swissroll --at places.csv -q
alike compare model.safetensors --against swissroll --steps 5 -n 300 --fine-steps 20 -q

t 2 '--threads: 1025 is out of range; it goes from 0 to 1024' sample model.safetensors --threads 1025
t 2 "unknown option --threads" plot roll.csv --threads 2 -o picture.svg
t 0 '' info model.safetensors
ok "threads are no part of a model" no has threads "$out"

# All memory that is reserved is below 32 MB, where one double for each point would already be too much for it.
if (ulimit -v 32768) 2>/dev/null; then
    within() { (ulimit -v 32768 && "$program" "$@" >"$out" 2>"$err") || { cat "$err"; return 1; }; }
    ok "memory of data" within data swissroll -n 4200000 -q -o /dev/null
    ok "memory of sample" within sample model.safetensors -n 4200000 --steps 1 -q -o /dev/null
    ok "memory of the default training" within train swissroll --train-steps 20 -q -o default.safetensors
    ok "memory of 7 threads" within sample default.safetensors -n 1000 --threads 7 -q
    ok "a limit that holds" no within noise swissroll -n 4200000 -q
else
    skip 'no limit on memory can be set here'
fi

finish
