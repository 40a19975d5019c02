#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# What is not converged, or not held in full precision, is said so truthfully: budgets of iterations and
# of seconds (exit code 4, the result is written), --precision single, --no-standardize, --no-intercept.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
colon="$data/colon.h5"

# unconverged ARGS: exit code 4, and a result that tells no lie.
unconverged() {
  local code=0
  "$BEVEL" path "$colon" -o "$work/b.h5" --quiet "$@" </dev/null 2>"$work/err" || code=$?
  [ $code -eq 4 ] || fail "$*: exit code $code, not 4: $(cat "$work/err")"
  check "$work/b.h5" "$colon"
}
unconverged --max-iter 1 --nlambda 30
unconverged --max-seconds 0.001 --nlambda 200 --lambda-min-ratio 0.001
"$python" - "$work/b.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as f:
    left = f["status"][:] == 3
    assert left.any() and len(left) == 200
    assert np.isnan(f["objective"][:][left]).all() and (np.diff(f["coef/indptr"][:])[left] == 0).all()
PY

"$python" -c 'import h5py, sys
with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "w") as b:
    b["X"], b["y"], b.attrs["family"] = a["X"][:].astype("f8") * 1.1, a["y"][:], "binomial"' "$colon" "$work/double.h5"
bevel 2 path "$work/double.h5" -o "$work/s.h5" --precision single --nlambda 10 --quiet
[ "$(attr "$work/s.h5" x_precision)" = float32 ] || fail "--precision single: x_precision"
check "$work/s.h5" "$work/double.h5"
for flags in --no-standardize --no-intercept "--no-standardize --no-intercept"; do
  bevel 2 path "$colon" -o "$work/s.h5" $flags --nlambda 10 --quiet
  check "$work/s.h5" "$colon"
done
