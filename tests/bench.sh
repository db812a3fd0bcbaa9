#!/bin/sh
# bench.sh BENCH PROGRAM [ROUNDS] -- how fast this machine is with it, as one table (a minute and a half).
# All works take turns, ROUNDS times over (5). POINTS=1e8 makes `sample` that many, for its memory.
here=$(cd "$(dirname "$0")" && pwd) rounds=${3:-5} points=$(printf '%.0f' "${POINTS:-2e6}")
for name in "$1" "$2"; do case $name in /*) set -- "$@" "$name" ;; *) set -- "$@" "$PWD/$name" ;; esac; done
while [ $# -gt 2 ]; do shift; done
bench=$1 program=$2
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
for python in python3 /usr/bin/python3 none; do "$python" -c 'import torch' 2>/dev/null && break; done
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
export OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS

# note NAME ARGUMENTS: keeps what bench says about that work, a line "NAME TIME AMOUNT".
note() {
    name=$1
    shift
    figures=$("$bench" "$@") || exit 1
    echo "$name $figures" >>figures
}

# With one thread; with one a core; and as many processes side by side, of one thread each.
network() {
    note "$1.$2.$3 one" cpu "$1" "$2" "$3" 1
    [ "$cores" -gt 1 ] || return
    note "$1.$2.$3 all" wall "$1" "$2" "$3" "$cores"
    for process in $(seq "$cores"); do note "$1.$2.$3 side" wall "$1" "$2" "$3" 1 & done
    wait
}

for round in $(seq "$rounds"); do
    note 'peak one' cpu peak
    for batch in 32 256 2048; do network train tiny $batch; done
    network train wide 256
    network train default 256
    for name in tiny wide default; do network sample $name 100000; done
    [ $python = none ] || "$python" "$here/bench_torch.py" | sed 's/ / torch /' >>figures
    for again in 1 2 3 4 5; do note 'version one' wall run "$program" --version; done
    note 'training one' cpu run "$program" train swissroll --threads 1 -q -f -o model
    note 'write one' cpu write points.csv 1000000
    note 'read one' cpu read points.csv 1000000
done
note 'sampling one' cpu run "$program" sample model -n "$points" --steps 2 --threads 1 -q

lscpu 2>/dev/null | sed -n 's/^Model name: */processor: /p'
echo "vector unit: $("$bench" name); cores: $cores"
sort -k 1,2 -k 3,3n figures | awk -v cores="$cores" -v points="$points" '
{ key = $1 " " $2 }
key != last { last = key; count = 0 }
{ time[key, ++count] = $3; n[key] = count; amount[key] = $4 }

function median(key, m) { m = n[key]; return (time[key, int((m + 1) / 2)] + time[key, int(m / 2) + 1]) / 2 }
function best(key) { return time[key, 1] }
function shown(us) {
    return us < 1e3 ? sprintf("%.0f us", us) : us < 1e6 ? sprintf("%.2f ms", us / 1e3) : sprintf("%.2f s", us / 1e6)
}
function rate(key, us, cores) {
    return sprintf("%9s %7.0f %5.0f %%", shown(us), amount[key] / us / 1e3, amount[key] / us / 10 / peak / cores)
}
function row(name, text, one, all, side, torch) {
    one = name " one"; all = name " all"; side = name " side"; torch = name " torch"
    printf "%-36s %9s %s", text, shown(best(one)), rate(one, median(one), 1)
    if (cores > 1) printf " %s %5.0f %%", rate(all, best(all), cores), 100 * best(side) / cores / best(all)
    if (!n[torch]) printf " %9s\n", "skipped"
    else if (amount[torch] != amount[one]) printf " %9s\n", "differs"
    else printf " %9s %5.1f x\n", shown(median(torch)), median(torch) / median(one)
}
function line(key, text, scale, unit) {
    printf "%-36s %9s %9s", text, shown(best(key)), shown(median(key))
    if (unit) printf " %7.0f %s", amount[key] * scale, unit
    print ""
}

END {
    peak = amount["peak one"] / median("peak one") / 1e3
    printf "multiply-add peak of one core: %.0f GFLOP/s\n\n", peak
    printf "%-36s %9s %9s %7s %7s", "", "best", "1 thread", "GFLOP/s", "of peak"
    if (cores > 1) printf " %9s %7s %7s %7s", cores " thr.", "GFLOP/s", "of peak", "of " cores "x1"
    printf " %9s %7s\n", "PyTorch", "ratio"
    row("train.tiny.32", "training step, 99,074 params, of 32")
    row("train.tiny.256", "  of 256")
    row("train.tiny.2048", "  of 2048")
    row("train.wide.256", "  width 128, depth 4, of 256")
    row("train.default.256", "  default network, of 256")
    row("sample.tiny.100000", "denoiser call, 99,074 params, of 1e5")
    row("sample.wide.100000", "  width 128, depth 4, of 1e5")
    row("sample.default.100000", "  default network, of 1e5")
    print ""
    line("version one", "diffuse --version")
    line("training one", "diffuse train swissroll", 1 / 1024, "MB")
    line("sampling one", "diffuse sample -n " points " --steps 2", 1 / 1024, "MB")
    line("write one", "CSV of a million points, written", 1 / median("write one"), "MB/s")
    line("read one", "  read", 1 / median("read one"), "MB/s")
    printf "%-36s %19s\n", "  sampled in 50 denoiser calls", shown(500 * median("sample.default.100000 one"))
}'
cat <<END

One thread: the best and the median of $rounds rounds in which all works take turns, in processor time, which other work
disturbs little. $cores threads: the best round by the clock; of $cores times that peak, and of $cores processes of one
thread side by side, which wants an idle machine. --version: by the clock.
Only useful operations count: 6 a parameter and example in a step of training, but 4 in the first layer, whose input
needs no gradient; 2 a parameter and point in a denoiser call. The peak is of multiply-adds that only touch registers.
PyTorch has one thread, and is taught single samples where the default network here is taught means.
END
