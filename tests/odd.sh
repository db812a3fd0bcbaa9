#!/bin/sh
# odd.sh PROGRAM -- odd data, divergence, huge numbers, low limits and odd surroundings: a result, or a reason.
. "$(dirname "$0")/shell.sh"

tiny="--hidden 4 --layers 1 --train-steps 20 --log-every 1"
d data moons -n 60 -o points.csv && d train points.csv $tiny -o model && d data moons -n 60 -o points.npy ||
    fail "the files of the tests could not be made: $(cat "$err")"

# ---- odd data ----

printf '1,2\n' >one.txt
printf '1,2\n3,4\n' >two.txt
printf '1,2\n1,2\n1,2\n' >equal.txt
printf '1,3\n2,3\n5,3\n' >flat.txt
printf '%s\n' 1e30,2e30 -1e30,3e30 5e29,-1e30 1e30,1e30 >large.txt
printf '%s\n' 1e38,2e38 -1e38,3e38 3e38,-1e38 >largest.txt
printf '%s\n' 1e39,1 2,3 3,1 >beyond.txt
printf '%s\n' 1e300,1 -1e300,3 2,2 >square.txt
printf '%s\n' 1e-40,2e-40 3e-40,1e-40 2e-40,5e-40 >subnormal.txt
printf '%s\n' 1e-300,2e-300 5e-320,1e-300 3e-300,4e-320 >vanishing.txt
printf '%s\n' 1e-46,0 0,1e-46 -0,-1e-46 >tiny.txt
printf '%s\n' -0,0 0,-0 -0,1 >minus.txt
printf '%s\n' 1e16,1 1.0000000000000002e16,2 1e16,3 >far.txt
printf '%s\n' 1,nan 2,3 >nan.txt
printf '%s\n' 1,2 inf,3 >inf.txt
printf '%s\n' 1,2 2,1e999 >infinite.txt

uses() { # of a file of points FILE
    cat <<END
train $1 $tiny -q -o learned
sample learned -q -n 5
encode model $1 --steps 5
decode model $1 --steps 5
noise $1
noise $1 --frames 3 --scale none
likelihood model $1 --ode-steps 4
likelihood model $1 --bound --steps 4
likelihood exact:moons $1
likelihood ideal:$1 $1
sample ideal:$1 -n 5 --sampler heun
field ideal:$1 --grid 3x3
eval $1 --against moons
eval exact:moons --against $1 -n 30 --likelihood-points 4
compare model --against $1 -n 30 --steps 2 --fine-steps 10
report model --against $1 -n 50 -o report.html
plot $1 -o plot.svg
plot $1 --density -o density.svg
END
}
numberless='(^|[ ,>"])[-+]?(nan|inf|infinity)($|[ ,<"])'
for file in *.txt; do
    uses "$file" >lines
    while IFS= read -r line; do
        case $line in "sample learned"*) [ -e learned ] || continue ;; esac
        d $line -f 2>/dev/null
        status=$?
        [ $status -ne 2 ] || { d $line; status=$?; } # those without -f
        case $status in
        0) ok "diffuse $line" no grep -qiwE "$numberless" "$out" ;;
        2) ok "diffuse $line: a field beyond what is known" has 'sigma 0.3 is outside of what' "$err" ;;
        3 | 6) ok "diffuse $line: a reason for $status" grep -q "^diffuse ..*: ..*" "$err" ;;
        *) fail "diffuse $line: status $status: $(head -n 1 "$err")" ;;
        esac
        for made in learned plot.svg density.svg report.html; do
            [ $status -eq 0 ] || case $line in *" -o $made") ok "diffuse $line leaves nothing" [ ! -e $made ] ;; esac
        done
    done <lines
    [ ! -e learned ] || t 0 '' info learned
    for picture in *.svg; do [ ! -e "$picture" ] || ok "$picture of $file" no grep -qiE "$numberless" "$picture"; done
    rm -f learned ./*.svg report.html
done

for file in two flat large largest subnormal tiny minus far; do t 0 '' train $file.txt $tiny -q -f -o x; done
t 3 'one.txt: all 1 points are the same' train one.txt $tiny -o y
t 3 'equal.txt: all 3 points are the same' train equal.txt $tiny -o y
t 3 'vanishing.txt: all 3 points are the same, or next to it' train vanishing.txt $tiny -o y
t 3 "beyond.txt:1: column 'x' has 1e\+39, and points go from -3.4e\+38 to 3.4e\+38" train beyond.txt $tiny -o y
t 3 "nan.txt:1:3: expected a finite number" train nan.txt $tiny -o y
t 3 "inf.txt:2:1: expected a finite number" noise inf.txt
t 3 "infinite.txt:2:3: '1e999' is beyond the largest number" noise infinite.txt
t 6 'large.txt:1: ln p of this point is not finite under model' likelihood model large.txt
t 0 '' train two.txt $tiny --batch-size 1000 -q -f -o x
t 0 '' sample x -q -n 3

# ---- divergence ----

folder
moons="moons -n 100 --hidden 8 --layers 1 --warmup 4 --lr 1e6 --clip-grad-norm 0"
t 6 'training diverged at step [0-9]+: loss [0-9.e+]+, gradient norm [0-9.e+]+, learning rate [0-9]+' \
    train $moons -o x --save-every 1 --log log.csv --log-every 1
ok "what to try" has 'try a smaller --lr, such as 100000$' "$err"
last=$(sed -n 's/.*diverged at step \([0-9]*\):.*/\1/p' "$err")
ok "what is kept" has "the state of step $((last - 1)) is in x" "$err"
ok "it is finite" d info x
ok "it is the step before" has "; $((last - 1)) of 2,000 steps" "$out"
ok "and so is the log" is "$(tail -n 1 log.csv | cut -d, -f1)" $((last - 1))
ok "without what is no number" no grep -qiE 'nan|inf' log.csv
cp x before
t 6 'diverged at step' train --resume x
ok "diverging again leaves the checkpoint as it is" same x before
d list methods
for method in $(awk '{ print $1 }' "$out"); do
    for rate in 1e6 1e9; do
        rm -f x
        d train moons -n 60 --method $method --hidden 8 --lr $rate --warmup 0 --clip-grad-norm 0 --train-steps 6 -T 20 \
            --batch-size 16 --save-every 1 -o x
        status=$?
        case $status in
        0) pass ;;
        6) ok "$method says so" has "diverged at step" "$err" ;;
        *) fail "$method at --lr $rate: status $status: $(head -n 1 "$err")" ;;
        esac
        [ ! -e x ] || ok "$method at --lr $rate: what is saved is finite: $(cat "$err")" d info x
    done
