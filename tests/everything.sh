#!/bin/sh
# everything.sh PROGRAM THREADS MODELS -- makes one of everything that the program can make, in the current folder, and
# notes the checksum of each with the command: in `numbers` of points, tables and tensors, in `words` of what has words
# as well, models, pictures, pages and JSON. Methods, samplers, shapes, presets and the choices of options are those that
# the program itself lists, so that a new one joins by itself; what it refuses is noted as refused. MODELS is the folder
# of golden models. All is tiny, for builds without optimisation and for emulation.
program=$1 threads=$2 models=$3
LC_ALL=C
export LC_ALL
"$program" --version | sed -n 's/.*, \(numerics\) \([0-9]*\),.*/\2 \1/p' >numbers
: >words

must() { "$@" || { echo "failed: $*" >&2; exit 1; }; }
may() {
    "$@" 2>refused && return
    [ $? -eq 2 ] || { cat refused >&2; must false "$@"; }
    shift 2
    echo "refused $*" >>numbers
}
d() { "$program" "$@" -q </dev/null; }
note() { echo "$(cksum <"$1") $2"; }

# The first argument is the file that the command makes.
numbers() { file=$1 && shift && d "$@" --threads "$threads" -f -o "$file" && note "$file" "$*" >>numbers; }
model() { file=$1 && shift && d "$@" --threads "$threads" -f -o "$file" && note "$file" "$*" >>words && tensors "$file" "$*"; }
plot() { file=$1 && shift && d plot "$@" -f -o "$file" && note "$file" "plot $*" >>words; }
said() { d "$@" --threads "$threads" >said && note said "$*" >>words; }
tensors() { echo "$("$program" info "$1" --json | sed 's/.*"crc32c":"\([0-9a-f]*\)".*/\1/') tensors of $2" >>numbers; }

