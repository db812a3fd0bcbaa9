#!/bin/sh
# stops.sh PROGRAM [KILLS SIGNALS STRIDE SEED] -- training that is stopped at any moment, by whatever, and resumed
# writes the model and the log of a run that was never stopped, byte for byte.
. "$(dirname "$0")/shell.sh"
kills=${2:-10} signals=${3:-10} stride=${4:-5} seed=${5:-1}

# A run of a second or less; most of it are checkpoints, so that many signals come during one.
tiny="--hidden 4 --layers 1 --batch-size 32 --log-every 1"
long="moons -n 200 $tiny --train-steps 400 --save-every 7"
t 0 '' train $long -q -o whole.safetensors --log whole.csv

finished() { cmp -s part.safetensors whole.safetensors; }

# launch: starts or resumes the run in the background.
launch() {
    # A run that was stopped before its first checkpoint begins again.
    if [ -e part.safetensors ]; then set -- --resume part.safetensors --log part.csv
    else set -- $long -o part.safetensors --log part.csv -f; fi
    "$program" train "$@" </dev/null >"$out" 2>"$err" &
}

# rounds COUNT STOP: COUNT times, STOP is called some time after the run was launched, in as many rounds as that takes;
# each is resumed to its end. A round in which nothing advances waits longer and longer, for slow machines.
rounds() {
    times=0 round=0
    while [ "$times" -lt "$1" ]; do
        rm -f part.* && round=$((round + 1)) longest=0.15
        while ! finished && [ "$times" -lt "$1" ]; do
            seed=$((seed + 1)) times=$((times + 1))
            delay=$(awk -v seed=$seed -v most=$longest 'BEGIN { srand(seed); rand(); print most * rand() }')
            longest=$(awk -v most=$longest 'BEGIN { print most * 1.03 }')
            launch
            sleep "$delay"
            $2 $!
            [ ! -e part.safetensors ] || ok "what is left after stop $times is a model" d info part.safetensors
        done
        launch
        wait $!
        finished || t 0 '' train --resume part.safetensors --log part.csv -q
        ok "$2, round $round: the model of an unbroken run" same part.safetensors whole.safetensors
        ok "$2, round $round: the log of an unbroken run" same part.csv whole.csv
        ok "$2, round $round: nothing half written is left" is "$(leftovers)" ""
    done
}

# ---- kill -9 ----

leftovers() { find . -name '.part.*'; }

# The next save removes what an earlier one left, and has another name for its own.
in_saves=0 left=
killed() {
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    last=$left left=$(leftovers)
    [ "$left" = "$last" ] || [ -z "$left" ] || in_saves=$((in_saves + 1))
}

# ---- signals that can be caught ----

gone() { ! kill -0 "$1" 2>/dev/null; }

# Ends by the signal, within a second, with what was computed; or by it alone, before training; or is done before it.
stopped() {
    set -- "$1" $((times % 3))
    number=$(echo 2 15 1 | cut -d ' ' -f $(($2 + 1)))
    rm -f before && cp part.safetensors before 2>/dev/null
    kill -$number "$1" 2>/dev/null
    waited=0
    until gone "$1" || [ $waited -eq 20 ]; do pause && waited=$((waited + 1)); done
    ok "signal $number stops within a second" gone "$1"
    wait "$1"
    status=$?
    if has '^stopped; saving$' "$err" >/dev/null; then
        ok "ended by signal $number" is $status $((128 + number))
        ok "the step at hand is saved" has "^step $(tail -n 1 part.csv | cut -d, -f1) of 400 is saved; to go on" "$err"
    elif [ $status -eq 0 ]; then
        ok "done before the signal" finished
    else
        ok "ended by signal $number before the first step" is $status $((128 + number))
        [ ! -e before ] || ok "the checkpoint is as it was" same part.safetensors before
    fi
}

