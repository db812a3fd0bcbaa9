#!/bin/sh
# exact.sh PROGRAM -- the exact answer as people type it: eval, likelihood, field, compare, and exact: and ideal: wherever a model
# may stand; right and wrong, and the claims that are made with them.
. "$(dirname "$0")/shell.sh"

# The number of a key in a line of JSON.
key() { sed 's/.*"'"$1"'":\([^,}]*\).*/\1/' "$2"; }
within() { awk -v a="$1" -v b="$2" -v e="$3" 'BEGIN { exit !(a != "null" && b != "null" && a - b <= e && b - a <= e) }' || { echo "$1 is not within $3 of $2"; return 1; }; }
mean_of_last() { sed 1d "$1" | awk -F, '{ sum += $NF } END { printf "%.9g\n", sum / NR }'; }

# gate PATTERN ARGUMENTS: the answer is no, said with PATTERN, and the result is there all the same.
gate() {
    pattern=$1
    shift
    d "$@"
    ok "diffuse $*" is $? 1
    ok "diffuse $*" has "$pattern" "$err"
    ok "diffuse $* gives its result" [ -s "$out" ]
}

tiny="--hidden 4 --layers 1 --train-steps 50 --log-every 20"
points() { printf 'x,y\n'; printf '%s\n' "$@"; }
make_files() {
    d data swissroll -q -n 200 -s 9 -o roll.csv && d train roll.csv $tiny -o file.safetensors &&
    d train swissroll -n 200 $tiny -o tiny.safetensors && d train moons -n 200 $tiny -o moons.safetensors &&
    d train roll.csv $tiny --scale per-column -o columns.safetensors &&
    d train roll.csv $tiny --beta-schedule linear --betas-as-given -T 50 -o loud.safetensors &&
    printf 'a\n1\n2\n4.5\n3\n7\n2.5\n1.25\n6\n' >line.csv && d train line.csv $tiny -o line.safetensors &&
    printf 'x,y,z\n1,2,3\n2,5,1\n5,1,2.385\n0,4,4\n2,2,2\n3,1,4\n1,5,9\n2,6,5\n' >space.csv && d train space.csv $tiny -o space.safetensors &&
    points 1,2 >one.csv && points 1,2 3,4 >two.csv && points 1,2 3,2 4,2 1.5,2 2,2 7,2 >flat.csv && points 1,2 1,2 1,2 1,2 >same.csv &&
    points 1,2 nan,3 >nan.csv && printf 'x,y,sigma\n0.3,-0.4,0.3\n1,0.5,2\n-0.25,1.125,0.3\n0.3,-0.4,0.000001\n' >q.csv
}
make_files || fail "the files of the tests could not be made: $(cat "$err")"
loaded() { echo "$work/$1.safetensors"; }

# ---- help ----

helps() {
    t 0 '' help "$1"
    for words in "usage: diffuse $1" $2 -o -f -q; do ok "diffuse help $1" has "(^|[ ,])$words" "$out"; done
}
helps eval '--against --noise --points --likelihood-points --sampler --seed --json --profile --max-kl --max-w2 --max-sliced-w2
    --max-energy --max-ks --max-off-shape --steps --beta-schedule nll score_kl_bound_error w2_floor_spread ode_least units'
helps likelihood '--ode-steps --least --most --ode --bound --sampler --seed --steps --beta-schedule log_density'
helps field '--sigma --grid --limits --at x,y,log_density,score_x,score_y,x0_x,x0_y'
helps compare '--samplers --steps --points --against --seed --seeds --fine-steps --timestep-spacing --beta-schedule'

# ---- wrong words ----

roll=$work/roll.csv model=$work/tiny.safetensors
t 2 'MODEL\|POINTS is missing' eval
t 2 'POINTS is missing' likelihood "$model"
t 2 'MODEL is missing' field
t 2 'MODEL is missing' compare
for words in "eval $model" "likelihood $model $roll" "field $model"; do
    case $words in eval*) extra='is a model; only files of points' ;; *) extra="'extra' is one argument too many" ;; esac
    t 2 "$extra" $words extra
    t 2 'unknown option --nonsense' $words --nonsense
