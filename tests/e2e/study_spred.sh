#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The choice of genes in the spred study: test rows with other labels change neither the level nor the
# genes, and every prediction is right where it was wrong; the study, two programs at a time, says the same.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" -c 'import matplotlib' 2>/dev/null || {
  echo "skipped: no matplotlib"
  exit 77
}
"$python" - "$BEVEL_SOURCE" "$work" <<'PY' || fail "the choice of genes"
import json
import os
import sys

source, work = sys.argv[1:]
sys.path.insert(0, os.path.join(source, "scripts", "study_spred"))
import genes
import h5py
import numpy as np

x, y, family = genes.load(os.path.join(source, "tests", "data"), "colon")
found = []
for method in (genes.logistic, lambda split: genes.network(split, "linear")):
    split = genes.Split(work, "colon", x, y, family, 0)
    assert not np.intersect1d(split.outer, split.test).size and split.outer.size + split.test.size == len(y)
    assert not np.intersect1d(split.inner, split.held).size and np.isin(split.inner, split.outer).all()
    before = method(split)
    split.y = y.copy()
    split.y[split.test] = 1 - y[split.test]
    with h5py.File(split.file("all"), "r+") as f:
        f["y"][...] = split.y
    after = method(split)
    split.close()
    assert all(before[key] == after[key] for key in ("level", "genes", "inner")), (before, after)
    assert abs(before["accuracy"] + after["accuracy"] - 1) < 1e-12, (before, after)
    found.append(before)
json.dump(found, open(os.path.join(work, "found.json"), "w"))
PY

code=0
study=$BEVEL_SOURCE/scripts/study-spred
BEVEL_PYTHON=$python "$study" --only genes --splits 1 --out "$work" >"$work/log" 2>&1 || code=$?
[ "$code" -le 1 ] && [ -s "$work/results.png" ] || fail "the study: exit $code, $(cat "$work/log")"
"$python" - "$work" <<'PY' || fail "the study finds something else"
import json
import sys

alone, study = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("found", "results"))
study = {row["method"]: row for row in study["genes"]}
assert len(study) == 4
for method, row in zip(("l1-logistic", "linear"), alone):
    assert all(study[method][key] == row[key] for key in row if key != "seconds"), (study[method], row)
PY
