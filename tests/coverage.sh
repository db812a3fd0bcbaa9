#!/bin/sh
# coverage.sh BUILD -- runs the quick tests with a program that counts its branches; prints which share of them was taken.
#
# Not counted: asserts, which nothing is to fail; the inline functions of the headers; and kernels.c, whose loops the
# compiler copies for every shape and instruction set, and whose results test_kernels compares bit by bit.
build=$1
least=91 least_strict=96
strict='src/base/file.c src/base/json.c src/base/option.c src/base/text.c
        src/points/csv.c src/points/npy.c src/points/safetensors.c src/points/table.c src/model/store.c'
command -v gcov >/dev/null 2>&1 || { echo 'skipped: gcov is not here'; exit 0; }
unset MAKEFLAGS MFLAGS MAKELEVEL
find "$build" -name '*.gcda' -exec rm -f {} +

run() {
    for name; do
        if [ "$name" = unit ]; then sh tests/unit.sh "$build"; else sh "tests/$name.sh" "$build/diffuse"; fi \
            >"$build/$name.log" 2>&1 || echo "FAIL coverage: $name: $(tail -n 1 "$build/$name.log")"
    done
}
run unit faults &
run cli odd hostile statuses rare pictures pages shards threads exact
wait

for object in "$build"/src/*/*.o; do
    case $object in */kernels_*) ;; *) gcov -b -c -t "$object" 2>/dev/null ;; esac
done | awk -v strict="$(echo $strict)" -v least=$least -v least_strict=$least_strict -v missed="$build/missed.txt" \
    -f tests/coverage.awk
status=$?
echo "what was missed is in $build/missed.txt"
exit $status
