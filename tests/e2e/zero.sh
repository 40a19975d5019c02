#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# lambda = 0 with many more columns than rows, cold: an answer as far as tol tells, without all columns.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
for family in gaussian binomial; do
  bevel 1 simulate "$work/data.h5" --n 50 --p 4000 --active 5 --family $family --seed 3 --quiet
  for ranks in 1 3; do
    bevel $ranks path "$work/data.h5" -o "$work/$ranks.h5" --lambda 0 --quiet
    check "$work/$ranks.h5" "$work/data.h5"
    all_zero "$work/$ranks.h5"
  done
  compare "$work/3.h5" "$work/1.h5" --objective 1e-8 # of a loss that is 1e-12 of the null one
  "$python" - "$work/1.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    assert f["lambda"][:].tolist() == [0.0] and 0 < f["df"][0] < 50 and f["kkt_residual"][0] <= 1e-6
PY
done
