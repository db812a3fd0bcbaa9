#!/bin/sh
# faults.sh PROGRAM [STRIDE] -- what can go wrong around the program, at every place where it can: memory, files,
# threads, readers, power. Whatever fails, a file is what it was or what it was to become, and the exit status says
# that it failed.
sources=$(cd "$(dirname "$0")" && pwd)
stride=${2:-1} # of STRIDE places one
. "$sources/shell.sh"

# What must survive, of each verb something small. Files to read are in .., a file to write is x.
judged='-n 40 --likelihood-points 10 --steps 2 -q --threads 1'
tiny='--hidden 2 --layers 1 --batch-size 16 --threads 1 -q'
table() {
    cat <<END
data swissroll -n 5 -q -f -o x.csv
data tree --labels -n 5 -q
noise ../roll.csv -q --threads 1
noise ../roll.csv --frames 2 -q -f -o x.npy --threads 1
train ../roll.csv $tiny --train-steps 3 --log-every 2 --save-every 1 --holdout 0.3 --log ../run.csv -f -o x.safetensors
train --resume ../begun.safetensors --threads 1 -q -f -o x.safetensors
train moons -n 20 $tiny --train-steps 2 --method vdm -f -o x.safetensors
train moons -n 20 --train-steps 1 --batch-size 8 --method dpm2015 --threads 1 -q -f -o x.safetensors
train moons -n 20 $tiny --train-steps 2 --dry-run
train moons --point-features raw --point-waves 3 --dry-run
train moons -n 20 $tiny --train-steps 2 --seeds 2 -f -o x.safetensors
ema ../edm2.safetensors -q -f -o x.safetensors
sample ../model.safetensors -n 3 --steps 2 -q --threads 1
sample ../model.safetensors -n 3 --steps 2 --trajectory -q -f -o x.csv --threads 1
sample exact:moons -n 3 --steps 2 --sampler dpm2015 -q --threads 1
sample ../model.safetensors --steps 3 --print-steps -q
encode ../model.safetensors ../roll.csv --steps 2 -q --threads 1
decode ../model.safetensors ../roll.csv --steps 2 -q -f -o x.csv --threads 1
interpolate ../model.safetensors --from 0,1 --to 1,0 -n 3 --steps 2 -q --threads 1
eval ../model.safetensors $judged -f --json --profile x.csv
eval ../model.safetensors $judged --partial -f -o x.safetensors
eval ../model.safetensors $judged --merge ../part.safetensors
eval ../roll.csv --against moons -q --threads 1
eval ../roll.csv ../roll.csv --against ../roll.csv -q --max-energy 1e-9 --max-w2 1e-9 --threads 1
compare ../model.safetensors --steps 2 --samplers ddim -n 40 --fine-steps 10 -q --threads 1
compare --merge ../table.csv ../table.csv -q -f -o x.csv
likelihood ../model.safetensors ../roll.csv --ode-steps 2 -q --threads 1
likelihood ../model.safetensors ../roll.csv --bound --steps 2 -q -f -o x.csv --threads 1
field ../model.safetensors --grid 4x4 -q -f -o x.csv --threads 1
field exact:moons --at ../places.csv -q --threads 1
info ../model.safetensors
info ../model.safetensors --json
plot ../roll.csv -q
plot ../walk.csv -q -f -o x.svg
plot ../walk.csv -q -f -o x.html
plot ../field.csv ../roll.csv --overlay -q -f -o x.svg
plot ../log.csv -q
plot ../log.jsonl -q
plot ../table.csv -q
report ../model.safetensors --against ../roll.csv -n 12 --steps 2 -q -f -o x.html --threads 1
papers
papers ddpm
list shapes
list methods
generate man
generate bash
generate zsh
help
help train --method edm
END
}

