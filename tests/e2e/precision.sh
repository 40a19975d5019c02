#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# --precision single at 1, 2 and 3 ranks: the certified answer is that of X rounded to float32, and the
# result says so; memory is that of float32; a model so fitted predicts from X so rounded; what is not
# dense float64 stays as it is.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

"$python" - "$work" <<'PY'
import sys
import h5py
import numpy as np

rng = np.random.default_rng(5)
n, p = 90, 6000
X = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, p)
X[:, 4] = 7 + 1e-8 * rng.normal(size=n)  # float32 sees a constant
X[:, 5] = 1e-44 * rng.normal(size=n)  # and here a few denormals
y = X[:, 10:20] / X[:, 10:20].std(0) @ rng.normal(size=10) + 0.5 * rng.normal(size=n)
sparse = np.where(rng.uniform(size=X.shape) < 0.05, X, 0)


def write(name, X, **datasets):
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "w") as f:
        f["y"] = y
        if X is not None:
            f["X"] = X
            return
        g = f.create_group("X")
        g.attrs["encoding-type"], g.attrs["shape"] = "csc_matrix", sparse.shape
        column, row = np.nonzero(sparse.T)
        g["data"], g["indices"] = sparse[row, column], row
        g["indptr"] = np.searchsorted(column, np.arange(p + 1))


write("double", X)
write("rounded", X.astype("f4").astype("f8"))
write("float", X.astype("f4"))
write("int8", rng.integers(-5, 6, X.shape).astype("i1"))
write("sparse", None)
large = X.copy()
large[17, 23] = 1e39
write("large", large)
PY

few="--nlambda 20 --quiet"
bevel 1 path "$work/rounded.h5" -o "$work/truth.h5" $few
for ranks in 1 2 3; do
  bevel $ranks path "$work/double.h5" -o "$work/s$ranks.h5" --precision single $few
  [ "$(attr "$work/s$ranks.h5" x_precision)" = float32 ] || fail "$ranks ranks: x_precision"
  [ "$(attr "$work/s$ranks.h5" precision)" = single ] || fail "$ranks ranks: precision"
  all_zero "$work/s$ranks.h5"
  check "$work/s$ranks.h5" "$work/double.h5"
  compare "$work/s$ranks.h5" "$work/truth.h5"
done
bevel 2 path "$work/double.h5" -o "$work/grid.h5" --precision single --grid 2x1 $few
compare "$work/grid.h5" "$work/truth.h5"
bevel 1 path "$work/double.h5" -o "$work/sgd.h5" --precision single --solver sgd --epochs 3 $few
check "$work/sgd.h5" "$work/double.h5"

# the column that became constant is not in the model, and its centre is the rounded one
"$python" - "$work/s2.h5" <<'PY'
import h5py, sys
with h5py.File(sys.argv[1]) as f:
    assert f["center"][4] == 7 and f["scale"][4] == 1, (f["center"][4], f["scale"][4])
    assert 4 not in f["coef/indices"][:]
PY

# the same numbers passed off as those of the unrounded X are a lie
"$python" -c 'import h5py, shutil, sys
shutil.copy(sys.argv[1], sys.argv[2])
with h5py.File(sys.argv[2], "r+") as f: f.attrs["x_precision"] = "float64"' "$work/s2.h5" "$work/lie.h5"
if "$python" "$BEVEL_SOURCE/scripts/check" "$work/lie.h5" "$work/double.h5" >"$work/out"; then
  fail "check takes a result of rounded X for one of X"
fi

# predictions: of X as the model held it, at any rank count
for ranks in 1 3; do
  bevel $ranks predict "$work/double.h5" --model "$work/s2.h5" -o "$work/p.h5" --quiet
  "$python" - "$work/double.h5" "$work/s2.h5" "$work/p.h5" <<'PY'
import h5py, sys
import numpy as np
data, model, out = (h5py.File(name) for name in sys.argv[1:])
X, coef = data["X"][:].astype("f4").astype("f8"), np.zeros((data["X"].shape[1], len(model["lambda"])))
indptr = model["coef/indptr"][:]
for k in range(coef.shape[1]):
    here = slice(indptr[k], indptr[k + 1])
    coef[model["coef/indices"][here], k] = model["coef/data"][here]
off = np.abs(X @ coef + model["intercept"][:] - out["prediction"][:])
size = np.abs(X) @ np.abs(coef) + np.abs(model["intercept"][:])
# sums of at most a few hundred products, in another order; rounding X moves them by some 1e-8
assert np.max(off / size) <= 1e-13, np.max(off / size)
assert np.max(np.abs(data["X"][:] @ coef + model["intercept"][:] - out["prediction"][:]) / size) > 1e-9
PY
done

# memory: a limit between the two estimates lets float32 through and refuses float64
bevel 1 info "$work/double.h5" >"$work/info"
limit=$(sed -n 's/^ *1 rank .* \([0-9.]*\) MiB (\([0-9.]*\) MiB)$/\1 \2/p' "$work/info" |
  awk '{ if ($1 - $2 < 1.5) exit 1; printf "%d", ($1 + $2) / 2 * 1048576 }') || fail "info: $(cat "$work/info")"
code=0
bevel 1 path "$work/double.h5" -o "$work/m.h5" --nlambda 100 --memory-limit "$limit" --stream off --quiet 2>"$work/err" || code=$?
[ $code -eq 5 ] || fail "--memory-limit $limit: exit code $code, not 5"
bevel 1 path "$work/double.h5" -o "$work/m.h5" --nlambda 100 --memory-limit "$limit" --precision single --quiet
[ "$(attr "$work/m.h5" streamed)" = 0 ] || fail "float32 fits, and was streamed"

# too large for float32: refused by place; in double it is a number like any other
code=0
bevel 2 path "$work/large.h5" -o "$work/l.h5" --precision single $few 2>"$work/err" || code=$?
[ $code -eq 3 ] && grep -q "row 17, column 23: too large for float32" "$work/err" ||
  fail "too large: exit code $code: $(cat "$work/err")"

# what is not dense float64 stays as it is
for kind in float:float32 int8:int8 sparse:float64; do
  name=${kind%:*}
  bevel 2 path "$work/$name.h5" -o "$work/a.h5" --precision single $few
  bevel 2 path "$work/$name.h5" -o "$work/b.h5" $few
  [ "$(attr "$work/a.h5" x_precision)" = "${kind#*:}" ] || fail "$name: x_precision"
  check "$work/a.h5" "$work/$name.h5"
  compare "$work/a.h5" "$work/b.h5"
done
bevel 1 path "$work/sparse.h5" -o "$work/a.h5" --precision single --nlambda 3 >"$work/out" 2>&1
grep -q "sparse: its values stay float64" "$work/out" || fail "sparse: not said: $(cat "$work/out")"