done
t 2 'say what .*roll.csv should be compared with: --against swissroll' eval "$roll"
t 2 'say what .*file.safetensors should be compared with' eval "$work/file.safetensors"
t 2 'say what .*file.safetensors should be compared with' compare "$work/file.safetensors"
t 2 'swissroll is a shape, neither a model nor points' eval swissroll
ok "the hint" has 'try exact:swissroll' "$err"
t 2 'exact:swissroll: the truth is a shape or a file of points' eval "$roll" --against exact:swissroll
t 4 'did you mean the shape swissroll\?' eval "$roll" --against swisroll
t 4 'cannot read nothing.safetensors: No such file' eval nothing.safetensors
t 4 'cannot read nothing.csv: No such file' eval nothing.csv --against swissroll
for command in 'eval X' 'sample X -n 2' "likelihood X $roll" 'field X' 'compare X' "encode X $roll" "decode X $roll" 'interpolate X --from 1,1 --to 0,1'; do
    words() { echo "$command" | sed "s|X|$1|"; }
    t 2 'exact:swisroll: there is no shape of that name' $(words exact:swisroll)
    ok "the hint" has 'did you mean exact:swissroll\?' "$err"
    t 2 'exact:: there is no shape of that name' $(words exact:)
    t 2 'exact:pinwheel:ffjord: the density of this shape is not known' $(words exact:pinwheel:ffjord)
    t 2 'exact:checkerboard:ffjord: without noise this shape has no density' $(words exact:checkerboard:ffjord)
    t 2 'ideal: is for a file of points' $(words ideal:swissroll)
    t 4 'cannot read nothing.csv' $(words ideal:nothing.csv)
    t 3 'there are no two different points' $(words "ideal:$work/one.csv")
    t 3 'there are no two different points' $(words "ideal:$work/same.csv")
    t 3 'nan.csv:3:1: expected a finite number' $(words "ideal:$work/nan.csv")
done
d data swissroll -q -n 10001 -o many.csv
t 5 'at most 10000 points' sample ideal:many.csv

# What would have no effect is refused, not ignored.
for option in '-n 50' '--likelihood-points 50' '--sampler ddim' '--profile x' '--steps 5' '--rho 3' '--eta 1' '-T 40'; do
    t 2 "is for models, and .*roll.csv is a file of points" eval "$roll" --against moons $option
done
t 2 '--noise is for shapes, and the truth is a file' eval "$roll" --against "$roll" --noise 0.1
t 2 '--profile needs a truth whose density is known' eval "$model" --against "$roll" --profile x
t 3 'was scaled column by column, so it has no --profile' eval "$work/columns.safetensors" --against swissroll --profile x
t 2 'the report and --profile would both go to x' eval "$model" -o x --profile x
t 2 'the report and --profile would both go to -' eval "$model" --profile -
for option in '--steps 5' '--seed 5' '--sampler ddpm' '--variance-type fixed-large' '--sigma-min 0.1'; do
    t 2 'is for --bound' likelihood "$model" "$roll" $option
    t 2 'is for --bound' likelihood exact:swissroll "$roll" $option
done
t 2 '--beta-schedule is for --bound' likelihood exact:swissroll "$roll" --beta-schedule linear
for option in '--ode-steps 20' '--most 30' '--least 0.1'; do
    t 2 'is for the ODE' likelihood exact:swissroll "$roll" $option
    ok "the hint" has 'add --ode' "$err"
    t 2 'and --bound' likelihood "$model" "$roll" --bound $option
done
t 2 '--ode is for the ODE, and --bound uses none' likelihood "$model" "$roll" --bound --ode
t 2 '--sigma is for grids, and --at gives points' field "$model" --at "$work/q.csv" --sigma 1
t 2 '--grid is for grids' field "$model" --at "$work/q.csv" --grid 3x3
t 2 '--limits is for grids' field "$model" --at "$work/q.csv" --limits 3
for words in "eval $model" "likelihood $model $roll" "likelihood $model $roll --bound" "compare $model" "sample $model" "encode $model $roll"; do
    t 2 '--beta-schedule is for exact: and ideal:; the schedule of .*tiny.safetensors is part of the model' $words --beta-schedule linear
done
t 2 'unknown option --beta-schedule' field exact:swissroll --beta-schedule linear

# ---- numbers ----

for option in --max-kl --max-w2 --max-sliced-w2 --max-energy --max-ks --max-off-shape; do
    t 2 "$option: -1 is out of range" eval "$roll" --against swissroll $option -1
    t 2 "$option: 'nan' is not a number" eval "$roll" --against swissroll $option nan
