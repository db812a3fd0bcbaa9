#!/bin/sh
# cli.sh PROGRAM -- what people type, right and wrong: results, messages, exit statuses, and what is left on the disk.
. "$(dirname "$0")/shell.sh"

tiny="--hidden 4 --layers 1 --train-steps 50 --log-every 20"
make_files() {
    d data swissroll -n 200 -o roll.csv && d train roll.csv $tiny -o model.safetensors &&
    d train moons -n 200 $tiny --timesteps 20 -o short.safetensors
}
make_files || fail "the files of the tests could not be made: $(cat "$err")"
model=$work/model.safetensors short=$work/short.safetensors roll=$work/roll.csv

# ---- help ----

helps() {
    command=$1
    for words in "help $command" "$command --help" "$command -h" "$command x y -h --nonsense"; do
        t 0 '' $words
        for option in $2 "usage: diffuse $command"; do ok "diffuse $words" has "(^|[ ,])$option" "$out"; done
    done
}
output='-o -f -q --output --force --quiet'
common="--threads $output"
parts='--shard --range'
grid='--steps --timestep-spacing --sigma-min --sigma-max --rho'
schedule='--beta-schedule -T --timesteps --beta-start --beta-end --betas-as-given --shift --zero-terminal-snr'
helps data "-n --points --noise --labels -s --seed $parts $common"
helps noise "-t --t --frames -n --points --noise --scale --columns -s --seed $parts $schedule $common"
helps train "--preset --resume --log --save-every --seeds --time-limit --dry-run --data -n --points --noise --columns --scale
    --holdout --method --prediction-type --target --teacher --label --train-steps --batch-size --lr --lr-schedule --warmup --adam-beta1 --adam-beta2
    --adam-epsilon --weight-decay --clip-grad-norm --ema-decay --log-every -s --seed $schedule --hidden --layers --activation
    --block --point-features --point-waves --point-scale --level-features --level-waves --level-scale --random-output --loss $common"
helps sample "-n --points --sampler -s --seed --trajectory --frames --print-steps $parts $grid --eta --sigma-hat $common"
helps encode "$grid $common"
helps decode "$grid $common"
helps interpolate "--from --to -n --points $grid $common"
helps compare "--samplers --steps --merge $common"
helps info "--json"
helps plot "--title --columns --limits --frames --data --field $output"
helps report "-n --points --against --noise --log --sampler -s --seed $grid $schedule $output"
helps papers ""
helps list "shapes samplers methods presets"
t 0 '' help sample --sampler ddpm
ok "help of a sampler" has '--variance-type' "$out"
for words in --help -h help 'help help'; do
    t 0 '' $words
    for command in data noise train sample encode decode interpolate info plot report papers list help; do
        ok "diffuse $words" has "^  $command " "$out"
    done
    ok "diffuse $words" has 'exit status: 0 done' "$out"
done
t 2 '`diffuse help` lists the commands'
for words in --version -V; do
    t 0 '' $words
    ok "diffuse $words" has 'diffuse [0-9.]+, numerics 1, MIT licence' "$out"
    ok "diffuse $words" has 'kernels here: scalar' "$out"
done

# ---- wrong words ----

t 2 "no command 'tran'" tran
t 2 "did you mean 'diffuse train'\?" tran
t 2 "did you mean 'diffuse sample'\?" sampel "$model"
t 2 '`diffuse help` lists the commands' xyzzy
t 2 "no command ''" ''
t 2 "no command '--bogus'" --bogus
t 2 "did you mean 'diffuse noise'\?" help nose
for command in data noise sample encode decode interpolate info plot report; do t 2 "[A-Z]+ is missing" $command; done
t 2 'MODEL is missing' encode
t 2 'POINTS is missing' encode "$model"
t 2 'LATENTS is missing' decode "$model"
t 2 'DATA is missing: a shape such as swissroll, or a file' train
t 2 '-o is missing: where the model goes' train moons
t 2 'a model cannot go to standard output' train moons -o -
t 2 '--from is missing: a point such as 0.5,-1.2' interpolate "$model"
t 2 '--to is missing' interpolate "$model" --from 1,2
t 2 "--to: '3' is not a point of 2 numbers" interpolate "$model" --from 1,2 --to 3
t 2 "--to: '3,4,5' is not a point of 2 numbers" interpolate "$model" --from 1,2 --to 3,4,5
t 2 "--from: '1,a' is not a point of 2 numbers" interpolate "$model" --from 1,a --to 3,4
t 2 'say what to list.*shapes, samplers, methods or presets' list
t 2 "did you mean 'shapes'\?" list shape
t 2 "no paper 'dpm' here" papers dpm
for words in 'data moons' 'noise moons' 'train moons' "sample $model" "encode $model $roll" "interpolate $model" "info $model" \
    'list shapes' 'papers ddim'; do
    t 2 "'extra' is one argument too many" $words extra
    t 2 'unknown option --nonsense' $words --nonsense
    t 2 'unknown option -x' $words -x
    ok "diffuse $words -x" has '`diffuse help [a-z]+` shows the options' "$err"