# Many at once: the second of a kind ends the program.
stormed() {
    for number in 15 10 2 10 15 2 1 10 1 2 15; do kill -$number "$1" 2>/dev/null; done
    wait "$1" 2>/dev/null
    status=$?
    case $status in
    0 | 129 | 130 | 138 | 143) pass ;; # 138: before the program catches SIGUSR1
    *) fail "a storm of signals ended with status $status" ;;
    esac
}

# SIGUSR1 saves and goes on.
saved() {
    kill -USR1 "$1" 2>/dev/null
    pause
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

if sleep 0.01 2>/dev/null; then
    rounds "$kills" killed
    echo "$kills kills, $in_saves of them during a save"
    rounds "$signals" stopped
    rounds $(((signals + 1) / 2)) stormed
    rounds $(((signals + 1) / 2)) saved
else
    skip 'stops at random moments need a sleep of less than a second'
fi

folder
endless="moons -n 200 $tiny --train-steps 1e9 --save-every 0"
until_row() { while kill -0 "$1" 2>/dev/null && ! grep -qs "^$2," "$3"; do pause; done; }
"$program" train $endless -o one --log one.csv </dev/null >"$out" 2>"$err" &
until_row $! 10 one.csv
ok "no checkpoint without --save-every" [ ! -e one ]
kill -USR1 $!
waited=0
until [ -e one ] || [ $waited -eq 100 ]; do pause && waited=$((waited + 1)); done
ok "SIGUSR1 saves, and says so" has '^step [0-9,]+ is saved$' "$err"
ok "a checkpoint" d info one
step=$(tail -n 1 one.csv | cut -d, -f1)
until_row $! $((step + 100)) one.csv
ok "and training goes on" kill -0 $!
kill -TERM $!
wait $!
ok "until it is stopped" is $? 143

(trap '' HUP && exec "$program" train $endless -f -o two --log two.csv) </dev/null >"$out" 2>"$err" &
until_row $! 10 two.csv
kill -HUP $!
step=$(tail -n 1 two.csv | cut -d, -f1)
until_row $! $((step + 100)) two.csv
ok "under nohup, SIGHUP is ignored" kill -0 $!
kill -TERM $!
wait $!
ok "and SIGTERM is not" is $? 143

# ---- at every step ----

# A time limit that is over at once stops after every step; from each stop a copy goes on to the end.
folder
fifty="moons -n 200 $tiny --train-steps 50 --log-every 3"
t 0 '' train $fifty -q -o whole.safetensors --log whole.csv
t 0 '' train $fifty -q -o step.safetensors --log step.csv --time-limit 1e-9
step=1
while [ $step -lt 50 ]; do
    if [ $((step % stride)) -eq 0 ]; then
        for end in csv safetensors; do cp step.$end copy.$end; done
        t 0 '' train --resume copy.safetensors --log copy.csv -q
        ok "stopped once, after step $step: the model" same copy.safetensors whole.safetensors
        ok "stopped once, after step $step: the log" same copy.csv whole.csv
    fi
    step=$((step + 1))
    t 0 '' train --resume step.safetensors --log step.csv -q --time-limit 1e-9
done
ok "stopped after every step: the model" same step.safetensors whole.safetensors
ok "stopped after every step: the log" same step.csv whole.csv

# ---- whatever is learned ----

d list methods
for method in $(awk '{ print $1 }' "$out"); do
    few="moons -n 60 --method $method --hidden 8 --batch-size 16 --train-steps 4 --log-every 3 -T 20"
    t 0 '' train $few -q -f -o whole.safetensors --log whole.csv
    t 0 '' train $few -q -f -o step.safetensors --log step.csv --time-limit 1e-9
    for step in 2 3 4; do t 0 '' train --resume step.safetensors --log step.csv -q --time-limit 1e-9; done
    ok "$method, stopped after every step: the model" same step.safetensors whole.safetensors
    ok "$method, stopped after every step: the log" same step.csv whole.csv
done

finish
