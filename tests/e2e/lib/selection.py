# SPDX-License-Identifier: BSD-3-Clause
"""For selection.sh.

    selection.py mix DATA MODEL PRED GAMMA    PRED is GAMMA times MODEL's and 1 - GAMMA times its relaxed predictors
    selection.py separated DATA MODEL         where there is no relaxed fit, a hyperplane separates the classes
    selection.py same A B                     relaxed fits and criteria of two results
    selection.py at MODEL PRED NAME           PRED is the prediction at MODEL's /lambda_NAME, the least /NAME
    selection.py lies RESULT NAME             copies NAME.0 ... of RESULT, each with one figure changed
"""
import shutil
import sys

import h5py
import numpy as np

from cv import dense_x, vector


def columns(f, group):
    g = f[group]
    out = np.zeros(tuple(g.attrs["shape"]))
    data, indices, indptr = (g[k][:] for k in ("data", "indices", "indptr"))
    for q in range(len(indptr) - 1):
        here = slice(indptr[q], indptr[q + 1])
        out[indices[here], q] = data[here]
    return out


def mix(data, model, pred, gamma):
    gamma = float(gamma)
    with h5py.File(data, "r") as d, h5py.File(model, "r") as m, h5py.File(pred, "r") as p:
        x = dense_x(d)
        b = gamma * columns(m, "coef") + (1 - gamma) * columns(m, "relaxed/coef")
        base = gamma * m["intercept"][:] + (1 - gamma) * m["relaxed/intercept"][:]
        fitted = m["relaxed/status"][:] < 2
        eta = x @ b + base + vector(d, "offset", len(x), 0.0)[:, None]
        got = p["prediction"][:]
        assert fitted.sum() > 3
        assert np.allclose(got[:, fitted], eta[:, fitted], rtol=1e-10, atol=1e-10)
        assert np.all(np.isnan(got[:, ~fitted]))


def separates(x, y, rounds=100000):
    """Rosenblatt's rule ends if and only if some hyperplane separates the classes."""
    z = np.column_stack([np.ones(len(x)), x / np.linalg.norm(x, axis=1, keepdims=True).max()])
    z *= (2 * y - 1)[:, None]
    w = z.sum(0)
    for _ in range(rounds):
        worst = np.argmin(z @ w)
        if z[worst] @ w > 0:
            return True
        w += z[worst]
    return False


def separated(data, model):
    with h5py.File(data, "r") as d, h5py.File(model, "r") as m:
        x, y = dense_x(d), d["y"][:]
        status, coef = m["relaxed/status"][:], columns(m, "coef")
        x = (x - x.mean(0)) / x.std(0)
        assert set(status) >= {0, 2}, status
        for q in np.flatnonzero(status == 2)[[0, -1]]:
            assert separates(x[:, coef[:, q] != 0], y), q
        last = np.flatnonzero(status == 0)[-1]
        assert not separates(x[:, coef[:, last] != 0], y, 2000)
        print(f"{np.sum(status == 2)} of {len(status)} supports separate the classes")


def same(a, b):
    with h5py.File(a, "r") as u, h5py.File(b, "r") as v:
        assert np.array_equal(u["relaxed/status"][:], v["relaxed/status"][:])
        for name in ("relaxed/intercept", "relaxed/dev_ratio", "aic", "bic", "ebic", "lambda_bic"):
            p, q = u[name][:], v[name][:]
            assert np.allclose(p, q, rtol=1e-7, atol=1e-8, equal_nan=True), (name, np.nanmax(np.abs(p - q)))
        p, q = columns(u, "relaxed/coef"), columns(v, "relaxed/coef")
        assert np.max(np.abs(p - q)) <= 1e-6 * np.max(np.abs(q))
        assert u.attrs["relaxed_fits"] == v.attrs["relaxed_fits"] < len(u["lambda"])


def at(model, pred, name):
    with h5py.File(model, "r") as m, h5py.File(pred, "r") as p:
        where = m["lambda"][:][np.nanargmin(m[name][:])]
        assert m["lambda_" + name][0] == where == p["lambda"][0]


def lies(result, stem):
    for k, (name, place) in enumerate((("relaxed/coef/data", 3), ("relaxed/dev_ratio", 2), ("bic", 2),
                                       ("lambda_ebic", 0), ("relaxed/status", 1))):
        shutil.copy(result, f"{stem}.{k}")
        with h5py.File(f"{stem}.{k}", "r+") as f:
            f[name][place] = f[name][place] + 3 if name.endswith("status") else f[name][place] * 1.001 + 1e-4


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    {"mix": mix, "separated": separated, "same": same, "at": at, "lies": lies}[verb](*args)
