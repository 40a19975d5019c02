#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the small problems of this folder and their solutions: data by numpy, solutions by cvxpy's
interior point solver, polished by Newton's method on the support. Nothing here comes from bevel.

    python3 make_oracles.py [FOLDER]        needs numpy, h5py, cvxpy
"""
import pathlib
import sys

import cvxpy
import h5py
import numpy as np

# ---- the problem, from its definition -----------------------------------------------------------


class Problem:
    """(1/n) sum w loss(y, o + b0 + x~'b) + lambda sum_g omega_g Pen(b_g), standardised."""

    def __init__(self, case):
        self.family, self.penalty = case["family"], case["penalty"]
        self.alpha = case.get("alpha", 0.5 if self.penalty == "enet" else 1.0)
        self.intercept, self.standardize = case["intercept"], case["standardize"]
        X = case["values"].copy()  # NaN = missing
        self.n, self.p = X.shape
        self.y = case["y"]
        self.w = case.get("weights", np.ones(self.n))
        self.w = self.w * (self.n / self.w.sum())
        self.o = case.get("offset", np.zeros(self.n))

        w = self.w / self.n
        for j in range(self.p):
            missing = np.isnan(X[:, j])
            X[missing, j] = np.average(X[~missing, j], weights=w[~missing])
        mean = w @ X
        sd = np.sqrt(w @ (X - mean) ** 2)
        constant = np.ptp(X[w > 0], axis=0) == 0
        self.center = mean if self.intercept else np.zeros(self.p)
        self.scale = np.where(constant, 1.0, sd) if self.standardize else np.ones(self.p)
        self.X = (X - self.center) / self.scale
        self.dropped = constant if self.intercept or self.standardize else np.zeros(self.p, bool)
        self.blocks = self.make_blocks(case)

    def make_blocks(self, case):
        """(columns, omega) pairs; omega 0 = unpenalised; excluded columns are in no block."""
        factor = case.get("penalty_factor", np.ones(self.p))
        single = [([j], factor[j]) for j in range(self.p)]
        if self.penalty == "group-lasso":
            ids = np.unique(case["groups"])
            single = [b for b in single if b[1] in (0.0, np.inf)]
            for k, g in enumerate(ids):
                columns = [j for j in np.flatnonzero(case["groups"] == g) if factor[j] == 1]
                omega = case["group_weights"][k] if "group_weights" in case else len(columns) ** 0.5
                if columns and omega > 0:
                    single.append((columns, omega))
                else:
                    single += [([j], omega) for j in columns]
        kept = [([j for j in c if not self.dropped[j]], o) for c, o in single if o < np.inf]
        return [(c, float(o)) for c, o in kept if c]

    def eta(self, b0, b):
        return self.o + b0 + self.X @ b

    def mean(self, eta):
        return {"gaussian": lambda: eta, "binomial": lambda: 1 / (1 + np.exp(-eta)),
                "poisson": lambda: np.exp(eta)}[self.family]()

    def curvature(self, mu):
        return {"gaussian": lambda: np.ones(self.n), "binomial": lambda: mu * (1 - mu),
                "poisson": lambda: mu}[self.family]()

    def loss(self, eta):
        y = self.y
        value = {"gaussian": lambda: (y - eta) ** 2 / 2,
                 "binomial": lambda: np.logaddexp(0, eta) - y * eta,
                 "poisson": lambda: np.exp(eta) - y * eta}[self.family]()
        return self.w @ value / self.n

    def pen(self, b):
        total = 0.0
        for columns, omega in self.blocks:
            t = np.linalg.norm(b[columns])
            total += omega * (self.alpha * t + (1 - self.alpha) * t * t / 2)
        return total

    def objective(self, lam, b0, b):
        return self.loss(self.eta(b0, b)) + lam * self.pen(b)

    def residual(self, b0, b):
        return self.w * (self.y - self.mean(self.eta(b0, b)))

    def kkt(self, lam, b0, b):
        """Largest violation of stationarity over the blocks and the intercept, over lambda."""
        r = self.residual(b0, b)
        v = self.X.T @ r / self.n
        worst = abs(r.sum()) / self.n if self.intercept else 0.0
        for c, omega in self.blocks:
            t = np.linalg.norm(b[c])
            if t > 0:
                slope = lam * omega * (self.alpha + (1 - self.alpha) * t)
                worst = max(worst, np.linalg.norm(-v[c] + slope * b[c] / t))
            else:
                worst = max(worst, np.linalg.norm(v[c]) - lam * omega * self.alpha)
        return worst / lam

    def conjugate(self, theta):
        """(1/n) sum w c(y, y - theta): at theta = 0 the loss of the saturated model."""
        y, m = self.y, self.y - theta
        xlogx = lambda t: np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0)
        c = {"gaussian": lambda: theta * y - theta**2 / 2,
             "binomial": lambda: -xlogx(m) - xlogx(1 - m),
             "poisson": lambda: m - xlogx(m)}[self.family]()
        return self.w @ c / self.n

    def saturated(self):
        return self.conjugate(np.zeros(self.n))

    def gap(self, lam, b0, b):
        """Objective less the dual value at the scaled residual (exact Newton: sum r = 0)."""
        r = self.residual(b0, b)
        v = self.X.T @ r / self.n
        s, omega_term = 1.0, 0.0
        for c, omega in self.blocks:
            size = np.linalg.norm(v[c])
            if omega == 0:
                continue
            if self.alpha < 1:
                excess = max(size - lam * omega * self.alpha, 0)
                omega_term += excess**2 / (2 * lam * (1 - self.alpha) * omega)
            elif size > 0:
                s = min(s, lam * omega / size)
        theta = np.where(self.w > 0, s * r / np.where(self.w > 0, self.w, 1), 0)
        dual = self.conjugate(theta) - self.w @ (theta * self.o) / self.n - omega_term
        return self.objective(lam, b0, b) - dual


