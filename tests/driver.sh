# driver.sh -- a headless Chromium driven over HTTP; read by a script that has "$work", a folder of its own.

port=$((20000 + $$ % 20000))
driver_id='' session=''

# ask METHOD PATH [JSON]: one request to the driver, its answer on standard output.
ask() {
    curl -s --noproxy '*' -m 60 -X "$1" -H 'Content-Type: application/json' ${3:+--data-binary "$3"} "http://127.0.0.1:$port$2"
}

# The value of an answer whose value is text or a number.
value() { sed -n 's/^{"value":"\{0,1\}\(.*[^"]\)"\{0,1\}}$/\1/p'; }

open_browser() {
    chromedriver --port="$port" >"$work/driver.log" 2>&1 &
    driver_id=$!
    for wait in 1 2 3 4 5 6 7 8 9 10; do
        ask GET /status >/dev/null && break
        sleep 0.3
    done
    session=$(ask POST /session '{"capabilities":{"alwaysMatch":{"browserName":"chrome",
        "goog:loggingPrefs":{"browser":"ALL","performance":"ALL"},"goog:chromeOptions":{"args":["--headless","--no-sandbox",
        "--disable-gpu","--disable-quic","--no-first-run","--disable-background-networking","--disable-component-update",
        "--disable-sync","--hide-scrollbars","--user-data-dir='"$work"'/profile"]}}}}' |
        sed -n 's/.*"sessionId":"\([0-9a-f]*\)".*/\1/p')
    [ -n "$session" ]
}

close_browser() {
    [ -z "$session" ] || ask DELETE "/session/$session" >/dev/null
    [ -z "$driver_id" ] || kill "$driver_id" 2>/dev/null
    driver_id='' session=''
}

cdp() { ask POST "/session/$session/goog/cdp/execute" "{\"cmd\":\"$1\",\"params\":$2}"; }
go() { ask POST "/session/$session/url" "{\"url\":\"$1\"}" >/dev/null; }
js() { ask POST "/session/$session/execute/sync" "{\"script\":\"$1\",\"args\":[]}" | value; }
press() { cdp Input.dispatchKeyEvent "{\"type\":\"keyDown\",\"key\":\"$1\"}" >/dev/null; }
window() { cdp Emulation.setDeviceMetricsOverride "{\"width\":$1,\"height\":$2,\"deviceScaleFactor\":$3,\"mobile\":$4}" >/dev/null; }
theme() { cdp Emulation.setEmulatedMedia "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$1\"}]}" >/dev/null; }
shot() { ask GET "/session/$session/screenshot" | value | base64 -d >"$1"; }

# What the page said to the console, and the addresses it asked for, since the last time.
said() { ask POST "/session/$session/se/log" '{"type":"browser"}'; }
asked() {
    ask POST "/session/$session/se/log" '{"type":"performance"}' | awk '{ gsub(/{"level"/, "\n&"); print }' |
        grep -F 'Network.requestWillBeSent\"' | grep -o '\\"url\\":\\"[^"]*' | cut -c1-200 | sort -u
}
