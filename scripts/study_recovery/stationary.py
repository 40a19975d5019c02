# SPDX-License-Identifier: BSD-3-Clause
"""Is every answer of `auto` under a penalty that is not convex stationary? 300 x 1000 (groups of 5), gaussian,
binomial and Poisson, by scripts/check's formulas (d-stationarity) on the standardised problem with its intercept."""
import importlib.machinery
import importlib.util
import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py

import bevel

ROWS, COLUMNS, SIZE, LAMBDAS, RATIO = 300, 1000, 5, 30, 0.05
QUICK = dict(ROWS=100, COLUMNS=200, LAMBDAS=10)
FAMILIES = ("gaussian", "binomial", "poisson")
PROFILES = ("mcp", "scad", "tl1", "log", "l1-l2", "lq")
STATIONARY = 1e-6  # over lambda


def load_check():
    """scripts/check, which has no .py."""
    folder = os.path.join(bevel.ROOT, "scripts")
    sys.path.insert(0, folder)
    loader = importlib.machinery.SourceFileLoader("check", os.path.join(folder, "check"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
    loader.exec_module(module)
    return module


class Residuals:
    """What scripts/check finds at each lambda, whatever the result says of itself."""

    def __init__(self, check, result, data):
        class Checker(check.Checker):
            def check_point(self, k, b, eta, size, r, v, dual):
                super().check_point(k, b, eta, size, r, v, dual)
                found[k] = self.problem.stationarity(self.lam[k], b, v, r, eta) / self.lam[k]

        found = {}
        with h5py.File(result, "r") as f, h5py.File(data, "r") as g:
            checker = Checker(f, g)
            self.lies = checker.run()
            self.certified = int((f["status"][:] == 0).sum())
            self.lambdas = len(f["lambda"])
        self.at = [found.get(k, float("inf")) for k in range(self.lambdas)]


def judge(check, data, out, penalty, family, lambdas):
    bevel.run(["path", data, "-o", out, "--penalty", penalty, "--nlambda", str(lambdas), "--lambda-min-ratio", str(RATIO)])
    found = Residuals(check, out, data)
    os.remove(out)
    return dict(penalty=penalty, family=family, lambdas=found.lambdas, certified=found.certified, lies=found.lies,
                stationary=int(sum(at <= STATIONARY for at in found.at)), worst=float(max(found.at)))


def study(work, quick):
    """A row a penalty and family."""
    sizes = QUICK if quick else dict(ROWS=ROWS, COLUMNS=COLUMNS, LAMBDAS=LAMBDAS)
    check, rows, data = load_check(), [], {}
    for family in FAMILIES:
        data[family] = os.path.join(work, f"{family}.h5")
        bevel.simulate(data[family], ["--n", sizes["ROWS"], "--p", sizes["COLUMNS"], "--group-size", SIZE, "--family", family])
    cases = [(prefix + name, family) for family, prefix, name in itertools.product(FAMILIES, ("", "group-"), PROFILES)]

    def one(case):
        penalty, family = case
        return judge(check, data[family], os.path.join(work, f"{penalty}-{family}.out"), penalty, family, sizes["LAMBDAS"])

    with ThreadPoolExecutor(2) as pool:
        for row in pool.map(one, cases):
            rows.append(row)
            print(f"  stationary: {row['family']}, {row['penalty']}", flush=True)
    return rows
