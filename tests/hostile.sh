#!/bin/sh
# hostile.sh PROGRAM -- files as a stranger may hand them over. Each is read, or refused with the status of its verdict and
# one line that says why; none of its control characters reaches the terminal, none of its scripts a page or picture, and
# none makes the program take memory or time out of proportion.
LC_ALL=C
export LC_ALL
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/shell.sh"

# clean: standard output and error hold no control characters but ends of lines.
clean() {
    ! cat "$out" "$err" | tr -d '\n' | tr '\001-\037\177' '\033' | grep -q "$(printf '\033')" &&
        ! grep -q "$(printf '\302[\200-\237]')" "$out" "$err"
}

# ---- headers of safetensors files ----

# size NUMBER: as eight bytes, the least first.
size() {
    rest=$1
    for byte in 1 2 3 4 5 6 7 8; do
        printf "\\$(printf %o $((rest % 256)))"
        rest=$((rest / 256))
    done
}

# file DATA HEADER: a file with this header (of printf, so that \\ is one backslash) and so many zeros of data.
file() {
    printf "$2" >header
    { size "$(wc -c <header)" && cat header && head -c "$1" /dev/zero; } >bad.safetensors
}

# verdict STATUS WHAT WHY: of `diffuse info` on bad.safetensors: the status, and when refused, one line with the reason.
headers=0
verdict() {
    headers=$((headers + 1))
    d info bad.safetensors
    got=$?
    if [ "$got" -ne "$1" ]; then fail "$2: expected status $1, got $got: $(cat "$err")"
    elif ! clean; then fail "$2: control characters: $(cat -v "$err")"
    elif [ "$1" -ne 0 ] && { [ -s "$out" ] || [ "$(wc -l <"$err")" -ne 1 ]; }; then fail "$2: more than a line: $(cat "$err")"
    elif [ "$1" -ne 0 ] && ! grep -qF -e "diffuse info: bad.safetensors: $3" "$err"; then fail "$2: expected '$3': $(cat "$err")"
    else pass; fi
}
refused() { file "$3" "$4"; verdict 3 "$1" "$2"; }
limited() { file "$3" "$4"; verdict 5 "$1" "$2"; } # it may be sound, and is more than this program takes
accepted() { file "$2" "$3"; verdict 0 "$1" ''; }

# tensor DTYPE SHAPE OFFSETS
tensor() { printf '{"dtype":%s,"shape":%s,"data_offsets":%s}' "$1" "$2" "$3"; }
good=$(tensor '"F32"' '[2,2]' '[0,16]')
four=$(tensor '"F32"' '[1]' '[16,20]')
bad_json='in the header: byte'
odd='is not described by dtype, shape and data_offsets alone'
shape="tensor 'a' has a shape that is not"
offsets="tensor 'a' has data_offsets that are not two rising whole numbers"

# What the format's own reader refuses, too.
refused 'metadata: a number'          "the metadata 'k' is not a string"    16 '{"__metadata__":{"k":1},"a":'"$good}"
refused 'metadata: an object'         "the metadata 'k' is not a string"    16 '{"__metadata__":{"k":{"l":"m"}},"a":'"$good}"
refused 'metadata: a list'            '__metadata__ is not an object'       16 '{"__metadata__":["k"],"a":'"$good}"
refused 'metadata twice'              'in the header: byte 34: a second member has the name "__metadata__"' 16 \
                                                                '{"__metadata__":{},"__metadata__":{},"a":'"$good}"