# ---- solving it ---------------------------------------------------------------------------------


def interior_point(problem, lam):
    n, w = problem.n, problem.w
    b0, b = cvxpy.Variable(), cvxpy.Variable(problem.p)
    eta = problem.o + b0 + problem.X @ b
    y = problem.y
    loss = {"gaussian": lambda: cvxpy.multiply(w, cvxpy.square(y - eta)) / 2,
            "binomial": lambda: cvxpy.multiply(w, cvxpy.logistic(eta) - cvxpy.multiply(y, eta)),
            "poisson": lambda: cvxpy.multiply(w, cvxpy.exp(eta) - cvxpy.multiply(y, eta)),
            }[problem.family]()
    goal = cvxpy.sum(loss) / n
    inside = {j for c, _ in problem.blocks for j in c}
    constraints = [b[j] == 0 for j in range(problem.p) if j not in inside]
    if not problem.intercept:
        constraints.append(b0 == 0)
    for c, omega in problem.blocks:
        if omega > 0:
            goal += lam * omega * problem.alpha * cvxpy.norm(b[c], 2)
            goal += lam * omega * (1 - problem.alpha) / 2 * cvxpy.sum_squares(b[c])
    cvxpy.Problem(cvxpy.Minimize(goal), constraints).solve(
        solver=cvxpy.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return float(b0.value), np.array(b.value)


def polish(problem, lam, b0, b):
    """Newton on the intercept and the support: the objective is smooth there."""
    b = np.array(b)
    support = []
    for c, omega in problem.blocks:
        if omega == 0 or np.linalg.norm(b[c]) > 1e-6:
            support.append((c, omega))
        else:
            b[c] = 0
    b[[j for j in range(problem.p) if not any(j in c for c, _ in support)]] = 0
    index = [j for c, _ in support for j in c]
    A = problem.X[:, index]
    if problem.intercept:
        A = np.column_stack([np.ones(problem.n), A])
    lead = int(problem.intercept)
    for _ in range(50):
        mu = problem.mean(problem.eta(b0, b))
        h = problem.w * problem.curvature(mu)
        gradient = -A.T @ (problem.w * (problem.y - mu)) / problem.n
        H = A.T @ (h[:, None] * A) / problem.n
        at = lead
        for c, omega in support:
            m, t = len(c), np.linalg.norm(b[c])
            if omega > 0:
                u = b[c] / t
                slope = lam * omega * (problem.alpha + (1 - problem.alpha) * t)
                bend = lam * omega * (1 - problem.alpha)
                gradient[at:at + m] += slope * u
                H[at:at + m, at:at + m] += bend * np.outer(u, u)
                H[at:at + m, at:at + m] += slope / t * (np.eye(m) - np.outer(u, u))
            at += m
        step = -np.linalg.lstsq(H, gradient, rcond=1e-10)[0]
        if problem.intercept:
            b0 += step[0]
        before = b[index].copy()
        b[index] += step[lead:]
        if problem.penalty != "group-lasso":
            free = np.array([omega == 0 for _, omega in support])
            assert np.all((before * b[index] > 0) | free), "a sign changed in the polish"
        if np.max(np.abs(step), initial=0) < 1e-15 * (1 + np.max(np.abs(b))):
            break
    return b0, b


def is_unique(problem, lam, b0, b):
    """Every solution has b_g along v_g on the blocks whose v_g reaches the threshold (and the same
    v): it is the only one if the columns X_g v_g of those blocks are independent."""
    if problem.alpha < 1 and all(omega > 0 for _, omega in problem.blocks):
        return True
    v = problem.X.T @ problem.residual(b0, b) / problem.n
    columns = [np.ones(problem.n)] if problem.intercept else []
    for c, omega in problem.blocks:
        size = np.linalg.norm(v[c])
        if omega == 0:
            columns += [problem.X[:, j] for j in c]
        elif size >= lam * omega * problem.alpha * (1 - 1e-6):
            columns.append(problem.X[:, c] @ (v[c] / size))
    A = np.sqrt(problem.w)[:, None] * np.column_stack(columns)
    return bool(np.linalg.matrix_rank(A, tol=1e-6) == A.shape[1])


def null_fit(problem):
    """Newton on the intercept and the unpenalised columns alone."""
    free = [j for c, omega in problem.blocks if omega == 0 for j in c]
    b0, b = 0.0, np.zeros(problem.p)
    A = problem.X[:, free]
    if problem.intercept:
        A = np.column_stack([np.ones(problem.n), A])
    for _ in range(100 if A.shape[1] else 0):
        mu = problem.mean(problem.eta(b0, b))
        H = A.T @ ((problem.w * problem.curvature(mu))[:, None] * A)
        step = np.linalg.solve(H, A.T @ (problem.w * (problem.y - mu)))
        step *= min(1, 1 / np.max(np.abs(step)))
        b0 += step[0] if problem.intercept else 0.0
        b[free] += step[int(problem.intercept):]
    return b0, b


def lambda_max(problem, b0, b):
    v = problem.X.T @ problem.residual(b0, b) / problem.n
    return max(np.linalg.norm(v[c]) / (omega * problem.alpha)
               for c, omega in problem.blocks if omega > 0)


# ---- the data -----------------------------------------------------------------------------------


def response(rng, family, X, active, noise=1.0, size=1.0):
    """A response with `active` random effects; binomial and poisson predictors stay moderate."""
    X = np.nan_to_num((X - np.nanmean(X, axis=0)) / (np.nanstd(X, axis=0) + 1e-9))
    b = np.zeros(X.shape[1])
    b[rng.choice(X.shape[1], active, replace=False)] = rng.choice([-1, 1], active) * size
    eta = X @ b
    if family == "gaussian":
        return eta + noise * rng.standard_normal(len(eta)) + 1.5
    if family == "binomial":
        return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    return rng.poisson(np.exp(np.clip(0.5 * eta + 0.3, -3, 3))).astype(float)


def sparse(rng, n, p, density):
    return np.where(rng.random((n, p)) < density, np.round(rng.standard_normal((n, p)), 3), 0.0)


def genotypes(rng, n, p, missing_rate):
    X = rng.binomial(2, rng.uniform(0.2, 0.6, p), (n, p)).astype(float)
    X[rng.random((n, p)) < missing_rate] = np.nan
    return X


def make_cases():
    rng = np.random.default_rng(20240229)
    normal = rng.standard_normal
    cases = {}

    def add(name, family, penalty, values, y, storage="f64", intercept=True, standardize=True, **more):
        cases[name] = dict(family=family, penalty=penalty, values=values, y=y, storage=storage,
                           intercept=intercept, standardize=standardize, **more)

    X = normal((40, 12)) * rng.uniform(0.3, 3, 12) + rng.uniform(-2, 2, 12)
    add("gaussian_lasso", "gaussian", "lasso", X, response(rng, "gaussian", X, 4))

    X = normal((16, 30)).astype(np.float32).astype(float)
    weights = rng.uniform(0.2, 3, 16)
    weights[5] = 0
    factor = np.ones(30)
    factor[[2, 11]], factor[[3, 20]], factor[7], factor[8] = 0, np.inf, 0.5, 2.5
    add("gaussian_lasso_wide", "gaussian", "lasso", X, response(rng, "gaussian", X, 4), "f32",
        standardize=False, weights=weights, offset=np.round(normal(16), 2), penalty_factor=factor)

    X = rng.integers(0, 6, (30, 10)).astype(float)
    X[:, 4], X[:, 7] = 3, X[:, 1]  # a constant column, a duplicate
    add("gaussian_lasso_duplicate", "gaussian", "lasso", X,
        response(rng, "gaussian", X[:, :3], 2, 2.0), "u8")

    X = genotypes(rng, 36, 14, 0.08)
    X[:, 6] = 1  # constant: excluded, also without an intercept
    add("gaussian_enet_missing", "gaussian", "enet", X, response(rng, "gaussian", X, 4), "i8",
        intercept=False, alpha=0.3, weights=rng.uniform(0.5, 2, 36))

    X = sparse(rng, 40, 18, 0.3)
    groups = rng.permutation(np.repeat([-7, 3, 100, 4, 12, 9], [1, 2, 3, 4, 5, 3]))
    factor = np.ones(18)
    factor[[1, 9]], factor[4] = 0, np.inf
    add("gaussian_group", "gaussian", "group-lasso", X, response(rng, "gaussian", X, 6), "csc",
        groups=groups, penalty_factor=factor, offset=np.round(normal(40), 2))

    X = sparse(rng, 20, 32, 0.4)
    groups = rng.permutation(np.arange(32) % 9 * 5 - 11)
    weights = np.round(rng.uniform(0.7, 2.5, 9), 2)
    weights[3] = 0  # an unpenalised group
    add("gaussian_group_wide", "gaussian", "group-lasso", X, response(rng, "gaussian", X, 5), "csr",
        intercept=False, standardize=False, groups=groups, group_weights=weights)

    X = normal((50, 10))
    X[:, 5] = X[:, 2]
    X[:, 8] = 0.8 * X[:, 0] + 0.6 * X[:, 8]
    y = response(rng, "binomial", X, 3)
    y[::4] = np.round(rng.random(len(y[::4])), 2)
    add("binomial_lasso_fraction", "binomial", "lasso", X, y, weights=rng.uniform(0.1, 4, 50),
        offset=np.round(0.5 * normal(50), 2))

    X = sparse(rng, 60, 15, 0.25)
    add("binomial_enet", "binomial", "enet", X, response(rng, "binomial", X, 4), "csr",
        standardize=False, alpha=0.5, weights=rng.integers(1, 4, 60).astype(float))

    X = genotypes(rng, 60, 16, 0.05)
    factor = np.ones(16)
    factor[3], factor[10] = 0, np.inf
    add("binomial_group_missing", "binomial", "group-lasso", X, response(rng, "binomial", X, 4), "i8",
        groups=rng.permutation(np.arange(16) // 3 - 2), penalty_factor=factor)

    X = normal((24, 40)).astype(np.float32).astype(float)
    add("binomial_group_wide", "binomial", "group-lasso", X, response(rng, "binomial", X, 5), "f32",
        intercept=False, groups=rng.permutation(np.arange(40) // 4),
        weights=rng.uniform(0.5, 1.5, 24))

    X = sparse(rng, 45, 20, 0.3)
    add("poisson_lasso", "poisson", "lasso", X, response(rng, "poisson", X, 4), "csc",
        weights=rng.uniform(0.3, 2, 45), offset=np.round(0.3 * normal(45), 2))

    X = normal((30, 12)) + 0.5
    factor = rng.choice([0.5, 1.0, 2.0], 12)
    factor[0], factor[6] = 0, np.inf
    add("poisson_enet", "poisson", "enet", X, response(rng, "poisson", X, 3), intercept=False,
        alpha=0.7, penalty_factor=factor)

    X = normal((30, 36)).astype(np.float32).astype(float)
    X[:, 17] = 0.25  # a constant column inside a group
    groups = rng.permutation(np.arange(36) // 4 * 2)
    add("poisson_group_wide", "poisson", "group-lasso", X, response(rng, "poisson", X, 5), "f32",
        standardize=False, groups=groups, group_weights=np.round(rng.uniform(1, 3, 9), 2),
        weights=rng.integers(0, 3, 30).astype(float) + (np.arange(30) < 3),
        offset=np.round(0.2 * normal(30), 2))
    return cases


# ---- files --------------------------------------------------------------------------------------


def write_matrix(file, X, storage):
    if storage in ("csc", "csr"):
        by_slice = X.T if storage == "csc" else X
        group = file.create_group("X")
        group.attrs["encoding-type"] = storage + "_matrix"
        group.attrs["encoding-version"] = "0.1.0"
        group.attrs["shape"] = np.array(X.shape, np.int64)
        index = np.int32 if storage == "csc" else np.int64
        group["data"] = by_slice[by_slice != 0]
        group["indices"] = np.nonzero(by_slice)[1].astype(index)
        group["indptr"] = np.concatenate([[0], np.cumsum((by_slice != 0).sum(axis=1))]).astype(index)
        return
    dtype = {"f64": np.float64, "f32": np.float32, "i8": np.int8, "u8": np.uint8}[storage]
    missing = np.isnan(X)
    file["X"] = np.where(missing, -9, X).astype(dtype)
    if missing.any():
        file["X"].attrs["missing"] = np.int8(-9)


def write_case(path, case):
    problem = Problem(case)
    null = null_fit(problem)
    top = lambda_max(problem, *null)
    lambdas = [float("%.6g" % (top * f)) for f in (0.6, 0.2, 0.05)]
    solved = [interior_point(problem, lam) for lam in lambdas]
    solutions = [polish(problem, lam, *s) for lam, s in zip(lambdas, solved)]
    for lam, rough, fine in zip(lambdas, solved, solutions):
        fall = problem.objective(lam, *rough) - problem.objective(lam, *fine)
        assert -1e-14 <= fall <= 1e-7, (path.name, lam, fall)  # the same minimum, only sharper
    kkt = max(problem.kkt(lam, *s) for lam, s in zip(lambdas, solutions))
    gap = max(abs(problem.gap(lam, *s)) for lam, s in zip(lambdas, solutions))
    assert kkt <= 1e-10 and gap <= 1e-12, (path.name, kkt, gap)
    unique = all(is_unique(problem, lam, *s) for lam, s in zip(lambdas, solutions))
    beta = np.array([b / problem.scale for _, b in solutions]).T
    intercept = np.array([b0 for b0, _ in solutions]) - problem.center @ beta
    with h5py.File(path, "w") as file:
        file.attrs["family"] = problem.family
        write_matrix(file, case["values"], case["storage"])
        for name in ("y", "weights", "offset", "groups", "group_weights", "penalty_factor"):
            if name in case:
                file[name] = case[name]
        oracle = file.create_group("oracle")
        oracle.attrs["penalty"] = problem.penalty
        oracle.attrs["alpha"] = problem.alpha
        oracle.attrs["intercept"] = np.int64(problem.intercept)
        oracle.attrs["standardize"] = np.int64(problem.standardize)
        oracle.attrs["unique"] = np.int64(unique)
        oracle.attrs["lambda_max"] = top
        oracle.attrs["null_half"] = problem.loss(problem.eta(*null)) - problem.saturated()
        oracle.attrs["kkt"] = kkt
        oracle.attrs["solver"] = f"cvxpy {cvxpy.__version__} CLARABEL, Newton on the support"
        oracle["lambda"] = lambdas
        oracle["objective"] = [problem.objective(l, *s) for l, s in zip(lambdas, solutions)]
        oracle["beta"] = beta
        oracle["intercept"] = intercept
    support = [int(np.count_nonzero(b)) for _, b in solutions]
    print(f"{path.name:32} {problem.n:3} x {problem.p:<3} support {support} unique {int(unique)} "
          f"kkt {kkt:.1e} gap {gap:.1e} {path.stat().st_size} bytes")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    folder = folder if folder.is_dir() else folder.parent
    for name, case in make_cases().items():
        write_case(folder / f"{name}.h5", case)


if __name__ == "__main__":
    main()
