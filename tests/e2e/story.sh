#!/usr/bin/env bash
# fast. SPDX-License-Identifier: BSD-3-Clause
# README's "From a csv to a report": its commands as they stand there give a certified, cross-validated model and a
# page of its numbers.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

"$BEVEL_SOURCE/scripts/report" "$work/none.h5" >/dev/null 2>"$work/said" || true
if grep -q "is missing" "$work/said"; then
  echo "skipped: $(cat "$work/said")"
  exit 77
fi
awk '/^## /{in_it = ($0 == "## From a csv to a report")} in_it && /^    /{print substr($0, 5); seen = 1; next}
     in_it && seen{exit}' "$BEVEL_SOURCE/README.md" >"$work/commands"
[ "$(wc -l <"$work/commands")" -eq 3 ] || fail "three commands: $(cat "$work/commands")"

cd "$work"
mkdir build
ln -s "$BEVEL" build/bevel
ln -s "$BEVEL_SOURCE/tests" "$BEVEL_SOURCE/scripts" .
timeout 120 bash -e commands >said 2>&1 || fail "$(cat said)"
check model.h5 colon.h5
all_zero model.h5
"$python" "$lib/report.py" cv report.html model.h5 colon.h5 || fail "the page"
grep -q "ROC of tumour" report.html || fail "the classes have names"
bevel 1 predict colon.h5 --model model.h5 --at lambda.min --type class -o classes.h5 >said
grep -Eq "62 rows: normal [0-9]+, tumour [0-9]+" said || fail "$(cat said)"
