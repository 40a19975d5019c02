# SPDX-License-Identifier: BSD-3-Clause
"""One peer on one problem: worker.py PEER FOLDER LAMBDAS.f64 GROUP_SIZE PENALTY SKIP

Loads the data, lets the peer compile what it compiles on a tiny problem of the same kind, and then for
every line "TOL OUT.npz" on standard input solves all lambdas at that tolerance and answers with the
seconds that the solve alone took. Scales of the peers' objectives: methods' dictionary, in each class.
The first SKIP lambdas are left out: NaN stands for their coefficients, and for those of a lambda that a
penalty which is not convex did not finish within the solver's budget.
"""
import json
import os
import sys
import time
import warnings

import numpy as np
import scipy.sparse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gap import CONCAVE  # noqa: E402
from problems import load_x, load_y  # noqa: E402

THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
MANY = 1_000_000  # iterations: the tolerance stops a peer, not a budget


class Adelie:
    """F as bevel's: weights 1/n inside, groups weighed by sqrt(size)."""

    def __init__(self, X, y, family, group_size, _penalty):
        import adelie

        self.ad, self.y, self.family = adelie, y, family
        make = adelie.matrix.sparse if scipy.sparse.issparse(X) else adelie.matrix.dense
        self.X = make(X, method="naive", n_threads=THREADS)
        self.groups = np.arange(0, X.shape[1], group_size)

    def solve(self, lambdas, tol):
        glm = getattr(self.ad.glm, self.family)(self.y)
        state = self.ad.grpnet(self.X, glm, groups=self.groups, lmda_path=lambdas, tol=tol, irls_tol=tol,
                               intercept=False, early_exit=False, n_threads=THREADS, progress_bar=False,
                               max_iters=MANY)
        return state.betas.T


class AdelieGram:
    """adelie's covariance method; the Gram matrix is formed inside the time."""

    def __init__(self, X, y, family, group_size, _penalty):
        import adelie

        self.ad, self.X, self.y = adelie, X, y

    def solve(self, lambdas, tol):
        n = len(self.y)
        gram = np.asfortranarray(self.X.T @ self.X) / n
        state = self.ad.gaussian_cov(self.ad.matrix.dense(gram, method="cov", n_threads=THREADS),
                                     self.X.T @ self.y / n, lmda_path=lambdas, tol=tol, n_threads=THREADS,
                                     early_exit=False, progress_bar=False, max_iters=MANY)
        return state.betas.T


def stacked(coefs):
    """K x p x L -> p K x L, a column's K together."""
    return coefs.transpose(1, 0, 2).reshape(-1, coefs.shape[2])