refused 'a name twice, two places'    'in the header: byte 61: a second member has the name "a"' 20 '{"a":'"$good"',"a":'"$four}"
refused 'a NUL after the header'      "$bad_json 57"                        16 '{"a":'"$good"'}\000'
refused 'a word after the header'     "$bad_json 57: x stands"              16 '{"a":'"$good"'}x'
refused 'a second header'             "$bad_json 57: { stands"              16 '{"a":'"$good"'}{}'
refused 'a byte order mark'           "$bad_json 0: byte 0xef"              16 '\357\273\277{"a":'"$good}"
refused 'a comma at the end'          "$bad_json 57: } stands"              16 '{"a":'"$good"',}'
refused 'a comment'                   "$bad_json 56: / stands"              16 '{"a":'"$good"'/**/}'
refused 'NaN'                         "$bad_json"  16 '{"a":'"$(tensor '"F32"' '[NaN,2]' '[0,16]')}"
refused 'a raw line end in a name'    "$bad_json 3: a control character"    16 '{"a\n":'"$good}"
refused 'a lone surrogate'            "$bad_json 4: a lone surrogate"       16 '{"\\ud800":'"$good}"
refused 'not UTF-8'                   "$bad_json 3: the string is not UTF-8" 16 '{"a\377":'"$good}"
refused 'UTF-16'                      "$bad_json"                           16 '{\000}\000'
refused 'nested too deep'             "$bad_json 12: arrays and objects nest deeper than 8" 16 '{"a":[[[[[[[[[[]]]]]]]]]]}'
refused 'no closing bracket'          "$bad_json 56: the text ends"         16 '{"a":'"$good"
refused 'a list'                      'the header is not a JSON object'      0 '[]'
refused 'null'                        'the header is not a JSON object'      0 'null'
refused 'nothing'                     "$bad_json 0: the text ends"          16 ''
refused 'no dtype'                    "tensor 'a' $odd"                     16 '{"a":{"shape":[2,2],"data_offsets":[0,16]}}'
refused 'no shape'                    "tensor 'a' $odd"                     16 '{"a":{"dtype":"F32","data_offsets":[0,16]}}'
refused 'no offsets'                  "tensor 'a' $odd"                     16 '{"a":{"dtype":"F32","shape":[2,2]}}'
refused 'dtype in lower case'         "tensor 'a' has the unknown dtype 'f32'" 16 '{"a":'"$(tensor '"f32"' '[2,2]' '[0,16]')}"
refused 'an unknown dtype'            "tensor 'a' has the unknown dtype 'F33'" 16 '{"a":'"$(tensor '"F33"' '[2,2]' '[0,16]')}"
refused 'a dtype that is a number'    "tensor 'a' has a dtype that is not a string" 16 '{"a":'"$(tensor 32 '[2,2]' '[0,16]')}"
refused 'an offset of 16.0'           "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '[0,16.0]')}"
refused 'an offset of -16'            "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '[-16,0]')}"
refused 'an offset beyond 64 bits'    "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '[0,18446744073709551616]')}"
refused 'one offset'                  "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '[0]')}"
refused 'three offsets'               "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '[0,8,16]')}"
refused 'offsets that are an object'  "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '{"begin":0,"end":16}')}"
refused 'an end before the beginning' "$offsets"  16 '{"a":'"$(tensor '"F32"' '[2,2]' '[16,0]')}"
refused 'a shape that is null'        "$shape a list"  16 '{"a":'"$(tensor '"F32"' null '[0,16]')}"
refused 'a dimension of 4e0'          "$shape made"    16 '{"a":'"$(tensor '"F32"' '[4e0]' '[0,16]')}"
refused 'a dimension of -4'           "$shape made"    16 '{"a":'"$(tensor '"F32"' '[-4]' '[0,16]')}"
refused 'a dimension that is text'    "$shape made"    16 '{"a":'"$(tensor '"F32"' '["4"]' '[0,16]')}"
refused 'a dimension that is true'    "$shape made"    16 '{"a":'"$(tensor '"F32"' '[true,4]' '[0,16]')}"
refused 'a dimension beyond 64 bits'  "$shape made"     0 '{"a":'"$(tensor '"F32"' '[18446744073709551616]' '[0,0]')}"
refused 'a dimension of 04'           "$bad_json"      16 '{"a":'"$(tensor '"F32"' '[04]' '[0,16]')}"
refused 'a size that is not the shape' "tensor 'a' says 16 bytes but its shape needs 24" 16 '{"a":'"$(tensor '"F32"' '[2,3]' '[0,16]')}"
refused 'half a byte'                 "tensor 'a' does not fill whole bytes" 2 '{"a":'"$(tensor '"F4"' '[3]' '[0,2]')}"
refused 'a hole at the start'         "tensor 'a' begins at byte 4 of the data, not at 0" 20 '{"a":'"$(tensor '"F32"' '[2,2]' '[4,20]')}"
refused 'a hole in the middle'        "tensor 'b' begins at byte 20 of the data, not at 16" 24 \
                                                       '{"a":'"$good"',"b":'"$(tensor '"F32"' '[1]' '[20,24]')}"
refused 'an overlap'                  "tensor 'b' begins at byte 12 of the data, not at 16" 16 \
                                                       '{"a":'"$good"',"b":'"$(tensor '"F32"' '[1]' '[12,16]')}"
