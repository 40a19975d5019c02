# SPDX-License-Identifier: BSD-3-Clause
"""spred's two lassos (arXiv 2210.01212): 100 rows, 40,000 or 400,000 columns.

X is N(0, 1/p), a tenth of the true coefficients are N(0,1), noise of deviation 0.01; lambda 1e-5, no
intercept, columns as they are. Published: mse + 2e-5 |w|_1, twice this objective.
"""
import os
import resource

import numpy as np

import bevel

ROWS, LAMBDA = 100, 1e-5
# columns: seconds and share of zeros, by scikit-learn and by spred on a GPU (its notebook)
PUBLISHED = {40000: dict(sklearn=(41.64, 0.9976), spred=(8.84, 0.9975)),
             400000: dict(sklearn=(271.4, 0.9998), spred=(7.88, 0.9998))}
PROBLEM = ["--lambda", LAMBDA, "--penalty", "lasso", "--no-intercept", "--no-standardize"]
CERTIFIED = ["--solver", "auto"]
VARPRO = ["--solver", "varpro", "--no-polish"]  # the same product, one factor solved for exactly
TINY = 1e-10  # below it the published code counts a zero


def adam(steps):
    """spred itself: Adam on all rows, published with 10,000 steps from a random start; here lambdas in
    between lead to the one asked for."""
    return ["--solver", "adam", "--param", "product", "--no-polish", "--batch", ROWS, "--lr", "0.01", "--epochs", steps]


def draw(columns):
    rng = np.random.default_rng([2210, columns])
    x = rng.standard_normal((ROWS, columns)) / np.sqrt(columns)
    truth = rng.standard_normal(columns) * (rng.random(columns) < 0.1)
    return x, x @ truth + 0.01 * rng.standard_normal(ROWS)


def gap(x, y, beta):
    """Of (1/2n) |y - X b|^2 + lambda |b|_1, recomputed: primal minus dual, over half the null deviance."""
    n = len(y)
    r = y - x @ beta
    primal = r @ r / (2 * n) + LAMBDA * np.abs(beta).sum()
    r = r * min(1.0, n * LAMBDA / np.abs(x.T @ r).max())
    dual = (y @ y - (y - r) @ (y - r)) / (2 * n)
    return (primal - dual) / (y @ y / (2 * n)), primal


def processor():
    """Seconds that programs that have ended took of processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def study(work, steps, columns):
    """A row a size and way; steps of Adam by size, None: left out."""
    rows = []
    data, out = os.path.join(work, "lasso.h5"), os.path.join(work, "out.h5")
    for p in columns:
        x, y = draw(p)
        bevel.write(data, x, y)
        ways = [("certified", CERTIFIED), ("u ∘ v, variable projection alone", VARPRO)]
        if steps.get(p):
            ways.append((f"u ∘ v, Adam alone, {steps[p]} steps a lambda", adam(steps[p])))
        for way, words in ways:
            before = processor()
            said = bevel.run("fit", data, out, PROBLEM + words)
            beta = bevel.coefficients(out)[0][:, 0, 0]
            measured, objective = gap(x, y, beta)
            rows.append(dict(columns=p, way=way, solve_s=said["solve_s"], cpu_s=processor() - before,
                             passes=said["passes"], nonzeros=int(np.count_nonzero(beta)), zeros=float(np.mean(beta == 0)),
                             tiny=float(np.mean(np.abs(beta) < TINY)), said_gap=said["worst_gap"], gap=float(measured),
                             objective=float(objective), converged=said["converged"]))
            print(f"  lassos: {p} columns, {way}: {said['solve_s']:.1f} s", flush=True)
        os.remove(data)
    return rows
