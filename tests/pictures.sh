#!/bin/sh
# pictures.sh PROGRAM -- plot and train --watch as people type them: every kind of picture, of sensible files and of others.
. "$(dirname "$0")/shell.sh"

tiny="--hidden 4 --layers 1 --train-steps 60 --log-every 20"
make_files() {
    d data swissroll -n 300 -s 9 -o roll.csv && d data tree -n 60 --labels -o tree.csv &&
    d train roll.csv $tiny -o model.safetensors --log run.csv --holdout 0.1 &&
    d train roll.csv $tiny -s 1 -o other.safetensors --log run.jsonl &&
    d sample model.safetensors -n 40 --trajectory --frames 9 -o path.csv && d noise roll.csv --frames 9 -o noise.csv &&
    d field exact:swissroll --grid 30x20 -o field.csv && d sample model.safetensors -n 50 -o samples.npy &&
    d compare model.safetensors other.safetensors --against swissroll --steps 3,6,12 -n 50 --fine-steps 10 --seeds 2 -o compare.csv
}
make_files || fail "the files of the tests could not be made: $(cat "$err")"

# An SVG that readers of XML and of SVG accept, where such are installed.
is_svg() {
    [ "$(head -c 5 "$1")" = '<svg ' ] && [ "$(tail -n 1 "$1")" = '</svg>' ] && ! grep -qiE 'nan|inf[^o]' "$1" || return 1
    ! command -v xmllint >/dev/null 2>&1 || xmllint --noout "$1" || return 1
    ! command -v rsvg-convert >/dev/null 2>&1 || rsvg-convert -o "$work/drawn.png" "$1"
}
for tool in xmllint rsvg-convert; do command -v $tool >/dev/null 2>&1 || skip "$tool is not installed"; done

# drawn PATTERN FILE... [OPTION...]: plot makes a picture, the same one again, with a line like PATTERN.
drawn() {
    pattern=$1
    shift
    t 0 '' plot "$@" -q -f -o "$work/picture.svg"
    ok "plot $*" is_svg "$work/picture.svg"
    ok "plot $*" has "$pattern" "$work/picture.svg"
    "$program" plot "$@" >"$work/again.svg" 2>"$err"
    ok "plot $* again" same "$work/picture.svg" "$work/again.svg"
}

# ---- what can be drawn ----

drawn '>roll</text>' roll.csv
drawn '>One &lt;script&gt; &amp; all</text>' roll.csv --title 'One <script> & all'
drawn 'class="dots s1"' roll.csv samples.npy
drawn '>roll</text>' roll.csv samples.npy --overlay
drawn '>density</text>' roll.csv --density
drawn '>label 1</text>' tree.csv
drawn '>noise, t = 0.00</text>' noise.csv path.csv
drawn '>t = 0.00</text>' path.csv --frames 3
ok "three frames" is "$(grep -c '<g transform' "$work/picture.svg")" 3
drawn 'class="arrows"' field.csv
drawn 'class="dots s1"' field.csv roll.csv --overlay
drawn '>−0.2</text>' roll.csv --limits 0.3
drawn 'outside</tspan>' roll.csv --limits 0.3
drawn '>held out</text>' run.csv
drawn '>learning rate</text>' run.csv
drawn '>gradient norm</text>' run.jsonl
drawn '>run, held out</text>' run.csv run.jsonl
drawn '>loss</text>' run.csv --columns loss
ok "one graph" is "$(grep -c '<g transform' "$work/picture.svg")" 1
drawn '>other, ddim</text>' compare.csv
ok "four lines in each graph, and the legend" is "$(grep -c 'class="line s' "$work/picture.svg")" $((5 * 4 + 4))
ok "a floor in all but displacement, and the legend" is "$(grep -c 'class="floor"' "$work/picture.svg")" 5
drawn '>sliced w2</text>' compare.csv --columns sliced_w2
t 0 'picture.svg: [0-9]+ kB of SVG' plot roll.csv -f -o "$work/picture.svg"

# Light and dark paper, and no address of anything outside.
ok "dark paper" has 'prefers-color-scheme:dark' "$work/picture.svg"
ok "no addresses" is "$(grep -o 'http[^"]*' "$work/picture.svg")" http://www.w3.org/2000/svg

# ---- odd files ----

