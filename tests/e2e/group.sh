#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Group lasso and elastic net, three families: the same at every rank count; groups enter whole.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
for family in gaussian binomial poisson; do
  bevel 2 simulate "$work/data.h5" --n 120 --p 600 --group-size 5 --active 6 --rho 0.3 --family $family --seed 3
  for penalty in group-lasso enet; do
    counts="1 2 3 7"
    [ $penalty = group-lasso ] || counts="1 3"
    for ranks in $counts; do
      bevel $ranks path "$work/data.h5" -o "$work/$ranks.h5" --penalty $penalty --nlambda 20 \
        --lambda-min-ratio 0.1 --quiet
      check "$work/$ranks.h5" "$work/data.h5"
      all_zero "$work/$ranks.h5"
      [ $ranks -eq 1 ] || compare "$work/$ranks.h5" "$work/1.h5"
    done
    [ $penalty = enet ] || "$python" - "$work/3.h5" "$work/data.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as r, h5py.File(sys.argv[2], "r") as d:
    groups, indptr = d["groups"][:], r["coef/indptr"][:]
    size = np.unique(groups, return_counts=True)[1]
    assert (size == 5).all()
    for k in range(len(indptr) - 1):
        here = groups[r["coef/indices"][indptr[k]:indptr[k + 1]]]
        assert (np.unique(here, return_counts=True)[1] == 5).all(), k
    assert np.diff(indptr).max() > 0
    # batches: one lambda at a time would take a sweep each, and three to begin with
    assert r.attrs["passes"] < 20, r.attrs["passes"]
PY
  done
done
