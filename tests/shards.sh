#!/bin/sh
# shards.sh PROGRAM -- parts of a result, joined with cat, are the whole, whatever is made where, when and how often.
. "$(dirname "$0")/shell.sh"

d data swissroll -n 300 -o roll.csv &&
    d train roll.csv --hidden 8 --layers 1 --train-steps 20 -q -o model.safetensors ||
    fail "the files of the tests could not be made: $(cat "$err")"

# joined N ARGUMENTS: all of N shards are made, from the last to the first, and joined.
joined() {
    shards=$1 k=$1
    shift
    rm -f part.* && : >parts
    while [ "$k" -gt 0 ]; do
        k=$((k - 1))
        t 0 '' "$@" -q --shard $k/$shards -o part.$k
    done
    while [ "$k" -lt "$shards" ]; do
        cat part.$k >>parts
        k=$((k + 1))
    done
}

# alike ARGUMENTS: 7 shards, ranges of odd sizes, and a shard that is made again are the single run.
alike() {
    t 0 '' "$@" -q
    cp "$out" whole
    ok "diffuse $*: there is a result" [ "$(wc -l <whole)" -gt 100 ]
    joined 7 "$@"
    ok "7 shards, diffuse $*" same whole parts
    t 0 '' "$@" -q --threads 3 --shard 3/7
    ok "a shard made again, diffuse $*" same part.3 "$out"
    : >parts
    for range in 0:0 0:1 1:2 2:101 101:101 101:$(($(wc -l <whole) - 1)); do
        t 0 '' "$@" -q --range $range
        cat "$out" >>parts
    done
    ok "ranges, diffuse $*" same whole parts
}
alike data tree --labels -n 20011
alike data swissroll -n 257
alike noise roll.csv
alike noise swissroll -n 16411 --seed 3
for sampler in ddim ddpm rk45 analytic_dpm; do alike sample model.safetensors -n 611 --steps 5 --sampler $sampler; done
alike sample exact:swissroll -n 16500 --steps 1
alike likelihood model.safetensors roll.csv --ode-steps 4
alike likelihood exact:swissroll roll.csv

# Fewer rows than shards: the last ones are empty, and one number of rows has one answer.
for rows in 1 2 6 7 8; do
    t 0 '' data moons -n $rows -q
    cp "$out" whole
    joined 7 data moons -n $rows
    ok "$rows points in 7 shards" same whole parts
done
t 0 '' data moons -n 3 -q --shard 6/7
ok "a shard without points is empty" no [ -s "$out" ]
t 0 '^0 points at t = 0.3: alpha 0.988' noise roll.csv --range 9:9
t 0 '' likelihood exact:swissroll roll.csv --range 4:4
t 0 '' data moons -n 1 -q --shard 0/1
ok "one shard is the whole" rows 2 "$out"
t 0 '' data moons -n 1e15 -q --range 999999999999998:999999999999999
ok "far along a long run" rows 1 "$out"
t 0 '' data moons -n 1e15 -q --shard 999999999999999/1e15
ok "the last of many shards" rows 1 "$out"

# Around 2^32, and as far as counting goes, 2^53: a shard is the range that whole numbers of 64 bits say it is.
# start K N ROWS: the first row of a shard, from the rows behind it, of which the last shards have the smaller share.
start() { echo $(($3 - ($2 - $1) * ($3 / $2) - ($3 % $2 > $1 ? $3 % $2 - $1 : 0))); }
for rows in 4294967295 4294967296 4294967297 8589934595 1e15; do
    case $rows in 1e15) all=1000000000000000 ;; *) all=$rows ;; esac
    for each in 1 2 3; do
        n=$((all / each))
        for k in 0 1 $((all % n)) $((n / 2)) $((n - 2)) $((n - 1)); do
            range=$(start $k $n $all):$(start $((k + 1)) $n $all)
            t 0 '' data moons -n $rows -q --range "$range"
            cp "$out" expected
            t 0 '' data moons -n $rows -q --shard $k/$n
            ok "shard $k/$n of $rows is range $range" same "$out" expected
        done
    done
