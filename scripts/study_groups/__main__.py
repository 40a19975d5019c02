# SPDX-License-Identifier: BSD-3-Clause
"""Group-sparse regression by ADMM on simulated data: recovery, prediction, cost.

    scripts/study-groups [--quick] [--keep] [--repeats K] [--ranks R] [--solver S] [--out DIR]

Linear, logistic and Poisson regression; group lasso and non-convex group penalties; noise and
sparsity varied. 40 groups of 5 columns, n rows, AR(0.5) columns, coefficients of active groups
N(0,1); the noise is set by the signal-to-noise ratio (linear) or by the spread of the linear
predictor, held to |eta| <= 2 (logistic, Poisson). Each path has 30 lambdas; the one with the least
deviance on a validation set of its own is judged:

  error       ||beta - truth|| / ||truth||, on the input's scale
  TPR, FPR    shares of the active and of the other groups that were selected
  exact       share of the repeats in which the groups are exactly the active ones
  prediction  deviance per observation on 2000 new rows, over that of the truth
  sweeps      most and mean of a lambda, Newton steps on the support counted; over 500: lambdas that
              took more; open: not converged
  seconds     of the path

--quick      the smallest of each, two repeats
--keep       also write results.md, .json and .png beside study_groups
--repeats K  data sets a setting, default 5
--ranks R    ranks of a run, default 1
--solver S   admm (default, --no-polish at --tol 1e-5) or auto (at the default tolerance)

Writes build/study-groups/results.md, .json, .png. BEVEL names another bevel than build/bevel.
"""
import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import report  # noqa: E402

GROUPS, SIZE = 40, 5
LAMBDAS, RATIO = 30, 0.05
TEST = 2000
PENALTIES = ("group-lasso", "group-mcp", "group-scad", "group-tl1", "group-log", "group-lq")
NOISE = {"gaussian": (1, 3, 10), "binomial": (1, 2), "poisson": (0.5, 1)}  # SNR; spread of eta


def draw_x(rng, n):
    x = rng.standard_normal((n, GROUPS * SIZE))
    for j in range(1, x.shape[1]):
        x[:, j] = 0.5 * x[:, j - 1] + np.sqrt(0.75) * x[:, j]
    return x


def draw_y(rng, family, eta, noise):
    if family == "gaussian":
        return eta + noise * rng.standard_normal(len(eta))
    if family == "binomial":
        return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    return rng.poisson(np.exp(eta)).astype(float)


def draw(setting, seed):
    """A data set: the truth, and (X, y) to fit, to choose lambda by, to test on."""
    family, level, active, n = setting
    rng = np.random.default_rng([seed, active, n, int(10 * level), len(family)])
    beta = np.zeros(GROUPS * SIZE)
    chosen = rng.choice(GROUPS, active, replace=False)
    for g in chosen:
        beta[g * SIZE:(g + 1) * SIZE] = rng.standard_normal(SIZE)
    spread = np.std(draw_x(rng, 4000) @ beta)
    noise = spread / np.sqrt(level)
    if family != "gaussian":
        beta *= level / spread
    sets = []
    for rows in (n, n, TEST):
        x = draw_x(rng, rows)
        eta = x @ beta
        if family != "gaussian":  # rows further out are drawn again
            while np.any(out := np.abs(eta) > 2):
                x[out] = draw_x(rng, int(out.sum()))
                eta = x @ beta
        sets.append((x, draw_y(rng, family, eta, noise)))
    return beta, chosen, sets


def deviance(family, y, eta):
    """Per observation, eta rows x lambdas."""
    y = y[:, None]
    if family == "gaussian":
        return np.mean((y - eta) ** 2, axis=0)
    if family == "binomial":
        return 2 * np.mean(np.logaddexp(0, eta) - y * eta, axis=0)
    log_y = np.log(np.where(y > 0, y, 1))
    return 2 * np.mean(y * log_y - y - y * eta + np.exp(np.minimum(eta, 30)), axis=0)


