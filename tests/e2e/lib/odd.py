# SPDX-License-Identifier: BSD-3-Clause
"""odd.py DATA FAMILY: a small data set with a constant column, groups out of order, unequal group weights
(one of them 0: a free group), unpenalised and excluded columns, weights and an offset."""
import sys

import h5py
import numpy as np

path, family = sys.argv[1:]
rng = np.random.default_rng(5)
n, p = 90, 24
X = rng.standard_normal((n, p)) + 2
X[:, 5] = 3
beta = np.zeros(p)
beta[[0, 4, 10, 11, 21]] = [1, -1, 0.7, 0.5, -0.6]
eta = 0.6 * (X - 2) @ beta
y = {
    "gaussian": lambda: eta + 0.5 * rng.standard_normal(n),
    "binomial": lambda: (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float),
    "poisson": lambda: rng.poisson(np.exp(eta)).astype(float),
}[family]()
factor = np.ones(p)
factor[[2, 13]], factor[8] = 0, np.inf
with h5py.File(path, "w") as f:
    f.attrs["family"] = family
    f["X"], f["y"], f["penalty_factor"] = X, y, factor
    f["groups"] = np.array([7, 3, 3, 9, 7, 7, 3, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1, 5, 7, 3, 5, 2, 2, 2])
    f["group_weights"] = np.array([1.5, 0.8, 2.0, 0.0, 1.0, 1.2])
    f["weights"], f["offset"] = rng.random(n) + 0.2, 0.1 * rng.standard_normal(n)