done
for verb in "data moons" "sample model.safetensors --steps 2" "sample exact:moons --steps 2 --sampler ddpm"; do
    t 0 '' $verb -n 1e10 -q --range 1:4
    cp "$out" near
    for first in 4294967293 4294967295 4294967296 4294967297 8589934591 8589934593; do
        t 0 '' $verb -n 1e10 -q --range $first:$((first + 3))
        ok "rows from $first of $verb" rows 3 "$out"
        ok "rows from $first of $verb are not those from 1" no same "$out" near
        cp "$out" together
        for one in 0 1 2; do d $verb -n 1e10 -q --range $((first + one)):$((first + one + 1)) && cat "$out"; done >alone
        ok "rows from $first of $verb, one by one" same together alone
    done
done
for far in 9007199254740993 9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616; do
    t 2 "is not of the form A:B" data moons -n 1e15 --range 0:$far
    t 2 "is not of the form K/N" data moons -n 1e15 --shard 0/$far
    t 2 "is not of the form K/N" data moons -n 1e15 --shard $far/$far
done
t 2 'there are 10 rows, so a range ends at 10 at most' data moons -n 10 --range 9007199254740991:9007199254740992
t 2 'shards are counted from 0' data moons -n 10 --shard 9007199254740992/9007199254740992
t 0 '' data moons -n 10 -q --shard 9007199254740991/9007199254740992
ok "the last of 2^53 shards of 10 points is empty" no [ -s "$out" ]

# A shard that is killed leaves nothing or all of it, and made again it is the same.
t 0 '' sample model.safetensors -n 60000 -q --shard 1/2 -o once
(exec "$program" sample model.safetensors -n 60000 -q --shard 1/2 -o again) &
pause
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
[ ! -e again ] || ok "the file of a killed shard" same once again
t 0 '' sample model.safetensors -n 60000 -q --shard 1/2 -f -o again
ok "a killed shard made again" same once again

# ---- eval --partial and --merge ----

judged="model.safetensors --against swissroll -n 500 --likelihood-points 333 --steps 5 -q"
t 0 '' eval $judged --json
cp "$out" whole
rm -f part.*
for k in 6 5 4 3 2 1 0; do t 0 '' eval $judged --partial --shard $k/7 -o part.$k; done
t 0 '' eval $judged --json --threads 3 --merge part.?
ok "an evaluation from 7 parts" same whole "$out"
cp part.3 once
t 0 '' eval $judged --partial --threads 3 --range 216:287 -f -o part.3
ok "a part made again" same once part.3
t 1 'kl is .*, above --max-kl 0' eval $judged --max-kl 0 --merge part.? -o judged.txt
t 0 '' eval $judged --partial -o all.safetensors
t 0 '' eval $judged --json --merge all.safetensors
ok "an evaluation from one part" same whole "$out"
t 0 '' eval exact:moons -n 20 --steps 3 --against roll.csv --partial -q -o of-file
t 0 '' eval exact:moons -n 20 --steps 3 --against roll.csv --json -q
cp "$out" whole
t 0 '' eval exact:moons -n 20 --steps 3 --against roll.csv --json -q --merge of-file
ok "an evaluation against a file from parts" same whole "$out"
t 3 'row 0 of 500, and perhaps others, are in none of the parts' eval $judged --merge part.[1-6]
t 3 'row 216 of 500' eval $judged --merge part.[0-24-6]
t 3 'row 429 of 500' eval $judged --merge part.[0-5]
t 3 'rows 72 to 144 are in part.1 and in part.1' eval $judged --merge part.? part.1
t 3 'part.0 is part of another evaluation: "seed":0 there, "seed":3 here' eval $judged --seed 3 --merge part.?
t 3 'model.safetensors is no part that' eval $judged --merge model.safetensors
t 3 'of-file is part of another evaluation: "model":"exact:moons" there' eval $judged --merge of-file
t 2 '--merge: no parts are named' eval $judged --merge
t 2 '-o is missing' eval $judged --partial
t 2 '--shard is for --partial' eval $judged --shard 0/2
t 2 '--json is for judging' eval $judged --partial --json -o x
t 2 '--merge is for models, and roll.csv is a file' eval roll.csv --against swissroll --merge part.0

