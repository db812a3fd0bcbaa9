#!/bin/sh
# golden.sh PROGRAM -- freezes, in tests/golden, what is not yet: a small model of every method, as this version writes
# them, and a checkpoint; and in `numbers` the checksum of everything that tests/everything.sh makes with the program.
# What is frozen only changes when numerics has been raised, in include/diffuse/model.h; models stay for ever, so that
# those of every version go on being read. A line whose command is gone is removed from `numbers` by hand.
program=$(cd "$(dirname "$1")" && pwd)/${1##*/}
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/golden
work=$(mktemp -d) && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

models=$golden/$("$program" --version | sed -n 's/^diffuse \([^,]*\),.*/\1/p')
mkdir -p "$models"
# learn NAME OPTIONS
learn() {
    model=$models/$1.safetensors
    shift
    [ -f "$model" ] || "$program" train swissroll -n 50 --hidden 3 --warmup 1 --train-steps 9 "$@" -q -o "$model" || exit 1
}
tiny="--layers 1 --point-waves 2 --level-waves 1"
for method in $("$program" list methods | sed 's/ .*//'); do
    case $method in
    dpm2015) learn $method --method $method ;;
    edm2) learn $method --method $method $tiny --ema-snapshots 2 ;;
    *) learn "$method" --method "$method" $tiny ;;
    esac
done
learn checkpoint $tiny --time-limit 1e-9

sh "$here/everything.sh" "$program" 1 "$golden" || exit 1
if [ "$(head -n 1 numbers)" = "$(head -n 1 "$golden/numbers" 2>/dev/null)" ]; then
    if diff "$golden/numbers" numbers | grep '^<'; then
        echo "these are frozen, and the program makes others: mend it, or raise numerics"
        exit 1
    fi
fi
cp numbers "$golden/numbers"
echo "$(grep -c . numbers) golden numbers, $(ls "$golden"/*/*.safetensors | grep -c .) models"
