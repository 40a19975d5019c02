# SPDX-License-Identifier: BSD-3-Clause
"""For cv.sh: what bevel cv says, recomputed from files.

    cv.py folds DATA CV NAME        NAME.0, NAME.1, ...: DATA with a fold's rows at weight 0; prints the lambdas
    cv.py oof DATA CV PATH...       /oof is what the paths PATH (fold after fold) predict for their rows
    cv.py curve DATA CV...          cvm, cvsd, lambda_min and lambda_1se from /oof, /y, /weights, /fold
    cv.py same A B TOLERANCE        the same folds, curve, predictions and choice
    cv.py choice CV PRED NAME       PRED is the model's prediction at its /NAME
"""
import sys

import h5py
import numpy as np


def dense_x(f):
    x = f["X"]
    if isinstance(x, h5py.Dataset):
        return x[:].astype(float)
    out = np.zeros(tuple(x.attrs["shape"]))
    indptr, indices, data = x["indptr"][:], x["indices"][:], x["data"][:]
    by_row = x.attrs["encoding-type"] in ("csr_matrix", b"csr_matrix")
    for k in range(len(indptr) - 1):
        here = slice(indptr[k], indptr[k + 1])
        if by_row:
            out[k, indices[here]] = data[here]
        else:
            out[indices[here], k] = data[here]
    return out


def vector(f, name, n, value):
    return f[name][:].astype(float) if name in f else np.full(n, value)


