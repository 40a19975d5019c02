#!/usr/bin/env bash
# fast. SPDX-License-Identifier: BSD-3-Clause
# Reports in a real browser (headless Chromium), at a desktop's and a phone's width: every figure is drawn, with
# its traces, no error is met, nothing is asked of the network, nothing is wider than the screen.
# REPORT_SHOTS=FOLDER keeps the screenshots.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
  echo "skipped: no chromium (scripts/setup browser)"
  exit 77
}
"$BEVEL_SOURCE/scripts/report" "$work/none.h5" >/dev/null 2>"$work/said" || true
if grep -q "is missing" "$work/said"; then
  echo "skipped: $(cat "$work/said")"
  exit 77
fi
shots=${REPORT_SHOTS:-$work}
mkdir -p "$shots"

page() { "$BEVEL_SOURCE/scripts/report" "$@" >"$work/said" 2>&1 || fail "report $*: $(cat "$work/said")"; }
look() { # NAME WIDTH HEIGHT: in a frame of that width, as a window has a least one
  cat >"$work/frame.html" <<END
<!DOCTYPE html><html><body style="margin:0"><iframe id="frame" src="$1.html" width="$2" height="$3" style="border:0"></iframe>
<script>onload = () => {
  const look = () => {
    const inside = document.getElementById("frame").contentDocument, root = inside.documentElement;
    if (!root.dataset.drawn && root.dataset.errors === "0") return setTimeout(look, 50);
    const sorted = (page) => { // by the second column, then backwards, then the first
      const table = page.querySelector("table.numbers"), column = () => Array.from(table.tBodies[0].rows, (row) => row.cells[1].textContent);
      const press = () => { table.tHead.rows[0].cells[1].click(); return column(); };
      return table ? [press(), press()] : null;
    };
    const one = (place) => [place.id, place.querySelectorAll(".main-svg").length,
      place.querySelectorAll("g.trace, g.hm, g.point").length, (place.data || []).length];
    document.body.dataset.seen = JSON.stringify({drawn: Number(root.dataset.drawn), errors: Number(root.dataset.errors),
      wide: root.scrollWidth, order: sorted(inside), title: inside.title, places: Array.from(inside.querySelectorAll(".plot")).map(one)});
  };
  look();
}</script></body></html>
END
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files \
    --user-data-dir="$work/profile" --host-resolver-rules="MAP * ~NOTFOUND" --enable-logging=stderr --log-level=0 \
    --virtual-time-budget=20000 --window-size="$(($2 < 500 ? 500 : $2)),$3" --screenshot="$shots/$1-$2.png" \
    --dump-dom "file://$work/frame.html" >"$work/dom" 2>"$work/log" || fail "$1: the browser: $(tail -3 "$work/log")"
  "$python" - "$work" "$1" "$2" <<'END' || fail "$1 at width $2"
import html, json, re, sys
work, name, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
console = [line for line in open(f"{work}/log", errors="replace") if ":CONSOLE" in line]
if console:
    sys.exit(f"the console said: {''.join(console)}")
found = re.search('data-seen="([^"]*)"', open(f"{work}/dom").read())
if not found:
    sys.exit("the page was not drawn")
seen = json.loads(html.unescape(found[1]))
asked = open(f"{work}/{name}.html").read().count('<script type="application/json"')
if seen["errors"] or seen["drawn"] != asked or len(seen["places"]) != asked or asked < 3:
    sys.exit(f"{asked} figures: {seen}")
for place, layers, drawn, traces in seen["places"]:
    if layers < 1 or drawn < 1 or traces < 1:
        sys.exit(f"{place}: {layers} pictures, {drawn} drawn of {traces} traces")
if name == "front" and not seen["order"]:
    sys.exit("no table to sort")
if seen["order"]:
    up, down = ([float(cell.replace(",", "")) for cell in cells] for cells in seen["order"])
    if up != sorted(up) or down != sorted(up, reverse=True) or len(set(up)) < 2:
        sys.exit(f"not in order: {up}, {down}")
if seen["wide"] > width:
    sys.exit(f"{seen['wide']} pixels wide")
END
  [ "$(stat -c %s "$shots/$1-$2.png")" -gt 10000 ] || fail "$1: no screenshot"
}

bevel 1 cv "$data/colon.h5" -o "$work/cv.h5" --family binomial --folds 5 --nlambda 40 --quiet
bevel 1 path "$data/colon.h5" -o "$work/path.h5" --family binomial --nlambda 40 --dfmax 15 --quiet
bevel 1 train "$data/iris.h5" -o "$work/network.h5" --layers 4-3-3 --epochs 6 --test-fraction 0.2 --quiet
bevel 1 pareto "$data/iris.h5" -o "$work/front.h5" --layers 4-3 --points 5 --method weighted-sum --epochs 3 --quiet
for name in cv path network front; do
  page "$work/$name.h5"
done
look cv 1280 3300
look cv 390 4800
look path 1280 2400
look network 390 3600
look front 1280 2400

# and what the test is there to see is seen: a page whose script fails
sed 's/Plotly.newPlot(place/Plotly.noPlot(place/' "$work/cv.html" >"$work/broken.html"
if (look broken 1280 900) >/dev/null 2>&1; then fail "a broken page passed"; fi
