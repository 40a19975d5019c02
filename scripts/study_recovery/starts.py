# SPDX-License-Identifier: BSD-3-Clause
"""`auto` against L-BFGS on the surrogate, where penalties have many stationary points.

200 x 1000, columns with correlation rho^|i-j|, 10 of them at work (group-lq: 10 groups of 5), signal to
noise 3; gaussian and binomial, l_1/2, l_2/3 and group l_2/3. Objectives are recomputed from X, y and coefficients.
"""
import itertools
import os

import h5py
import numpy as np

import bevel

ROWS, COLUMNS, SIZE, LAMBDAS, RATIO = 200, 1000, 5, 20, 0.1
PENALTIES = {"ℓ_1/2": (["--penalty", "lq", "--q", "0.5"], 1 / 2, 1), "ℓ_2/3": (["--penalty", "lq", "--depth", "3"], 2 / 3, 1),
             "group ℓ_2/3": (["--penalty", "group-lq", "--depth", "3"], 2 / 3, SIZE)}
SURROGATE = ["--solver", "lbfgs", "--no-polish"]
PATH = ["--nlambda", str(LAMBDAS), "--lambda-min-ratio", str(RATIO)]


def objective(x, y, family, lam, coef, q, size):
    """(1/n) sum loss + lambda sum sqrt(size) ||b_g||^q, at each lambda."""
    eta = x @ coef
    fit = np.logaddexp(0, eta) - y[:, None] * eta if family == "binomial" else (y[:, None] - eta) ** 2 / 2
    norms = np.linalg.norm(coef.reshape(-1, size, len(lam)), axis=1)
    return fit.mean(axis=0) + lam * np.sqrt(size) * np.sum(norms**q, axis=0)


def timed(data, out, words):
    """The fit and the seconds of processor time it took: other programs disturb these least."""
    begin = os.times()
    fit = bevel.solve(data, out, words + PATH)
    end = os.times()
    return fit, end.children_user + end.children_system - begin.children_user - begin.children_system


def compare(work, family, rho, name, seed):
    words, q, size = PENALTIES[name]
    data, out = os.path.join(work, "starts.h5"), os.path.join(work, "out.h5")
    bevel.simulate(data, ["--n", ROWS, "--p", COLUMNS, "--rho", rho, "--family", family, "--seed", seed]
                   + (["--group-size", size] if size > 1 else []))
    with h5py.File(data, "r") as f:
        x, y = f["X"][:], f["y"][:]
    fits = [timed(data, out, words), timed(data, out, words + SURROGATE)]
    assert np.array_equal(fits[0][0]["lam"], fits[1][0]["lam"])
    found = [objective(x, y, family, fit["lam"], fit["coef"], q, size).tolist() for fit, _ in fits]
    return dict(family=family, rho=rho, penalty=name, seed=seed, auto=found[0], surrogate=found[1],
                open=int((fits[0][0]["status"] != 0).sum()), seconds=[seconds for _, seconds in fits])


def study(work, seeds, quick):
    """A row a family, correlation, penalty and seed; quick: of those where one start alone is worst."""
    families, rhos = (("binomial",), (0,)) if quick else (("gaussian", "binomial"), (0, 0.8))
    cases = itertools.product(range(1, seeds + 1), families, rhos, PENALTIES)
    rows = []
    for seed, family, rho, name in cases:
        rows.append(compare(work, family, rho, name, seed))
        print(f"  starts: {family}, rho {rho}, {name}, seed {seed}", flush=True)
    return rows