printf 'x,y\n' >none.csv
printf 'x,y\n1,2\n' >one.csv
printf 'x,y\n1,2\n1,2\n1,2\n' >same.csv
printf 'x,y\n1e99,-1e99\n-1e99,1e99\n' >huge.csv
printf 'x,y\n1,2\nnan,3\n' >nan.csv
printf 'x,y,label\n1,2,5\n' >label.csv
printf 'step,loss,gradient_norm,lr\n' >nolog.csv
printf 'step,loss,gradient_norm,lr\n20,1.5,1,0.1\n' >onelog.csv
printf 'step,loss\n1,0\n2,-1\n3,1e90\n' >wildlog.csv
printf 'step,loss\n1,7\n2,7\n' >flatlog.csv
printf '{"step":1,"loss":2}\n{"step":2}\n' >bad.jsonl
printf 'model,sampler,steps,calls,ks\n' >nocompare.csv
printf 'model,sampler,steps,calls,ks\na,"<script>,",1,1,0.5\n' >onecompare.csv
printf 'model,sampler,steps,calls,ks\na,b,1,1\n' >shortcompare.csv
printf 'model,sampler,steps,calls,ks\na,b,1,x,1\n' >badcompare.csv
printf 'model,sampler,steps,calls,ks\na,b,1,1,\n' >emptycompare.csv
printf 'x,y,log_density,score_x,score_y\n0,0,1,1,1\n1,0,1,1,1\n0,2,1,1,1\n1,1,1,1,1\n' >nogrid.csv
printf 'x,y,log_density,score_x,score_y\n0,0,1,0,0\n1,0,1,0,0\n0,1,1,0,0\n1,1,1,0,0\n' >flatgrid.csv
for file in one same huge label; do drawn 'class="dots' $file.csv; done
for file in one same; do drawn '<svg' $file.csv --density; done
for file in onelog wildlog flatlog; do drawn 'class="line s0"' $file.csv; done
drawn '>&lt;script&gt;,</text>' onecompare.csv
drawn 'class="frame"' flatgrid.csv
drawn 'class="frame"' field.csv --limits 1e-20
drawn 'class="frame"' field.csv --limits 1e20
t 3 'none.csv' plot none.csv
t 3 'nan.csv:3:1' plot nan.csv
t 3 'nolog.csv' plot nolog.csv
t 3 "bad.jsonl:2: expected the number 'loss' there, as in the first line" plot bad.jsonl
t 3 'nocompare.csv holds no rows' plot nocompare.csv
t 3 'shortcompare.csv:2: 4 fields where the header has 5' plot shortcompare.csv
t 3 "badcompare.csv:2: 'x' is not a number of calls" plot badcompare.csv
t 3 'emptycompare.csv has no measure' plot emptycompare.csv
t 3 'nogrid.csv: the places are no grid' plot nogrid.csv
t 2 'they do not go into one picture' plot roll.csv run.csv
t 2 '--limits is for points, and run.csv is a training log' plot run.csv --limits 3
t 2 '--overlay and --density cannot go together' plot roll.csv --density --overlay
t 2 'path.csv is a trajectory' plot path.csv roll.csv --overlay
t 2 'field.csv is the second' plot field.csv field.csv --overlay
t 2 '--columns names none of the columns of run.csv' plot run.csv --columns nothing
t 2 'no measure among those of --columns' plot compare.csv --columns nothing

wild=$(printf 'a<b>&"\033[31mred.csv')
cp one.csv "$wild"
drawn '>a&lt;b&gt;&amp;&quot;\?\[31mred</text>' "$wild"

# ---- terminals ----

# on COLUMNS ARGUMENTS: the program on a terminal so wide and 30 lines high.
on() {
    columns=$1
    shift
    LC_ALL=C.UTF-8 script -qec "stty cols $columns rows 30; '$program' $*" /dev/null </dev/null >"$out" 2>&1
}
widest() { LC_ALL=C tr -d '\200-\277\r' <"$out" | awk '{ if (length($0) > most) most = length($0) } END { print most + 0 }'; }
has_braille() { LC_ALL=C grep -q "$(printf '\342[\240-\243]')" "$out"; }

if script --version 2>/dev/null | grep -q util-linux; then
    for columns in 40 80 133; do
        on $columns plot roll.csv
        ok "as wide as a terminal of $columns" is "$(widest)" $columns
        ok "not higher than the terminal" below "$(wc -l <"$out")" 30
        ok "braille" has_braille
    done
    on 80 plot roll.csv samples.npy
    ok "side by side" has '^ +roll +samples' "$out"
    on 80 plot "'$wild'"
    ok "no control characters" no has "$(printf '\033')" "$out"
    on 80 plot run.csv
    ok "a log has no picture there" has 'run.csv is a training log, and a terminal shows points only' "$out"
    LC_ALL=C script -qec "'$program' plot roll.csv" /dev/null </dev/null >"$out" 2>&1
    ok "a terminal without UTF-8" has "needs UTF-8, and the locale is 'C'" "$out"

    on 80 train roll.csv $tiny -s 1 --watch -o watched.safetensors
    ok "samples while it trains" has_braille
    ok "the same model" same other.safetensors watched.safetensors
    ok "no mode of the terminal is changed" no has "$(printf '\033')\[\?" "$out"
    on 80 train roll.csv $tiny --watch -q -o quiet.safetensors
    ok "--watch and -q" has 'quiet wants nothing there' "$out"
else
    skip 'pictures on a terminal need script of util-linux'
fi
t 2 '--watch draws on a terminal, and standard error is none' train roll.csv $tiny --watch -o x.safetensors
t 2 '--dry-run and --watch cannot go together' train roll.csv $tiny --watch --dry-run -o x.safetensors
ok "nothing was trained" [ ! -e x.safetensors ]

finish