done

t 2 "no shape 'swisroll'" data swisroll
t 2 "did you mean 'swissroll'\?" data swisroll
t 2 "did you mean '8gaussians'\?" data gaussians8
t 2 '`diffuse list shapes` has them all' data xyzzy
t 2 'did you mean --noise\?' data moons --nosie 1
t 2 'did you mean --lr\?' train moons --learning-rate 1e-3 -o x
t 2 'did you mean --train-steps\?' train moons --epochs 3 -o x
t 2 'did you mean --train-steps\?' train moons --max-steps 3 -o x
t 2 'did you mean --clip-grad-norm\?' train moons --max-grad-norm 1 -o x
t 2 'did you mean --timesteps\?' train moons --num-train-timesteps 50 -o x
t 2 'did you mean --batch-size\?' train moons --train-batch-size 50 -o x
t 2 'did you mean --hidden\?' train moons --hidden-size 50 -o x
t 2 'did you mean --steps\?' sample "$model" --num-inference-steps 50
t 2 'did you mean --sampler\?' sample "$model" --scheduler ddim
t 2 'did you mean --points\?' sample "$model" --num-samples 5
t 2 "did you mean 'eps'\?" train moons --prediction-type epsilon -o x
t 2 'it can be eps, x0, v, score or velocity' train moons --prediction-type w -o x
t 2 "did you mean 'scaled-linear'\?" train moons --beta-schedule scaled_linear -o x
t 2 "did you mean 'tiny-diffusion'\?" train moons --preset tiny -o x
t 2 "'tomorrow' is not known; \`diffuse list methods\`" train moons --method tomorrow -o x
t 2 "it can be .*ddpm" sample "$model" --sampler nonsense
t 2 "did you mean 'ddim'\?" sample "$model" --sampler ddimm
t 2 'it can be karras, leading, linspace, trailing, quad or flow' sample "$model" --timestep-spacing even
t 2 '--eta is an option of another sampler' sample "$model" --sampler ddpm --eta 1
t 2 'add --sampler ddim' sample "$model" --sampler ddpm --eta=1
t 2 'add --sampler ddpm' sample "$model" --variance-type fixed-large

# What would have no effect is refused, not ignored.
t 2 "--points is for shapes, and $roll is a file" train "$roll" -n 50 -o x
t 2 '--noise is for shapes' noise "$roll" --noise 0.1
t 2 '--columns is for files, and moons is a shape' train moons --columns x -o x
t 2 '--beta-start is for --beta-schedule linear, scaled-linear or sub-vp' train moons --beta-start 0.1 -o x
t 2 '--betas-as-given is for --beta-schedule linear' noise moons --betas-as-given
t 2 '--rho is for --timestep-spacing karras' sample "$model" --timestep-spacing quad --rho 3
t 2 '--frames is for --trajectory' sample "$model" --frames 5
t 2 '--t and --frames cannot go together' noise moons --t 0.5 --frames 3
t 2 '--target and --teacher cannot go together' train moons --teacher exact --target batch -o x
t 2 "--teacher: 'me' is not known; it can be exact" train moons --teacher me -o x
t 2 '--teacher exact needs a shape' train "$roll" --teacher exact -o x
t 2 '--teacher exact needs a shape' train moons --teacher exact --scale per-column -o x
awk 'BEGIN { print "a,b,c,d"; for (i = 0; i < 30; i++) print i "," i % 7 "," i * i "," i % 3 }' >"$work/four.csv"
t 2 '--target batch is for points of at most 3 columns, and these have 4' train "$work/four.csv" --target batch -o x
t 2 '--slices has no effect with --estimator exact' train moons --method ssm --estimator exact --slices 3 -o x
t 2 '--projection has no effect with --estimator exact' train moons --method ssm --projection gaussian --estimator exact -o x
t 2 '--vlb-weight has no effect with --loss vlb' train moons --method iddpm --loss vlb --vlb-weight 1 -o x
t 2 '--point-waves has no effect with --point-features raw' train moons --point-features raw --point-waves 3 -o x
t 2 '--level-scale has no effect with --level-features raw' train moons --level-features raw --level-scale 3 -o x
t 2 '--snr has no effect with --corrector-steps 0' sample "$model" --sampler pc --snr 0.2 --corrector-steps 0
t 2 '--s-noise has no effect with --s-churn 0' sample "$model" --sampler heun --s-noise 1.1
t 2 '--s-tmin has no effect with --s-churn 0' compare "$model" --samplers ddim,euler:s-tmin=1
t 2 '--eta and --sigma-hat cannot go together' compare "$model" --samplers ddim:eta=1:sigma-hat=yes
t 2 '--diffusion-norm has no effect with --diffusion none' sample "$model" --sampler sit --diffusion none --diffusion-norm 2
d train moons -n 100 --train-steps 2 --method flow-matching --coupling ot -q -o "$work/coupled"
for sampler in 'heun --s-churn 1' 'euler --s-churn 1' 'ddim --eta 1' ddpm pc langevin dpmpp_2m_sde analytic_dpm; do
    t 2 'needs a model whose noise and data were independent' sample "$work/coupled" -n 2 --sampler $sampler
