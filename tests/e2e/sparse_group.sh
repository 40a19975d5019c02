#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sparse group lasso, three families: certified and the same at every rank count, zeros inside active
# groups; alpha 0 is the group lasso and alpha 1 the lasso; surrogates refuse it by name.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
solve() {
  bevel "$1" path "$work/data.h5" -o "$work/$2.h5" --nlambda 20 --lambda-min-ratio 0.1 --quiet "${@:3}"
  check "$work/$2.h5" "$work/data.h5"
}
for family in gaussian binomial poisson; do
  bevel 2 simulate "$work/data.h5" --n 120 --p 600 --group-size 5 --active 6 --rho 0.3 --family $family --seed 3
  for alpha in default 0.5; do
    flags=""
    [ $alpha = default ] || flags="--alpha $alpha"
    for ranks in 1 2 3 7; do
      solve $ranks $ranks --penalty sparse-group-lasso $flags
      all_zero "$work/$ranks.h5"
      [ $ranks -eq 1 ] || compare "$work/$ranks.h5" "$work/1.h5"
    done
  done
  "$python" - "$work/3.h5" "$work/data.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as r, h5py.File(sys.argv[2], "r") as d:
    groups, indptr = d["groups"][:], r["coef/indptr"][:]
    assert r.attrs["penalty"] in (b"sparse-group-lasso", "sparse-group-lasso") and r.attrs["alpha"] == 0.5
    here = groups[r["coef/indices"][indptr[-2]:indptr[-1]]]
    inside = np.unique(here, return_counts=True)[1]
    assert inside.max() > 1 and inside.min() < 5, inside  # neither the lasso's nor whole groups
    # batches: one lambda at a time would take a sweep each, and three to begin with
    assert r.attrs["passes"] < 20, r.attrs["passes"]
PY
  solve 2 zero --penalty sparse-group-lasso --alpha 0
  solve 1 group --penalty group-lasso
  compare "$work/zero.h5" "$work/group.h5"
  solve 2 one --penalty sparse-group-lasso --alpha 1
  solve 1 lasso --penalty lasso
  compare "$work/one.h5" "$work/lasso.h5"
done
words=$("$BEVEL" path "$work/data.h5" -o "$work/no.h5" --penalty sparse-group-lasso --solver lbfgs 2>&1) && fail "no refusal"
case $words in
  *"penalty sparse-group-lasso"*) ;;
  *) fail "the refusal does not name the penalty: $words" ;;
esac