done

# ---- huge numbers: refused at once, with the limit ----

cd "$work" || exit 1
huge() { (ulimit -v 4000000 2>/dev/null && d "$@"; echo $? >status); status=$(cat status); }
while IFS= read -r line; do
    huge $line
    ok "diffuse $line: $status" [ "$status" = 2 ]
    ok "diffuse $line states the limit" has 'goes from [0-9.e+-]+ to [0-9.e+]+|from 2 to 10000|is not a whole number|at most' "$err"
done <<END
data moons -n 1e18
data moons -n 99999999999999999999
data moons -n 10 --threads 1e6
noise moons -n 1e18
noise moons --frames 1e18
train moons -n 1e18 -o x
train moons --hidden 1e9 -o x
train moons --layers 1e9 -o x
train moons --batch-size 1e18 -o x
train moons --train-steps 1e18 -o x
train moons -T 1e18 -o x
train moons --point-waves 1e9 -o x
train moons --seeds 1e9 -o x
train moons --threads 1e6 -o x
sample model -n 1e18
sample model --steps 1e18
sample model --seed 1e18
sample model --trajectory --frames 1e18
encode model points.csv --steps 1e18
interpolate model --from 0,0 --to 1,1 -n 1e18
eval model -n 1e18
compare model -n 1e18
compare model --fine-steps 1e18
likelihood model points.csv --ode-steps 1e18
field model --grid 1000000x1000000
report model -n 1e18 -o x
END
while IFS= read -r line; do
    huge $line
    ok "diffuse $line: $status" [ "$status" = 5 ]
    ok "diffuse $line states the limit" has '[0-9]' "$err"
done <<END
train moons --hidden 4096 --layers 64 -o y
sample model -n 1e15 --trajectory
END

# ---- low limits ----