done
for sampler in heun euler ddim flow; do t 0 "2 points by $sampler" sample "$work/coupled" -n 2 --sampler $sampler; done
t 2 'DATA is given twice' train moons --data dino -o x
t 2 '-o and --log both name x' train moons -o x --log x
t 2 '--time-limit cannot go with --seeds' train moons -o x --seeds 2 --time-limit 1
t 2 'dino has no classes' data dino --labels

# ---- numbers ----

count_wanted='is not a whole number such as 500, 10k or 1e6'
for bad in abc -1 1e99 nan inf 0x10 1.5 '' 5q '5 ' 1e-1 --; do t 2 "--points: '$bad' $count_wanted" data moons -n "$bad"; done
for bad in abc nan inf 0x1 '' '1,5' 1e999; do t 2 "--noise: '$bad' is not a number such as" data moons --noise "$bad"; done
t 2 '--points: 0 is out of range; it goes from 1 to' data moons -n 0
t 2 '--points: 1 is out of range; it goes from 2 to' train moons -n 1 -o x
t 2 '--noise: 11 is out of range; it goes from -1 to 10' data moons --noise 11
t 2 '--hidden: 1e9 is out of range; it goes from 1 to 4096' train moons --hidden 1e9 -o x
t 5 'is more than 16777216 weights' train moons --hidden 4096 --layers 64 -o x
t 2 '--lr: -1 is out of range' train moons --lr -1 -o x
t 2 '--t: 1.5 is out of range; it goes from 0 to 1' noise moons -t 1.5
t 2 '--eta: 2 is out of range; it goes from 0 to 1' sample "$model" --eta 2
t 2 '--points needs a value' data moons -n
t 2 '--output needs a value' train moons -o
t 2 "--labels: 'maybe' is not yes or no" data moons --labels=maybe
t 2 '-q takes no value' data moons -qf
t 5 'out of memory|over' sample "$model" -n 1e15 --trajectory
counts() {
    d data moons -q "$@"
    ok "diffuse data moons $*" rows "$rows" "$out"
}
rows=1001 && counts -n 1k && counts -n 1e3 && counts -n 1000 && counts --points 1000 && counts --points=1000 && counts -n1000
rows=1501 && counts -n 1.5k
rows=3 && counts -n 7 -n 2

# ---- where options and operands may stand ----

d data moons -q -n 3 --seed 7
cp "$out" expected
for words in '-q -n 3 --seed 7 moons' '-n3 moons -s7 -q' '--points=3 -q --seed=7 -- moons' 'moons --quiet -s 7 -n 3 --' \
    'moons -q -n 3 -s 7 --labels=no' 'moons -q -n 3 -s 7 -o -'; do
    t 0 '' data $words
    ok "diffuse data $words" same "$out" expected
done
t 2 "'-n' is one argument too many" data moons -- -n 3
t 4 'cannot read -n' train -o x -- -n
d train moons --dry-run --preset ho2020 --preset cosine-v
ok "the last of two presets counts" has '^prediction-type +v' "$out"
d sample "$short" -n 2 --sampler ddpm --sampler ddim
ok "the last of two samplers counts" has 'by ddim in 50 steps' "$err"

# ---- kernels ----

for command in "data moons -n 2" "sample $model -n 2" "train moons -o x"; do
    DIFFUSE_SIMD=nonsense "$program" $command >"$out" 2>"$err"
    ok "DIFFUSE_SIMD=nonsense $command" is $? 2
    ok "DIFFUSE_SIMD=nonsense $command" has "DIFFUSE_SIMD is 'nonsense'; this machine has scalar" "$err"
done
DIFFUSE_SIMD='' "$program" sample "$model" -q -n 3 >expected
DIFFUSE_SIMD=scalar "$program" sample "$model" -q -n 3 >"$out"
ok "scalar kernels give the same bytes" same "$out" expected

# ---- results: refused, replaced, failed ----

writers() {
    cat <<END
data moons -n 10
noise moons -n 10
noise moons -n 10 --frames 3
sample $model -n 10
sample $model -n 10 --steps 3 --trajectory
sample $model --print-steps
encode $model $roll --steps 3
decode $model $roll --steps 3
interpolate $model --from 1,1 --to 0,1 --steps 3
plot $roll
END
}
talkers() {
    cat <<END
help
help train
train --help
--version
list shapes
list samplers
list methods
list presets
papers
papers ddpm
info $model
info $model --json
train moons -n 10 --dry-run
generate man
generate bash
generate zsh
END
}