done
t 2 'points: 2 is out of range' eval "$model" -n 2
t 2 'likelihood-points: 1 has no error bar' eval "$model" --likelihood-points 1
t 2 '--noise: 11 is out of range' eval "$roll" --against swissroll --noise 11
t 2 'noise 1 does not suit swissroll' eval "$roll" --against swissroll --noise 1
t 2 "--sampler: 'nonsense' is not known" eval "$model" --sampler nonsense
t 2 '--ode-steps: 1 is out of range' likelihood "$model" "$roll" --ode-steps 1
t 2 '--least 1 is not below --most 1' likelihood "$model" "$roll" --least 1 --most 1
t 2 '--least 1e-05 is below 0.0019.*that .*tiny.safetensors knows' likelihood "$model" "$roll" --least 1e-5
t 2 '--most 50 is above 0.24.*that .*loud.safetensors knows' likelihood "$work/loud.safetensors" "$roll" --most 50
t 2 'sampler ddim has no variational bound' likelihood "$model" "$roll" --bound --sampler ddim
t 2 'a chain of one step without noise gives no density' likelihood "$model" "$roll" --bound --steps 1
for bad in 80 80x 1x5 5x1 0x0 -3x4 80x80x 80x80,1 20000x2; do t 2 '--grid: .* is not of the form 80x80' field "$model" --grid "$bad"; done
t 2 'sigma 0.0001 is outside of what .*tiny.safetensors knows' field "$model" --sigma 0.0001
t 2 'sigma 60 is outside of what' field "$model" --sigma 60
t 2 'sigma 2 is outside of what .*loud.safetensors knows, 0.0[0-9]* to 0.24' field "$work/loud.safetensors" --sigma 2
t 3 'q.csv:2: sigma 0.3 is outside of what .*loud.safetensors knows' field "$work/loud.safetensors" --at "$work/q.csv"
printf 'x,y,sigma\n1,2,0\n' >zero.csv
t 3 'zero.csv:2: sigma 0 is outside' field exact:swissroll --at zero.csv
t 2 "there is no column 'sigma'" field exact:swissroll --at "$roll"
for list in nonsense '' , ddim,nonsense; do t 2 "is not known|names none" compare "$model" --samplers "$list"; done
t 2 "did you mean 'ddim'\?" compare "$model" --samplers ddimm
t 2 'unknown option --nonsense' compare "$model" --samplers ddim:nonsense=1
t 2 "'eta' is not of the form name=value" compare "$model" --samplers ddim:eta
t 2 '--eta: 7 is out of range' compare "$model" --samplers ddim:eta=7
for list in 0 5,x 5,-1 1.5 '' 1e9; do t 2 'is not a number of steps|names none' compare "$model" --steps "$list"; done
t 2 '--steps 1001 is more than the 1000 timesteps' compare "$model" --steps 5,1001 --timestep-spacing trailing
t 2 "'9.safetensors' is one argument too many" compare 1 2 3 4 5 6 7 8 9.safetensors
t 2 'did not learn the same shape' compare "$model" "$work/moons.safetensors"
t 2 'did not learn the same shape' compare exact:swissroll "$work/file.safetensors"

# ---- files that do not fit ----

t 3 'one.csv has 1 points; at least 3' eval "$work/one.csv" --against swissroll
t 3 'two.csv has 2 points; at least 3' eval "$work/two.csv" --against swissroll
t 3 'two.csv has 2 points; a truth needs at least 4' eval "$roll" --against "$work/two.csv"
t 3 'one.csv has 1 points; a truth needs at least 4' eval "$model" --against "$work/one.csv"
t 3 'nan.csv:3:1: expected a finite number' eval "$work/nan.csv" --against swissroll
t 3 'line.csv has 1 columns, swissroll has 2' eval "$work/line.csv" --against swissroll
t 3 'tiny.safetensors works on 2 columns, .*space.csv has 3' eval "$model" --against "$work/space.csv"
t 3 'space.safetensors works on 3 columns, swissroll has 2' compare "$work/space.safetensors" --against swissroll
t 3 'space.csv has 3 columns, .*line.csv has 1' eval "$work/space.csv" --against "$work/line.csv"
t 3 'line.csv has 1 columns; .*works on 2' likelihood "$model" "$work/line.csv"
t 3 'works on 1 columns; a field needs 2' field "$work/line.safetensors"
t 3 'was scaled column by column, so one sigma' field "$work/columns.safetensors"
t 3 'there are no rows of data' likelihood "$model" -
t 3 'this is no safetensors file' likelihood "$roll" "$roll"

# ---- what is not available says so ----

