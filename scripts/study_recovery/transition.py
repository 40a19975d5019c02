# SPDX-License-Identifier: BSD-3-Clause
"""Phase transition of l_q (Poon, Peyre, arXiv 2106.01429): from how many rows is a sparse vector found?

256 unknowns, 40 of them N(0,1) at random places, a 140 x 256 Gaussian X a trial of which the first m
rows are seen, no noise. A path down to a tiny lambda; the point of the least residual is the answer,
right when ||b - truth|| < 0.01 ||truth||.
"""
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import bevel

UNKNOWNS, SPIKES, MOST_ROWS = 256, 40, 140
POWERS = (("1", 1.0), ("0.9", 0.9), ("2/3", 2 / 3), ("1/2", 0.5))
CLOSE = 0.01
PATH = ["--nlambda", "40", "--lambda-min-ratio", "1e-5"]


def draw(trial):
    rng = np.random.default_rng([trial, 2106])
    x = rng.standard_normal((MOST_ROWS, UNKNOWNS))
    truth = np.zeros(UNKNOWNS)
    truth[rng.choice(UNKNOWNS, SPIKES, replace=False)] = rng.standard_normal(SPIKES)
    return x, truth


def words(q, starts):
    if q == 1:
        return PATH + ["--penalty", "lasso"]
    return PATH + ["--penalty", "lq", "--q", repr(q), "--starts", str(starts)]


def attempt(work, trial, m, starts):
    """A row a power. "lower": is the answer's sum |b|^q below the truth's? A global minimum's is not above."""
    x, truth = draw(trial)
    x = x[:m]
    y = x @ truth
    data = os.path.join(work, f"{trial}-{m}.h5")
    bevel.write(data, x, y)
    rows = []
    for name, q in POWERS:
        fit = bevel.solve(data, data + ".out", words(q, starts))
        residual = np.linalg.norm(y[:, None] - x @ fit["coef"], axis=0)
        k = int(np.argmin(residual))
        b = fit["coef"][:, k]
        error = float(np.linalg.norm(b - truth) / np.linalg.norm(truth))
        rows.append(dict(q=name, rows=m, trial=trial, error=error, found=error < CLOSE, place=k,
                         residual=float(residual[k] / np.linalg.norm(y)), support=int((b != 0).sum()),
                         penalty=float(np.sum(np.abs(b) ** q) / np.sum(np.abs(truth) ** q)),
                         open=int((fit["status"] != 0).sum())))
    os.remove(data)
    os.remove(data + ".out")
    return rows


def study(work, trials, counts, starts):
    """Two at a time: each is a program of one rank."""
    rows = []
    with ThreadPoolExecutor(2) as pool:
        for m in counts:
            for got in pool.map(lambda trial: attempt(work, trial, m, starts), range(trials)):  # noqa: B023
                rows += got
            print(f"  transition: {m} rows", flush=True)
    return rows
