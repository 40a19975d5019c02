#!/usr/bin/env bash
# fast. SPDX-License-Identifier: BSD-3-Clause
# scripts/report: pages of every kind hold the file's own numbers (lib/report.py), say in words what did not
# converge, fetch nothing, and survive names that look like HTML.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

"$BEVEL_SOURCE/scripts/report" "$work/none.h5" >/dev/null 2>"$work/said" && fail "a page of no file"
if grep -q "is missing" "$work/said"; then
  echo "skipped: $(cat "$work/said")"
  exit 77
fi
page() { "$BEVEL_SOURCE/scripts/report" "$@" >"$work/said" 2>&1 || fail "report $*: $(cat "$work/said")"; }
is() { "$python" "$lib/report.py" "$@" || fail "report.py $*"; }

bevel 1 simulate "$work/data.h5" --n 80 --p 150 --active 4 --seed 2 --quiet
"$python" - "$work/data.h5" <<'END'
import sys, h5py
with h5py.File(sys.argv[1], "a") as f:
    f["feature_names"] = ['</script><script>alert(1)</script>', '<b>&"x" & y</b>'] + [f"gene {j}" for j in range(148)]
END
bevel 1 path "$work/data.h5" -o "$work/path.h5" --nlambda 40 --quiet
page "$work/path.h5" --columns 12
is path "$work/path.html" "$work/path.h5" 12
# a stretch that did not converge, one that was not attempted
bevel 1 path "$work/data.h5" -o "$work/dfmax.h5" --nlambda 40 --dfmax 10 --quiet
"$python" -c 'import sys, h5py; h5py.File(sys.argv[1], "a")["status"][3:6] = 1' "$work/dfmax.h5"
page "$work/dfmax.h5"
is path "$work/dfmax.html" "$work/dfmax.h5"
grep -q "because --dfmax 10 ended the path" "$work/dfmax.html" || fail "dfmax is not named"

# subsamples that were not solved, made up
bevel 1 stability "$work/data.h5" -o "$work/stable.h5" --nlambda 40 --subsamples 20 --dfmax 12 --quiet
"$python" -c 'import sys, h5py; h5py.File(sys.argv[1], "a").attrs["subsamples_solved"] = 18' "$work/stable.h5"
page "$work/stable.h5" --columns 12
is stability "$work/stable.html" "$work/stable.h5" 12

bevel 1 cv "$data/colon.h5" -o "$work/cv.h5" --family binomial --folds 5 --nlambda 30 --quiet
page "$work/cv.h5" "$data/colon.h5" -o "$work/other.html"
is cv "$work/other.html" "$work/cv.h5" "$data/colon.h5"
grep -q "ROC of t" "$work/other.html" || fail "the class has a name"
bevel 1 cv "$data/iris.h5" -o "$work/iris.h5" --folds 5 --nlambda 20 --lambda-min-ratio 0.01 --quiet
page "$work/iris.h5"
is cv "$work/iris.html" "$work/iris.h5" "$data/iris.h5"
bevel 1 cv "$work/data.h5" -o "$work/numbers.h5" --folds 5 --nlambda 20 --quiet
page "$work/numbers.h5"
is cv "$work/numbers.html" "$work/numbers.h5" "$work/data.h5"

bevel 1 train "$data/iris.h5" -o "$work/trained.h5" --layers 4-3-3 --epochs 4 --quiet
page "$work/trained.h5"
is network "$work/trained.html" "$work/trained.h5"
bevel 1 pareto "$data/iris.h5" -o "$work/front.h5" --layers 4-3 --points 4 --method weighted-sum --epochs 3 --quiet
page "$work/front.h5"
is front "$work/front.html" "$work/front.h5"
bevel 1 dictionary "$data/iris.h5" -o "$work/atoms.h5" --atoms 3 --lambda 0.1 --quiet || [ $? -eq 4 ] || fail dictionary
page "$work/atoms.h5"
is dictionary "$work/atoms.html" "$work/atoms.h5"

# a study, with a data file that is none, and a name like HTML
cp "$work/data.h5" "$work/a<b>&c.h5"
head -c 3000 "$work/data.h5" >"$work/cut.h5"
printf '[study]\ncommand = cv\ndata = %s\ndata = %s\npenalty = lasso, mcp\ngamma = 2, 3\nfolds = 3\nnlambda = 8\n' \
  "$work/a<b>&c.h5" "$work/cut.h5" >"$work/grid.ini"
bevel 1 study "$work/grid.ini" -o "$work/study.h5" --quiet || [ $? -eq 4 ] || fail study
page "$work/study.h5"
is study "$work/study.html" "$work/study.h5"

# the response is asked of a file of other rows: refused; of none that is there: said in the page
"$BEVEL_SOURCE/scripts/report" "$work/cv.h5" "$data/iris.h5" >/dev/null 2>"$work/said" && fail "other rows"
grep -q "150 rows, the result is of 62" "$work/said" || fail "$(cat "$work/said")"
rm "$work/data.h5"
page "$work/numbers.h5"
grep -q "they need the response" "$work/numbers.html" || fail "no word of the response"