cd "$work" || exit 1
always='nll entropy kl kl_error score_kl_bound w2 w2_floor sliced_w2 sliced_w2_floor energy energy_floor thickness off_shape ks n seed units'
# has_null ARGUMENTS, with $null: exactly these of the keys are null.
has_null() {
    d eval "$@" --json
    ok "eval $*" is $? 0
    for k in $always; do
        ok "eval $*" has "\"$k\":" "$out"
        case " $null " in *" $k "*) ok "eval $*: $k" is "$(key "$k" "$out")" null ;; *) ok "eval $*: $k" no is "$(key "$k" "$out")" null ;; esac
    done
    if can_parse; then ok "eval $* --json is JSON" parses <"$out"; fi
}
can_parse || skip 'nothing here parses JSON'
few='-n 60 --likelihood-points 20'
null='' && has_null "$model" $few
null='' && has_null exact:swissroll $few
null='' && has_null ideal:roll.csv --against swissroll $few
null='' && has_null file.safetensors --against swissroll $few
null='' && has_null loud.safetensors --against swissroll $few
ok "a short schedule has short cut-offs" within "$(key ode_most "$out")" 0.24 0.01
null='score_kl_bound' && has_null columns.safetensors --against swissroll $few
null='thickness off_shape ks' && has_null exact:8gaussians $few
null='entropy kl kl_error score_kl_bound thickness off_shape ks' && {
    has_null "$model" --against roll.csv $few
    has_null "$model" --against pinwheel:ffjord $few
    has_null "$model" --against swissroll:smalldiffusion $few
    has_null "$model" --noise 0 $few
    has_null line.safetensors --against line.csv $few
    has_null space.safetensors --against space.csv $few
}
d eval space.safetensors --against space.csv $few
ok "the likelihood of no more points than there are" has '^nll .* 8  -ln p' "$out"
null='nll entropy kl kl_error score_kl_bound' && has_null roll.csv --against swissroll && has_null flat.csv --against swissroll && has_null same.csv --against swissroll
null="$null thickness off_shape ks" && {
    has_null roll.csv --against flat.csv
    has_null roll.csv --against same.csv
    ok "equal points have a floor of 0" is "$(key w2_floor "$out")" 0
    has_null line.csv --against line.csv
    has_null roll.csv --against roll.csv
}
ok "two halves of a file differ" below 0.1 "$(key w2_floor "$out")"
d eval roll.csv --against swissroll
ok "the table" has '^kl  .*not available here' "$out"
gate 'kl is not available here, so that --max-kl cannot be met' eval roll.csv --against swissroll --max-kl 9
gate 'kl is not available here' eval "$model" --against roll.csv $few --max-kl 9 --json
gate 'ks is not available here' eval roll.csv --against roll.csv --max-ks 1
gate 'off_shape is not available here' eval line.csv --against line.csv --max-off-shape 1 --json

# ---- bounds ----

t 0 '' eval roll.csv --against swissroll --max-w2 9 --max-sliced-w2 9 --max-energy 9 --max-ks 9 --max-off-shape 9
t 0 '' eval "$model" $few --max-kl 99
for measure in w2 sliced_w2 energy ks off_shape; do
    option=--max-$(echo $measure | tr _ -)
    gate "$measure is [0-9.]+, above $option 0" eval moons.safetensors --against swissroll $few $option 0
    ok "the table" has "^$measure .*<- fails its bound" "$out"
done
gate 'kl is [0-9.e+]+, above --max-kl 0' eval "$model" $few --max-kl 0 --json
gate 'w2 is .*, above --max-w2 0' eval "$model" $few --max-kl 0 --max-w2 0
ok "all that failed are named" has 'kl is .*, above --max-kl 0' "$err"

# ---- results: refused, replaced, failed ----

folder
points 0.3,-0.4 1,0.5 >p.csv
points 0.1,0.2 >z.csv
cp "$model" m.safetensors
cp "$roll" "$work/q.csv" .
writers() {
    cat <<END
eval roll.csv --against swissroll
eval m.safetensors $few --json
likelihood m.safetensors p.csv
likelihood exact:swissroll p.csv
likelihood exact:swissroll p.csv --bound -T 20
field m.safetensors --grid 3x3
field exact:swissroll --at q.csv
compare exact:8gaussians --steps 3,5 -n 20 --fine-steps 10
sample exact:8gaussians -n 10 --steps 3
sample ideal:roll.csv -n 10 --steps 3 --sampler ddpm
sample exact:8gaussians --print-steps -T 20
encode exact:8gaussians p.csv --steps 3
decode ideal:roll.csv z.csv --steps 3
interpolate exact:8gaussians --from 1,1 --to 0,1 --steps 3
END
}
writers >"$work/lines"
echo precious >old.csv
kept=$(ls -A | tr '\n' ' ')
while IFS= read -r line; do
    t 2 'old.csv exists; use -f to overwrite it' $line -o old.csv
    t 4 'cannot write missing/x.csv: No such file or directory' $line -o missing/x.csv
    t 4 "is a directory; name a file in it" $line -o "$work/here" -f
    ok "old.csv is untouched by $line" has precious old.csv
    leaves "$kept"
    d $line -o old.csv -f -q
    ok "$line -o old.csv -f -q" is "$?$(cat "$err")" 0
    ok "$line -o old.csv -f" no has precious old.csv
    t 0 '' $line -o - -q
    ok "$line -o -" same "$out" old.csv
    cp "$out" "$work/once"
    d $line -o - -q
    ok "$line again: the same bytes" same "$out" "$work/once"
    if [ -c /dev/full ]; then
        "$program" $line </dev/null >/dev/full 2>"$err"
        ok "$line >/dev/full" is $? 4
        ok "$line >/dev/full" has 'standard output' "$err"
    fi
    "$program" $line </dev/null >&- 2>"$err"
    ok "$line >&-" is $? 4
    echo precious >old.csv
    leaves "$kept"
