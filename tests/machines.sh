#!/bin/sh
# machines.sh PROGRAM [POINTS SHARDS SEED] -- a sample in many shards, made in any order, each killed at some moment and
# made again, joined: the single run, byte for byte.
. "$(dirname "$0")/shell.sh"
points=${2:-1e5} shards=${3:-64} seed=${4:-1}

d train moons -n 200 --hidden 4 --layers 1 --train-steps 50 -o model || fail "no model: $(cat "$err")"
t 0 '' sample model -n "$points" --steps 2 -q -o whole
killed=0 made=0
while [ "$made" -lt "$shards" ]; do
    k=$(((made * 37 + 11) % shards)) # every shard once when 37 is no factor of their number
    made=$((made + 1))
    set -- sample model -n "$points" --steps 2 -q --shard $k/"$shards"
    delay=$(awk -v seed=$((seed * 1000 + k)) 'BEGIN { srand(seed); rand(); print 0.2 * rand() }')
    "$program" "$@" -o part-$k </dev/null >"$out" 2>"$err" &
    sleep "$delay" 2>/dev/null || sleep 1
    kill -9 $! 2>/dev/null && killed=$((killed + 1))
    wait $! 2>/dev/null
    rm -f first && [ ! -e part-$k ] || mv part-$k first
    t 0 '' "$@" -o part-$k
    [ ! -e first ] || ok "shard $k was whole before" same first part-$k
done
k=0
: >joined
while [ "$k" -lt "$shards" ]; do cat "part-$k" >>joined && rm -f "part-$k" && k=$((k + 1)); done
ok "$shards shards of $points points" same joined whole
echo "$points points in $shards shards, $killed of them killed and made again"
finish