def predict(path, x, offset):
    """eta of all rows, n x K x L."""
    with h5py.File(path, "r") as f:
        base = f["intercept"][:]
        base = base.reshape(len(base), -1)
        L, K = base.shape
        data, indices, indptr = (f["coef"][k][:] for k in ("data", "indices", "indptr"))
    eta = np.zeros((len(x), K, L))
    for q in range(L):
        b = np.zeros((x.shape[1], K))
        here = slice(indptr[q], indptr[q + 1])
        b[indices[here] // K, indices[here] % K] = data[here]
        eta[:, :, q] = x @ b + base[q] + offset[:, None]
    return eta


def make_folds(data, cv, stem):
    with h5py.File(cv, "r") as r:
        fold_of = r["fold"][:]
        print(",".join(repr(float(v)) for v in r["lambda"][:]))
    for k, name in enumerate(np.unique(fold_of)):
        with h5py.File(data, "r") as f, h5py.File(f"{stem}.{k}", "w") as o:
            for what in f:
                if what != "weights":
                    f.copy(what, o)
            for what, value in f.attrs.items():
                o.attrs[what] = value
            w = vector(f, "weights", len(fold_of), 1.0)
            w[fold_of == name] = 0
            o["weights"] = w


def check_oof(data, cv, paths):
    with h5py.File(data, "r") as f, h5py.File(cv, "r") as r:
        x, fold_of, oof = dense_x(f), r["fold"][:], r["oof"][:]
        offset = vector(f, "offset", len(x), 0.0)
    ids = np.unique(fold_of)
    assert len(paths) == len(ids), (len(paths), ids)
    worst = 0.0
    for path, name in zip(paths, ids):
        eta = predict(path, x, offset)[fold_of == name]
        there = oof[fold_of == name].reshape(eta.shape)
        worst = max(worst, np.max(np.abs(eta - there)) / np.max(np.abs(eta)))
    assert worst <= 1e-8, worst  # the line; the folds are solved to rounding
    print(f"predictions of rows left out: {worst:.1e} apart")


def area(y, eta, w):
    one, zero = y == 1, y == 0
    above = eta[one][:, None] - eta[zero][None, :]
    pairs = w[one][:, None] * w[zero][None, :]
    return np.sum(pairs * ((above > 0) + 0.5 * (above == 0))) / np.sum(pairs)


def errors(family, measure, y, eta):
    """n, from y (n x R) and eta (n x K)."""
    if family == "gaussian":
        d = y - eta
        return np.sum(np.abs(d) if measure == "mae" else d * d, axis=1)
    if family == "poisson":
        y, mean = y[:, 0], np.exp(eta[:, 0])
        if measure != "deviance":
            return np.abs(y - mean) if measure == "mae" else (y - mean) ** 2
        full = np.where(y > 0, y * np.log(np.where(y > 0, y, 1)), 0) - y
        return 2 * (full - (y * eta[:, 0] - mean))
    if family == "binomial":
        p1 = 1 / (1 + np.exp(-eta[:, 0]))
        p, truth = np.stack([1 - p1, p1], 1), np.stack([1 - y[:, 0], y[:, 0]], 1)
    else:
        p = np.exp(eta - eta.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        truth = np.eye(p.shape[1])[y[:, 0].astype(int)]
    if measure == "mse":
        return np.sum((truth - p) ** 2, axis=1)
    if measure == "mae":
        return np.sum(np.abs(truth - p), axis=1)
    if measure == "class":
        return 1 - truth[np.arange(len(p)), np.argmax(p, axis=1)]
    return -2 * np.sum(truth * np.log(np.clip(p, 1e-5, 1 - 1e-5)), axis=1)


def check_curve(data, cv):
    with h5py.File(data, "r") as f, h5py.File(cv, "r") as r:
        fold_of, lam = r["fold"][:], r["lambda"][:]
        cvm, cvsd, oof = r["cvm"][:], r["cvsd"][:], r["oof"][:]
        choice = r["lambda_min"][0], r["lambda_1se"][0]
        by_fold = r["fold_measure"][:]
        family, measure = (v.decode() if isinstance(v, bytes) else v
                           for v in (r.attrs["family"], r.attrs["type_measure"]))
        n = len(fold_of)
        y, w = f["y"][:].reshape(n, -1).astype(float), vector(f, "weights", n, 1.0)
    oof = oof.reshape(n, -1, len(lam))
    ids = np.unique(fold_of)
    of = np.array([np.sum(w[fold_of == k]) for k in ids])
    for q in range(len(lam)):
        eta = oof[:, :, q]
        if measure == "auc":
            raw = np.array([area(y[fold_of == k, 0], eta[fold_of == k, 0], w[fold_of == k]) for k in ids])
        else:
            e = errors(family, measure, y, eta)
            raw = np.array([np.average(e[fold_of == k], weights=w[fold_of == k]) for k in ids])
        assert np.allclose(by_fold[q], raw, rtol=1e-10, atol=1e-12), (q, by_fold[q], raw)
        weight = of
        if n < 3 * len(ids) and measure != "auc":
            raw, weight = e, w
        mean = np.average(raw, weights=weight)
        sd = np.sqrt(np.average((raw - mean) ** 2, weights=weight) / (len(raw) - 1))
        assert abs(cvm[q] - mean) <= 1e-10 * abs(mean), (q, cvm[q], mean)
        assert abs(cvsd[q] - sd) <= 1e-8 * max(abs(sd), abs(mean)), (q, cvsd[q], sd)
    sign = -1 if measure == "auc" else 1
    best = np.min(sign * cvm)
    at = np.flatnonzero(sign * cvm == best)[np.argmax(lam[sign * cvm == best])]
    assert choice[0] == lam[at], choice
    assert choice[1] == np.max(lam[sign * cvm <= best + cvsd[at]]), choice
    print(f"{family} {measure}: least {cvm[at]:.4g} at {choice[0]:.4g}")


def check_same(a, b, tolerance):
    tolerance = float(tolerance)
    with h5py.File(a, "r") as p, h5py.File(b, "r") as q:
        assert np.array_equal(p["fold"][:], q["fold"][:]), "folds"
        for name in ("lambda", "cvm", "cvsd", "oof", "lambda_min", "lambda_1se"):
            u, v = p[name][:], q[name][:]
            far = np.max(np.abs(u - v)) / np.max(np.abs(v))
            assert far <= tolerance, (name, far)


def check_choice(cv, pred, name):
    with h5py.File(cv, "r") as r, h5py.File(pred, "r") as p:
        lam, at = r["lambda"][:], r[name][0]
        data_path = r.attrs["data"]
        assert p["lambda"][0] == at
        got = p["prediction"][:]
    with h5py.File(data_path, "r") as f:
        x = dense_x(f)
    eta = predict(cv, x, np.zeros(len(x)))[:, 0, np.flatnonzero(lam == at)[0]]
    assert np.allclose(got, eta, rtol=1e-10, atol=1e-12)


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    if verb == "folds":
        make_folds(*args)
    elif verb == "oof":
        check_oof(args[0], args[1], args[2:])
    elif verb == "curve":
        for result in args[1:]:
            check_curve(args[0], result)
    else:
        {"same": check_same, "choice": check_choice}[verb](*args)
