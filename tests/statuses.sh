#!/bin/sh
# statuses.sh PROGRAM -- what every command ends with: 0 done, 1 the answer is no, 2 wrong usage, 3 bad data or model,
# 4 could not read or write, 5 over a limit, 6 diverged. A new command must join the table.
. "$(dirname "$0")/shell.sh"

tiny="-n 100 --hidden 4 --layers 1 --train-steps 2 --clip-grad-norm 0 --warmup 0"
d data moons -n 40 -o points.csv && d train moons $tiny -o model && d train moons $tiny --method edm2 -o edm2 &&
    d train moons $tiny --train-steps 3 --log-every 1 --log log.csv -o logged && d sample model -n 20 --trajectory -o path.csv ||
    fail "the files of the tests could not be made: $(cat "$err")"
d train moons $tiny --lr 1e9 -o wild # leaves the step before it diverged, which is finite and useless
echo 'no numbers, no tensors' >bad
dd if=/dev/zero of=huge bs=1 count=0 seek=200000000000 2>/dev/null # 200 GB that take no room
[ "$(wc -c <huge 2>/dev/null)" -eq 200000000000 ] || skip 'files with holes are not known here'

# COMMAND STATUS ARGUMENTS, or COMMAND STATUS never. `closed` before the arguments: without a standard output.
table() {
    cat <<'END'
data         0 moons -n 5
data         1 never
data         2 moonss
data         3 never
data         4 moons -o missing/x
data         5 never
data         6 never
noise        0 points.csv
noise        1 never
noise        2 moons -t 2
noise        3 bad
noise        4 nothing
noise        5 huge
noise        6 never
train        0 points.csv --train-steps 1 -q -o made
train        1 never
train        2 moons
train        3 bad -o x
train        4 points.csv -o missing/x
train        5 moons --hidden 4096 --layers 64 -o x
train        6 moons --lr 1e9 --warmup 0 -o new
ema          0 edm2 -o averaged
ema          1 never
ema          2 model -o x
ema          3 bad -o x
ema          4 nothing -o x
ema          5 huge -o x
ema          6 never
sample       0 model -n 5
sample       1 never
sample       2 model -n 0
sample       3 bad
sample       4 nothing
sample       5 model -n 1e15 --trajectory
sample       6 wild
encode       0 model points.csv
encode       1 never
encode       2 model
encode       3 model bad
encode       4 model nothing
encode       5 model huge
encode       6 wild points.csv
decode       0 model points.csv
decode       1 never
decode       2 model points.csv --steps x
decode       3 bad points.csv
decode       4 model nothing
decode       5 model huge
decode       6 wild points.csv
interpolate  0 model --from 1,1 --to 0,1
interpolate  1 never
interpolate  2 model --from 1,1 --to 0
interpolate  3 bad --from 1,1 --to 0,1
interpolate  4 nothing --from 1,1 --to 0,1
interpolate  5 huge --from 1,1 --to 0,1
interpolate  6 wild --from 1,1 --to 0,1
eval         0 points.csv --against moons
eval         1 points.csv --against moons --max-w2 0
eval         2 points.csv
eval         3 bad --against moons
eval         4 nothing --against moons
eval         5 huge --against moons
eval         6 wild -n 50 --likelihood-points 10
compare      0 model -n 20 --steps 2 --fine-steps 10
compare      1 never
compare      2 model --samplers best
compare      3 bad
compare      4 nothing
compare      5 huge
compare      6 wild -n 20 --steps 2 --fine-steps 10
likelihood   0 model points.csv
likelihood   1 never
likelihood   2 model points.csv --shard 3/2
likelihood   3 model bad
likelihood   4 model nothing
likelihood   5 model huge
likelihood   6 wild points.csv
field        0 model --grid 4x4
field        1 never
field        2 model --grid 4
field        3 bad
field        4 nothing
field        5 huge
field        6 wild --grid 4x4
info         0 model
info         1 never
info         2
info         3 bad
info         4 nothing
info         5 huge
info         6 never
plot         0 points.csv -o points.svg
plot         1 never
plot         2 points.csv -o points.png
plot         3 bad -o x.svg
plot         4 nothing -o x.svg
plot         5 huge -o x.svg
plot         6 never
report       0 model -n 100 -o report.html
report       1 never
report       2 model
report       3 bad -o x.html
report       4 nothing -o x.html
report       5 huge -o x.html
report       6 wild -n 100 -o x.html
papers       0 ddpm
papers       1 never
papers       2 ddpm2
papers       3 never
papers       4 closed
papers       5 never
papers       6 never
list         0 shapes
list         1 never
list         2
list         3 never
list         4 closed shapes
list         5 never
list         6 never
generate     0 man
generate     1 never
generate     2 woman
generate     3 never
generate     4 closed bash
generate     5 never
generate     6 never
help         0 train
help         1 never
help         2 trian
help         3 never
help         4 closed
help         5 never
help         6 never
END
}
table >lines

mkdir here && cd here || exit 1
made() { rm -rf ./* && for file in points.csv model edm2 wild bad huge; do ln "../$file" .; done; }
known=" points.csv model edm2 wild bad huge "
d help
for command in $(awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' "$out"); do
    for status in 0 1 2 3 4 5 6; do
        ok "diffuse $command with status $status is in the table" is "$(grep -c "^$command *$status\( \|\$\)" ../lines)" 1
    done
done

while read -r command status arguments; do
    [ "$arguments" != never ] || continue
    made
    case $arguments in
    closed*)
        "$program" $command ${arguments#closed} </dev/null 2>"$err" >&-
        ok "diffuse $command $arguments" is $? "$status"
        ;;
    *)
        d $command $arguments
        ok "diffuse $command $arguments: $(head -n 1 "$err")" is $? "$status"
        ;;
    esac
    [ "$status" -le 1 ] && continue
    ok "diffuse $command $arguments says why" grep -q "^diffuse $command: ..*\|^diffuse: ..*" "$err"
    for file in * .[!.]*; do
        [ "$status $file" = "6 new" ] || [ ! -e "$file" ] || case $known in
        *" $file "*) ;;
        *) fail "diffuse $command $arguments ends with $status and leaves $file" ;;
        esac
    done
done <../lines

# ---- what reads: nothing on standard input, no standard input, a folder there ----

readers() {
    cat <<'END'
noise -
train - -o x
sample -
ema - -o x
encode model -
decode model -
interpolate - --from 1,1 --to 0,1
eval - --against moons
compare -
compare --merge -
likelihood model -
field -
info -
plot - -o x.svg
report - -o x.html
END
}
made
readers >../lines
while IFS= read -r line; do
    t 3 '..' $line
    "$program" $line <&- >"$out" 2>"$err"
    ok "diffuse $line without standard input" is $? 4
    ok "diffuse $line without standard input" has 'standard input' "$err"
    "$program" $line </ >"$out" 2>"$err"
    ok "diffuse $line with a folder" is $? 4
    ok "diffuse $line with a folder" has 'standard input is a directory' "$err"
done <../lines
ok "none of them leaves anything" is "$(echo *)" "bad edm2 huge model points.csv wild"

finish