# ---- compare --merge ----

cp model.safetensors other.safetensors
quick="--against swissroll --steps 3,5 -n 50 --fine-steps 10 -q"
for models in model other "model other"; do
    set --
    for one in $models; do set -- "$@" $one.safetensors; done
    t 0 '' compare "$@" $quick -o "$models.csv"
done
t 0 '' compare --merge model.csv other.csv -q
ok "tables of one model each, merged" same "model other.csv" "$out"
t 0 '^9 rows of 4 tables$' compare --merge model.csv other.csv model.csv "model other.csv" -o all.csv
ok "a row is there once, and the floor last" same "model other.csv" all.csv
t 2 'all.csv exists; use -f' compare --merge model.csv -o all.csv
t 0 '' compare model.safetensors $quick --seeds 2 -o seeds.csv
t 3 'seeds.csv:1: its columns are not those of model.csv' compare --merge model.csv seeds.csv
t 3 'roll.csv:1: this is not a table that `diffuse compare -o` wrote' compare --merge model.csv roll.csv
sed '3s/,[^,]*$//' model.csv >cut.csv
t 3 'cut.csv:3: found 8 fields and expected 9' compare --merge cut.csv
head -c 120 model.csv >short.csv
t 3 'short.csv:2: found' compare --merge short.csv
: >empty.csv
t 3 'empty.csv:1: this is not a table' compare --merge empty.csv
tr ',' '\000' <model.csv >nul.csv
t 3 'nul.csv: a NUL byte' compare --merge nul.csv
t 4 'cannot read missing.csv' compare --merge missing.csv
t 2 'TABLE is missing' compare --merge
for idle in '--steps 5' '--samplers ddim' '--rho 3' '--shift 1' '--threads 2' '--against swissroll'; do
    t 2 "${idle% *} is for comparing models, and --merge joins what was compared" compare --merge model.csv $idle
done
cp model.safetensors 'a,b'
t 2 'a,b cannot stand in a table, which has no quotes' compare 'a,b' $quick -o x.csv
t 0 '' compare 'a,b' $quick
t 2 "'9' is one argument too many; 8 models can be compared at once" compare 1 2 3 4 5 6 7 8 9

# ---- wrong words ----

for verb in "data moons" "sample model.safetensors" "noise roll.csv" "likelihood model.safetensors roll.csv"; do
    t 2 '--shard 7/7: shards are counted from 0, so the last of 7 is 6/7' $verb --shard 7/7
    t 2 '--shard 0/0: there must be at least one shard' $verb --shard 0/0
    for wrong in 1 / 1/ /2 -1/2 1/-2 a/b 0/2/3 0:2 0.5/2 99999999999999999999/2 ''; do
        t 2 "--shard: '$wrong' is not of the form K/N, such as 0/4" $verb --shard "$wrong"
    done
    t 2 '--range 5:4: the first row comes after the end' $verb --range 5:4
    for wrong in 1 : 1: :2 -1:2 a:b 0:2:3 0/2 ''; do
        t 2 "--range: '$wrong' is not of the form A:B, such as 0:1000" $verb --range "$wrong"
    done
    t 2 '--range and --shard cannot go together|--shard and --range cannot go together' $verb --shard 0/2 --range 0:1
    t 2 'an NPY file begins with its number of rows' $verb --shard 0/2 -o part.npy
done
t 2 '--range 5:301: there are 300 rows, so a range ends at 300 at most' likelihood exact:swissroll roll.csv --range 5:301
t 2 '--range 0:11: there are 10 rows' data moons -n 10 --range 0:11
t 2 '--shard is for points, and a frame of --trajectory' sample model.safetensors --trajectory --shard 0/2
t 2 '--range is for points, and --print-steps' sample model.safetensors --print-steps --range 0/2
t 2 '--shard is for points, and each of the --frames' noise roll.csv --frames 3 --shard 0/2
t 2 '--shard is for densities' likelihood model.safetensors roll.csv --bound --shard 0/2

finish
