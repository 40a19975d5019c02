#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# Several gaussian responses through files: certified at 1 and 3 ranks, judged by scripts/check, the
# same everywhere, weights, a constant column and duplicates included; predictions are X B + b0; what
# does not know several responses refuses.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$work/data.h5" "$work/one.h5" <<'PY'
import sys, h5py, numpy as np
g = np.random.default_rng(5)
n, p, K = 90, 140, 3
X = g.standard_normal((n, p)); X[:, 7] = 3.0; X[:, 9] = X[:, 8]
Y = X[:, 5:15] @ g.standard_normal((10, K)) + g.standard_normal((n, K)) + [0, 5, -2]
for path, y in ((sys.argv[1], Y), (sys.argv[2], Y[:, :1])):
    with h5py.File(path, "w") as f:
        f["X"], f["y"], f["weights"] = X, y, g.uniform(0.5, 2, n)
        factor = np.ones(p); factor[3], factor[4] = 0, np.inf
        f["penalty_factor"] = factor
PY
for ranks in 1 3; do
  case=0
  for flags in "" "--penalty enet --alpha 0.7" "--no-intercept --no-standardize --weights none"; do
    bevel $ranks path "$work/data.h5" -o "$work/out$ranks.h5" --nlambda 25 --lambda-min-ratio 0.02 --quiet $flags
    case=$((case + 1))
    check "$work/out$ranks.h5" "$work/data.h5"
    all_zero "$work/out$ranks.h5"
    [ $ranks -ne 1 ] || cp "$work/out1.h5" "$work/first$case.h5"
    [ $ranks -ne 3 ] || "$python" - "$work/out3.h5" "$work/first$case.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "r") as b:
    # objectives of one minimum, each certified to 1e-8 of half the null deviance
    unit = b.attrs["half_null_deviance"]
    assert np.abs(a["objective"][:] - b["objective"][:]).max() <= 1e-8 * unit
PY
  done
done
bevel 1 path "$work/data.h5" -o "$work/model.h5" --nlambda 6 --lambda-min-ratio 0.1 --quiet
bevel 3 predict "$work/data.h5" --model "$work/model.h5" -o "$work/pred.h5" --quiet
"$python" - "$work/data.h5" "$work/model.h5" "$work/pred.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as d, h5py.File(sys.argv[2], "r") as m, h5py.File(sys.argv[3], "r") as out:
    X, b0, ptr = d["X"][:], m["intercept"][:], m["coef/indptr"][:]
    got = out["prediction"][:]
    assert got.shape == (90, 3, 6) and b0.shape == (6, 3)
    for k in range(6):
        B = np.zeros(X.shape[1] * 3)
        B[m["coef/indices"][ptr[k]:ptr[k + 1]]] = m["coef/data"][ptr[k]:ptr[k + 1]]
        B = B.reshape(-1, 3)
        size = np.abs(X) @ np.abs(B) + np.abs(b0[k])  # sums of 140 products in another order
        assert (np.abs(got[:, :, k] - X @ B - b0[k]) <= 1e-13 * (size + 1)).all()
PY
bevel 1 path "$work/one.h5" -o "$work/single.h5" --nlambda 5 --lambda-min-ratio 0.3 --quiet
check "$work/single.h5" "$work/one.h5"
for flags in "--solver cd" "--solver lbfgs" "--gram distributed" "--family binomial" "--upper 1"; do
  bevel 1 path "$work/data.h5" -o "$work/no.h5" --quiet $flags 2>/dev/null && fail "$flags was not refused"
  [ ! -e "$work/no.h5" ] || fail "$flags: a result"
done