limited() { # NAME LIMIT ARGUMENTS: the same bytes, or no file is left
    limit=$2 what="diffuse $3 $4 with ulimit $1 $2"
    rm -f got
    (ulimit "$1" "$2" && shift 2 && exec "$program" "$@" -q -f -o got) </dev/null >"$out" 2>"$err"
    status=$?
    case $status in
    0) ok "$what" same got expected ;;
    4 | 5) ok "$what leaves nothing" [ ! -e got ] && ok "$what says why" grep -q . "$err" ;;
    127) pass ;; # the system could not even start it
    *) fail "$what: status $status" ;;
    esac
    ok "$what cleans up" is "$(ls -A | grep -c tmp)" 0
}
while IFS= read -r line; do
    t 0 '' $line -q -f -o expected
    for files in 3 4 5 6 7 8; do limited -n $files $line; done
    limited -s 64 $line
    [ $status -eq 0 ] || fail "diffuse $line with 64 kB of stack: status $status"
done <<END
data moons -n 5000 --threads 3
noise points.csv
train points.csv $tiny --threads 2
train points.csv --method vdm --train-steps 3
train points.csv --method flow-matching --coupling ot --train-steps 3
sample model -n 500 --threads 3
sample model -n 50 --trajectory
encode model points.csv --steps 5
likelihood model points.csv --ode-steps 4
eval model --against moons -n 60 --likelihood-points 10
field model --grid 5x5
plot points.csv
END

# ---- odd surroundings ----

mkdir german 2>/dev/null
if localedef -i de_DE -f UTF-8 german/de_DE.UTF-8 >/dev/null 2>&1; then locale="LOCPATH=$work/german LC_ALL=de_DE.UTF-8"
else locale=LC_ALL=de_DE.UTF-8 && skip 'the German locale is not here, so its decimal comma was not tried'; fi

# outputs: everything that is computed, in one stream.
outputs() {
    rm -f m.* && "$@" "$program" train points.csv $tiny -o m.safetensors --log m.csv 2>/dev/null && cat m.safetensors m.csv &&
        "$@" "$program" sample m.safetensors -n 20 --sampler ddpm --steps 5 2>/dev/null &&
        "$@" "$program" encode m.safetensors points.csv --steps 5 2>/dev/null &&
        "$@" "$program" eval m.safetensors --against moons -n 60 --likelihood-points 20 --json 2>/dev/null &&
        "$@" "$program" likelihood m.safetensors points.npy --ode-steps 4 -o - 2>/dev/null &&
        "$@" "$program" compare m.safetensors --against moons --steps 2 -n 20 --fine-steps 10 2>/dev/null &&
        "$@" "$program" info m.safetensors && "$@" "$program" plot points.csv -o - 2>/dev/null &&
        "$@" "$program" report m.safetensors --against moons -n 60 --log m.csv -f -o m.html 2>/dev/null && cat m.html && "$@" "$program" help train
}
outputs env >expected
ok "there are outputs" [ "$(wc -c <expected)" -gt 50000 ]
for surroundings in "env -i" "env $locale" "env LC_NUMERIC=de_DE.UTF-8" "env TMPDIR=/nonexistent" "env COLUMNS=-1 LINES=0" \
    "env -u HOME -u PATH -u USER" "env MALLOC_PERTURB_=165" "env MALLOC_PERTURB_=90 MALLOC_TOP_PAD_=1" "env TZ=Nowhere/Land" \
    "env POSIXLY_CORRECT=1 TERM= COLORTERM=truecolor NO_COLOR=" "env OMP_NUM_THREADS=99" "env DIFFUSE_SIMD="; do
    outputs $surroundings >got
    ok "the same bytes with $surroundings" same got expected
done

# A clock that jumps, back and far ahead, at every call.
cat >clock.c <<'END'
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static unsigned long calls;
    (void)clock;
    calls = calls * 6364136223846793005UL + 1442695040888963407UL;
    now->tv_sec = (long)(calls >> 30) - (1L << 33);
    now->tv_nsec = (long)(calls % 1000000000);
    return 0;
}
END
if ${CC:-cc} -shared -fPIC -o clock.so clock.c 2>/dev/null && LD_PRELOAD=$work/clock.so "$program" --version >/dev/null 2>&1; then
    outputs env LD_PRELOAD="$work/clock.so" >got
    ok "the same bytes while the clock jumps" same got expected
else
    skip 'a clock that jumps needs LD_PRELOAD'
fi

finish