folder
echo precious >old.svg
writers >"$work/lines"
echo "train moons -n 10 $tiny" >>"$work/lines"
while IFS= read -r line; do
    t 2 'old.svg exists; use -f to overwrite it' $line -o old.svg
    t 4 'cannot write missing/x.svg: No such file or directory' $line -o missing/x.svg
    t 4 "$work/here is a directory; name a file in it" $line -o "$work/here" -f
    ok "old.svg is untouched by $line" has precious old.svg
    leaves 'old.svg '
    t 0 '' $line -q -o old.svg -f
    ok "$line -o old.svg -f" [ -s old.svg ]
    echo precious >old.svg
done <"$work/lines"
while IFS= read -r line; do
    "$program" $line -q >expected
    t 0 '' $line -q -o -
    ok "$line -o -" same "$out" expected
done <<END
$(writers)
END

# A full disk, a closed standard output, a reader that goes away.
cd "$work" || exit 1
{ writers; talkers; } >lines
while IFS= read -r line; do
    if [ -c /dev/full ]; then
        "$program" $line </dev/null >/dev/full 2>"$err"
        ok "$line >/dev/full" is $? 4
        ok "$line >/dev/full" has 'standard output' "$err"
    fi
    "$program" $line </dev/null >&- 2>"$err"
    ok "$line >&-" is $? 4
done <lines
[ -c /dev/full ] || skip 'there is no /dev/full'
for line in 'data moons -n 1e6' 'noise moons -n 1e5 --frames 100' "sample $model -n 1e6 --steps 1" "sample $model --steps 1e5 --print-steps"; do
    "$program" $line </dev/null 2>"$err" | head -n 1 >"$out"
    ok "$line | head -n 1" rows 1 "$out"
    ok "$line | head -n 1 says nothing" [ ! -s "$err" ]
    (trap '' PIPE; "$program" $line </dev/null 2>"$err"; echo $? >status) | head -n 1 >"$out"
    ok "$line | head -n 1, with the signal ignored, says nothing" [ ! -s "$err" ]
    ok "$line | head -n 1 is no success" no is "$(cat status)" 0
done
folder
echo precious >big.csv
(ulimit -f 8; d data moons -n 1e5 -f -o big.csv)
ok "a limit on the size of files" is $? 4
ok "a limit on the size of files" has 'cannot write big.csv: File too large' "$err"
ok "big.csv is untouched" has precious big.csv
leaves 'big.csv '

# ---- points ----

cd "$work" || exit 1
d list shapes
awk '{ print $1 }' "$out" >shapes
ok "there are shapes" below 10 "$(wc -l <shapes)"
while read -r shape; do
    t 0 '' data "$shape" -q -n 50
    ok "data $shape" rows 51 "$out"
    ok "data $shape has numbers" no grep -qvE '^(x,y|-?[0-9.e+-]+,-?[0-9.e+-]+)$' "$out"
    if d data "$shape" -q -n 50 --labels; then
        ok "data $shape --labels" no grep -qvE '^(x,y,label|[^,]+,[^,]+,[0-9]+)$' "$out"
        ok "data $shape --labels has two classes" below 1 "$(sed 1d "$out" | cut -d, -f3 | sort -u | wc -l)"
    else
        ok "data $shape --labels" has 'has no classes' "$err"
    fi
done <shapes
d data pinwheel -q -n 10 -s 3 && cp "$out" ten
d data pinwheel -q -n 20 -s 3 && head -n 11 "$out" >twenty
ok "10 points are the first of 20" same ten twenty
d data pinwheel -q -n 10 -s 4
ok "another seed, other points" no same ten "$out"
t 0 '^10 points of pinwheel: ' data pinwheel -n 10

d noise "$roll" -q -t 0
ok "no noise at t = 0" below "$(difference "$roll" "$out")" 1e-6
t 0 'points at t = 1: alpha' noise swissroll -n 5000 -t 1
for column in 1 2; do
    variance=$(sed 1d "$out" | awk -F, -v c=$column '{ s += $c; q += $c * $c } END { print q / NR - (s / NR)^2 }')
    ok "variance at t = 1" below 0.9 "$variance"
    ok "variance at t = 1" below "$variance" 1.1
done
t 0 '3 points in 4 frames' noise moons -n 3 --frames 4
ok "columns of frames" has '^frame,t,i,x,y$' "$out"
ok "frames, times and points" is "$(sed 1d "$out" | cut -d, -f1-3 | tr '\n' ' ')" \
    "0,0,0 0,0,1 0,0,2 1,0.333333333,0 1,0.333333333,1 1,0.333333333,2 2,0.666666667,0 2,0.666666667,1 2,0.666666667,2 3,1,0 3,1,1 3,1,2 "

# ---- data to learn from, in every dress ----

