#!/bin/sh
# gallery.sh PROGRAM -- makes every picture that README.md shows, by its blocks that begin with "# make gallery": types
# them in an empty folder, in order, and puts the pictures into data/. readme.sh compares what it makes with these.
set -e
program=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
ln -s "$program" "$folder/bin/diffuse"
awk '/^```/ { first = /^```sh$/; inside = first; next }
    first { inside = /^# make gallery$/; first = 0 }
    inside' README.md >"$folder/commands.sh"
(cd "$folder" && PATH=$folder/bin:$PATH && export PATH && sh -e commands.sh) >"$folder/said" 2>&1 || {
    tail -n 3 "$folder/said"
    exit 1
}
for picture in $(grep -o '(data/[^)]*\.svg)' README.md | tr -d '()'); do
    cp "$folder/${picture#data/}" "$picture"
    echo "$picture: $(($(wc -c <"$picture") / 1000)) kB"
done