class Celer:
    """Lasso, group lasso (weights sqrt(size)) and several responses as bevel's; logistic: a sum instead of a
    mean, labels -1 and 1."""

    def __init__(self, X, y, family, group_size, _penalty):
        self.X, self.y, self.scale = X, y, 1.0
        self.extra = dict(pb="lasso")
        if family == "binomial":
            self.y, self.scale, self.extra = 2.0 * y - 1.0, float(len(y)), dict(pb="logreg")
        elif group_size > 1:
            weights = np.full(X.shape[1] // group_size, np.sqrt(group_size))
            self.extra = dict(pb="grouplasso", groups=group_size, weights=weights)

    def solve(self, lambdas, tol):
        import celer

        if self.y.ndim == 2:
            from celer.homotopy import mtl_path

            return stacked(mtl_path(self.X, self.y, alphas=lambdas, tol=tol, max_iter=1000)[1])
        return celer.celer_path(self.X, self.y, alphas=self.scale * lambdas, tol=tol, max_iter=1000, prune=True,
                                **self.extra)[1]


class Skglm:
    """F as bevel's for every datafit; logistic labels -1 and 1. A warm-started loop over its solvers."""

    def __init__(self, X, y, family, group_size, penalty):
        self.X, self.y = X, 2.0 * y - 1.0 if family == "binomial" else y
        self.family, self.group_size, self.penalty = family, group_size, penalty

    def parts(self, tol):
        from skglm import datafits, penalties, solvers
        from skglm.utils.data import grp_converter

        if self.group_size > 1:
            indices, starts = grp_converter(self.group_size, self.X.shape[1])
            weights = np.full(len(starts) - 1, np.sqrt(self.group_size))
            return (datafits.QuadraticGroup(starts, indices),
                    penalties.WeightedGroupL2(1.0, weights, starts, indices),
                    solvers.GroupBCD(tol=tol, fit_intercept=False, warm_start=True))
        if self.family == "gaussian":
            kinds = {"mcp": lambda: penalties.MCPenalty(1.0, 3.0), "scad": lambda: penalties.SCAD(1.0, 3.7),
                     "lq": lambda: penalties.L0_5(1.0)}
            # no slope of lq is finite at zero: only the prox tells which zeros may stay
            choice = dict(ws_strategy="fixpoint") if self.penalty == "lq" else {}
            return (datafits.Quadratic(), kinds.get(self.penalty, lambda: penalties.L1(1.0))(),
                    solvers.AndersonCD(tol=tol, max_iter=1000, fit_intercept=False, warm_start=True, **choice))
        fit = datafits.Logistic() if self.family == "binomial" else datafits.Poisson()
        return fit, penalties.L1(1.0), solvers.ProxNewton(tol=tol, max_iter=200, fit_intercept=False, warm_start=True)

    def solve(self, lambdas, tol):
        datafit, penalty, solver = self.parts(tol)
        w, Xw = np.zeros(self.X.shape[1]), np.zeros(len(self.y))
        out = np.zeros((len(w), len(lambdas)), order="F")
        for k, lam in enumerate(lambdas):
            penalty.alpha = lam
            solver.p0 = max(int(np.count_nonzero(w)) // self.group_size, 10)
            w, _, left = solver.solve(self.X, self.y, datafit, penalty, w, Xw)
            out[:, k] = w if left <= tol or self.penalty not in CONCAVE else np.nan
            w = w.copy()  # Xw has followed w in place
        return out


class Sklearn:
    """lasso_path: F as bevel's, with several responses too. Logistic: liblinear at every lambda, C = 1/(n lambda)."""

    def __init__(self, X, y, family, group_size, _penalty):
        self.X, self.y, self.family = X, y, family

    def solve(self, lambdas, tol):
        from sklearn import linear_model

        if self.family == "gaussian":
            coefs = linear_model.lasso_path(self.X, self.y, alphas=lambdas, tol=tol, max_iter=MANY, copy_X=False)[1]
            return stacked(coefs) if self.y.ndim == 2 else coefs
        out = np.zeros((self.X.shape[1], len(lambdas)))
        for k, lam in enumerate(lambdas):
            model = linear_model.LogisticRegression(penalty="l1", solver="liblinear", C=1.0 / (len(self.y) * lam),
                                                    tol=tol, max_iter=MANY, fit_intercept=False)
            out[:, k] = model.fit(self.X, self.y).coef_[0]
        return out


PEERS = {"adelie": Adelie, "adelie-gram": AdelieGram, "celer": Celer, "skglm": Skglm, "sklearn": Sklearn}


def tiny(X, y, family, group_size, penalty):
    """A problem of the same kind and types, for compilation."""
    n, p = min(len(y), 40), 4 * max(group_size, 10)
    rng = np.random.default_rng(0)
    small = np.asfortranarray(rng.standard_normal((n, p)))
    response = rng.standard_normal((n, *y.shape[1:])) if family == "gaussian" else np.arange(n) % 2 * 1.0
    if scipy.sparse.issparse(X):
        small = scipy.sparse.csc_matrix(np.where(np.abs(small) > 1.0, small, 0.0))
        small.indices, small.indptr = small.indices.astype(X.indices.dtype), small.indptr.astype(X.indptr.dtype)
    return small, response, family, group_size, penalty


def main():
    peer, folder, lambda_file, group_size, penalty, skip = sys.argv[1:7]
    warnings.simplefilter("ignore")
    with open(os.path.join(folder, "meta.json")) as f:
        meta = json.load(f)
    X, y = load_x(folder, meta, in_memory=True), load_y(folder, meta)
    lambdas, family = np.fromfile(lambda_file), meta["family"]
    answers = os.fdopen(os.dup(1), "w")  # peers may print: keep their words out of the answers
    os.dup2(2, 1)
    about = (family, int(group_size), penalty)
    warm = tiny(X, y, *about)
    largest = np.abs(warm[0].T @ (warm[1] - (0.5 if family == "binomial" else 0.0))).max() / len(warm[1])
    PEERS[peer](*warm).solve(largest * np.geomspace(1.0, 0.3, 5), 1e-4)
    solver = PEERS[peer](X, y, *about)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        tol, out = line.split()
        begin = time.perf_counter()
        coef = solver.solve(lambdas[int(skip):], float(tol))
        seconds = time.perf_counter() - begin
        coef = np.hstack([np.full((coef.shape[0], int(skip)), np.nan), coef]) if int(skip) else coef
        scipy.sparse.save_npz(out, scipy.sparse.csc_matrix(coef), compressed=False)
        print(repr(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main()
