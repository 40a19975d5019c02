#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# The colon data, logistic lasso: certified at all 100 lambdas, the same at 1, 2, 3 and 7 ranks.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
for ranks in 1 2 3 7; do
  bevel $ranks path "$data/colon.h5" -o "$work/$ranks.h5" --family binomial --quiet
  check "$work/$ranks.h5" "$data/colon.h5"
  all_zero "$work/$ranks.h5"
  "$python" - "$work/$ranks.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    gap = f["dual_gap"][:]
assert len(gap) == 100 and (gap <= 1e-8).all(), gap.max()
PY
done
for ranks in 2 3 7; do
  compare "$work/$ranks.h5" "$work/1.h5"
done
# coordinate descent, which shares no inner solver with the default, agrees within its own gap
bevel 2 path "$data/colon.h5" -o "$work/cd.h5" --family binomial --solver cd --nlambda 20 --lambda-min-ratio 0.1 --quiet
bevel 2 path "$data/colon.h5" -o "$work/newton.h5" --family binomial --nlambda 20 --lambda-min-ratio 0.1 --quiet
check "$work/cd.h5" "$data/colon.h5"
compare "$work/cd.h5" "$work/newton.h5" --objective 3e-8 --coef 0
