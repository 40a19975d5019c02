# SPDX-License-Identifier: BSD-3-Clause
"""bench_gap.py RESULT.h5 DATA.h5 GROUP_SIZE: the benchmark's gap against what it must be. An upper bound
on how far coefficients are from the optimum: tiny at bevel's, and at spoilt ones no less than the
objective's rise, here added up entry by entry."""
import math
import os
import sys

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.environ["BEVEL_SOURCE"], "scripts", "benchmark"))
from gap import relative_gaps  # noqa: E402


def loss(family, y, eta):
    if family == "gaussian":
        return 0.5 * (y - eta) ** 2
    if family == "poisson":
        return math.exp(eta) - y * eta
    return max(eta, 0.0) + math.log1p(math.exp(-abs(eta))) - y * eta


def objective(X, y, b, lam, family, size):
    """y n x K, b a column's K coefficients together."""
    K = y.shape[1]
    eta, block = X @ b.reshape(-1, K), size * K
    groups = [math.sqrt(size * sum(v * v for v in b[g:g + block])) for g in range(0, len(b), block)]
    terms = [loss(family, y[i, k], eta[i, k]) for i in range(len(y)) for k in range(K)]
    return sum(terms) / len(y) + lam * sum(groups)


def null_deviance(y, family):
    """Half of it, at eta = 0, per unit of weight."""
    def saturated(v):
        if family == "poisson":
            return v - v * math.log(v) if v > 0 else 0.0
        return 0.0

    return sum(loss(family, v, 0.0) - saturated(v) for v in y.ravel()) / len(y)


def main():
    result, data, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with h5py.File(data, "r") as f:
        X, y, family = f["X"][:], f["y"][:], f.attrs["family"]
    with h5py.File(result, "r") as f:
        lambdas, B = f["lambda"][:], np.zeros((X.shape[1] * (y.size // len(y)), len(f["lambda"])))
        ends, rows, values = f["coef/indptr"][:], f["coef/indices"][:], f["coef/data"][:]
    for k in range(len(lambdas)):
        B[rows[ends[k]:ends[k + 1]], k] = values[ends[k]:ends[k + 1]]
    gaps = relative_gaps(X, y, B, lambdas, family, size)
    # bevel certified 1e-8 with the same dual point; 1e-14 of rounding either way
    assert np.all(gaps <= 1.0001e-8) and np.all(gaps >= -1e-14), gaps
    rng, half, table = np.random.default_rng(0), null_deviance(y, family), y.reshape(len(y), -1)
    spoilt = {"shrunk": 0.9 * B, "moved": B + 1e-3 * rng.standard_normal(B.shape), "nothing": 0.0 * B}
    for name, C in spoilt.items():
        found = relative_gaps(X, y, C, lambdas, family, size)
        for k in range(0, len(lambdas), 7):
            rise = (objective(X, table, C[:, k], lambdas[k], family, size) -
                    objective(X, table, B[:, k], lambdas[k], family, size)) / half
            assert found[k] >= rise - 1e-9, (name, k, found[k], rise)
            assert k == 0 or found[k] > 1e-7, (name, k, found[k])
    B[3, 5] = np.nan
    assert np.isinf(relative_gaps(X, y, B, lambdas, family, size)[5])


main()
