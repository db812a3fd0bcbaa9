#!/bin/sh
# install.sh PROGRAM -- what is generated says what the parser accepts; what is installed works, and goes again; the same
# sources make the same program in any folder.
sources=$(cd "$(dirname "$0")/.." && pwd)
. "$(dirname "$0")/shell.sh"

# ---- what the parser accepts: a line for every option, "OWNER --option", and for every choice of it ----

# options WORDS: of a command, as its help lists them.
options() { "$program" help "$@" | sed -n 's/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'; }

# accepted OWNER WORDS: each option on standard input and its choices, which the program tells when it gets none of them.
accepted() {
    owner=$1
    shift
    while read -r option; do
        echo "$owner $option"
        d "$@" "$option" '?'
        sed -n 's/^diffuse.*it can be \(.*\)/\1/p' "$err" | sed 's/, / /g; s/ or / /' | tr ' ' '\n' |
            sed "s/^/$owner $option /"
    done
}

# extra COMMAND OPTION LIST: the options that each word of the list brings.
extra() {
    options "$1" "$2" '?' >base
    for plugged in $("$program" list "$3" | sed 's/ .*//'); do
        options "$1" "$2" "$plugged" | grep -vxF -f base | accepted "$plugged" "$1" "$2" "$plugged"
    done
}

commands=$("$program" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help)
for command in $commands; do options "$command" --method '?' --sampler '?' | accepted "$command" "$command"; done >own
extra train --method methods >of_methods
extra sample --sampler samplers >of_samplers
for option in --sampler:eval,report,sample,likelihood --samplers:compare --method:train --preset:train; do
    list=${option%%:*} list=${list#--}
    for word in $("$program" list "${list%s}s" | sed 's/ .*//'); do
        for command in $(echo "${option#*:}" | tr , ' '); do echo "$command ${option%%:*} $word"; done
    done
done >>own
sort -u own of_methods of_samplers >by_owner
{ cat own; sed 's/^[^ ]*/train/' of_methods; sed 's/^[^ ]*/sample/' of_samplers; } | sort -u >by_command
ok "every command has a place in the help" is "$(echo "$commands" | grep -c .)" "$("$program" generate man | grep -c '^\.SS "diffuse ')"
ok "the parser told options and choices" below 250 "$(wc -l <by_command)"

agree() { sort -u "$2" >sorted; diff "$1" sorted | grep '^[<>]'; cmp -s "$1" sorted; }

# ---- man ----

"$program" generate man >diffuse.1
awk '{ gsub(/\\-/, "-"); gsub(/\\fB|\\fR|\\fI/, "") }
    /^\.S[SH]/ { owner = $2 == "\"diffuse" ? $3 : $2; option = "" }
    option != "" && match($0, /: [^:]*$/) {
        choices = substr($0, RSTART + 2)
        sub(/ \[[^]]*\]$/, "", choices)
        gsub(/, | or /, " ", choices)
        count = split(choices, choice, " ")
        for (i = 1; i <= count; i++) if (known[owner " " option " " choice[i]]) print owner, option, choice[i]
    }
    FILENAME != ARGV[1] && /^(-., )?--/ { option = $0; sub(/^-., /, "", option); sub(/ .*/, "", option); print owner, option; next }
    FILENAME == ARGV[1] { known[$0] = 1 }
    { if (FILENAME != ARGV[1]) option = "" }' by_owner diffuse.1 >in_man
grep -vE '^(train|sample|eval|report|compare|likelihood) --(samplers?|method|preset) .' by_owner >without_lists
ok "the man page has every option and choice" agree without_lists in_man
for list in methods samplers shapes presets; do
    for word in $("$program" list $list | sed 's/ .*//'); do
        ok "the man page has the $list" grep -qE "^\.(SS|B) $(echo "$word" | sed 's/-/\\\\-/g')$" diffuse.1
    done
done
if command -v groff >/dev/null 2>&1; then ok "the man page is well-formed" is "$(groff -man -Tutf8 -ww diffuse.1 2>&1 >page)" ""
else skip "groff is not here"; fi

# ---- bash ----

"$program" generate bash >diffuse.bash
if command -v bash >/dev/null 2>&1; then
    # Lines to complete, and what must be offered: replies to "diffuse train --", "diffuse train --loss" and so on.
    cat >complete.bash <<'END'