folder
learn() { t 0 '' train "$1" $tiny -q -f -o "$2" $3; }
d data 8gaussians -n 60 --labels -o labels.csv
cut -d, -f1-2 labels.csv >points.csv
learn points.csv plain
wanted=$(tensors plain)
expect() {
    learn "$1" other "$2"
    ok "the tensors learned from $1 $2" is "$(tensors other)" "$wanted"
}
expect labels.csv
expect labels.csv '--columns x,y'
expect labels.csv '--columns 1,2'
tr , ';' <points.csv >semicolons.csv && expect semicolons.csv
tr , '\t' <points.csv >tabs.tsv && expect tabs.tsv
tr , ' ' <points.csv >blanks.txt && expect blanks.txt
sed 1d points.csv >bare.csv && expect bare.csv
sed 's/$/\r/' points.csv >dos.csv && expect dos.csv
awk -F, 'NR == 1 { print "name,y,x" } NR > 1 { print "dot,"$2","$1 }' points.csv >text.csv && expect text.csv '--columns x,y'
expect text.csv '--columns 3,2'
d data 8gaussians -n 60 -o points.npy && expect points.npy
expect 8gaussians '-n 60'
t 3 "text.csv:2:1: expected a number in column 'name', found 'dot'" train text.csv $tiny -o x
ok "the hint" has 'choose the other columns: --columns y,x' "$err"
t 2 "there is no column 'w'" train text.csv --columns x,w -o x
ok "the hint" has 'its columns are name, y, x' "$err"
t 2 "there is no column '4'" train text.csv --columns 4 -o x
t 2 "column 'x' is chosen twice" train text.csv --columns x,x -o x
learn labels.csv labelled '--columns x,y,label' && d sample labelled -q -n 2
ok "a label that is chosen is learned" has '^x,y,label$' "$out"
"$program" train - $tiny -q -o piped <points.csv
ok "the tensors learned from standard input" is "$(tensors piped)" "$wanted"

printf 'a\n1\n2\n4.5\n' >line.csv && learn line.csv line && t 0 '3 points by ddim' sample line -n 3
ok "a line has one column" has '^a$' "$out"
printf '1 2 3\n2 5 1\n5 1 2.385\n' >space.txt && learn space.txt space && t 0 '3 points by ddim' sample space -n 3
ok "space has three columns" has '^x,y,z$' "$out"
t 0 '' encode line line.csv -q --steps 5
t 3 'has 3 columns; line works on 1' encode line space.txt
printf 'x,y\n1,2\n1,3\n' >flat.csv && learn flat.csv flat
t 3 'column x has the same value in every row' train flat.csv --scale per-column -o x
printf 'x,y\n1,2\n1,2\n1,2\n' >same.csv
t 3 'all 3 points are the same' train same.csv -o x
printf 'x,y\n1,2\n' >one.csv
t 3 'one.csv: ' train one.csv -o x
printf '1,1e300\n3,-1e300\n' >large.csv
t 3 "large.csv:1: column 'y' has 1e\+300, and points go from -3.4e\+38 to 3.4e\+38" train large.csv -o x
printf 'x,y\n1,2\n3,nan\n' >nan.csv
t 3 "nan.csv:3:3: expected a finite number in column 'y', found 'nan'" train nan.csv -o x
printf 'x;y\n1,5;2\n' >commas.csv
t 3 "commas.csv:2:1: expected a number, found '1,5'" train commas.csv -o x
printf 'x,y\n1,2\n3\n' >ragged.csv
t 3 'ragged.csv:3:2: found 1 and expected 2 fields' train ragged.csv -o x
printf '"a,b",y\n1,2\n3,4\n' >quoted.csv
t 3 'could not be written with the name of column 1' train quoted.csv -o x
: >empty.csv
t 3 'empty.csv:1:1: there are no rows of data' train empty.csv -o x
t 4 'is a directory; name a file in it' train . -o x
t 4 'cannot read nothing.csv: No such file' train nothing.csv -o x
t 4 'cannot read swisroll: No such file' train swisroll -o x
ok "a misspelt shape" has 'did you mean the shape swissroll\?' "$err"
t 3 'there are no rows of data' train - -o x
ok "nothing was written" [ ! -e x ]

# ---- training ----

folder
t 0 'learning 200 points of moons: ddpm, v-prediction, cosine schedule' train moons -n 200 $tiny --dry-run -o x --log x.csv
ok "a dry run shows settings" has '^train-steps +50$' "$out"
ok "a dry run shows the size" has '^weights +270$' "$out"
t 2 '--seeds cannot go with --dry-run' train moons -n 200 $tiny --dry-run --seeds 2 -q
leaves ''

t 0 'next: diffuse sample a.safetensors' train moons -n 200 $tiny -o a.safetensors --log a.csv
ok "what is left at step T" has 'signal left at step T: alpha-bar 2\.7' "$err"
ok "what was written" has 'wrote a.safetensors: 270 weights, 50 steps, loss [0-9.]+ of averaged targets, ' "$err"
ok "no progress without a terminal" no has 'points/s' "$err"
ok "columns of the log" has '^step,loss,gradient_norm,lr$' a.csv
ok "steps of the log" is "$(cut -d, -f1 a.csv | tr '\n' ' ')" 'step 20 40 50 '
t 0 '' train moons -n 200 $tiny -q -o b.safetensors --log b.csv
ok "the same model again" same a.safetensors b.safetensors
ok "the same log again" same a.csv b.csv
leaves 'a.csv a.safetensors b.csv b.safetensors '
t 0 '' train moons -n 200 $tiny -q -f -o b.safetensors --log b.jsonl --holdout 0.2
ok "a log in JSON" is "$(sed 's/^{"step":\([0-9]*\),"loss":[0-9.]*,"gradient_norm":[0-9.]*,"lr":[0-9.]*,"held_out":[0-9.]*}$/\1/' b.jsonl | tr '\n' ' ')" \
    '20 40 50 '