refused 'two tensors in one place'    "tensor 'b' begins at byte 0 of the data, not at 16" 16 '{"a":'"$good"',"b":'"$good}"
refused 'an empty tensor in another'  "tensor 'b' begins at byte 8 of the data, not at 16" 16 \
                                                       '{"a":'"$good"',"b":'"$(tensor '"F32"' '[0]' '[8,8]')}"
refused 'a byte after the data'       '1 bytes follow the last tensor'      17 '{"a":'"$good}"
refused 'a byte that is missing'      "tensor 'a' ends at byte 16 of the data, which has 15" 15 '{"a":'"$good}"
refused 'data of no tensor'           '16 bytes follow the last tensor'     16 '{}'
limited 'a product beyond 64 bits'    "tensor 'a' has a dimension of 4294967296"  0 '{"a":'"$(tensor '"F32"' '[4294967296,4294967296]' '[0,0]')}"
limited 'the same, then a 0'          "tensor 'a' has a dimension of 4294967296"  0 '{"a":'"$(tensor '"F32"' '[4294967296,4294967296,0]' '[0,0]')}"
for claim in '\377\377\377\377\377\377\377\377' '\377\377\377\377\377\377\377\177' '\001\341\365\005\000\000\000\000' '\021\000\000\000\000\000\000\000'; do
    { printf "$claim" && printf '%16s' '{}'; } >bad.safetensors
    verdict 3 "a header of $claim bytes, of which there are 16" 'the header should have'
done
{ size 0 && printf '{}'; } >bad.safetensors
verdict 3 'a header of no bytes' 'in the header: byte 0: the text ends where a value should be'
for length in 0 1 7; do
    head -c $length /dev/zero >bad.safetensors
    verdict 3 "a file of $length bytes" "a safetensors file has at least 8 bytes and this one has $length"
done

# What it takes, surprisingly, and this program does not.
refused 'a name twice, one place'     'in the header: byte 61: a second member has the name "a"' 16 '{"a":'"$good"',"a":'"$good}"
refused 'a name twice, once escaped'  'in the header: byte 66: a second member has the name "a"' 20 '{"a":'"$good"',"\\u0061":'"$four}"
refused 'a note twice'                'in the header: byte 29: a second member has the name "k"' 16 '{"__metadata__":{"k":"1","k":"2"},"a":'"$good}"
refused 'an unknown key'              "tensor 'a' $odd" 16 '{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16],"foo":1}}'
refused 'a tensor that is a list'     "tensor 'a' $odd"                     16 '{"a":["F32",[2,2],[0,16]]}'
limited 'an overflow behind a 0'      "tensor 'a' has a dimension of 18446744073709551615" 0 \
                              '{"a":'"$(tensor '"F32"' '[0,18446744073709551615,18446744073709551615]' '[0,0]')}"
