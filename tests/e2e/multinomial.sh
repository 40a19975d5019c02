#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# Classes through files: drawn, certified at 1 and 3 ranks, judged by scripts/check, the same
# everywhere; every penalty that takes them, weights, constant and duplicate columns, sparse X,
# categorical labels; predictions; a checkpoint resumed; what is no set of classes is refused.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 3 simulate "$work/drawn.h5" --n 150 --p 200 --family multinomial --classes 4 --rho 0.5 --quiet
bevel 1 simulate "$work/same.h5" --n 150 --p 200 --family multinomial --classes 4 --rho 0.5 --quiet
bevel 1 simulate "$work/sparse.h5" --n 120 --p 90 --family multinomial --density 0.2 --quiet
bevel 1 info "$work/drawn.h5" | grep -q "family: multinomial" || fail "info does not name the family"
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
work = sys.argv[1]
with h5py.File(f"{work}/drawn.h5", "r") as a, h5py.File(f"{work}/same.h5", "r") as b:
    X, y = a["X"][:], a["y"][:]
    assert np.array_equal(X, b["X"][:]) and np.array_equal(y, b["y"][:]), "another file at 3 ranks"
    assert set(y) == {0, 1, 2, 3} and a["beta_true"].shape == (200, 4)
    # labels follow the coefficients: the largest predictor is the label far more often than 1 in 4
    assert np.mean(np.argmax(X @ a["beta_true"][:].reshape(-1, 4), axis=1) == y) > 0.5
g = np.random.default_rng(5)
X[:, 7], X[:, 9] = 3.0, X[:, 8]
factor = np.ones(200); factor[3], factor[4] = 0, np.inf
with h5py.File(f"{work}/data.h5", "w") as f:
    f["X"], f["y"], f["weights"], f["penalty_factor"] = X, y, g.uniform(0.5, 2, 150), factor
    f.attrs["family"] = "multinomial"
with h5py.File(f"{work}/grouped.h5", "w") as f:
    f["X"], f["y"], f["groups"] = X, y.astype(np.int32), np.arange(200) // 4
with h5py.File(f"{work}/cells.h5ad", "w") as f:
    f["X"] = X
    f["obs/cell_type/codes"] = y.astype(np.int8)
    f["obs/cell_type/categories"] = np.array([b"B", b"NK", b"T", b"mono"])
    f["obs/cell_type"].attrs["encoding-type"] = "categorical"
def bad(name, labels):
    with h5py.File(f"{work}/{name}.h5", "w") as f:
        f["X"], f["y"] = X, labels
bad("absent", np.where(y == 1, 0, y))
bad("fraction", np.where(np.arange(150) == 5, 0.5, y))
bad("negative", np.where(np.arange(150) == 6, -1, y))
bad("one", np.zeros(150))
bad("wide", np.stack([y, y], axis=1))
PY

# run RANKS DATA FLAGS...: true and converged.
run() {
  local ranks=$1 data=$2
  shift 2
  bevel $ranks path "$work/$data" -o "$work/out$ranks.h5" --nlambda 20 --lambda-min-ratio 0.03 --quiet "$@"
  check "$work/out$ranks.h5" "$work/$data"
  all_zero "$work/out$ranks.h5"
}
run 1 data.h5
run 3 data.h5
"$python" - "$work/out3.h5" "$work/out1.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as a, h5py.File(sys.argv[2], "r") as b:
    # objectives of one minimum, each certified to 1e-8 of half the null deviance
    unit = b.attrs["half_null_deviance"]
    assert np.abs(a["objective"][:] - b["objective"][:]).max() <= 1e-8 * unit
PY
run 2 data.h5 --penalty enet --alpha 0.7
run 1 data.h5 --no-intercept --no-standardize --weights none
run 3 grouped.h5 --family multinomial --penalty group-lasso
run 2 sparse.h5
# the names of categories do not matter, only their codes
run 1 cells.h5ad --family multinomial --y /obs/cell_type
run 2 grouped.h5 --family multinomial
compare "$work/out2.h5" "$work/out1.h5" --coef 0 # column 9 is column 8: what they share is not unique

bevel 1 path "$work/data.h5" -o "$work/model.h5" --nlambda 6 --lambda-min-ratio 0.1 --quiet
for type in link response class; do
  bevel $([ $type = class ] && echo 3 || echo 1) predict "$work/data.h5" --model "$work/model.h5" -o "$work/$type.h5" --type $type --quiet
done
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
work = sys.argv[1]
link, response, label = (h5py.File(f"{work}/{t}.h5", "r")["prediction"][:] for t in ("link", "response", "class"))
with h5py.File(f"{work}/data.h5", "r") as d, h5py.File(f"{work}/model.h5", "r") as m:
    X, y, b0, ptr = d["X"][:], d["y"][:], m["intercept"][:], m["coef/indptr"][:]
    assert link.shape == response.shape == (150, 4, 6) and label.shape == (150, 6) and b0.shape == (6, 4)
    assert np.abs(b0.sum(axis=1)).max() <= 1e-13
    for k in range(6):
        rows = slice(ptr[k], ptr[k + 1])
        B = np.zeros(800)
        B[m["coef/indices"][rows]] = m["coef/data"][rows]
        assert m["df"][k] == np.count_nonzero(B)
        B = B.reshape(-1, 4)
        size = np.abs(X) @ np.abs(B) + np.abs(b0[k])  # sums of 200 products in another order
        assert (np.abs(link[:, :, k] - X @ B - b0[k]) <= 1e-13 * (size + 1)).all()
        mean = np.exp(link[:, :, k]); mean /= mean.sum(axis=1, keepdims=True)
        assert np.abs(response[:, :, k] - mean).max() <= 1e-14
        assert np.array_equal(label[:, k], np.argmax(link[:, :, k], axis=1))
    assert np.mean(label[:, 5] == y) > np.mean(label[:, 0] == y)
PY

# a checkpoint of the first lambdas, gone on with at another number of ranks
flags="--nlambda 120 --lambda-min-ratio 0.1 --quiet"
bevel 1 path "$work/drawn.h5" -o "$work/whole.h5" $flags
code=0
bevel 1 path "$work/drawn.h5" -o "$work/part.h5" --max-seconds 0.03 --checkpoint "$work/ck.h5" $flags || code=$?
[ $code -eq 4 ] || fail "out of time: exit code $code, not 4"
check "$work/part.h5" "$work/drawn.h5"
bevel 3 path "$work/drawn.h5" -o "$work/out.h5" --checkpoint "$work/ck.h5" --resume $flags
[ "$(attr "$work/out.h5" resumed_from)" -gt 0 ] || fail "started afresh"
check "$work/out.h5" "$work/drawn.h5"
compare "$work/out.h5" "$work/whole.h5"

refused() { # NAME WORDS
  local code=0
  bevel 1 path "$work/$1.h5" -o "$work/no.h5" --family multinomial --quiet 2>"$work/err" || code=$?
  [ $code -eq 3 ] || fail "$1: exit code $code, not 3"
  grep -q "$2" "$work/err" || fail "$1: $(cat "$work/err")"
  [ ! -e "$work/no.h5" ] || fail "$1: a result"
}
refused absent "no row of class 1"
refused fraction "row 5"
refused negative "row 6"
refused one "one class"
refused wide "2 columns"
for flags in "--solver cd" "--solver lbfgs" "--gram distributed" "--penalty sparse-group-lasso" "--upper 1"; do
  bevel 1 path "$work/data.h5" -o "$work/no.h5" --quiet $flags 2>/dev/null && fail "$flags was not refused"
  [ ! -e "$work/no.h5" ] || fail "$flags: a result"
done