done <"$work/lines"
[ -c /dev/full ] || skip 'there is no /dev/full'
t 2 'old.csv exists; use -f' eval m.safetensors --profile old.csv
t 0 '' eval m.safetensors $few --profile profile.csv
ok "a profile" has '^sigma,score_error$' profile.csv
ok "a profile of 64 levels" rows 65 profile.csv
gate 'above --max-w2 0' eval roll.csv --against swissroll --max-w2 0 -o - -f
t 1 'above --max-w2 0' eval roll.csv --against swissroll --max-w2 0 -o report.txt
ok "a report whose bounds fail is written" has '^w2 .*fails its bound' report.txt

# ---- likelihood ----

folder
d data swissroll -q -n 500 -s 4 --labels -o p.csv
t 0 'ln p, mean of 500 points' likelihood exact:swissroll p.csv -o closed.csv
cp "$err" said
ok "it says how" has 'in closed form$' said
ok "units" has "a point, in the data's units +-?[0-9.]+ \+- [0-9.]+ nats +-?[0-9.]+ bits" said
ok "columns" is "$(head -n 1 closed.csv)" x,y,label,log_density
cut -d, -f1-3 closed.csv >back.csv
ok "the columns that were read, in their order" same back.csv p.csv
ok "the mean" within "$(mean_of_last closed.csv)" "$(sed -n "s/.*a point, in the data's units *\([-0-9.]*\) .*/\1/p" said)" 1e-5
t 0 'ODE of 64 steps over sigma/alpha 0.005 to 50; half as many change a point by at most' likelihood exact:swissroll p.csv --ode -o ode.csv
ok "the ODE agrees with the closed form in the mean" within "$(mean_of_last ode.csv)" "$(mean_of_last closed.csv)" 1e-3
points 0.3,-0.4 >single.csv
t 0 'mean of 1 points' likelihood "$model" single.csv
ok "one point has no error" no has 'nan|\+-' "$err"
{ echo y,w,x; echo -0.4,7,0.3; } >swapped.csv
d likelihood exact:swissroll swapped.csv -q && cut -d, -f4 "$out" >swapped
d likelihood exact:swissroll single.csv -q && cut -d, -f3 "$out" >plain
ok "columns are found by name" same swapped plain
t 2 'closed.csv already has a column log_density' likelihood "$model" closed.csv
t 0 'after noise of sigma/alpha 0.005: without it the points have no density' likelihood exact:swissroll:smalldiffusion single.csv
t 0 'over sigma/alpha 0\.[0-9]+ to 0\.24' likelihood "$work/loud.safetensors" single.csv
for name_of in line space; do
    t 0 'mean of 8 points' likelihood "$(loaded $name_of)" "$work/$name_of.csv"
    ok "a density of $name_of" rows 9 "$out"
done

chain="exact:swissroll p.csv --bound -T 40"
for variance in fixed-small fixed-large; do
    t 0 'variational bound, at most ln p, mean of 500 points' likelihood $chain --variance-type $variance -o $variance.csv
    cp "$err" $variance
    ok "its parts" has 'chain of ddpm in 40 steps: prior [0-9.]+, decoder -?[0-9.]+, steps between' $variance
    ok "columns of the terms" is "$(head -n 1 $variance.csv)" step,t,sigma_over_alpha,nats
    ok "41 terms: the prior and 40 steps" rows 42 $variance.csv
    sed -n "s/.*a point, scaled to unit variance *\([-0-9.]*\) .*/\1/p" $variance >$variance.mean
    ok "the terms add up to the bound" within "$(sed 1d $variance.csv | awk -F, '{ sum -= $4 } END { print sum }')" "$(cat $variance.mean)" 1e-4
    ok "the bound is a bound" below "$(cat $variance.mean)" "$(mean_of_last closed.csv)"
done
ok "the larger variance has the tighter bound" below "$(cat fixed-small.mean)" "$(cat fixed-large.mean)"
d likelihood $chain -q && cp "$out" first
d likelihood $chain -q -s 1
ok "another seed, another estimate" no same first "$out"

# ---- field ----

# The density, x0 and so on of eight blobs at radius a with standard deviation s, from the formula.
blobs() {
    awk -F, 'BEGIN { pi = atan2(0, -1); s = 0.1; a = sqrt(2 * (1 - s * s)); print "x,y,sigma,x0_x,x0_y,eps_x,eps_y,score_x,score_y,log_density" }
        NR > 1 {
            v = s * s + $3 * $3; sum = mx = my = 0
            for (k = 0; k < 8; k++) { gx = a * cos(k * pi / 4); gy = a * sin(k * pi / 4); w = exp(-(($1 - gx)^2 + ($2 - gy)^2) / (2 * v)); sum += w; mx += w * gx; my += w * gy }
            mx /= sum; my /= sum; x0 = mx + s * s / v * ($1 - mx); y0 = my + s * s / v * ($2 - my)
            printf "%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", $1, $2, $3, x0, y0, ($1 - x0) / $3, ($2 - y0) / $3, (mx - $1) / v, (my - $2) / v, log(sum / 8 / (2 * pi * v))
        }' "$1"
}
printf 'x,y,sigma\n1.2,0.3,0.3\n1,0.9,0.3\n-0.25,1.125,2.385\n1.3,-0.1,0.05\n0,0,1\n' >q.csv
t 0 '' field exact:8gaussians --at q.csv -o answers.csv
ok "columns" is "$(head -n 1 answers.csv)" x,y,sigma,x0_x,x0_y,eps_x,eps_y,v_x,v_y,score_x,score_y,log_density
blobs q.csv >wanted.csv
cut -d, -f1-7,10-12 answers.csv >got.csv
ok "eight blobs by their formula" below "$(difference got.csv wanted.csv)" 1e-6
v_from_eps() { awk -F, 'NR == 1 { print "v_x,v_y" } NR > 1 { c = sqrt(1 + $3 * $3); printf "%.9g,%.9g\n", ($6 - $3 * $4) / c, ($7 - $3 * $5) / c }' answers.csv; }
v_from_eps >wanted.csv
cut -d, -f8,9 answers.csv >got.csv
ok "v = (eps - r x0)/sqrt(1 + r^2)" below "$(difference got.csv wanted.csv)" 1e-6

