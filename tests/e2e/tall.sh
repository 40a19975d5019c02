#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Many more rows than columns (fast): one pass over X for the whole path, dense and sparse, and the
# answer of coordinate descent on the working set.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
run() { # PENALTY SIMULATE-OPTION...
  bevel 2 simulate "$work/data.h5" --n 3000 --p 60 --active 15 --seed 4 "${@:2}"
  bevel 1 path "$work/data.h5" -o "$work/cd.h5" --penalty "$1" --solver cd --tol 1e-11 --quiet
  for ranks in 1 2 7; do
    bevel $ranks path "$work/data.h5" -o "$work/$ranks.h5" --penalty "$1" --quiet
    check "$work/$ranks.h5" "$work/data.h5"
    all_zero "$work/$ranks.h5"
    compare "$work/$ranks.h5" "$work/cd.h5"
    "$python" - "$work/$ranks.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    # standardisation, lambda_max, and one for all 100 lambdas
    assert f.attrs["passes"] <= 4.01, f.attrs["passes"]
PY
  done
}
run lasso --rho 0.5
run enet --density 0.04
