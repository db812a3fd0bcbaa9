#!/bin/sh
# pages.sh PROGRAM -- the player and the report: their bytes, and where Chromium is installed, in it: every control, the
# keys, both colour schemes and the width of a phone, with no word on the console and no address asked for.
tests=$(cd "$(dirname "$0")" && pwd)
. "$tests/shell.sh"
. "$tests/driver.sh"

evil='<script>alert(1)<!--.csv'
make_files() {
    d data swissroll -n 300 -s 9 -o "$evil" &&
    d train "$evil" --hidden 4 --layers 1 --train-steps 60 --log-every 20 -o model.safetensors --log run.csv &&
    d sample model.safetensors -n 200 --trajectory --frames 21 -o ddim.csv &&
    d sample model.safetensors -n 200 --trajectory --frames 11 --sampler ddpm -o ddpm.csv &&
    d sample exact:swissroll -n 2000 --trajectory --frames 100 -o long.csv && d noise "$evil" --frames 9 -o noise.csv &&
    d field exact:swissroll --grid 30x20 -o field.csv && d data swissroll -n 20 -o points.csv
}
make_files || fail "the files of the tests could not be made: $(cat "$err")"

# ---- bytes ----

# whole FILE: a page with the end where it should be, without an address in it or a script that came from a file.
whole() {
    [ "$(head -n 1 "$1")" = '<!doctype html>' ] && [ "$(tail -n 1 "$1")" = '</html>' ] || { echo "not whole"; return 1; }
    [ "$(grep -c '<script' "$1")" -eq 2 ] && [ "$(grep -c '</script>' "$1")" -eq 2 ] || { echo "other scripts"; return 1; }
    ! sed 's#xmlns="http://www.w3.org/2000/svg"##' "$1" | grep -E '(src|href)="?(http|//)|https?://|url\(' || return 1
    ! grep -qE '[^a-zA-Z]nan[^a-zA-Z]' "$1" || { echo "nan"; return 1; }
}

t 0 'player.html: [0-9]+ kB of HTML' plot ddpm.csv ddim.csv --data "$evil" --field field.csv --title '</script><b>&"' -o player.html
ok "a player" whole player.html
ok "its title" has '<title>&lt;/script&gt;&lt;b&gt;&amp;&quot;</title>' player.html
d plot ddpm.csv ddim.csv --data "$evil" --field field.csv --title '</script><b>&"' -o again.html
ok "the same player again" same player.html again.html
t 0 '' plot long.csv -q -o long.html
size=$(wc -c <long.html)
ok "2,000 points in 100 frames are near a megabyte" below 1000000 "$size"
ok "2,000 points in 100 frames are near a megabyte" below "$size" 1200000
t 0 '' plot noise.csv -q -o noise.html
ok "the forward process plays too" has '"t":\[1,' noise.html

t 0 'report.html: [0-9]+ kB of HTML' report model.safetensors -n 200 --log run.csv -o report.html
ok "a report" whole report.html
ok "what it learned, as text" has '<td>&lt;script&gt;alert\(1\)&lt;!--.csv</td>' report.html
d report model.safetensors -n 200 --log run.csv -o report2.html
ok "the same report again" same report.html report2.html
t 0 '' report exact:moons -n 200 -q -o exact.html
ok "a report on an exact answer" has '<td>score_kl_bound</td><td>0.00' exact.html

# ---- odd and wrong files ----

printf 'frame,t,i,x,y\n0,1,0,3,4\n' >one.csv
t 0 '' plot one.csv -q -o one.html
ok "one point in one frame" whole one.html
printf 'frame,t,x,y\n0,1,3,4\n0,1,3,4\n1,0,3,4\n1,0,3,4\n' >still.csv
t 0 '' plot still.csv -q -o still.html
ok "points that stay" whole still.html
printf 'frame,t,i,x,y\n0,1,0,1e300,4\n' >huge.csv
t 3 "'huge' has the coordinate 1e\+300; a picture reaches to 1e100" plot huge.csv -o x.html
printf 'frame,t,i,x,y\n0,1,0,nan,4\n' >nan.csv
t 3 'nan.csv:2' plot nan.csv -o x.html
printf 'frame,t,i,x,y\n' >empty.csv
t 3 'there are no rows of data|holds no points' plot empty.csv -o x.html
printf 'frame,t,i,x,y\n0,1,0,3,4\n0,1,1,3,4\n1,0,0,3,4\n' >short.csv
t 3 'the last frame, 1, is cut short' plot short.csv -o x.html
printf 'frame,t,i,x,y\n0,1,0,3,4\n1,0,1,3,4\n' >other.csv
t 3 'frame 1 does not hold the 1 points of frame 0' plot other.csv -o x.html
printf 'frame,t,i,x,y\n0,1,0,3,4\n1,0,0,3,4\n2,0.5,0,3,4\n' >updown.csv
t 3 't goes up and down' plot updown.csv -o x.html
t 3 'is no trajectory: it has no columns frame and t' plot points.csv -o x.html
t 2 "no column 'log_density'" plot ddim.csv --field points.csv -o x.html
t 2 '--data is for players' plot ddim.csv --data points.csv -o x.svg
t 2 '--density is for SVG' plot ddim.csv --density -o x.html
t 2 '-o is missing: where the page goes' report model.safetensors
t 3 'points.csv is no model' report points.csv -o x.html
t 2 'try exact:moons' report moons -o x.html
t 3 'field.csv is no training log' report model.safetensors -n 200 --log field.csv -o x.html
mv "$evil" gone.csv
t 2 'say what model.safetensors should be compared with' report model.safetensors -o x.html
ok "nothing was left behind" no test -e x.html