d data swissroll -q -n 20 -f -o p.csv
awk -F, 'NR == 1 { print "x,y,sigma" } NR > 1 { print $0 (NR % 3 ? ",0.3" : ",1e-6") }' p.csv >q.csv
for subject in exact:swissroll "$model"; do
    if [ "$subject" = "$model" ]; then sed 's/1e-6/0.01/' q.csv >asked.csv; else cp q.csv asked.csv; fi
    t 0 '' field "$subject" --at asked.csv -f -o answers.csv
    awk -F, 'NR == 1 { print "eps_x,eps_y,score_x,score_y" } NR > 1 && $3 > 1e-3 { printf "%.9g,%.9g,%.9g,%.9g\n", ($1 - $4) / $3, ($2 - $5) / $3, ($4 - $1) / $3^2, ($5 - $2) / $3^2 }' answers.csv >wanted.csv
    awk -F, 'NR == 1 || $3 > 1e-3' answers.csv | cut -d, -f6,7,10,11 >got.csv
    ok "$subject: eps = (x - x0)/sigma, score = (x0 - x)/sigma^2" below "$(difference got.csv wanted.csv)" 1e-3
done
t 0 '' field exact:swissroll --at q.csv -f -o answers.csv
awk -F, 'NR == 1 || $3 < 1e-3' answers.csv | cut -d, -f1,2,12 >got.csv
cut -d, -f1,2 got.csv >clean.csv
d likelihood exact:swissroll clean.csv -q -o wanted.csv
ok "at tiny noise the density is that of the points" below "$(difference got.csv wanted.csv)" 1e-4
d likelihood "$model" p.csv --least 0.3 --ode-steps 200 -q -o wanted.csv
scale=$("$program" data swissroll -q -n 200 | awk -F, 'NR > 1 { a += $1; b += $2; c += $1 * $1 + $2 * $2; n++ } END { printf "%.9g", sqrt((c / n - (a / n)^2 - (b / n)^2) / 2) }')
awk -F, -v s="$scale" 'NR == 1 { print "x,y,sigma" } NR > 1 { printf "%s,%.9g\n", $0, 0.3 * s }' p.csv >q.csv
d field "$model" --at q.csv -q && cut -d, -f1,2,12 "$out" >got.csv
ok "field and likelihood of a model agree" below "$(difference got.csv wanted.csv)" 1e-3

t 0 '' field exact:swissroll --sigma 0.3 --grid 13x7 --limits 2
ok "columns of a grid" is "$(head -n 1 "$out")" x,y,log_density,score_x,score_y,x0_x,x0_y
ok "rows of a grid" rows 92 "$out"
cut -d, -f1,2 "$out" >got.csv
awk 'BEGIN { print "x,y"; for (j = 0; j < 7; j++) for (i = 0; i < 13; i++) printf "%.9g,%.9g\n", -2 + 4 * i / 12, -2 + 4 * j / 6 }' >wanted.csv
ok "x runs first, both from below" below "$(difference got.csv wanted.csv)" 1e-8
{ echo x,y,sigma; sed 1d got.csv | sed 's/$/,0.3/'; } >q.csv
cut -d, -f1,2,3,4,5,6,7 "$out" >grid.csv
d field exact:swissroll --at q.csv -q && awk -F, -v OFS=, '{ print $1, $2, $12, $10, $11, $4, $5 }' "$out" >at.csv
ok "a grid and the same points" below "$(difference grid.csv at.csv)" 1e-5
mass=$("$program" field exact:swissroll --sigma 0.4 --grid 61x61 --limits 4 -q | awk -F, 'NR > 1 { sum += exp($3) } END { print sum * (8 / 60)^2 }')
ok "the density integrates to 1" within "$mass" 1 1e-3
d field "$(loaded moons)" --grid 2x2 -q
ok "a grid around the data" rows 5 "$out"

