# SPDX-License-Identifier: BSD-3-Clause
"""Group regression (D-Gating, arXiv 2509.23898): 200 rows, 40 groups of 5 columns, 7 of them at work.

X, their coefficients and the noise are N(0,1); every group weighs 1. D factors a group induce the
penalty sum ||b_g||^(2/D): the group lasso for D = 2, not convex above.
"""
import os

import numpy as np

import bevel

ROWS, TEST, GROUPS, SIZE, AT_WORK = 200, 2000, 40, 5, 7
LAMBDAS, RATIO = 30, 1e-3
STARTS = (1, 2, 8)  # down the path; up it too, by way of milder penalties; and on from random points
PATH = ["--nlambda", str(LAMBDAS), "--lambda-min-ratio", str(RATIO)]
GATES = ["--solver", "lbfgs", "--no-polish"]
OF_GROUP = np.repeat(np.arange(GROUPS), SIZE)


def methods():
    """name: (depth, flags). `gates` is L-BFGS on the factors alone."""
    yield "group lasso", 2, ["--penalty", "group-lasso", "--tol", "1e-11"]
    yield "D = 2, gates", 2, ["--penalty", "group-lq", "--depth", "2"] + GATES
    for depth in (3, 4):
        words = ["--penalty", "group-lq", "--depth", str(depth)]
        yield f"D = {depth}, gates", depth, words + GATES
        for starts in STARTS:
            yield f"D = {depth}, {starts} start{'s' * (starts > 1)}", depth, words + ["--starts", str(starts)]


def draw(seed):
    rng = np.random.default_rng([seed, 2509])
    beta = np.zeros(GROUPS * SIZE)
    chosen = np.sort(rng.choice(GROUPS, AT_WORK, replace=False))
    beta[np.isin(OF_GROUP, chosen)] = rng.standard_normal(AT_WORK * SIZE)
    sets = []
    for rows in (ROWS, TEST):
        x = rng.standard_normal((rows, GROUPS * SIZE))
        sets.append((x, x @ beta + rng.standard_normal(rows)))
    return chosen, sets


def norms(coef):
    """Of groups, GROUPS x lambdas."""
    return np.linalg.norm(coef.reshape(GROUPS, SIZE, -1), axis=1)


def objective(x, y, lam, coef, depth):
    return np.sum((y[:, None] - x @ coef) ** 2, axis=0) / (2 * len(y)) + lam * np.sum(norms(coef) ** (2 / depth), axis=0)


def dual(x, y, lam, coef):
    """What no group lasso objective is below: the dual at the residual, scaled to be feasible."""
    r = y[:, None] - x @ coef
    pull = norms(x.T @ r).max(axis=0) / len(y)
    r = r * np.minimum(1, lam / pull)
    return (np.sum(y**2) - np.sum((y[:, None] - r) ** 2, axis=0)) / (2 * len(y))


def rmse(x, y, coef):
    return np.sqrt(np.mean((y[:, None] - x @ coef) ** 2, axis=0))


def oracle(chosen, sets):
    """Least squares that knows the groups."""
    at = np.isin(OF_GROUP, chosen)
    coef = np.zeros((GROUPS * SIZE, 1))
    coef[at, 0] = np.linalg.lstsq(sets[0][0][:, at], sets[0][1], rcond=None)[0]
    return float(rmse(*sets[1], coef)[0])


def judge(chosen, sets, depth, fit):
    """At the lambda that is best on the test rows, and along the path."""
    curve = rmse(*sets[1], fit["coef"])
    k = int(np.argmin(curve))
    selected = norms(fit["coef"]) > 0
    hits = int(selected[chosen, k].sum())
    return dict(rmse=float(curve[k]), place=k, support=int((fit["coef"][:, k] != 0).sum()), tpr=hits / AT_WORK,
                fpr=(int(selected[:, k].sum()) - hits) / (GROUPS - AT_WORK),
                open=int((fit["status"] != 0).sum()), curve=curve.round(6).tolist(), selected=selected.sum(axis=0).tolist(),
                objective=objective(*sets[0], fit["lam"], fit["coef"], depth).tolist())


def study(work, seeds):
    """A row a seed and method; the oracle's and the dual's figures are in every one of its seed."""
    rows = []
    data, out = os.path.join(work, "groups.h5"), os.path.join(work, "out.h5")
    for seed in range(seeds):
        chosen, sets = draw(seed)
        bevel.write(data, *sets[0], groups=OF_GROUP)
        for name, depth, words in methods():
            fit = bevel.solve(data, out, words + PATH)
            if name == "group lasso":
                bound = dual(*sets[0], fit["lam"], fit["coef"]).tolist()
            rows.append(dict(seed=seed, method=name, depth=depth, oracle=oracle(chosen, sets), bound=bound,
                             **judge(chosen, sets, depth, fit)))
        print(f"  groups: seed {seed}", flush=True)
    return rows
