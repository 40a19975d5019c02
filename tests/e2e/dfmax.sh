#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# --dfmax: the path ends at the first lambda with more nonzero coefficients; that one is kept, the
# rest is not attempted, and that is success; at 1, 2 and 3 ranks, and through a checkpoint.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 1 simulate "$work/data.h5" --n 90 --p 200 --active 20 --seed 6 --quiet
bevel 1 path "$work/data.h5" -o "$work/whole.h5" --nlambda 40 --quiet

# judge RESULT: as `whole`, cut after the first lambda with more than 7 nonzeros.
judge() {
  check "$1" "$work/data.h5"
  "$python" - "$1" "$work/whole.h5" <<'PY' || fail "$1"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as part, h5py.File(sys.argv[2], "r") as whole:
    last = int(np.argmax(whole["df"][:] > 7))
    assert 0 < last < 39, "the path has no such place"
    want = np.where(np.arange(40) <= last, 0, 3)
    assert (part["status"][:] == want).all(), part["status"][:]
    assert (part["df"][:] == np.where(want == 3, 0, whole["df"][:])).all()
    assert np.allclose(part["objective"][: last + 1], whole["objective"][: last + 1], rtol=1e-9, atol=0)
    assert np.isnan(part["dual_gap"][last + 1 :]).all() and np.isnan(part["kkt_residual"][last + 1 :]).all()
    assert int(part.attrs["dfmax"]) == 7 and int(whole.attrs["dfmax"]) == -1
PY
}

for ranks in 1 2 3; do
  bevel $ranks path "$work/data.h5" -o "$work/out.h5" --nlambda 40 --dfmax 7 >"$work/said"
  grep -q -- "--dfmax 7 reached: all .* lambdas attempted converged" "$work/said" ||
    fail "last lines: $(cat "$work/said")"
  judge "$work/out.h5"
done
bevel 2 path "$work/data.h5" -o "$work/cd.h5" --nlambda 40 --dfmax 7 --solver cd --quiet
judge "$work/cd.h5"

# a checkpoint from before the end, and one from after it
code=0
bevel 2 path "$work/data.h5" -o "$work/out.h5" --nlambda 40 --dfmax 7 --max-seconds 1e-9 --quiet \
  --checkpoint "$work/ck.h5" || code=$?
[ $code -eq 4 ] || fail "out of time: exit code $code, not 4"
for ranks in 3 1; do
  bevel $ranks path "$work/data.h5" -o "$work/out.h5" --nlambda 40 --dfmax 7 --quiet \
    --checkpoint "$work/ck.h5" --resume
  judge "$work/out.h5"
done
code=0
bevel 1 path "$work/data.h5" -o "$work/out.h5" --nlambda 40 --dfmax 9 --quiet \
  --checkpoint "$work/ck.h5" --resume 2>"$work/err" || code=$?
[ $code -eq 2 ] && grep -q "dfmax=7 there" "$work/err" || fail "another dfmax: $code, $(cat "$work/err")"

# never reached: nothing is left out
bevel 1 path "$work/data.h5" -o "$work/out.h5" --nlambda 20 --dfmax 200 --json >"$work/said"
grep -q '"converged": 20, .*"full": 0' "$work/said" || fail "dfmax 200: $(cat "$work/said")"