# ---- compare ----

t 0 'against 8gaussians; displacement: median distance from UniPC in 40 steps' compare exact:8gaussians --samplers unipc,ddpm,ddim:eta=1 --steps 5,40 --fine-steps 40 -n 100 -o table.csv
cp "$out" table
ok "rows of the table" rows 8 table
ok "rows of the file" rows 8 table.csv
ok "columns" is "$(head -n 1 table.csv)" model,sampler,steps,calls,thickness,off_shape,ks,sliced_w2,displacement
ok "what was compared" is "$(sed 1d table.csv | cut -d, -f1-4 | tr '\n' ' ')" \
    'exact:8gaussians,unipc,5,5 exact:8gaussians,unipc,40,40 exact:8gaussians,ddpm,5,5 exact:8gaussians,ddpm,40,40 exact:8gaussians,ddim:eta=1,5,5 exact:8gaussians,ddim:eta=1,40,40 8gaussians,floor,0,0 '
ok "the fine solution is 0 from itself" is "$(sed -n 3p table.csv | cut -d, -f9)" 0
ok "fewer steps are not" below 0 "$(sed -n 2p table.csv | cut -d, -f9)"
ok "a measure that is not available has an empty cell" has ',5,5,,,,[0-9]' table.csv
ok "and a dash in the table" has ' unipc +5 +5 +- +- +- +[0-9]' table
t 0 '' compare exact:8gaussians --samplers ddim,ddim:eta=0 --steps 7 -n 64 --fine-steps 10 -q -o -
ok "the same starts, the same points" is "$(sed -n 2p "$out" | cut -d, -f3-)" "$(sed -n 3p "$out" | cut -d, -f3-)"
t 0 '' compare "$model" "$(loaded file)" --against "$roll" --samplers ddim --steps 5 -n 640 --fine-steps 10 -q -o -
ok "two models, one line each, and no floor of a file" rows 3 "$out"
t 0 '' compare "$model" --samplers ddim --steps 5 -n 100 --fine-steps 10 --seeds 3 -q -o -
ok "columns with seeds" has '^model,sampler,steps,calls,thickness,thickness_least,thickness_most,.*,displacement,displacement_least,displacement_most$' "$out"
cp "$out" three.csv
for seed in 0 1 2; do d compare "$model" --samplers ddim --steps 5 -n 100 --fine-steps 10 -s $seed -q -o - && sed -n 2p "$out" | cut -d, -f9; done | sort -g >displacements
ok "the floor is last" has '^swissroll,floor,0,0,[0-9.]+,.*,,,$' three.csv
ok "the floor is what true points get" below "$(sed -n 3p three.csv | cut -d, -f14)" "$(sed -n 2p three.csv | cut -d, -f14)"
ok "median, least and most of the seeds" is "$(sed -n 2p three.csv | cut -d, -f17-19)" "$(sed -n '2p;1p;3p' displacements | awk 'NR == 1 { a = $1 } NR == 2 { b = $1 } NR == 3 { print b "," a "," $1 }')"
t 0 '' compare "$model" --samplers ddim --steps 5 -n 100 --fine-steps 10 --seeds 3 -q
ok "a table with seeds" has ' [0-9.]+ \([0-9.]+-[0-9.]+\)$' "$out"
t 0 'UniPC in 20 steps' compare exact:8gaussians -T 20 --timestep-spacing trailing --steps 5,20 -n 20
t 0 '' compare "$model" "$(loaded file)" exact:swissroll --against swissroll --samplers ddim,dpmpp_2m,unipc --steps 5,10 -n 100 --fine-steps 10 -q -o -
ok "models and exact answers, one table" is "$(awk -F, 'NR > 1 { print $1 }' "$out" | sort | uniq -c | awk '$1 == 6' | wc -l)" 3
"$program" train swissroll -n 200 --method flow-matching --coupling ot $tiny -q -o coupled.safetensors
t 2 'coupled.safetensors, ddpm: sampler ddpm needs a model whose noise and data were independent' compare coupled.safetensors --samplers ddim,ddpm --steps 5 -n 20
ok "no row before it" is "$(wc -c <"$out")" 0
t 2 'sampler ddim with noise needs' sample coupled.safetensors --eta 0.5
t 0 '' compare coupled.safetensors --samplers ddim,unipc,dpmpp_2m_sde:eta=0 --steps 5 -n 20 --fine-steps 10 -q
for line in $(loaded line),"$work/line.csv" $(loaded space),"$work/space.csv"; do
    t 0 '' compare "${line%%,*}" --against "${line#*,}" --steps 3 -n 20 --fine-steps 10 -q
done
"$program" train swissroll -n 200 --noise 0.2 $tiny -q -o wide.safetensors
d compare wide.safetensors --samplers ddim --steps 5 -n 100 --fine-steps 10 -q -o - && cut -d, -f5 "$out" >learned
d compare wide.safetensors --against swissroll --samplers ddim --steps 5 -n 100 --fine-steps 10 -q -o - && cut -d, -f5 "$out" >other
ok "thickness is in units of the noise that was learned" below "$(sed -n 2p learned)" "$(sed -n 2p other)"

