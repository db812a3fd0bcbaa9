#!/bin/sh
# arguments.sh PROGRAM ARGUMENTS [COUNT SEED] -- prepares a folder of files and tries random command lines there.
case $2 in /*) fuzzer=$2 ;; *) fuzzer=$PWD/$2 ;; esac
count=${3:-500} seed=${4:-1}
. "$(dirname "$0")/shell.sh"

mkdir keep here && cd keep || exit 1
tiny="-n 40 --hidden 4 --layers 1 --train-steps 3 --batch-size 16"
{
    d data moons -n 30 -o points.csv && d data moons -n 30 -o points.npy && d train moons $tiny -o model --log log.csv &&
        d train moons $tiny --method edm2 -o edm2 && d train moons $tiny -o part --time-limit 1e-9 &&
        d field model --grid 4x4 -o field.csv && d sample model -n 5 --trajectory --frames 4 --steps 4 -o path.csv &&
        d compare model -n 20 --steps 2 --fine-steps 10 -o table.csv &&
        d eval model -n 40 --likelihood-points 10 --partial -o judged && echo 'neither numbers nor tensors' >bad
} || fail "the files could not be made: $(cat "$err")"
"$program" generate bash >../bash
cd ../here && "$fuzzer" "$program" "$count" "$seed"