t 0 '' train moons -n 200 $tiny -q -f -o b.safetensors --log b.csv --holdout 0.2
ok "a column of what is held out" has '^step,loss,gradient_norm,lr,held_out$' b.csv
t 3 '2 points with --holdout 0.9 leave 1 to learn from' train moons -n 2 --holdout 0.9 -s 0 -o x
t 2 'a.safetensors exists; use -f' train moons -n 1e8 -o a.safetensors
t 2 'a.csv exists; use -f' train moons -n 200 $tiny -o c.safetensors --log a.csv
t 4 'cannot write missing/x.csv' train moons -n 200 $tiny -o c.safetensors --log missing/x.csv
ok "no model without its log" [ ! -e c.safetensors ]
if [ -c /dev/full ]; then t 0 'warning: /dev/full is incomplete' train moons -n 200 $tiny -f -o c.safetensors --log /dev/full; fi

folder
t 0 'final loss of 2 seeds: median [0-9.]+, best [0-9.]+, worst' train moons -n 200 $tiny --seeds 2 -s 5 -o s.safetensors --log s.csv
leaves 's-5.csv s-5.safetensors s-6.csv s-6.safetensors '
t 0 '' train moons -n 200 $tiny -s 6 -q -o six.safetensors
ok "--seeds 2 ends with what --seed 6 gives" same s-6.safetensors six.safetensors
t 2 's-5.safetensors exists; use -f' train moons -n 200 $tiny --seeds 2 -s 5 -o s.safetensors

d data swissroll -n 20000 --seed 0 -o roll.csv
t 0 '' train swissroll $tiny -q -o shape.safetensors
t 0 '' train roll.csv $tiny -q -o file.safetensors
ok "train swissroll equals train roll.csv" is "$(tensors file.safetensors)" "$(tensors shape.safetensors)"

t 2 '--zero-terminal-snr cannot go with --prediction-type eps' train moons --zero-terminal-snr --prediction-type eps -o x
t 0 'alpha-bar 0$' train moons -n 200 $tiny --zero-terminal-snr -o zero.safetensors
t 0 '' sample zero.safetensors -q -n 5 --timestep-spacing trailing
t 0 'at step T 60.3 % of the variance is still the data' train moons -n 200 --preset tiny-diffusion --dry-run
t 0 'signal left' train moons -n 200 --preset tiny-diffusion-fixed --dry-run
ok "no warning for tiny-diffusion-fixed" no has warning "$err"
d list presets
for preset in $(awk '{ print $1 }' "$out"); do t 0 'learning 20 points of moons' train moons -n 20 --preset "$preset" --dry-run; done

if script --version 2>/dev/null | grep -q util-linux; then
    script -qec "'$program' train moons -n 200 $tiny -o tty.safetensors" /dev/null </dev/null >"$out" 2>&1
    ok "progress on a terminal" has 'step 50 of 50   loss' "$out"
    script -qec "'$program' train moons -n 200 $tiny -q -f -o tty.safetensors" /dev/null </dev/null >"$out" 2>&1
    ok "-q on a terminal" [ ! -s "$out" ]
else
    skip 'progress on a terminal needs script of util-linux'
fi

# ---- stopping and going on ----

folder
long="moons -n 200 --hidden 4 --layers 1 --batch-size 32 --train-steps 20000 --log-every 500"
t 0 '' train $long -q -o whole.safetensors --log whole.csv
until_row() { while kill -0 "$1" 2>/dev/null && ! grep -qs "^$2," "$3"; do pause; done; }

"$program" train $long -o part.safetensors --log part.csv </dev/null >"$out" 2>"$err" &
until_row $! 1500 part.csv
kill -INT $!
wait $!
ok "ended by the signal" is $? 130
ok "it says what it does" has '^stopped; saving$' "$err"
ok "it says how to go on" has 'step [0-9,]+ of 20,000 is saved; to go on: diffuse train --resume part.safetensors --log part.csv' "$err"
leaves 'part.csv part.safetensors whole.csv whole.safetensors '
d info part.safetensors
ok "a checkpoint" has 'a checkpoint, to be resumed' "$out"
t 0 '' sample part.safetensors -q -n 5
cp part.safetensors checkpoint

