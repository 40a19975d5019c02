#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# An .h5ad opens as it is: sparse X, a categorical of /obs as response, names from /var.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" "$lib/anndata.py" "$work/cells.h5ad" "$work/plain.h5"
bevel 1 path "$work/plain.h5" -o "$work/plain_out.h5" --family binomial --nlambda 20 --quiet
for ranks in 1 3; do
  bevel $ranks path "$work/cells.h5ad" -o "$work/out.h5" --family binomial --y /obs/condition --nlambda 20 --quiet
  check "$work/out.h5" "$work/cells.h5ad"
  compare "$work/out.h5" "$work/plain_out.h5"
  "$python" - "$work/out.h5" "$work/plain.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "r") as b:
    assert list(a["feature_names"][:]) == list(b["feature_names"][:])
PY
done
