# SPDX-License-Identifier: BSD-3-Clause
"""predict.py shuffle DATA OUT: the same data with named columns in another order (and the names).
predict.py name DATA OUT: the same data with names.
predict.py missing FOLDER: int8 data with missing codes to learn from (train.h5), the same without the
code (whole.h5), and a few other rows with codes and columns in another order (few.h5).
predict.py judge-missing FOLDER MODEL PREDICTION TRAINED-ON: as judge, for few.h5; a missing code reads
as the mean of what the model was trained on.
predict.py judge DATA MODEL PREDICTION TYPE [AT]: recomputes the prediction."""
import sys

import h5py
import numpy as np

command, source = sys.argv[1:3]
CODE = -7


def dense(model, p):
    coef, indptr = np.zeros((p, len(model["lambda"]))), model["coef/indptr"][:]
    for k in range(coef.shape[1]):
        here = slice(indptr[k], indptr[k + 1])
        coef[model["coef/indices"][here], k] = model["coef/data"][here]
    return coef


def write(name, X, y, order, code):
    with h5py.File(f"{source}/{name}.h5", "w") as f:
        f["X"], f["y"], f["feature_names"] = X[:, order], y, [f"snp{j}" for j in order]
        if code:
            f["X"].attrs["missing"] = np.int8(CODE)


if command == "missing":
    rng = np.random.default_rng(8)
    X = rng.integers(0, 3, (70, 40)).astype(np.int8)
    y = X[:, :5] @ [1.0, -1, 0.5, 2, -2] + rng.normal(size=70)
    gone = np.where(rng.random(X.shape) < 0.1, CODE, X).astype(np.int8)
    few = np.where(rng.random((5, 40)) < 0.4, CODE, 2).astype(np.int8)  # whose own means are 2
    write("train", gone, y, np.arange(40), True)
    write("whole", X, y, np.arange(40), False)
    write("few", few, y[:5], rng.permutation(40), True)
    sys.exit()
if command == "judge-missing":
    with h5py.File(f"{source}/few.h5") as data, h5py.File(f"{source}/{sys.argv[5]}.h5") as trained, \
            h5py.File(sys.argv[3]) as model, h5py.File(sys.argv[4]) as out:
        X = trained["X"][:].astype(float)
        X[X == CODE] = np.nan
        mean, coef = np.nanmean(X, axis=0), dense(model, X.shape[1])
        at = [int(name.decode()[3:]) for name in data["feature_names"][:]]
        few = np.empty((5, X.shape[1]))
        few[:, at] = data["X"][:]
        few = np.where(few == CODE, mean, few)
        want, size = few @ coef + model["intercept"][:], np.abs(few) @ np.abs(coef) + 1
        assert np.max(np.abs(coef)) > 0.5
        # sums of 41 terms, in another order
        assert np.max(np.abs(out["prediction"][:] - want) / size) <= 1e-13
    sys.exit()
with h5py.File(source, "r") as data:
    if command in ("name", "shuffle"):
        p = data["X"].shape[1]
        order = np.random.default_rng(3).permutation(p) if command == "shuffle" else np.arange(p)
        with h5py.File(sys.argv[3], "w") as f:
            f["X"] = data["X"][:][:, order]
            f["y"] = data["y"][:]
            f.attrs["family"] = data.attrs["family"]
            f["feature_names"] = [f"gene{j}" for j in order]
        sys.exit()
    with h5py.File(sys.argv[3], "r") as model, h5py.File(sys.argv[4], "r") as out:
        lam, b0, coef = model["lambda"][:], model["intercept"][:], dense(model, data["X"].shape[1])
        if len(sys.argv) > 6:  # between two lambdas, linearly, as glmnet does
            at = float(sys.argv[6])
            coef = np.array([np.interp(at, lam[::-1], c[::-1]) for c in coef])[:, None]
            b0 = np.array([np.interp(at, lam[::-1], b0[::-1])])
        eta = data["X"][:].astype(float) @ coef + b0
        want = {"link": eta, "response": 1 / (1 + np.exp(-eta)), "class": (eta > 0) * 1.0}[sys.argv[5]]
        got = out["prediction"][:]
        want = want[:, 0] if want.shape[1] == 1 else want
        assert got.shape == want.shape, (got.shape, want.shape)
        # sums of at most 62 products of size |x b|, in another order
        scale = np.abs(data["X"][:].astype(float)) @ np.abs(coef) + np.abs(b0)
        worst = np.max(np.abs(got - want) / scale.reshape(want.shape))
        assert worst <= 1e-13, worst
        print(f"{sys.argv[5]}: predictions differ by {worst:.1e} of their terms at most")