make_files() {
    d data moons -n 12 -q -o roll.csv && d train moons -n 20 $tiny --train-steps 4 --log log.csv -o model.safetensors &&
    d train moons -n 20 $tiny --train-steps 4 --log log.jsonl --method edm2 -o edm2.safetensors &&
    d train moons -n 20 $tiny --train-steps 1000 --time-limit 1e-9 -o begun.safetensors &&
    d sample model.safetensors -n 3 --steps 3 --trajectory -q -o walk.csv &&
    d field model.safetensors --grid 4x4 -q -o field.csv &&
    mkdir here && (cd here && d eval ../model.safetensors $judged --partial -o ../part.safetensors) &&
    d compare model.safetensors --steps 2 --samplers ddim -n 40 --fine-steps 10 -q -o table.csv &&
    printf 'x,y,sigma\n0,1,0.1\n' >places.csv
}
make_files || fail "the files of the tests could not be made: $(cat "$err")"

table >table
for verb in $("$program" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    ok "$verb is among the verbs that must survive" has "^$verb( |\$)" table
done

# kind WHAT: prints how many faults of a kind were injected since the last one, and how many were survived.
injected=0 survived=0
kind() {
    printf '%-54s %6d of %d survived\n' "$1" "$survived" "$injected"
    injected=0 survived=0
}

# judged COMPLAINT WHERE: one fault more, survived when there is nothing to complain about.
judged() {
    injected=$((injected + 1))
    if [ -z "$1" ]; then survived=$((survived + 1)) && pass; else fail "$2: $1"; fi
}

# ---- faults that are injected into calls of the C library ----

report=$work/report
if ${CC:-cc} -std=c11 -O1 -shared -fPIC -o faults.so "$sources/faults.c" -ldl 2>"$err" &&
    FAULTS_REPORT=$report LD_PRELOAD=$work/faults.so "$program" --version >"$out" 2>"$err" && [ -s "$report" ]; then
    injects=yes
else
    injects=
    skip "no library can be loaded before this program: $(head -n 1 "$err")"
fi

# begin WORDS: what the command leaves when nothing fails goes to ../new; ../old has something else of the same name.
begin() {
    words=$*
    cd "$work" && rm -rf here new old && mkdir here new old && cd new || exit 1
    d $words
    wanted=$?
    case $wanted in 0 | 1 | 2) ;; *) fail "diffuse $words: $(head -n 1 "$err")" ;; esac
    cp "$out" ../wanted
    for made in *; do [ -e "$made" ] && echo old >"../old/$made"; done
    cd ../here || exit 1
}

# again old|none: the files before a run.
again() {
    rm -rf ./* ./.[!.]*
    [ "$1" = none ] || cp ../old/* . 2>/dev/null
}

# strike FAULTS: runs the words with them; false when the program ended before they could strike.
strike() {
    : >"$report"
    FAULTS=$1 FAULTS_REPORT=$report LD_PRELOAD=$work/faults.so "$program" $words </dev/null >"$out" 2>"$err"
    got=$?
    read -r seen struck blocks bytes <"$report" || seen=0 struck=1 blocks=0
    [ "$struck" -gt 0 ]
}

# complaint STATUS...: what is wrong with the end of a run that may have one of these statuses; sets `what`, and
# `changed` when there is something new here.
complaint() {
    what='' changed='' messages=0
    case " $wanted $* " in *" $got "*) ;; *) what="status $got, $(head -n 1 "$err")" ;; esac
    [ "$blocks" -eq 0 ] || what="$blocks blocks of $bytes bytes are never freed"
    while read -r line; do case $line in diffuse*) messages=$((messages + 1)) ;; esac; done <"$err"
    if [ "$got" -eq "$wanted" ]; then
        changed=yes
        cmp -s "$out" ../wanted || what="the result is another one"
        [ "$got" -ne 0 ] || [ ! -s "$err" ] || what="status 0, yet: $(head -n 1 "$err")"
        for file in ../new/*; do
            [ ! -e "$file" ] || cmp -s "$file" "${file##*/}" || what="${file##*/} is another one"
        done
    elif [ "$got" -ne 137 ] && [ $messages -ne 1 ]; then
        what="$messages messages: $(head -n 3 "$err")"
    fi
    for file in .[!.]* *; do
        [ -e "$file" ] || continue
        case $file in .*) changed=yes; [ "$got" -eq 137 ] || what="$file is left"; continue ;; esac
        cmp -s "$file" "../old/$file" && continue
        changed=yes
        cmp -s "$file" "../new/$file" && continue
        case $file in *.safetensors) "$program" info "$file" >/dev/null 2>&1 && continue ;; esac
        what="$file is neither the old one nor the new one"
    done
}