# ---- in a browser ----

if ! command -v chromedriver >/dev/null 2>&1 || ! command -v curl >/dev/null 2>&1; then
    skip "chromedriver or curl is not installed"
    finish
    exit
fi
trap 'close_browser; rm -rf "$work"' EXIT
if ! open_browser; then
    skip "Chromium does not start: $(tail -n 1 "$work/driver.log")"
    finish
    exit
fi
asked >/dev/null

visit() { go about:blank && go "file://$work/$1"; }
quiet() { is "$(said)" '{"value":[]}'; }
alone() { is "$(asked | grep -vE "url[^a-z]*(about|data|chrome):|file://$work/")" ''; }
reads() { is "$(js "return String($1)")" "$2"; }
control() { echo "document.querySelector('#player [data-do=$1]')"; }
differ() { ! cmp -s "$1" "$2"; }
at='document.querySelector(\u0027#player input\u0027).value'

window 1000 700 1 false
for page in player long noise one still report exact; do
    visit $page.html#0.5
    sleep 0.2
    ok "$page.html says nothing" quiet
    ok "$page.html asks for nothing" alone
done

visit player.html#0.25
ok "a place of the clock in the address" reads "$at" 250
ok "two panels" reads "document.querySelectorAll('#player .stage canvas').length" 2
for toggle in trails density ghost field; do
    pressed=$(js "return $(control $toggle).getAttribute('aria-pressed')")
    shot before.png
    js "$(control $toggle).click()" >/dev/null
    sleep 0.1
    shot after.png
    ok "$toggle is another picture" differ before.png after.png
    ok "$toggle says so" no reads "$(control $toggle).getAttribute('aria-pressed')" "$pressed"
done
js "$(control turn).click()" >/dev/null
sleep 0.1
ok "time runs the other way" reads "$(control turn).textContent" 'data → noise'
js "$(control turn).click();$(control faster).click();$(control faster).click();$(control slower).click()" >/dev/null
sleep 0.1
ok "twice as fast" reads "document.querySelector('#player .speed').textContent" '2×'
js "$(control play).click()" >/dev/null
sleep 0.5
js "$(control play).click()" >/dev/null
ok "it plays" below 250 "$(js "return $at")"
ok "it pauses" is "$(js "return $at")" "$(sleep 0.2; js "return $at")"
press Home; sleep 0.1; ok "Home" reads "$at" 0
press ArrowRight; sleep 0.1; ok "an arrow" below 0 "$(js "return $at")"
press End; sleep 0.1; ok "End" reads "$at" 1000
press ' '; sleep 0.3; ok "space plays from the start" below "$(js "return $at")" 900
press ' '
for place in 0 0.4 0.8 1; do
    visit player.html#$place
    sleep 0.2
    shot place$place.png
done
ok "places of the slider differ" differ place0.png place0.4.png
ok "places of the slider differ" differ place0.4.png place0.8.png
ok "places of the slider differ" differ place0.8.png place1.png

for page in player report; do
    theme light; visit $page.html#0.5; sleep 0.2; shot light.png
    ok "light paper" reads "getComputedStyle(document.body).backgroundColor" 'rgb(255, 255, 255)'
    theme dark; sleep 0.2; shot dark.png
    ok "dark paper" reads "getComputedStyle(document.body).backgroundColor" 'rgb(20, 23, 28)'
    ok "two colour schemes" differ light.png dark.png
    window 390 844 2 true
    visit $page.html#0.5
    ok "$page.html fits a phone" reads 'document.documentElement.scrollWidth' 390
    window 1000 700 1 false
done
visit report.html
ok "no script of a file has run" reads "document.title" model.safetensors
js "document.querySelector('summary').click()" >/dev/null
ok "every setting" reads "document.querySelector('details').innerText.includes('train-steps')" true
ok "the console is empty in the end" quiet
ok "nothing was asked for in the end" alone
finish