listed() { "$program" list "$1" | sed 's/ .*//'; }
# Every option with choices, and every flag, as the completion of zsh has them: "COMMAND --option CHOICE ...".
must "$program" generate zsh >completion
awk '/^    [a-z]+\)$/ { command = $1; sub(/\)/, "", command) }
    match($0, /--[a-z0-9-]+=?(\[|}.\[)/) {
        option = substr($0, RSTART, RLENGTH)
        takes_value = option ~ /=/
        gsub(/[^a-z0-9-]/, "", option)
        if (match($0, /:\([^()]*\)/)) print command, option, substr($0, RSTART + 2, RLENGTH - 3)
        else if (!takes_value) print command, option
    }' completion >choices
# HELP | each COMMAND WORDS ...: the words with every choice and flag of the command's options that this help explains.
each() {
    command=$1
    shift
    awk -v command="$command" 'NR == FNR { if ($1 == command) choices[$2] = $0; next }
        match($0, /^  (-., )?--[a-z0-9-]+/) {
            option = $1 ~ /^--/ ? $1 : $2
            count = split(choices[option], choice, " ")
            if (count == 2) print option
            for (i = 3; i <= count; i++) if (!seen[option, choice[i]]++) print option, choice[i]
        }' choices - | while read -r option; do may "$@" $option; done
}
own() { sed '1,/^\(Method\|Sampler\) .*:$/d'; }
section() { sed -n "/^$1.*:\$/,/^Threads and output:/p"; }

# ---- points ----

must numbers roll.csv data swissroll -n 150 --seed 5
must numbers few.csv data swissroll -n 9
must numbers dino.npy data dino -n 100 --seed 6
for shape in $(listed shapes); do
    must numbers a.csv data "$shape" -n 70 --seed 7
    may numbers a.csv data "$shape" -n 9 --labels
    may numbers a.csv sample "exact:$shape" -n 9 --steps 3
done
must numbers a.npy noise dino.npy
must numbers a.csv noise roll.csv --frames 3 --scale per-column
"$program" help noise | section Schedule | each noise numbers a.csv noise swissroll -n 9 --t 0.37 || exit 1

# ---- training: every method, every choice ----

brief="--train-steps 4 --warmup 1 --batch-size 70 --hidden 9"
quick="swissroll -n 90 $brief"
for method in $(listed methods); do
    must model "$method.safetensors" train $quick --method "$method" --log-every 1 --log log.csv
    note log.csv "log of $method" >>numbers
    rm log.csv
    must numbers a.csv sample "$method.safetensors" -n 20 --steps 5
    "$program" help train --method "$method" | own | each train model a train $quick --method "$method" || exit 1
done
for preset in $(listed presets); do must model a train dino -n 90 --preset "$preset" --train-steps 2 --hidden 9; done
"$program" help train | section Training | grep -v ' --method ' | each train model a train $quick --layers 2 || exit 1
must model a train roll.csv $brief --method flow-matching --reflow flow-matching.safetensors
must model a train roll.csv $brief --method flow-matching --coupling ot --scale per-column
must model a train roll.csv $brief --layers 3 --block plain --point-features raw --prediction-type x0 --loss vlb --seed 3
must model a train roll.csv $brief --method iddpm -T 4 --schedule-sampler loss-second-moment --train-steps 9

# A run that is stopped and goes on is the run that is not.
whole="train roll.csv --train-steps 30 --batch-size 70 --hidden 21 --layers 2 --log-every 7 --holdout 0.1"
must model whole.safetensors $whole --log whole.csv
note whole.csv "log of $whole" >>numbers
must model stopped.safetensors $whole --time-limit 1e-9
must d train --resume stopped.safetensors --threads "$threads"
must cmp whole.safetensors stopped.safetensors
must d ema edm2.safetensors --width 0.15 -o averaged.safetensors
tensors averaged.safetensors "ema edm2.safetensors --width 0.15"

# ---- sampling: every sampler, every choice ----

for sampler in $(listed samplers); do
    for model in iddpm $(listed methods) none; do
        numbers a.csv sample $model.safetensors -n 20 --steps 5 --sampler "$sampler" 2>refused && break
    done
    [ $model != none ] || must false "no model for sampler $sampler"
    may numbers a.csv likelihood $model.safetensors few.csv --bound --steps 4 --sampler "$sampler"
    "$program" help sample --sampler "$sampler" | own |
        each sample numbers a.csv sample $model.safetensors -n 9 --steps 4 --sampler "$sampler" || exit 1
done
"$program" help sample | section Steps | each sample numbers a.csv sample exact:moons -n 9 --steps 4 --timestep-spacing leading || exit 1
"$program" help sample | section Steps | grep spacing | each sample numbers a.csv sample whole.safetensors -n 9 --steps 4 || exit 1
must numbers samples.csv sample whole.safetensors -n 130 --steps 12 --eta 0.7 --seed 8
must numbers a.csv sample whole.safetensors -n 70 --range 3:68 --steps 3
must numbers walk.csv sample whole.safetensors -n 20 --trajectory --frames 5 --steps 4
must numbers a.npy sample ideal:roll.csv -n 20 --steps 4
must numbers a.csv sample dpm2015.safetensors -n 9 --steps 4 --sampler dpm2015 --observed '0.8,?' --denoise-variance 0.1
must numbers latents.csv encode whole.safetensors roll.csv --steps 4
must numbers a.csv decode whole.safetensors latents.csv --steps 4
must numbers a.csv interpolate whole.safetensors --from -0.56,1.09 --to 0.16,0.74 -n 5 --steps 4

# Models of every version so far still give the points they gave, and checkpoints the same end.
for golden in "$models"/*/*.safetensors; do
    name=${golden#"$models"/}
    cp "$golden" golden.safetensors
    must d sample golden.safetensors --sampler ddim -n 20 --steps 5 --threads "$threads" -f -o a.csv
    note a.csv "sample golden $name" >>numbers
    case $name in *checkpoint*)
        must d train --resume golden.safetensors --threads "$threads"
        tensors golden.safetensors "golden $name resumed" ;;
    esac
done

# ---- measures, of a model so small that a flow of thousands of points is soon done ----

must model small.safetensors train swissroll -n 90 --train-steps 30 --warmup 1 --hidden 3 --layers 1 --point-waves 2 --level-waves 1
must numbers a.csv likelihood whole.safetensors few.csv --ode-steps 3
must numbers a.csv likelihood exact:moons samples.csv
must numbers field.csv field small.safetensors --sigma 0.3 --grid 9x7
printf 'x,y,sigma\n0,1,0.1\n0.5,0.5,0.1\n1,0,0.4\n' >places
must numbers a.csv field exact:swissroll --at places
must said eval small.safetensors --against 8gaussians -n 70 --likelihood-points 9 --steps 4 --json --profile profile.csv
note profile.csv "profile of small.safetensors" >>numbers
must said eval samples.csv --against swissroll --json
must d eval small.safetensors --against 8gaussians -n 70 --likelihood-points 9 --steps 4 --partial --threads "$threads" -o evaluation
tensors evaluation "eval small.safetensors --partial"
must said compare whole.safetensors exact:swissroll --against swissroll --samplers ddpm,ddim:eta=0.5,unipc --steps 5,6 \
    -n 60 --seeds 2 --fine-steps 10 -o compare.csv
note compare.csv "comparison" >>numbers

# ---- pictures, pages and words ----

must plot points.svg roll.csv samples.csv --title Points
must plot density.svg roll.csv samples.csv --density
must plot walk.svg walk.csv --frames 3
must plot field.svg field.csv roll.csv --overlay
must plot loss.svg whole.csv
must plot compare.svg compare.csv
must plot player.html walk.csv walk.csv --data roll.csv --field field.csv
must d report small.safetensors --against roll.csv --log whole.csv -n 70 --steps 4 --threads "$threads" -o report.html
note report.html report >>words
"$program" info whole.safetensors >said && note said "info whole.safetensors" >>words
"$program" generate man >said && note said "generate man" >>words
