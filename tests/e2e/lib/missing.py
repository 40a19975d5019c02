# SPDX-License-Identifier: BSD-3-Clause
"""Data with missing values, the same data mended by hand, and results held to each other.

missing.py write DIR           in DIR: mean.h5 and drop.h5 have gaps, *-hand.h5 are numpy's answer
missing.py same A B [NAME...]  datasets (default: a path's) agree to 1e-12 of the largest number
missing.py predicted P HAND GAPS MODEL  P is HAND, NaN in the rows of GAPS with a gap in a column that MODEL uses
"""
import os
import sys

import h5py
import numpy as np

PATH = ["lambda", "intercept", "center", "scale", "coef/data", "coef/indices", "coef/indptr", "objective"]


def write(folder):
    rng = np.random.default_rng(11)
    n, p = 90, 31
    x, w = rng.standard_normal((n, p)), rng.uniform(0.5, 2, n)
    w[5] = 0
    y = x[:, :4].sum(axis=1) + rng.standard_normal(n)
    gone = rng.random((n, p)) < 0.03
    gone[:, 7] = True  # nothing observed
    with_gaps = np.where(gone, np.nan, x)
    seen = np.where(gone, 0.0, x)
    mean = (w @ seen) / np.maximum(w @ ~gone, 1e-300)
    fold = rng.integers(0, 4, n)
    partly = with_gaps.copy()
    partly[:, 7] = x[:, 7]
    y_gaps = y.copy()
    y_gaps[np.flatnonzero(~np.isnan(partly).any(axis=1))[:3]] = np.nan
    keep = ~np.isnan(partly).any(axis=1) & ~np.isnan(y_gaps)
    sets = {"mean": (with_gaps, y, w, fold), "mean-hand": (np.where(gone, mean, x), y, w, fold),
            "drop": (partly, y_gaps, w, fold), "drop-hand": (x[keep], y[keep], w[keep], fold[keep]),
            "bad-y": (x, y_gaps, w, fold)}
    for name in ("drop", "drop-hand"):
        sets["single-" + name] = (sets[name][0].astype("f4"), *sets[name][1:])
    for name, (matrix, response, weights, folds) in sets.items():
        with h5py.File(os.path.join(folder, name + ".h5"), "w") as file:
            for key, value in (("X", matrix), ("y", response), ("weights", weights), ("fold", folds)):
                file[key] = value
    code = np.where(gone, -9, np.clip(np.round(2 * x), -8, 8)).astype("i1")  # int8: the code, dropped
    code[:, 7] = 1
    keep = (code != -9).all(axis=1)
    for name, rows, marked in (("code", slice(None), True), ("code-hand", keep, False)):
        with h5py.File(os.path.join(folder, name + ".h5"), "w") as file:
            file["X"], file["y"] = code[rows], y[rows]
            if marked:
                file["X"].attrs["missing"] = np.int8(-9)


def same(a, b, names):
    with h5py.File(a) as one, h5py.File(b) as two:
        for name in names or PATH:
            u, v = one[name][:], two[name][:]
            assert u.shape == v.shape, f"{name}: {u.shape}, {v.shape}"
            # sums of 90 terms in another order, through a well-conditioned solve
            assert np.max(np.abs(u - v), initial=0) <= 1e-12 * max(1, np.max(np.abs(v), initial=0)), \
                f"{name}: {np.max(np.abs(u - v))}"


def predicted(out, hand, gaps, model):
    with h5py.File(out) as a, h5py.File(hand) as b, h5py.File(gaps) as data, h5py.File(model) as fit:
        used = np.unique(fit["coef/indices"][:])
        left_out = np.isnan(data["X"][:][:, used]).any(axis=1)
        u, v = a["prediction"][:], b["prediction"][:]
    assert np.isnan(u[left_out]).all() and left_out.any() and not left_out.all()
    assert np.max(np.abs(u - v)[~left_out]) <= 1e-12 * np.abs(v).max()


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    elif sys.argv[1] == "same":
        same(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        predicted(*sys.argv[2:])
