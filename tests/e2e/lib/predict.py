# SPDX-License-Identifier: BSD-3-Clause
"""predict.py shuffle DATA OUT: the same data with named columns in another order (and the names).
predict.py name DATA OUT: the same data with names.
predict.py judge DATA MODEL PREDICTION TYPE [AT]: recomputes the prediction."""
import sys

import h5py
import numpy as np

command, source = sys.argv[1:3]
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
        lam, b0, coef = model["lambda"][:], model["intercept"][:], np.zeros((data["X"].shape[1], len(model["lambda"])))
        indptr = model["coef/indptr"][:]
        for k in range(len(lam)):
            here = slice(indptr[k], indptr[k + 1])
            coef[model["coef/indices"][here], k] = model["coef/data"][here]
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