def write(path, family, x, y):
    with h5py.File(path, "w") as f:
        f["X"], f["y"] = x, y
        f["groups"] = np.repeat(np.arange(GROUPS), SIZE)
        f.attrs["family"] = family


def solve(data, out, penalty, args):
    words = [os.environ.get("BEVEL", os.path.join(ROOT, "build", "bevel")), "path", data, "-o", out, "--quiet",
             "--penalty", penalty, "--nlambda", str(LAMBDAS), "--lambda-min-ratio", str(RATIO)]
    if args.solver == "admm":
        words += ["--solver", "admm", "--no-polish", "--tol", "1e-5"]
    if args.ranks > 1:
        words = ["bash", "-c", f'. "{ROOT}/scripts/mpi.sh"; mpi "$@"', "mpi", str(args.ranks)] + words
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 4):
        sys.exit(f"study-groups: {' '.join(words)}: {done.stderr.strip()}")
    with h5py.File(out, "r") as f:
        coef = np.zeros((GROUPS * SIZE, len(f["lambda"])))
        for k, (a, b) in enumerate(itertools.pairwise(f["coef/indptr"][:])):
            coef[f["coef/indices"][a:b], k] = f["coef/data"][a:b]
        return dict(coef=coef, intercept=f["intercept"][:], sweeps=f["iterations"][:], status=f["status"][:],
                    kkt=f["kkt_residual"][:], seconds=time.perf_counter() - began)


def judge(family, truth, chosen, sets, fit):
    validation = deviance(family, sets[1][1], sets[1][0] @ fit["coef"] + fit["intercept"])
    k = int(np.argmin(np.where(np.isfinite(validation), validation, np.inf)))
    beta = fit["coef"][:, k]
    found = np.flatnonzero(np.any(beta.reshape(GROUPS, SIZE) != 0, axis=1))
    x, y = sets[2]
    mine = deviance(family, y, (x @ beta + fit["intercept"][k])[:, None])[0]
    best = deviance(family, y, (x @ truth)[:, None])[0]
    hits = len(np.intersect1d(found, chosen))
    return dict(error=float(np.linalg.norm(beta - truth) / np.linalg.norm(truth)), tpr=hits / len(chosen),
                fpr=(len(found) - hits) / (GROUPS - len(chosen)), exact=float(len(found) == len(chosen) == hits),
                prediction=float(mine / best), sweeps_most=int(fit["sweeps"].max()),
                sweeps_mean=float(fit["sweeps"].mean()), over=int((fit["sweeps"] > 500).sum()),
                open=int((fit["status"] != 0).sum()), kkt=float(np.nanmax(fit["kkt"])), seconds=fit["seconds"])


def settings(quick):
    for family, levels in NOISE.items():
        for level in levels[-1:] if quick else levels:
            for active in (4,) if quick else (4, 8):
                for n in (200,) if quick else (100, 200):
                    yield family, level, active, n


def run(args):
    rows = []
    with tempfile.TemporaryDirectory() as work:
        data, out = os.path.join(work, "data.h5"), os.path.join(work, "out.h5")
        for setting in settings(args.quick):
            for seed in range(args.repeats):
                truth, chosen, sets = draw(setting, seed)
                write(data, setting[0], *sets[0])
                for penalty in PENALTIES:
                    fit = solve(data, out, penalty, args)
                    rows.append(dict(zip(("family", "level", "active", "n"), setting), seed=seed, penalty=penalty,
                                     **judge(setting[0], truth, chosen, sets, fit)))
            print("  {} noise level {} active {} n {}".format(*setting), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--solver", choices=("admm", "auto"), default="admm")
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "study-groups"))
    args = parser.parse_args()
    args.repeats = args.repeats or (2 if args.quick else 5)
    os.makedirs(args.out, exist_ok=True)
    rows = run(args)
    report.write(args.out, rows, vars(args))
    if args.keep:
        for name in ("results.md", "results.json", "results.png"):
            shutil.copy(os.path.join(args.out, name), HERE)
    print(open(os.path.join(args.out, "results.md"), encoding="utf-8").read())


main()