# each CALL WHAT BEFORE STATUS...: for every call of that name, once, and then from there on.
each() {
    call=$1 error=$2 before=$3
    shift 3
    for on in '' +; do
        [ "$error$on" != EINTR+ ] || continue # who is always interrupted tries for ever
        k=$((1 + ${#words} % stride))
        again "$before"
        while strike "$call:$k$on:$error"; do
            complaint "$@"
            judged "$what" "$call:$k$on:$error diffuse $words"
            [ -z "$changed" ] || again "$before"
            k=$((k + stride))
        done
    done
}

# After a death anywhere, the same command succeeds and leaves nothing but its result; a training goes on.
kills() {
    for call in file unlink; do
        k=$((1 + ${#words} % stride))
        again old
        while strike "$call:$k:kill"; do
            complaint 137
            case $words in
                *save-every*) d train --resume x.safetensors --threads 1 -q --log ../run.csv || d $words ;;
                *) d $words ;;
            esac
            got=$?
            [ -n "$what" ] || complaint
            judged "$what" "$call:$k:kill diffuse $words"
            again old
            k=$((k + stride))
        done
    done
}

# Reads and writes of a few bytes, between interruptions.
storm() {
    again old
    strike 'open:1+:storm create:1+:storm read:1+:storm write:1+:storm' || return
    complaint
    judged "$what" "a storm, diffuse $words"
    injected=$((injected + struck - 1)) survived=$((survived + struck - 1))
}

# What the power can leave at any time; and that it would be worse without each of the two fsyncs.
power() {
    again old
    FAULTS_LOG=$work/log LD_PRELOAD=$work/faults.so "$program" $words </dev/null >"$out" 2>"$err"
    target=$(echo x.*)
    "$work/replay" "$work/log" "$target" "$work/version" >"$work/counts"
    read -r states lost <"$work/counts" || states=1 lost=1
    ok "power loss, diffuse $words" is "$lost" 0
    injected=$((injected + states)) survived=$((survived + states - lost))
    for part in file directory; do
        "$work/replay" "$work/log" "$target" "$work/version" $part >"$work/counts"
        read -r states lost <"$work/counts"
        ok "without fsync of the $part something is lost, diffuse $words" [ "$lost" -gt 0 ]
    done
    for version in "$work"/version.*; do
        cmp -s "$version" "../new/$target" || ok "a version of the past, diffuse $words" "$program" info "$version"
    done
    rm -f "$work"/version.*
}

over() { while read -r line; do begin $line; "$@"; done; }
table=$work/table
few() { if [ $stride -eq 1 ]; then cat; else awk 'NR % 4 == 2'; fi; }
grep -e ' -o x' table >files
grep -v -e --seeds -e --profile files >single
sed -n 's/--threads 1/--threads 3/p' table | few >threads
few <table >some

# Whatever befalls a save, the last checkpoint is still there, and the words say how to go on from it.
checkpoints() {
    begin train moons -n 20 $tiny --train-steps 4 --save-every 1 -f -o x.safetensors
    for faults in write:2:ENOSPC fsync:3:EIO rename:3:EDQUOT write:4:ENOSPC 'write:2:int write:3:ENOSPC' \
        'write:1:int fsync:3:EIO' 'write:1:int rename:2:EROFS' 'rename:1:int create:3:EMFILE'; do
        again none
        strike "$faults" || fail "$faults did not strike"
        complaint 4
        [ "$got" -eq 4 ] || what="status $got"
        grep -q 'to go on from the last checkpoint: diffuse train --resume x.safetensors$' "$err" ||
            what="no word on how to go on"
        d train --resume x.safetensors --threads 1 -q && cmp -s x.safetensors ../new/x.safetensors ||
            what="it does not go on"
        judged "$what" "$faults diffuse $words"
    done
    kind 'saves that fail in a training, some after Ctrl-C'
}

# While an error is handled, or a signal, memory runs out as well.
compound() {
    strike "memory:1000000:ENOMEM $1"
    last=$seen
    for k in $(seq 1 $stride "$last"); do
        again old
        strike "memory:$k+:ENOMEM $1"
        complaint 4 5
        judged "$what" "memory:$k+:ENOMEM $1 diffuse $words"
    done
}

if [ "$injects" ]; then
    over each memory ENOMEM none 5 <"$table"
    kind 'allocations that fail, once and from there on'
    over each file EIO old 4 <"$table"
    over each file ENOSPC old 4 <"$work/files"
    over each file EDQUOT old 4 <"$work/files"
    over each file EINTR old 4 <"$work/files"
    kind 'calls on files that fail, once and from there on'
    over storm <"$work/some"
    kind 'calls that are interrupted or take a few bytes'
    over kills <"$work/files"
    kind 'deaths by SIGKILL at calls on files'
    ${CC:-cc} -std=c11 -O1 -o "$work/replay" "$sources/replay.c" || fail 'replay.c cannot be compiled'
    over power <"$work/single"
    kind 'states of the disk after a loss of power'
    over each pthread_create EAGAIN old <"$work/threads"
    kind 'threads that cannot be started'
    checkpoints
    begin train moons -n 20 $tiny --train-steps 2 -f -o x.safetensors
    compound write:1:ENOSPC
    compound fsync:1:EIO
    compound 'write:1+:storm rename:1:EROFS'
    kind 'allocations that fail where a save fails'
fi
# ---- faults that the system makes itself ----

# ends COMMAND WHERE STATUS MESSAGE: how a command ended whose status is in $got and whose words are in $err.
ends() {
    what=
    [ "$got" -eq "$2" ] || what="status $got, expected $2: $(head -n 1 "$err")"
    [ -z "$3" ] || grep -qE -e "$3" "$err" || what="expected '$3', got: $(head -n 1 "$err")"
    [ -n "$3" ] || [ ! -s "$err" ] || what="expected no words, got: $(head -n 1 "$err")"
    judged "$what" "$1, diffuse $words"
}

# Nothing is left but what was there, or what was already complete.
nothing() {
    for file in .[!.]* *; do
        [ ! -e "$file" ] || cmp -s "$file" "../old/$file" || cmp -s "$file" "../new/$file" ||
            fail "$file is there, diffuse $words"
    done
}

# to PLACE: the words with that for x.
to() { echo "$words" | sed "s| -o x[^ ]*| -o $1|"; }

full() {
    "$program" $(to /dev/full) </dev/null >/dev/full 2>"$err"
    got=$?
    ends 'a full device' 4 'No space left on device$'
}

limited() {
    again old
    { (ulimit -f 0 && exec "$program" $words </dev/null >../stdout) 2>&1; echo $? >../status; } | cat >"$err"
    read -r got <../status
    ends 'a limit on the size of files' 4 'File too large$'
    nothing
}

# The reader is gone before the first byte.
unread() {
    rm -f ../gate && mkfifo ../gate
    for parent in : "trap '' PIPE"; do
        { read -r gone <../gate; (eval "$parent"; exec "$program" $words </dev/null 2>"$err"); echo $? >../status; } |
            { exec <&-; echo gone >../gate; }
        read -r got <../status
        ends "nobody reads, and the parent does $parent" 141 ''
    done
}

closed() {
    again old
    "$program" $words </dev/null >&- 2>"$err"
    got=$?
    ends 'standard output is closed' 4 'cannot write standard output: Bad file descriptor$'
    nothing
}

# Where nothing can be written, which is told before a training that would never end.
places() {
    words=$(echo "$words" | sed 's/ --train-steps [0-9]*/ --train-steps 1e9/')
    again none
    mkdir folder && ln -s nowhere dangling
    for place in missing/x folder dangling /proc/x; do
        d $(to $place)
        got=$?
        ends "-o $place" 4 'cannot write|is a directory'
    done
    [ "$injects" ] || return
    again old
    strike create:1+:EROFS
    ends 'a file system that is read only' 4 'cannot write .*: Read-only file system$'
}

# In so little memory that the program can hardly start, and in a little more.
little() {
    again none
    for more in 0 100 300 1000 3000 10000; do
        (ulimit -v $((least + more)) && exec "$program" $words </dev/null >"$out" 2>"$err")
        got=$? blocks=0
        complaint 5
        judged "$what" "ulimit -v $((least + more)), diffuse $words"
        [ -z "$changed" ] || again none
    done
}

cd "$work" || exit 1
grep -v -e ' -o x' -e --max-energy -e --point-waves table >shown
{ cat shown; echo data moons -n 100000 -q; echo sample ../model.safetensors -n 30000 --steps 1 -q; } >large
{ cat large; grep -v -e npy files; } | grep -v -e --profile -e --seeds -e --merge >to_full
grep -v -e --dry-run large >unread

if [ -c /dev/full ]; then
    over full <to_full
    kind 'results that go to a full device'
else
    skip 'there is no /dev/full'
fi
over limited <"$work/single"
kind 'results above the limit on the size of files'
over unread <"$work/unread"
kind 'results that nobody reads'
over closed <"$work/shown"
kind 'results for a closed standard output'

# Standard input that cannot be read.
begin data moons -n 2 -q
while read -r status pattern input words; do
    case $input in
        closed) "$program" $words <&- >"$out" 2>"$err" ;;
        folder) "$program" $words </ >"$out" 2>"$err" ;;
        empty) "$program" $words </dev/null >"$out" 2>"$err" ;;
        writable) "$program" $words 0>"$work/written" >"$out" 2>"$err" ;;
    esac
    got=$?
    ends "standard input is $input" "$status" "$(echo "$pattern" | tr _ ' ')"