. ./diffuse.bash
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
mkdir -p none && cd none
replies() { COMP_LINE=$1 COMP_POINT=${#1}; _diffuse; printf '%s\n' "${COMPREPLY[@]}"; }
if [ $# -gt 0 ]; then replies "$1"; exit; fi
while read -r command option choice; do
    [ -z "$choice" ] || continue
    [ "$command" = "$last" ] || replies "diffuse $command --" | sed "s/^/$command /"
    last=$command
    values=$(replies "diffuse $command x $option ")
    # After a flag comes an operand.
    [ "$values" = "$(replies "diffuse $command x ")" ] || sed -n "s/^./$command $option &/p" <<<"$values"
done
END
    bash complete.bash <by_command | grep -vE -- '--(against|data|reflow|teacher) .' >in_bash
    ok "bash offers every option and choice" agree by_command in_bash
    shapes=$("$program" list shapes | sed 's/ .*//')
    ok "bash offers commands" is "$(bash complete.bash 'diffuse ')" "$commands
help"
    ok "bash completes a command" is "$(bash complete.bash 'diffuse tr')" train
    ok "bash offers shapes" is "$(bash complete.bash 'diffuse data -n 5 ')" "$shapes"
    ok "bash knows that a colon ends its words" is "$(bash complete.bash 'diffuse data swissroll:f')" ffjord
    ok "bash offers exact:" is "$(bash complete.bash 'diffuse sample exact:check')" "$(echo "$shapes" | grep ^check)"
    ok "bash completes after =" is "$(bash complete.bash 'diffuse train x --beta-schedule=co')" cosine
    ok "bash offers lists" is "$(bash complete.bash 'diffuse list s')" 'shapes
samplers'
else
    skip "bash is not here"
fi

# ---- zsh ----

"$program" generate zsh >_diffuse
awk '/^    [a-z]+\)$/ { owner = $1; sub(/\)/, "", owner) }
    match($0, /--[a-z0-9-]+=?(\[|}.\[)/) {
        option = substr($0, RSTART, RLENGTH)
        gsub(/[^a-z0-9-]/, "", option)
        print owner, option
        if (match($0, /:\(.*\)/)) {
            count = split(substr($0, RSTART + 2, RLENGTH - 3), choice, " ")
            for (i = 1; i <= count; i++) print owner, option, choice[i]
        }
    }' _diffuse | grep -vE -- '--teacher .' >in_zsh
ok "zsh offers every option and choice" agree by_command in_zsh
for command in $commands; do ok "zsh offers commands" grep -q "^    '$command:" _diffuse; done
if command -v zsh >/dev/null 2>&1; then ok "zsh reads its completion" zsh -n _diffuse; else skip "zsh is not here"; fi
t 2 'it can be man, bash or zsh' generate fish

# ---- the same program from any folder ----

unset MAKEFLAGS MFLAGS MAKELEVEL
for folder in one another/with/a/longer/name; do
    mkdir -p "$folder"
    cp -R "$sources/Makefile" "$sources/include" "$sources/src" "$folder"
    ok "it builds in $folder" make -s -j2 -C "$folder" CFLAGS='-O0 -g' build/diffuse build/diffuse.man
done
longer=another/with/a/longer/name
for file in diffuse libdiffuse.a diffuse.man; do
    ok "$file is the same in two folders" same "one/build/$file" "$longer/build/$file"
done

# ---- install ----

installed() { make -s -C one CFLAGS='-O0 -g' PREFIX=/opt/it DESTDIR="$work/to here" "$@"; }
root="$work/to here/opt/it"
mkdir -p "$root/include/diffuse"
echo mine >"$root/include/diffuse/mine.h"
ok "make install" installed install
(cd "$work/to here" && find . -type f | sed 's|^\./opt/it/||' | grep -v '^include/' | sort) >listed
ok "what is installed, and where" is "$(tr '\n' ' ' <listed)" "bin/diffuse lib/libdiffuse.a lib/pkgconfig/diffuse.pc \
share/bash-completion/completions/diffuse share/man/man1/diffuse.1 share/zsh/site-functions/_diffuse "
ok "every header is installed" is "$(cd "$root/include/diffuse" && ls | grep -vx mine.h)" "$(ls "$sources/include/diffuse")"
ok "the installed program runs" "$root/bin/diffuse" --version
ok "the man page is the program's own" same "$root/share/man/man1/diffuse.1" diffuse.1
ok "nothing says where it was built" no grep -rqF "$work" "$root"
ln -s "$root" prefix
flags="-I$work/prefix/include -L$work/prefix/lib -ldiffuse -lm -pthread"
if command -v pkg-config >/dev/null 2>&1; then
    told=$(PKG_CONFIG_PATH=prefix/lib/pkgconfig pkg-config --define-variable=prefix="$work/prefix" --cflags --libs diffuse)
    ok "what pkg-config says" is "${told% }" "$flags"
    version=$(PKG_CONFIG_PATH=prefix/lib/pkgconfig pkg-config --modversion diffuse)
    "$program" --version >version
    ok "its version" has "^diffuse $version," version
else
    skip "pkg-config is not here"
fi
warnings='-Wall -Wextra -Wpedantic -Werror'
ok "the C example builds" ${CC:-cc} -std=c11 $warnings -o in_c "$sources/tests/example.c" $flags
ok "the C example samples" sh -c './in_c >in_c.csv'
d sample exact:swissroll -n 5 --seed 1 --steps 20 && sed 1d "$out" >sampled.csv
ok "the C example and the program give the same points" same in_c.csv sampled.csv
if command -v "${CXX:-c++}" >/dev/null 2>&1; then
    ok "the C++ example builds" ${CXX:-c++} -std=c++17 $warnings -o in_cpp "$sources/tests/example.cpp" $flags
    ok "the C++ example runs" sh -c './in_cpp >in_cpp.csv'
    ok "the C++ example gives points with densities" is "$(grep -cxE '(-?[0-9.]+,){2}-?[0-9.]+' in_cpp.csv)" 5
else
    skip "no C++ compiler"
fi
ok "make uninstall" installed uninstall
ok "only what was there before is left" is "$(cd "$work/to here" && find . -type f)" ./opt/it/include/diffuse/mine.h
finish
