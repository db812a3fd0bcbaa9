#!/bin/sh
# demo.sh FOLDER -- the main job from end to end: points, training, samples, pictures.
set -e
out=$1
mkdir -p "$out"
./diffuse data swissroll -n 20000 --seed 1 -f -o "$out/roll.csv"
./diffuse train "$out/roll.csv" -f -o "$out/roll.safetensors" --log "$out/run.csv"
./diffuse sample "$out/roll.safetensors" -n 10000 -f -o "$out/samples.csv"
./diffuse sample "$out/roll.safetensors" -n 2000 --trajectory --frames 51 -f -o "$out/path.csv"
./diffuse plot "$out/roll.csv" "$out/samples.csv" --title "A swiss roll, and what was learned of it" -f -o "$out/roll.svg"
./diffuse plot "$out/path.csv" --title "From noise to the roll" -f -o "$out/path.svg"
./diffuse plot "$out/path.csv" --data "$out/roll.csv" --title "From noise to the roll" -f -o "$out/path.html"
echo
echo "In $out: roll.csv (the data), roll.safetensors (the model), run.csv (its loss), samples.csv (new points),"
echo "path.csv (their way from noise), and pictures: roll.svg, path.svg and, to be played, path.html. Open them in a browser."
