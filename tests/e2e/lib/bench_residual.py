# SPDX-License-Identifier: BSD-3-Clause
"""bench_residual.py RESULT.h5 DATA.h5 PENALTY: the benchmark's residual and objective under a penalty that is
not convex. The objective against its formula, entry by entry; the residual against a search: it is tiny where no
column can lower the objective, and not where one can (by small steps at a nonzero; at a zero of lq by any)."""
import math
import os
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.environ["BEVEL_SOURCE"], "scripts", "benchmark"))
from gap import objectives, residuals  # noqa: E402


def integral(slope, t, bends):
    """Of a slope that is linear between its bends, from 0 to t: the trapezoidal rule is exact."""
    ends = [0.0, *(bend for bend in bends if bend < t), t]
    return sum((b - a) * (slope(a) + slope(b)) / 2 for a, b in zip(ends, ends[1:]))


def profile(penalty, t, lam):
    """P(t) from methods' slopes; lq as it stands."""
    if penalty == "lq":
        return lam * math.sqrt(t)
    if penalty == "mcp":
        return integral(lambda s: max(lam - s / 3.0, 0.0), t, [3.0 * lam])
    return integral(lambda s: min(lam, max(3.7 * lam - s, 0.0) / 2.7), t, [lam, 3.7 * lam])


def objective(X, y, b, lam, penalty):
    return sum((y - X @ b) ** 2) / (2 * len(y)) + sum(profile(penalty, abs(v), lam) for v in b if v != 0)


def lowest_along(X, y, b, j, lam, penalty):
    """How much the objective falls at most on a grid of values of coefficient j: near it, for lq everywhere."""
    x, r = X[:, j], y - X @ b + X[:, j] * b[j]
    h, c = x @ x / len(y), x @ r / len(y)
    reach = 2 * abs(c) / h
    grid = np.linspace(-reach, reach, 4001) if penalty == "lq" else b[j] + np.linspace(-1e-3, 1e-3, 21)
    values = np.append(grid, [0.0, b[j]])
    t = np.abs(values)
    level = lam * np.sqrt(t) if penalty == "lq" else np.array([profile(penalty, v, lam) for v in t])
    along = h * values**2 / 2 - c * values + level
    return along[-1] - along.min()


def main():
    result, data, penalty = sys.argv[1:4]
    with h5py.File(data, "r") as f:
        X, y = f["X"][:], f["y"][:]
    with h5py.File(result, "r") as f:
        lambdas, B = f["lambda"][:], np.zeros((X.shape[1], len(f["lambda"])))
        ends, rows, values = f["coef/indptr"][:], f["coef/indices"][:], f["coef/data"][:]
    for k in range(len(lambdas)):
        B[rows[ends[k]:ends[k + 1]], k] = values[ends[k]:ends[k + 1]]
    found = residuals(X, y, B, lambdas, "gaussian", penalty)
    assert np.all(found <= 1e-6), found  # what bevel certified
    last = len(lambdas) - 1
    told = objectives(X, y, B, lambdas, "gaussian", penalty)
    for k in (0, last // 2, last):
        assert abs(told[k] / objective(X, y, B[:, k], lambdas[k], penalty) - 1) < 1e-12, k  # rounding of 60 + 100 terms

    def judged(b):
        return residuals(X, y, b[:, None], lambdas[last:], "gaussian", penalty)[0]

    best = B[:, last]
    if penalty == "lq":
        falls = [lowest_along(X, y, best, j, lambdas[last], penalty) for j in range(len(best))]
        assert max(falls) <= 1e-6 * told[last], max(falls)
    large = np.argsort(-np.abs(best))[:3]
    assert best[large[2]] != 0
    for j in large:
        for spoilt in (0.0, 0.9 * best[j], best[j] + 0.01):
            b = best.copy()
            b[j] = spoilt
            fall = lowest_along(X, y, b, j, lambdas[last], penalty)
            assert fall > 0 and judged(b) > 1e-4, (j, spoilt, fall, judged(b))
    idle = np.flatnonzero(best == 0)[:3]
    for j in idle:
        b = best.copy()
        b[j] = 1e-3
        # for lq too small to be a minimum, however flat the rest
        assert judged(b) > 1e-4, (j, judged(b))
    B[3, 5] = np.nan
    assert np.isinf(residuals(X, y, B, lambdas, "gaussian", penalty)[5])


main()