limited 'five dimensions'             "tensor 'a' has 5 dimensions; at most 4"  4 '{"a":'"$(tensor '"F32"' '[1,1,1,1,1]' '[0,4]')}"
limited 'a large dimension'           "tensor 'a' has a dimension of 16777217" 0 '{"a":'"$(tensor '"F32"' '[16777217,0]' '[0,0]')}"
limited 'a large header'              'the header has 1048577 bytes; at most 1048576' 0 "$(printf '%1048577s' '{}')"
refused 'an empty name'               "tensor '' has a name that is empty"  16 '{"":'"$good}"
refused 'a name with a line end'      "tensor 'a?' has a name"              16 '{"a\\n":'"$good}"
refused 'a name with an escape code'  "tensor '?[2J' has a name"            16 '{"\\u001b[2J":'"$good}"
refused 'a name with a C1 code'       "tensor '??2J' has a name"            16 '{"\\u009b2J":'"$good}"
refused 'a name with a NUL'           "$bad_json 5: a string with a NUL"    16 '{"a\\u0000":'"$good}"
refused 'an unknown dtype that moves the cursor' "tensor 'a' has the unknown dtype '?[2J'" 16 '{"a":'"$(tensor '"\\u001b[2J"' '[2,2]' '[0,16]')}"
refused 'a wrong checksum of data'    'the checksum of the tensors is'      16 '{"__metadata__":{"diffuse.crc32c":"00000000"},"a":'"$good}"
refused 'one that is no number'       "the checksum of the tensors is 00000000 but the file says '?[2J'" 0 '{"__metadata__":{"diffuse.crc32c":"\\u001b[2J"}}'
refused 'a wrong checksum of header'  "the header does not have the checksum '00000000'" 0 '{"__metadata__":{"diffuse.header_crc32c":"00000000"}}'
refused 'one that is no number'       "the header does not have the checksum '?[2J'" 0 '{"__metadata__":{"diffuse.header_crc32c":"\\u001b[2J"}}'

# What both take.
accepted 'spaces around the header'   16 ' \t\n{"a":'"$good}  "
accepted 'metadata: null'             16 '{"__metadata__":null,"a":'"$good}"
accepted 'data at an odd place'       16 '{"a":'"$good} "
accepted 'escapes in a name'          16 '{"\\u0061":'"$good}"
accepted 'tensors out of order'       20 '{"b":'"$four"',"a":'"$good}"
accepted 'metadata last'              16 '{"a":'"$good"',"__metadata__":{"k":"\\u001b[2J\\u009b2J"}}'
accepted 'a tensor without elements'   0 '{"a":'"$(tensor '"F32"' '[0,7]' '[0,0]')}"
accepted 'a tensor without dimensions' 4 '{"a":'"$(tensor '"F32"' '[]' '[0,4]')}"
accepted 'no tensors'                  0 '{}'
t 3 'no diffuse.schema in its metadata' sample bad.safetensors

# ---- models ----

evil='<script>alert(1)</script>'
{ printf 'x,y\n' && d data moons -n 40 && sed 1d "$out"; } >data-file-0123456789.csv
tiny='--hidden 2 --layers 1 --point-waves 1 --level-waves 1 --train-steps 20 --log-every 10'
d train data-file-0123456789.csv $tiny -o model.safetensors --log run.csv || fail "no model: $(cat "$err")"
d train moons -n 40 --method dpm2015 -T 4 --train-steps 2 -o dpm.safetensors || fail "no model: $(cat "$err")"

# edited FROM COMMANDS TO: a model whose header these commands of sed have changed; the header's checksum is put aside.
edited() {
    header=$(od -An -tu4 -N4 "$1" | tr -d ' ')
    head -c $((header + 8)) "$1" | tail -c "$header" | sed "s/diffuse.header_crc32c/edited/; $2" >header
    { size "$(wc -c <header)" && cat header && tail -c +$((header + 9)) "$1"; } >"$3"
}
edited model.safetensors '' same.safetensors
t 0 '' info same.safetensors
t 3 'the header does not have the checksum' info "$(sed 's/"step/"steq/; s/moons/monns/; s/file/fire/' model.safetensors >flipped; echo flipped)"
edited model.safetensors 's/data-file-0123456789.csv/\\\\u001b[31m\\\\u009b2J<script>/; s/"\[\\"x\\",\\"y\\"\]"/"[\\"<b>\\",\\"y\\"]"/' evil.safetensors
t 0 '' info evil.safetensors
ok "info of a model with control characters in it" clean
ok "its name of the data" has '\?\[31m\?\?2J<script>' "$out"
d info evil.safetensors --json
ok "the same as JSON" clean
d sample evil.safetensors -n 3
ok "samples of it" has '^<b>,y$' "$out"
d report evil.safetensors -n 20 --against moons --log run.csv -o report.html
ok "a report on it" has '&lt;script>|&lt;script&gt;' report.html
ok "without its elements" no has '<b>|<script>\?|\?<script' report.html
ok "a report on it" clean
for bad in 's/,y/,\\u001by/; s/\\"y\\"/\\"\\\\u001b[2J\\"/' 's/\\"y\\"/\\"\\\\u009b2J\\"/' 's/\\"y\\"/\\"y\\\\u007f\\"/'; do
    edited model.safetensors "$bad" named.safetensors
    t 3 'the name of column 2 cannot stand in a CSV' sample named.safetensors
done
cp "$tests/corpus/model/first.safetensors" .
t 0 '' sample first.safetensors -n 2 --seed 3 --sampler ddpm -q
ok "a model of the first program with this schema gives the samples that it gave" is "$(cksum <"$out")" '1025004569 50'

# ---- tables ----

esc=$(printf '\033')
printf 'x,%s[31my,label\n1,2,0\n3,5,1\n' "$esc" >escape.csv
printf 'x,\302\2332Jy\n1,2\n3,5\n' >c1.csv
printf 'x,y\n1,2\n3,%s[2J\n' "$esc" >cell.csv
printf 'frame,t,i,x,%s[31my\n0,1,0,3,4\n1,0,0,3,4\n' "$esc" >walk.csv
printf 'step,loss,%s,%s[31m\n1,2,3,4\n2,3,4,5\n' "$evil" "$esc" >log.csv
printf '{"step":1,"loss":2,"%s":3}\n{"step":2,"loss":3,"%s":4}\n' "$evil" "$evil" >log.jsonl
printf '{"step":1,"loss":2,"\\u001b[31m":3}\n' >escape.jsonl
printf 'model,sampler,steps,calls,%s\n%s,ddim,5,5,1\n%s[31m,<b>,5,5,2\n' "$evil" "$evil" "$esc" >compare.csv
printf '\223NUMPY\001\000\166\000{"descr": "%s[2J", "fortran_order": False, "shape": (1, 2), }' "$esc" >escape.npy
cp cell.csv "$esc[2J.csv"
cp cell.csv "$(printf '\302\233')2J.csv"

# talks STATUS ARGUMENTS: ends so, and says nothing that a terminal would obey.
talks() {
    wanted=$1
    shift
    d "$@"
    got=$?
    if [ "$got" -ne "$wanted" ]; then fail "diffuse $*: expected status $wanted, got $got: $(cat "$err")"
    elif clean; then pass
    else fail "diffuse $*: control characters: $(cat -v "$out" "$err")"; fi
}
talks 3 train escape.csv $tiny -o x.safetensors
talks 3 train c1.csv $tiny -o x.safetensors
for file in cell.csv escape.npy "$esc[2J.csv" "$(printf '\302\233')2J.csv"; do
    talks 3 train "$file" $tiny -o x.safetensors
    talks 3 eval "$file" --against moons
    talks 3 likelihood exact:moons "$file"
    talks 3 encode model.safetensors "$file"
    talks 3 plot "$file" -o x.svg
    talks 3 plot "$file" -o x.html
    talks 3 noise "$file"
done
talks 2 train data-file-0123456789.csv --columns "x,$esc[2J" $tiny -o x.safetensors
talks 2 train escape.csv --columns "x,z" $tiny -o x.safetensors
talks 4 info "$esc[2J.safetensors"
talks 4 sample "$(printf '\302\233')2J.safetensors"
talks 2 plot cell.csv -o "x.$esc[2J"
talks 2 sample model.safetensors --sampler "$esc[2J"
talks 2 "$esc[2J"
talks 2 plot escape.csv log.csv -o x.svg
talks 0 plot escape.csv -o "$esc[2J.svg"
talks 0 train moons -n 40 $tiny -o "$esc[2J.safetensors"
cp data-file-0123456789.csv "$esc[2Jdata.csv"
talks 0 train "$esc[2Jdata.csv" $tiny --dry-run
talks 0 info "$esc[2J.safetensors"
talks 0 info "$esc[2J.safetensors" --json
talks 3 plot escape.jsonl -o x.svg
ok "nothing was left behind" no test -e x.svg -o -e x.html -o -e x.safetensors

# safe FILE: what a file calls its columns, models and itself is text there, and plain.
safe() {
    ! grep -qE '<script>alert|<b>' "$1" || { echo "an element of the file's"; return 1; }
    ! tr -d '\n\t' <"$1" | tr '\001-\037\177' '\033' | grep -q "$esc" || { echo "a control character"; return 1; }
}
for file in escape.csv log.csv log.jsonl compare.csv walk.csv; do
    talks 0 plot $file --title "$evil$esc[2J" -q -f -o picture.svg
    ok "a picture of $file" safe picture.svg
    ok "a picture of $file" has 'script&gt;' picture.svg
done
cp walk.csv "a<b>$esc[2J.csv"
talks 0 plot walk.csv "a<b>$esc[2J.csv" --title "$evil$esc[2J" -q -o player.html
ok "a player" safe player.html
talks 0 report model.safetensors -n 20 --against moons --log log.csv -q -o log.html
ok "a report with a log" safe log.html

# Other separators than the reader of comparisons knows, ends of lines of old, many lines.
printf 'sampler;calls;ks\nddim;5;1\n' >semicolons.csv
talks 3 plot semicolons.csv -o x.svg
printf '\357\273\277sampler,calls,ks\nddim,5,1\nddim,10,.5\n' >mark.csv
talks 0 plot mark.csv -q -o mark.svg
{ printf 'sampler,calls,ks\r' && awk 'BEGIN { for (i = 1; i < 3000; i++) printf "ddim,%d,1\r", i }'; } >returns.csv
talks 0 plot returns.csv -q -o returns.svg
awk 'BEGIN { print "sampler,calls,ks"; for (i = 0; i < 30000; i++) printf "%d,5,1\n", i }' >lines.csv
talks 5 plot lines.csv -q -o x.svg
awk 'BEGIN { printf "{\"step\":1"; for (i = 0; i < 9000; i++) printf ",\"%x\":1", i; print "}" }' >wide.jsonl
talks 3 plot wide.jsonl -q -o x.svg
awk 'BEGIN { print "model,sampler,steps,calls,ks"; for (i = 0; i < 200000; i++) printf "m,%x,5,5,1\n", i }' >long.csv
t 0 '200,000 rows of 2 tables' compare --merge long.csv long.csv -o merged.csv
ok "a long table merged with itself" same long.csv merged.csv

# ---- memory ----

# What claims much is refused with a word about the claim, not for want of memory: 64 MB are enough to find out.
if (ulimit -v 65536 && "$program" --version) >"$work/said" 2>&1; then
    small() {
        status=$1 pattern=$2
        shift 2
        (ulimit -v 65536 && exec "$program" "$@") </dev/null >"$out" 2>"$err"
        got=$?
        if [ "$got" -eq "$status" ] && { [ -z "$pattern" ] || grep -qE -e "$pattern" "$err"; }; then pass
        else fail "in 64 MB: diffuse $*: expected $status, '$pattern', got $got: $(cat "$err")"; fi
    }
    {
        printf '\223NUMPY\001\000\166\000'
        printf "%-117s\n" "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000, 4096), }"
        printf '12345678'
    } >claim.npy
    small 3 'promises 3276800000000 bytes of values, and 8 follow it' eval claim.npy --against moons
    for claim in 's/\\"hidden\\":2/\\"hidden\\":4096/' 's/\\"layers\\":1/\\"layers\\":64/; s/\\"hidden\\":2/\\"hidden\\":500/' \
        's/\\"point-waves\\":1/\\"point-waves\\":4096/'; do
        edited model.safetensors "$claim" claim.safetensors
        small 3 'does not fit in its [0-9]+ bytes' sample claim.safetensors
    done
    for claim in 's/\\"timesteps\\":4/\\"timesteps\\":100000/' 's/\\"hidden\\":64/\\"hidden\\":1000/; s/\\"timesteps\\":4/\\"timesteps\\":2000/'; do
        edited dpm.safetensors "$claim" claim.safetensors
        small 3 'a model of [0-9]+ numbers does not fit in its [0-9]+ bytes' sample claim.safetensors
    done
    { printf '\377\377\377\377\000\000\000\000' && printf '{}'; } >claim.safetensors
    small 3 'the header should have 4294967295 bytes but 2 follow' info claim.safetensors
    { size 1048575 && printf '[0' && head -c 1048572 /dev/zero | tr '\000' ' ' | sed 's/  /,0/g' && printf ']'; } >claim.safetensors
    small 3 'the header is not a JSON object' info claim.safetensors
    awk 'BEGIN { for (i = 0; i < 2000000; i++) print 1 }' >ones.csv
    small 3 'all 2000000 points are the same' train ones.csv $tiny -o x.safetensors
    printf '{"step":%s}\n' "$(printf '%2000000s' '[' | sed 's/ /[0],/g')" >claim.jsonl
    small 3 'no JSON object of at most' plot claim.jsonl
    awk 'BEGIN { print "sampler,calls,ks"; for (i = 0; i < 1000000; i++) print "" }' >blank.csv
    small 3 'holds no rows' plot blank.csv
    awk 'BEGIN { print "x,y"; for (i = 0; i < 1000000; i++) print "" ; print "1,2" }' >blank.csv
    small 0 '' plot blank.csv
    awk 'BEGIN { for (i = 1; i < 4096; i++) printf "%d,", i; print 1; for (i = 0; i < 1000000; i++) print "" }' >wide.csv
    small 3 'the same value in every row|has no scale|same' train wide.csv $tiny -o x.safetensors
else
    skip 'memory cannot be limited here: ulimit -v does not work, or the program needs more by itself'
fi

echo "$headers headers tried"
finish
