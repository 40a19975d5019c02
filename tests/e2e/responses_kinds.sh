#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# Several gaussian responses where X is sparse, where groups have several columns, and both: judged by
# scripts/check at 1 and 3 ranks, on both axes of the grid; a dense copy has the same answer, and so
# has one response with X (x) I in place of X, which the group engine solves.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
g = np.random.default_rng(11)
n, p, K = 70, 120, 4
X = np.where(g.random((n, p)) < 0.15, g.normal(1, 1, (n, p)), 0)
X[:, 7] = 0  # no entry at all
X[:, 9] = X[:, 8]
X[:, 11] = 2.5  # constant, and stored in every row
Y = X[:, 12:24] @ g.normal(0, 1, (12, K)) + g.normal(0, 0.5, (n, K)) + [0, 30, -2, 1]
factor = np.ones(p)
factor[3], factor[4] = 0, np.inf
groups = g.permutation(np.arange(p) // 5)  # of 5, scattered
weights = g.uniform(0.5, 2, n)
weights[5] = 0

def sparse(f, kind):
    A = X if kind == "csr_matrix" else X.T
    row, col = np.nonzero(A)
    group = f.create_group("X")
    group.attrs.update({"encoding-type": kind, "encoding-version": "0.1.0", "shape": np.array([n, p])})
    group["data"], group["indices"] = A[row, col], col
    group["indptr"] = np.r_[0, np.cumsum(np.bincount(row, minlength=len(A)))]

for name in ("dense", "csr", "csc"):
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "w") as f:
        if name == "dense":
            f["X"] = X
        else:
            sparse(f, name + "_matrix")
        f["y"], f["weights"], f["penalty_factor"], f["groups"] = Y, weights, factor, groups
# row i K + k of X (x) I has x_i at the columns j K + k; weights of groups as if their columns were K times fewer
A = g.normal(size=(30, 20))
B = A[:, 2:8] @ g.normal(size=(6, 3)) + g.normal(size=(30, 3))
of_column = np.arange(20) // 4
with h5py.File(f"{sys.argv[1]}/wide.h5", "w") as f:
    f["X"], f["y"], f["groups"], f["group_weights"] = A, B, of_column, np.arange(1.0, 6.0)
with h5py.File(f"{sys.argv[1]}/long.h5", "w") as f:
    f["X"], f["y"] = np.kron(A, np.eye(3)), B.ravel()
    f["groups"], f["group_weights"] = np.repeat(of_column, 3), np.arange(1.0, 6.0)
PY
short="--nlambda 20 --lambda-min-ratio 0.03 --quiet"
for flags in "" "--penalty group-lasso" "--penalty enet --alpha 0.6 --no-intercept"; do
  bevel 1 path "$work/dense.h5" -o "$work/dense-out.h5" $short $flags
  check "$work/dense-out.h5" "$work/dense.h5"
  for how in "1 csr" "3 csr --grid 1x3" "3 csc --grid 3x1"; do
    read -r ranks kind grid <<<"$how"
    bevel $ranks path "$work/$kind.h5" -o "$work/out.h5" $short $flags $grid
    check "$work/out.h5" "$work/$kind.h5"
    all_zero "$work/out.h5"
    # both certified to 1e-8 of half the null deviance, of which the objective keeps at least a part
    # in 1000; duplicates leave coefficients undetermined
    compare "$work/out.h5" "$work/dense-out.h5" --objective 1e-5 --coef 0
  done
done
lambdas=$("$python" -c 'print(",".join(repr(0.3 * 0.7**k) for k in range(10)))')
thirds=$("$python" -c 'print(",".join(repr(0.1 * 0.7**k) for k in range(10)))')
plain="--penalty group-lasso --no-intercept --no-standardize --tol 1e-12 --quiet"
bevel 1 path "$work/wide.h5" -o "$work/wide-out.h5" --lambda $lambdas $plain
bevel 1 path "$work/long.h5" -o "$work/long-out.h5" --lambda $thirds $plain
check "$work/wide-out.h5" "$work/wide.h5"
"$python" - "$work/wide-out.h5" "$work/long-out.h5" <<'PY'
import sys, h5py, numpy as np
def read(path):
    with h5py.File(path, "r") as f:
        out, ptr = np.zeros((60, 10)), f["coef/indptr"][:]
        for k in range(10):
            out[f["coef/indices"][ptr[k]:ptr[k + 1]], k] = f["coef/data"][ptr[k]:ptr[k + 1]]
        return out, f["objective"][:], f["df"][:]
(a, f, df), (b, h, _) = read(sys.argv[1]), read(sys.argv[2])
assert np.abs(f - 3 * h).max() <= 1e-10 * f.max(), np.abs(f - 3 * h).max()
# a gap of 1e-12 leaves at most sqrt(1e-12 / curvature) in coefficients, and the curvature is above 0.01
assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max(), np.abs(a - b).max()
assert 0 < df[0] < df[-1]  # otherwise nothing was asked
PY

# lambdas far apart, and 0 with more columns than rows: answers, by lambdas on the way
bevel 1 simulate "$work/far.h5" --n 60 --p 400 --responses 4 --seed 2 --quiet
bevel 3 path "$work/far.h5" -o "$work/far.out.h5" --lambda 0.3,0.02,0 --quiet
check "$work/far.out.h5" "$work/far.h5"
all_zero "$work/far.out.h5"
