#!/bin/sh
# rare.sh PROGRAM -- what few people type and few files hold: the ways through the program that no other test takes.
. "$(dirname "$0")/shell.sh"

tiny="--hidden 4 --layers 1 --train-steps 20 -q"
printf 'x\n1\n2\n4\n' >one.csv
d data moons -n 60 -q -o points.csv && d train points.csv $tiny -o model && d train one.csv $tiny -o model.1 &&
    d train points.csv $tiny --scale per-column -o model.columns && d train moons -n 60 $tiny -o learned ||
    fail "the files of the tests could not be made: $(cat "$err")"

# ---- pictures ----

printf 'frame,i,x,y\n0,0,1,2\n1,0,2,2\n' >timeless.csv
printf 'a,label,b\n1,0,2\n3,1,5\n' >named.csv
printf 'frame,t,i,x\n0,1,0,1\n1,0,0,2\n' >thin.csv
printf 'frame,t,x,y\n0,20,1,2\n1,10,2,2\n' >late.csv
awk 'BEGIN { print "x,y,label"; for (i = 0; i < 12; i++) print i "," i % 5 "," i }' >labels.csv
for file in timeless named late labels; do t 0 "$file.svg: [0-9]+ kB of SVG" plot $file.csv -o $file.svg; done
ok "far times have no decimals" has 't = 20<' late.svg
for file in thin one; do t 3 "$file.csv holds fewer than two columns of points" plot $file.csv -o x.svg; done
t 3 'thin.csv holds fewer than two columns of points' plot thin.csv -o x.html
t 3 'timeless.csv is no trajectory' plot timeless.csv -o x.html
t 0 '' plot points.csv late.csv -q -o mixed.svg
t 0 '' plot late.csv -q --title 'All of it' -o titled.svg
ok "a title in capitals" has 'All of it' titled.svg
"$program" plot - -q -o piped.svg <points.csv
ok "points without a name" has '>60 points<' piped.svg
for row in '0,0' '1,0' '0,1' '1,2'; do echo "$row,1,1,1,1,1"; done >rows
header=x,y,log_density,score_x,score_y,x0_x,x0_y
{ echo $header; cat rows; } >uneven.csv
{ echo $header; sed 3q rows; } >short.csv
{ echo $header; sed 's/^./1/' rows; } >upright.csv
for file in uneven short upright; do t 3 "$file.csv: the places are no grid" plot $file.csv -o x.svg; done
t 0 '' plot uneven.csv --columns log_density,score_x -q -o chosen.svg

t 0 '' sample model -n 3 --steps 3 --trajectory --frames 3 -q -o walk.csv
sed '3s/,1,/,7,/' walk.csv >renumbered.csv
sed 3d walk.csv >shorter.csv
sed '2,4s/^0,[^,]*/0,0.5/; 6s/^1,[^,]*/1,0.9/' walk.csv >apart.csv
for file in renumbered shorter apart; do t 3 "frame 1 does not hold the [23] points of frame 0" plot $file.csv -o x.html; done
t 3 '\-\-data: one.csv has fewer than two columns' plot walk.csv --data one.csv -o x.html
t 0 '' plot walk.csv --limits 3 --frames 2 -q -o walk.html

printf '{"step":1,"loss":0.5}\n\n{"step":2,"loss":0.25}' >log.jsonl
printf '{"step":1,"loss":0.5}\n[1]\n' >list.jsonl
printf '{"step":1,"loss":0.5}\n{"step":2,"loss":"x"}\n' >text.jsonl
printf 'step,loss\n1,0.5\n2,0\n' >log.csv
t 0 '' plot log.csv log.jsonl -q -o logs.svg
t 3 'list.jsonl:2: this is no JSON object' plot list.jsonl -o x.svg
t 3 "text.jsonl:2: expected the number 'loss' there" plot text.jsonl -o x.svg
t 2 '--columns names none of the columns of log.csv' plot log.csv --columns nothing -o x.svg

if script --version 2>/dev/null | grep -q util-linux; then
    # drawn PATTERN SETTINGS: points on a terminal, with these settings of the environment.
    terminal() {
        wanted=$1
        shift
        env -u LC_ALL -u LC_CTYPE -u LANG "$@" script -qec "'$program' plot points.csv -q" /dev/null </dev/null >"$out" 2>&1
        ok "a picture on a terminal with $*" has "$wanted" "$out"
    }
    dots='⣿|⠁|⠂|⠄|⡀|⠈|⠐|⠠|⢀'
    for setting in LC_ALL=C.UTF-8 LC_CTYPE=C.utf8 LANG=en.UTF8@x; do terminal "$dots" TERM=xterm "$setting"; done
    for setting in LC_ALL= LANG=C LC_ALL=C.latin1; do terminal 'UTF-8' TERM=xterm "$setting"; done
    terminal 'UTF-8' TERM=dumb LC_ALL=C.UTF-8
    for size in 'cols 8 rows 30' 'cols 60 rows 3'; do
        LC_ALL=C.UTF-8 script -qec "stty $size; '$program' plot points.csv -q" /dev/null </dev/null >"$out" 2>&1
        ok "a picture on a terminal of $size" has "$dots" "$out"
    done
else
    skip 'pictures on a terminal need script of util-linux'
fi

# ---- fields, densities, latents ----

