#!/bin/sh
# surprises.sh PROGRAM -- the program does what it was told and nothing else: which functions it calls, what it reads of
# the environment, which files each command opens, and that a signal only leaves a note.
sources=$(cd "$(dirname "$0")/../src" && pwd)
. "$(dirname "$0")/shell.sh"

# ---- the text of the program ----

grep -rhoE 'getenv\([^)]*\)' "$sources" | sort -u >read
ok "getenv is called where it always was" is "$(tr '\n' ' ' <read)" 'getenv("DIFFUSE_SIMD") getenv("TERM") getenv(names[i]) '
ok "those names are of the locale" grep -q '"LC_ALL", "LC_CTYPE", "LANG"' "$sources/cli/screen.c"
ok "and the man page has it" sh -c "'$program' generate man | grep -q 'DIFFUSE_SIMD'"
ok "only training and its pictures look at a clock" is \
    "$(grep -rlE 'clock_gettime|gettimeofday|[^_a-z]time\(NULL|[^_a-z]clock\(' "$sources" | sed 's/.*\///' | sort | tr '\n' ' ')" 'cmd_train.c '

# A handler may do nothing but leave a note: a body of one assignment.
awk '/^static void on_[a-z]+\(int number\)$/ { getline; getline body; getline end
         print (body ~ /^    [a-z_]+_signal = number;$/ && end == "}") ? "sound" : "more: " body }' "$sources"/cli/*.c >handlers
ok "handlers are there" [ "$(wc -l <handlers)" -ge 2 ]
ok "handlers only leave a note" no grep -v '^sound$' handlers
ok "what they leave is atomic" grep -q 'static volatile sig_atomic_t stop_signal, save_signal;' "$sources/cli/cmd_train.c"
grep -rnE '[^_a-z](signal|catch_signal)\(SIG|sa_handler' "$sources" |
    grep -vE 'SIG_IGN|SIG_DFL|catch_signal\(SIG[A-Z0-9]+, on_(stop|save)|\.sa_handler = handler,' >others
ok "and there are no other handlers" [ ! -s others ]

# ---- what it is linked to ----

# The whole of the C library that is used: no network, no other program, no random numbers, no mathematics that differs
# from one library to the next.
allowed='access calloc clock_gettime close closedir fchmod fclose fcntl ferror fesetenv fflush fmax fmin fopen fprintf fputc fputs fread free
    fseek fstat fsync ftell fwrite getenv getpid ioctl isatty localeconv lstat malloc memchr memcmp memcpy memmove memset open opendir
    perror printf pthread_[a-z_]* putc putchar puts qsort raise read readdir realloc realpath rename sched_getaffinity sigaction
    sigemptyset sigfillset signal snprintf sqrt fabs floor ceil stat std[a-z]* str[a-z]* sscanf sysconf unlink vfprintf vsnprintf write'
if command -v nm >/dev/null 2>&1 && nm -u "$program" >symbols 2>/dev/null && [ -s symbols ]; then
    for one in $allowed; do echo "^$one\$"; done >patterns
    # Names of the compiler and of the C library for its own begin with _; sanitizers bring theirs.
    awk '{ print $NF }' symbols | sed 's/@.*//' | grep -v '^_' | grep -vEf patterns >strange
    ok "nothing else is called: $(tr '\n' ' ' <strange)" [ ! -s strange ]
else
    skip 'nm shows nothing of this program'
fi
if command -v ldd >/dev/null 2>&1 && ldd "$program" >libraries 2>/dev/null; then
    ok "libc and libm, nothing else" is \
        "$(awk '{ print $1 }' libraries | sed 's/.*\///' | grep -vE '^(linux-vdso|linux-gate|ld-|libc\.|libm\.|libpthread\.)' | tr '\n' ' ')" ''
else
    skip 'ldd shows nothing of this program'
fi

# ---- which files it opens ----

verbs() {
    cat <<END
data moons -n 9 -o made
noise moons -n 9 -o made
train moons -n 40 --hidden 4 --layers 1 --train-steps 3 --log log --save-every 1 --threads 2 -o made
train --resume part --log log -o made
ema edm2 -o made
sample model -n 9 --threads 2 -o made
encode model points.csv --steps 3 -o made
decode model points.csv --steps 3 -o made
interpolate model --from 1,1 --to 0,1 --steps 3 -o made
eval model -n 40 --likelihood-points 9 -o made
compare model -n 20 --steps 2 --fine-steps 10 -o made
likelihood model points.csv --ode-steps 4 -o made
field model --grid 4x4 -o made
info model
plot points.csv -o made
report model -n 20 -o made
papers ddpm
list shapes
generate bash
help train
END
}
tiny="-n 40 --hidden 4 --layers 1 --train-steps 3"
d data moons -n 30 -o points.csv && d train moons $tiny -o model && d train moons $tiny --method edm2 -o edm2 &&
    d train moons $tiny -o part --time-limit 1e-9 && d list methods || fail "the files could not be made: $(cat "$err")"
verbs >lines
calls=open,openat,creat,openat2,socket,connect,execve,fork,vfork,unlink,unlinkat,rename,renameat,renameat2,mkdir,link,symlink
if strace -f -e trace=$calls -o trace "$program" --version >/dev/null 2>&1 && grep -q execve trace; then
    mkdir here && cd here || exit 1
    d help
    for command in $(awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' "$out"); do
        ok "diffuse $command is among those that are watched" grep -q "^$command " ../lines
    done
    while IFS= read -r line; do
        rm -rf ./* && cp ../points.csv ../model ../edm2 ../part .
        strace -f -e trace=$calls -o ../trace "$program" $line </dev/null >"$out" 2>"$err"
        ok "diffuse $line under strace: $(head -n 1 "$err")" is $? 0
        # The loader's own files come first; a folder is opened to be synchronised; /sys, /proc by the C library's sysconf.
        grep -v ' = -1 ENOENT' ../trace | sed '1{/execve/d;}' |
            grep -vE '"/(etc/ld|lib|usr/lib|lib64)|"/(sys/devices/system/cpu|proc)/[a-z/]*"|\+\+\+|---|resumed' |
            grep -vE '"(points\.csv|model|edm2|part|made|log)"|O_DIRECTORY|"([^"]*/)?\.(made|log)\.[0-9]+\.[0-9]+\.tmp"' >../strange
        ok "diffuse $line: $(head -n 1 ../strange)" [ ! -s ../strange ]
    done <../lines
else
    skip 'strace cannot be used here, so files that are opened were not watched'
fi

finish