t 2 '--lr is settled by the checkpoint' train --resume checkpoint --lr 1
t 2 '--points is settled by the checkpoint' train --resume checkpoint -n 100
t 2 '--preset cannot go with --resume' train --resume checkpoint --preset ho2020
t 2 '--seeds cannot go with --resume' train --resume checkpoint --seeds 2
t 3 'swissroll is not what checkpoint was trained on' train swissroll --resume checkpoint
t 3 'whole.safetensors is a finished model of 20,000 steps; there is nothing to resume' train --resume whole.safetensors
t 4 'cannot read nothing: No such file' train --resume nothing
t 2 'whole.safetensors exists; use -f' train --resume checkpoint -o whole.safetensors
printf 'a,b\n1,2\n' >other.csv
t 2 'other.csv is not the log of this run' train --resume checkpoint --log other.csv
ok "other.csv is untouched" rows 2 other.csv
ok "the checkpoint is untouched" same part.safetensors checkpoint

t 0 '' train --resume part.safetensors --log part.csv -q
ok "resumed after Ctrl-C: the model of an unbroken run" same part.safetensors whole.safetensors
ok "resumed after Ctrl-C: the log of an unbroken run" same part.csv whole.csv

rm part.safetensors part.csv
"$program" train $long -q -o part.safetensors --log part.csv --save-every 700 </dev/null >"$out" 2>"$err" &
until_row $! 2000 part.csv
kill -9 $!
wait $! 2>/dev/null
d info part.safetensors
ok "a checkpoint after kill -9" has '[0-9]00 of 20,000 steps' "$out"
t 0 '' train --resume part.safetensors --log part.csv -q
ok "resumed after kill -9: the model of an unbroken run" same part.safetensors whole.safetensors
ok "resumed after kill -9: the log of an unbroken run" same part.csv whole.csv

t 0 'the time is up; saving' train $long -f -o part.safetensors --train-steps 1e9 --time-limit 0.1 --log part.csv -f
ok "it says how to go on" has 'of 1,000,000,000 is saved; to go on: diffuse train --resume part.safetensors' "$err"
t 0 'the time is up; saving' train --resume part.safetensors --log part.csv --time-limit 0.1

folder
wild="moons -n 200 $tiny --clip-grad-norm 0 --warmup 0"
t 6 'training diverged at step 2: .*learning rate' train $wild --lr 1e9 -o x
ok "what was kept" has 'the state of step 1 is in x' "$err"
ok "what to try" has 'try a smaller --lr, such as 1e\+08$' "$err"
ok "what was kept" d info x
t 6 'the state of step 1 is in x' train $wild --lr 1e9 -f -o x --save-every 1
t 0 '' info x
t 0 '' train $wild -q -f -o x
cp x before
t 6 'nothing was written' train $wild --lr 1e9 -f -o x
ok "the older model is untouched" same x before

# ---- sampling ----

cd "$work" || exit 1
t 0 '^7 points by ddim in 50 steps, seed 0$' sample "$model" -n 7
ok "7 rows and a header" rows 8 "$out"
cp "$out" seven
d sample "$model" -n 200 && head -n 8 "$out" >first
ok "7 points are the first of 200" same seven first
d sample "$model" -n 7 -s 1
ok "another seed, other points" no same seven "$out"
d sample "$model" -n 7 --eta 0
ok "eta is 0 by default" same seven "$out"
d sample "$model" -n 7 --eta 1
ok "eta 1 differs" no same seven "$out"
t 0 '5 points by ddpm in 20 steps' sample "$short" -n 5 --sampler ddpm
cp "$out" five
d sample "$short" -n 90 --sampler ddpm && head -n 6 "$out" >first
ok "5 points are the first of 90" same five first
d sample "$model" -q -n 5 -o five.npy
ok "a sample in NPY" is "$(head -c 6 five.npy | tail -c 5)" NUMPY

t 0 '' sample "$model" -q -n 3 --steps 6 --trajectory --frames 4
cp "$out" film
ok "columns of a trajectory" has '^frame,t,i,x,y$' film
ok "frames and points" is "$(sed 1d film | cut -d, -f1,3 | tr '\n' ' ')" '0,0 0,1 0,2 1,0 1,1 1,2 2,0 2,1 2,2 3,0 3,1 3,2 '
ok "t falls to 0" awk -F, 'NR > 1 && $2 > before && NR > 2 { exit 1 } { before = $2 } END { if ($2 != 0) exit 1 }' film
d sample "$model" -q -n 3 --steps 6
{ echo x,y; tail -n 3 film | cut -d, -f4-5; } >last
ok "the last frame is the sample" same last "$out"
t 0 '3 steps have 4 frames, not 51' sample "$model" -n 2 --steps 3 --trajectory
t 0 '20 steps have 21 frames, not 51' sample "$short" -n 2 --sampler ddpm --trajectory

for spacing in karras leading linspace trailing quad; do
    t 0 '' sample "$model" --steps 7 --timestep-spacing $spacing --print-steps
    ok "7 steps, $spacing: 8 levels" rows 9 "$out"
    ok "7 steps, $spacing: less and less noise" awk -F, 'NR == 2 { before = $4 + 1 } NR > 1 { if ($4 >= before) exit 1; before = $4 } END { if ($4 != 0) exit 1 }' "$out"