for grid in 1x5 5x1 5x99999 20000x5 5x5x 5; do t 2 "--grid: '$grid' is not of the form 80x80" field model --grid $grid; done
t 0 '' field model --limits 2 --grid 2x2 -q
ok "the limits are the corners" has '^-2,-2,' "$out"
t 3 'model.1 works on 1 columns; a field needs 2' field model.1
t 3 'model.1 works on 1 columns; a report draws the plane' report model.1 -o x.html
t 3 'was scaled column by column' field model.columns
for sigma in 1e9 1e-9; do t 2 "sigma $sigma|sigma 1e.09 is outside of what model knows" field model --sigma $sigma; done
t 3 'one.csv has 1 columns; model works on 2, named x, ...' encode model one.csv
t 0 '' encode model.1 points.csv -q
t 0 '' interpolate model --from 0,1 --to 0,1 -n 3 -q
t 0 '' likelihood exact:moons points.csv -q -o densities.csv
t 2 'densities.csv already has a column log_density' likelihood exact:moons densities.csv
t 2 '--least is for the ODE' likelihood exact:moons points.csv --least 0.1
t 2 'sampler ddim has no variational bound' likelihood model points.csv --bound --sampler ddim
for words in 'model.columns points.csv' 'model.1 one.csv' 'learned points.csv'; do
    t 0 '' likelihood $words --bound --steps 2 -q
done

# ---- measures ----

head -n 3 points.csv >two.csv
quick="-n 40 --steps 2 --likelihood-points 5"
t 3 'one.csv has 1 columns, moons has 2' eval one.csv --against moons
t 3 'two.csv has 2 points; at least 3 are needed' eval two.csv --against moons
t 3 'two.csv has 2 points; a truth needs at least 4' eval model --against two.csv
t 2 'model is a model; only files of points' eval model model --against moons
t 2 '--profile is for models' eval points.csv --against moons --profile x.csv
t 2 'would both go to x.csv' eval model --against moons --profile x.csv -o x.csv
t 2 '--likelihood-points: 1 has no error bar' eval model --against moons --likelihood-points 1
t 3 'no --profile by a common sigma' eval model.columns --against moons --profile x.csv $quick
t 1 'kl is .* above --max-kl' eval model --against moons $quick --max-kl 1e-9 --max-w2 1e-9 -q -o judged
ok "every bound that fails" is "$(grep -c '  w2 is\|kl is' "$err")" 2
t 1 'kl is not available here' eval model --against points.csv -n 40 --steps 2 --max-kl 1e-9 -q -o given
t 2 "--sampler: '' is not known" compare model --against moons --samplers , --steps 3
for steps in , 0 x 1e9; do t 2 "--steps: '[^']*' is not a number of steps" compare model --against moons --steps $steps; done
t 3 'model.1 works on 1 columns, moons has 2' compare model.1 --against moons
t 0 '' compare model model.columns --against points.csv --samplers ddim:eta=0.5,ddpm --steps 2 -n 40 --fine-steps 10 --seeds 2 -q
t 0 '' compare model --against moons --samplers ddim,heun --eta 0,1 --steps 2 -n 40 --fine-steps 10 -q -o etas.csv
ok "a sampler with --eta is there once for each" is "$(grep -c 'ddim:eta=' etas.csv),$(grep -c ',heun' etas.csv)" 2,1
t 0 '' compare learned learned --samplers heun --steps 2 -n 40 --fine-steps 10 -q -o - -f
t 2 'none of' compare model --against moons --samplers heun --eta 0 --steps 2
t 2 'say what model should be compared with' compare model learned --steps 2

# ---- training ----

few="--hidden 4 --layers 1 --train-steps 20 --batch-size 16 -f"
t 0 'of a teacher' train moons -n 60 $few --teacher exact -o taught
t 0 'of averaged targets' train moons -n 60 $few --target batch -o taught
t 2 '--teacher exact needs a shape of known density' train moons -n 60 $few --noise 0 --teacher exact -o x
for option in '--teacher exact' '--target batch'; do
    t 2 "--method vdm teaches single samples.*" train moons -n 60 $few --method vdm $option -o x
    ok "what to drop" has "drop ${option% *}" "$err"
done
t 0 'swissroll:sklearn: x = g' train swissroll:sklearn -n 60 $few -o taught
t 0 'Raise --sigma-end or --shift' train moons -n 60 $few --beta-schedule geometric --sigma-end 1 -o taught
t 2 '--sigma-start' train moons -n 60 $few --beta-schedule geometric --sigma-start 5 --sigma-end 2 -o x
t 2 '--zero-terminal-snr' train moons -n 60 $few --beta-schedule sub-vp --zero-terminal-snr -o x
t 0 '' train moons -n 60 $few -q --method iddpm --schedule-sampler loss-second-moment -T 4 --train-steps 200 -o taught
t 0 '' train moons -n 60 $few -q --seeds 2 -o ./many
ok "models of two seeds" [ -s many-0 -a -s many-1 ]
t 0 '' train points.csv $few -q --train-steps 40 --save-every 20 --time-limit 1e-9 --log-every 1 --log log.0.jsonl -o begun
t 0 '' train --resume begun --log log.0.jsonl -q
ok "a log in JSON goes on" is "$(wc -l <log.0.jsonl | tr -d ' ')" 40
t 0 '' train points.csv $few -q --time-limit 1e-9 -o begun
t 2 'points.csv is not the log of this run' train --resume begun --log points.csv -q

finish
