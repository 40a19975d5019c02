#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sparse data, simulated the same at any rank count; lasso paths of three families on them.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
for family in gaussian binomial poisson; do
  shape="--n 150 --p 1200 --active 10 --density 0.05 --family $family --seed 7"
  bevel 1 simulate "$work/one.h5" $shape
  bevel 3 simulate "$work/data.h5" $shape
  "$python" - "$work/one.h5" "$work/data.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "r") as b:
    for name in ("X/indptr", "X/indices", "X/data"):
        assert np.array_equal(a[name][:], b[name][:]), name
    # y is a sum over the columns in an order that depends on the ranks, then noise of one seed
    assert np.allclose(a["y"][:], b["y"][:], rtol=1e-12, atol=1e-12)
    share = len(a["X/data"]) / (150 * 1200)
    assert 0.04 < share < 0.06, share  # 180,000 draws of 0.05: standard deviation 0.0005
PY
  for ranks in 1 2 3 7; do
    bevel $ranks path "$work/data.h5" -o "$work/$ranks.h5" --lambda-min-ratio 0.05 --quiet
    check "$work/$ranks.h5" "$work/data.h5"
    all_zero "$work/$ranks.h5"
    [ $ranks -eq 1 ] || compare "$work/$ranks.h5" "$work/1.h5"
  done
done
