#!/bin/sh
# quality.sh PROGRAM [SEEDS] -- KL against seconds of one core: what `diffuse train swissroll` reaches in how many steps
# and, where PyTorch is installed, what the same training reaches there (tests/quality.py). Medians over seeds.
here=$(cd "$(dirname "$0")" && pwd) seeds=$(seq "${2:-5}")
case $1 in /*) program=$1 ;; *) program=$PWD/$1 ;; esac
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

# Runs a command and notes the processor seconds it used.
timed() {
    times >before.txt
    "$@" || exit 1
    times >after.txt
    awk 'FNR == 2 { s = -s; for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += 60 * t[1] + t[2] } }
         END { print s }' before.txt after.txt >>seconds.txt
}
measure() {
    "$program" eval "$1" --against swissroll -n 100 --likelihood-points 10000 --json |
        sed 's/.*"kl":\([^,]*\),.*/\1/' >>kl.txt
}
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
row() {
    printf '%-26s %6s %8.2f %8.4f\n' "$1" "$2" "$(median seconds.txt)" "$(median kl.txt)"
    rm seconds.txt kl.txt
}

printf '%-26s %6s %8s %8s\n' training steps seconds KL
for target in batch sample; do
    for steps in 500 1000 2000 4000; do
        for seed in $seeds; do
            timed "$program" train swissroll --target $target --train-steps $steps --seed "$seed" -q -f -o ours
            measure ours
        done
        row "diffuse, --target $target" $steps
    done
done

for python in python3 /usr/bin/python3 none; do "$python" -c 'import torch' 2>/dev/null && break; done
[ $python = none ] && { echo "PyTorch: skipped, python3 has no torch here"; exit 0; }
"$program" data swissroll -n 20000 --seed 0 -q -o roll.csv || exit 1
"$program" train roll.csv --train-steps 1 -q -o start || exit 1
theirs() {
    for steps in $2; do
        for seed in $seeds; do
            OMP_NUM_THREADS=1 "$python" "$here/quality.py" start roll.csv "$steps" "$seed" "$1" theirs >>seconds.txt ||
                exit 1
            measure theirs
        done
        row "PyTorch, $3" "$steps"
    done
}
theirs 1024 '500 1000 2000' 'means over 1,024'
theirs 0 '2000 4000 8000' 'samples'