# ---- exact and ideal denoisers as models ----

t 0 '' sample ideal:"$roll" -q -n 50
# How far the farthest of some points is from the training points.
farthest() {
    awk -F, 'FNR == 1 { next } NR == FNR { x[NR] = $1; y[NR] = $2; next }
        { least = 9; for (i in x) { d = ($1 - x[i])^2 + ($2 - y[i])^2; if (d < least) least = d } if (least > most) most = least } END { print sqrt(most) }' "$roll" "$1"
}
ok "the ideal denoiser memorises" below "$(farthest "$out")" 0.02
d data swissroll -q -n 50 -s 3
ok "as true points do not" below 0.1 "$(farthest "$out")"
points 1.2,0.7 -0.3,-1.5 >p.csv
"$program" encode exact:8gaussians p.csv -q --steps 400 | "$program" decode exact:8gaussians - -q --steps 400 >back.csv
ok "decode undoes encode" below "$(difference p.csv back.csv)" 0.05
t 0 '3 points between the two latents' interpolate exact:8gaussians --from 1.2,0.7 --to -0.3,-1.5 -n 3
for shape in circles dino checkerboard; do t 0 '' sample exact:$shape -q -n 5 --steps 5; done
t 0 'by ddpm in 30 steps' sample exact:8gaussians -n 5 --sampler ddpm -T 30 --beta-schedule linear

# ---- what it shows ----

folder
d data swissroll -q -n 10000 -s 5 -o true.csv
d data swissroll -q -n 10000 -s 5 --noise 0.1 -o noisy.csv
d eval true.csv --against swissroll --json && cp "$out" true.json
head -n 3001 true.csv >part1.csv
{ head -n 1 true.csv && tail -n +3002 true.csv; } >part2.csv
d eval part1.csv part2.csv --against swissroll --json
sed 's/"target":"[^"]*"//' "$out" >parts.json
sed 's/"target":"[^"]*"//' true.json >whole.json
ok "parts of a sample are judged as the whole" same parts.json whole.json
d eval noisy.csv --against swissroll --json && cp "$out" noisy.json
for measure in w2 sliced_w2 energy thickness ks; do
    spread=$(key ${measure}_floor_spread true.json) bottom=$(key ${measure}_floor true.json)
    ok "true points are true in $measure" within "$(key $measure true.json)" "$bottom" "$(awk -v s="$spread" 'BEGIN { print 3 * s }')"
done
ok "a roll twice as noisy is twice as thick" within "$(key thickness noisy.json)" 2 0.1
ok "and off the shape" below 0.02 "$(key off_shape noisy.json)"
# Data of any seed may be judged with any seed: its own points are not what it is compared with.
d eval true.csv --against swissroll --seed 5 --json
ok "the points of a seed are not judged against themselves" below 0.05 "$(key w2 "$out")"
d eval true.csv --against swissroll --seed 4 --json
ok "nor those of the next" below 0.05 "$(key w2 "$out")"

d data swissroll -q -n 200 -s 9 -o points.csv
d train points.csv --train-steps 1000 -q -o small.safetensors
d eval ideal:points.csv --against swissroll -n 100 --likelihood-points 200 --json && cp "$out" ideal.json
d eval small.safetensors --against swissroll -n 100 --likelihood-points 200 --json && cp "$out" small.json
ok "what memorises has a poor likelihood" below "$(awk -v a="$(key nll small.json)" 'BEGIN { print a + 1 }')" "$(key nll ideal.json)"

d train swissroll -q -o roll.safetensors
before=$(date +%s)
d eval roll.safetensors --json && cp "$out" roll.json
echo "time: eval of 10,000 samples and 2,000 likelihoods took $(($(date +%s) - before)) s"
echo "the default model: kl $(key kl roll.json) +- $(key kl_error roll.json), bound $(key score_kl_bound roll.json) +- $(key score_kl_bound_error roll.json)"
ok "KL of the default model" below 0 "$(key kl roll.json)"
ok "KL of the default model" below "$(key kl roll.json)" 0.06
ok "its error" below 0 "$(key kl_error roll.json)"
ok "its bound" below 0 "$(key score_kl_bound roll.json)"
ok "the error of its bound" below 0 "$(key score_kl_bound_error roll.json)"
ok "kl is nll - entropy" within "$(awk -v a="$(key nll roll.json)" -v b="$(key entropy roll.json)" 'BEGIN { print a - b }')" "$(key kl roll.json)" 1e-5
d eval roll.safetensors -n 100 --likelihood-points 20
ok "the report says what the bound bounds" has 'score_kl_bound .*kl is of the ODE and may exceed it' "$out"

finish