done
t 2 '--steps 21 is more than the 20 timesteps of the model' sample "$short" --steps 21 --timestep-spacing trailing
t 2 '--sigma-min 1 is not below --sigma-max 0.5' sample "$model" --sigma-min 1 --sigma-max 0.5
t 2 'leaves the levels of the schedule, sigma/alpha from 0.00192' sample "$model" --sigma-max 1e8
t 2 'leaves the levels of the schedule' sample "$model" --sigma-min 1e-8
t 4 'cannot read nothing: No such file' sample nothing
t 3 'this is no safetensors file' sample "$roll"
t 4 'is a directory' sample .
t 3 'standard input' sample -
"$program" sample - -n 7 <"$model" 2>"$err" >"$out"
ok "a model from standard input" same "$out" seven

# ---- latents ----

"$program" encode "$model" "$roll" -q | "$program" decode "$model" - -q >back
ok "decode undoes encode" below "$(difference "$roll" back)" 0.05
t 0 '5 points between the two latents' interpolate "$model" --from -0.56,1.09 --to 0.16,0.74 -n 5
ok "w goes from 0 to 1" is "$(sed 1d "$out" | cut -d, -f1 | tr '\n' ' ')" '0 0.25 0.5 0.75 1 '
{ echo x,y; sed -n '2p;$p' "$out" | cut -d, -f2-3; } >ends
printf 'x,y\n-0.56,1.09\n0.16,0.74\n' >wanted
ok "interpolation begins and ends at the points" below "$(difference ends wanted)" 0.05
t 3 'there are no rows of data' encode "$model" -

# ---- what a model is ----

t 0 '' info "$model"
ok "a finished model" has 'model.safetensors: a finished model$' "$out"
ok "its method" has 'method +ddpm, predicting v; 50 of 50 steps of 256 points, seed 0' "$out"
ok "its tensors" has '^  net.0.weight +F32 +\[4, [0-9]+\] +[0-9.]+$' "$out"
header='{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
printf "\\$(printf %o ${#header})\\0\\0\\0\\0\\0\\0\\0%s\\0\\0\\200\\077" "$header" >foreign.safetensors
t 0 '' info foreign.safetensors
ok "somebody else's file" has 'foreign.safetensors: a safetensors file, not a model of this program' "$out"
ok "its tensor" has '^  w +F32 +\[1\] +1$' "$out"
t 3 "there is no diffuse.schema in its metadata" sample foreign.safetensors
t 3 'this is no safetensors file' info "$roll"
head -c 1000 "$model" >cut.safetensors
t 3 'cut.safetensors: ' info cut.safetensors

if can_parse; then
    for file in "$model" "$short" foreign.safetensors; do
        d info "$file" --json
        ok "info $file --json is JSON" parses <"$out"
    done
    d train moons -n 200 $tiny -q -f -o x --log log.jsonl --holdout 0.1
    ok "a log is JSON lines" parses <log.jsonl
else
    skip 'nothing here parses JSON'
fi

# ---- other averages, other units ----

t 2 'has kept no averages.*|try.*|train with --method edm2' ema "$short" -o averaged.safetensors
d train moons --method edm2 -n 500 --train-steps 40 --batch-size 64 -o edm2.safetensors
t 2 '-o is missing' ema edm2.safetensors
t 0 'an average of width 0.1' ema edm2.safetensors --width 0.1 -o averaged.safetensors
t 0 '4 points by heun in 5 steps' sample averaged.safetensors -n 4 --steps 5 --sampler heun
d train moons --method edm --sigma-data 0.5 --scale none -n 500 --train-steps 2 -o unit.safetensors
t 0 '' info unit.safetensors
ok "data are divided by --sigma-data" has 'scaling .*/0.5,' "$out"

# ---- papers, lists, pictures ----

t 0 '' papers
ok "papers" has '^ddpm +2020  Denoising Diffusion Probabilistic Models' "$out"
for key in $(awk '/^[a-z]/ { print $1 }' "$out"); do t 0 '' papers "$key" && ok "papers $key" has 'arXiv:[0-9]+\.[0-9]+' "$out"; done
t 0 '' list samplers
for sampler in $(awk '$1 != "dpm2015" { print $1 }' "$out"); do t 0 "4 points by $sampler in 5 steps" sample "$short" -n 4 --steps 5 --sampler "$sampler"; done
t 2 'the learned variance that is asked for is not in this model' sample "$short" -n 4 --steps 5 --sampler dpm2015
t 2 "ends in '.png'" plot "$roll" -o picture.png
t 4 'cannot read nothing.csv: No such file' plot nothing.csv -o picture.svg
t 3 'there are no rows of data' plot - -o picture.svg
t 3 'model.safetensors' plot "$model" -o picture.svg
ok "no picture after a failure" [ ! -e picture.svg ]

finish