done <<END
$(for words in 'noise - -q' 'train - -q -o x.safetensors' 'sample - -q' 'encode ../model.safetensors - -q' 'info -' \
    'decode ../model.safetensors - -q' 'likelihood ../model.safetensors - -q' 'eval - --against moons -q' 'plot - -q' \
    'field exact:moons --at - -q' 'compare --merge - -q'; do
    echo "4 cannot_read_standard_input:_Bad_file_descriptor$ closed $words"
    echo "4 standard_input_is_a_directory folder $words"
    echo "3 . empty $words"
    echo "4 cannot_read_standard_input:_Bad_file_descriptor$ writable $words"
done)
END
kind 'standard inputs that cannot be read'

over places <"$work/single"
kind 'places where nothing can be written, before the work'

# The least memory in which the program starts.
least=0
for size in 2500 3000 3500 4000 5000 6000 8000; do
    sh -c 'ulimit -v "$1" && "$2" --version && exit' - $size "$program" >"$out" 2>&1 && least=$size && break
done
if [ $least -gt 0 ]; then over little <"$work/some"; else skip 'no limit on memory can be set here'; fi
kind 'limits on memory'

# Who reads the talk, or the log, goes away; the training goes on.
begin train moons -n 20 ${tiny% -q} --train-steps 10000 --log-every 100 -f -o x.safetensors
deaf() {
    rm -f ../gate && mkfifo ../gate && again old
    { read -r gone <../gate; "$program" $words </dev/null 2>&1 >"$out"; echo $? >../status; } |
        { exec <&-; echo gone >../gate; }
    read -r got <../status
    what=
    [ "$got" -eq 0 ] && cmp -s x.safetensors ../new/x.safetensors || what="status $got, or another model"
    judged "$what" "nobody reads the talk, diffuse $words"
}
deaf
rm -f ../log && mkfifo ../log
(exec <../log) & # opens it and goes
"$program" $words --log ../log </dev/null >"$out" 2>"$err"
got=$?
wait
ends 'nobody reads the log' 0 'warning: ../log is incomplete'
ok 'the model without its log' same x.safetensors ../new/x.safetensors
kind 'talk and logs that nobody reads'

# Two programs that write one file at the same time.
begin data moons -n 2000 -q -f -o x.csv
d data moons -n 2000 -s 1 -q -f -o ../old/x.csv
for k in $(seq 1 $stride 50); do
    "$program" $words -s 1 </dev/null 2>../other &
    "$program" $words 2>"$err" </dev/null
    got=$?
    wait $! || got="$got, $?: $(cat ../other)"
    what=
    [ "$got" = 0 ] || what="status $got"
    cmp -s x.csv ../old/x.csv || cmp -s x.csv ../new/x.csv || what="the file is of neither"
    judged "$what" "two programs, diffuse $words"
done
leaves 'x.csv '
kind 'pairs of programs that write one file'
finish
