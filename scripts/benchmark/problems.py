# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark's problems: what each row is, and its data made ready, the same numbers for all.

Data come from `bevel simulate --recipe` (or a real file). Dense columns are centred and scaled to
variance 1, a gaussian response is centred; then X stands in DATA.h5 for bevel and as raw column-major
doubles for the peers. Sparse X and the sensing matrix of `spred` stay as generated. No intercept.
"""
import json
import os

import h5py
import numpy as np

import gap

DENSE = ("adelie", "celer", "skglm", "sklearn", "glmnet")
LOGISTIC = ("adelie", "celer", "skglm", "sklearn", "glmnet")
POISSON = ("adelie", "skglm", "glmnet")
CONCAVE = ("skglm",)
GROUPS = ("adelie", "celer", "skglm")
RESPONSES = ("celer", "sklearn")

# ratio: smallest lambda over lambda_max; target: relative gap a peer must reach; floor: bevel's least
# lead over the peers named by `against` at that gap; beat_default: peers that bevel is to be no slower than
# at their own default tolerance; default_floor: bevel's least lead over `against` there; nlambda, 100; most_s, most_worth, speedup, sweep_speedup: bevel's own seconds, passes'
# worth of read bandwidth, and gain from 1 to 2 ranks, of the path and of its sweeps alone; skip: so many lambdas
# at the head of the path are not asked of the peers; quick: sizes of a
# smoke test
ROWS = {
    "lasso": dict(recipe="lasso", ratio=0.01, target=1e-5, peers=DENSE, against=DENSE, floor=10,
                  beat_default=DENSE, quick=(60, 400, 5), title="lasso 1000×20000 to 0.01"),
    "group": dict(recipe="group", ratio=0.1, target=1e-6, peers=GROUPS, against=("adelie",), floor=2,
                  beat_default=("adelie",), quick=(60, 400, 4), title="group lasso 1000×20000, groups of 10, to 0.1"),
    "group-deep": dict(recipe="group", ratio=0.01, target=1e-6, peers=GROUPS, against=("adelie",), floor=3,
                       quick=(60, 400, 4), title="the same to 0.01"),
    "logistic": dict(recipe="logistic", ratio=0.01, target=1e-6, peers=LOGISTIC, against=("adelie",), floor=3,
                     quick=(60, 400, 5), title="logistic 1000×20000 to 0.01"),
    "poisson": dict(recipe="poisson", ratio=0.05, target=1e-6, peers=POISSON,
                    quick=(60, 400, 5), title="poisson 1000×20000 to 0.05"),
    "sparse": dict(recipe="sparse", ratio=0.01, target=1e-6, peers=DENSE, against=("celer",), floor=4,
                   quick=(200, 1000, 10), title="lasso, sparse 20000×200000 to 0.01"),
    "wide": dict(recipe="wide", ratio=0.05, target=1e-5, peers=DENSE, against=DENSE, floor=8,
                 most_worth=45, speedup=1.5, sweep_speedup=1.75, quick=(80, 800, 5), title="lasso 2000×100000 to 0.05"),
    "tall": dict(recipe="tall", ratio=1e-4, target=1e-6, peers=DENSE + ("adelie-gram",),
                 against=("glmnet", "sklearn"), floor=1, quick=(2000, 40, 8),
                 title="lasso 200000×500 to 0.0001"),
    "responses": dict(recipe="responses", ratio=0.05, target=1e-6, peers=RESPONSES, quick=(60, 400, 5),
                      title="5 gaussian responses 1000×10000 to 0.05"),
    "spred": dict(recipe="spred", fit=1e-5, target=1e-6, peers=DENSE, most_s=1.0, raw=True,
                  quick=(20, 800, None), title="lasso 100×400000, λ = 1e-5 alone"),
    "mcp": dict(recipe="lasso", penalty="mcp", nlambda=50, ratio=0.05, target=1e-6, peers=CONCAVE, default_floor=5,
                against=CONCAVE, quick=(60, 400, 5), title="MCP (3) 1000×20000 to 0.05, 50 λ"),
    "scad": dict(recipe="lasso", penalty="scad", nlambda=50, ratio=0.05, target=1e-6, peers=CONCAVE, default_floor=5,
                 against=CONCAVE, quick=(60, 400, 5), title="SCAD (3.7) 1000×20000 to 0.05, 50 λ"),
    # at lq's lambda_max zero and a nonzero value are equally good: skglm goes to and fro until its budget is spent
    "lq": dict(recipe="lasso", penalty="lq", flags=("--q", 0.5), nlambda=50, ratio=0.05, target=1e-6, peers=CONCAVE,
               skip=1, quick=(60, 400, 5), title="ℓq (1/2) 1000×20000 to 0.05, 50 λ"),
    "colon": dict(file="tests/data/colon.h5", ratio=0.01, target=1e-6, peers=LOGISTIC,
                  title="colon: logistic 62×2000 to 0.01"),
    "golub": dict(file="scripts/benchmark/data/golub.h5", ratio=0.01, target=1e-6, peers=LOGISTIC,
                  title="golub: logistic 72×7129 to 0.01"),
}


class Problem:
    """One row with its data. X is a memory map (n x p, column-major) or scipy's csc matrix."""

    def __init__(self, name, folder):
        with open(os.path.join(folder, "meta.json")) as f:
            self.meta = json.load(f)
        self.name, self.folder, self.row = name, folder, ROWS[name]
        self.n, self.p, self.family = self.meta["n"], self.meta["p"], self.meta["family"]
        self.group_size = self.meta["group_size"]
        self.y = load_y(folder, self.meta)
        self.responses = self.meta.get("responses", 1)
        self.penalty = self.row.get("penalty") or ("lasso" if self.group_size == 1 else "group-lasso")
        self.concave = self.penalty in gap.CONCAVE
        self.data = os.path.join(folder, "data.h5")

    @property
    def x_bytes(self):
        return 12 * self.meta["nnz"] if self.meta["sparse"] else 8 * self.n * self.p

    def unanswered(self, coef):
        """Which lambdas a peer was not asked for or did not finish within its budget: it gives NaN there (see
        worker.py; only where the penalty is not convex)."""
        return np.isnan(coef).all(axis=0) & self.concave

    def measure(self, coef, lambdas):
        """At each lambda the relative gap of coef (p x L), or the residual where the penalty is not convex."""
        about = (self.X(), self.y, coef, np.asarray(lambdas), self.family)
        if self.concave:
            return gap.residuals(*about, self.penalty)
        return gap.relative_gaps(*about, self.group_size)

    def objectives(self, coef, lambdas):
        """Told where there is no gap: stationary points may differ."""
        about = (self.X(), self.y, coef, np.asarray(lambdas), self.family)
        if not self.concave:
            return None
        return [value if np.isfinite(value) else None for value in gap.objectives(*about, self.penalty)]

    def X(self):
        return load_x(self.folder, self.meta)


def load_x(folder, meta, in_memory=False):
    shape = (meta["n"], meta["p"])
    if meta["sparse"]:
        import scipy.sparse

        parts = [np.fromfile(os.path.join(folder, name), dtype)
                 for name, dtype in (("values.f64", "f8"), ("rows.i32", "i4"), ("starts.i32", "i4"))]
        return scipy.sparse.csc_matrix(tuple(parts), shape=shape)
    path = os.path.join(folder, "x.f64")
    if in_memory:
        return np.fromfile(path).reshape(shape, order="F")
    return np.memmap(path, float, mode="r", shape=shape, order="F")


def load_y(folder, meta):
    """n, or n x K for several responses."""
    y = np.fromfile(os.path.join(folder, "y.f64"))
    return y if meta.get("responses", 1) == 1 else y.reshape(meta["n"], -1)


def _standardise(X):
    """Columns to mean 0 and variance 1 (1/n), in place, a block at a time; constant ones to 0."""
    for j in range(0, X.shape[1], 1000):
        block = X[:, j:j + 1000]
        block -= block.mean(axis=0)
        sd = np.sqrt((block**2).mean(axis=0))
        block /= np.where(sd > 0.0, sd, 1.0)


def _store_dense(source, folder, raw):
    """Reads /X and /y, writes data.h5 and x.f64, y.f64."""
    with h5py.File(source, "r") as f:
        family, y = f.attrs["family"], f["y"][:].astype(float)
        X = np.empty(f["X"].shape, order="F")
        for i in range(0, len(X), 200):
            X[i:i + 200] = f["X"][i:i + 200]
    if not raw:
        _standardise(X)
        if family == "gaussian":
            y -= y.mean(axis=0)
    X.T.tofile(os.path.join(folder, "x.f64"))
    with h5py.File(os.path.join(folder, "data.h5"), "w") as f:
        f.attrs["family"] = family
        f["y"] = y
        out = f.create_dataset("X", X.shape, "f8")
        for i in range(0, len(X), 200):
            out[i:i + 200] = X[i:i + 200]
    return y, dict(n=X.shape[0], p=X.shape[1], family=family, sparse=False, responses=y.size // len(y))


def _store_sparse(source, folder):
    import scipy.sparse

    os.replace(source, os.path.join(folder, "data.h5"))
    with h5py.File(os.path.join(folder, "data.h5"), "r") as f:
        n, p = (int(k) for k in f["X"].attrs["shape"])
        family, y = f.attrs["family"], f["y"][:]
        csr = (f["X/data"][:], f["X/indices"][:], f["X/indptr"][:])
    X = scipy.sparse.csr_matrix(csr, shape=(n, p)).tocsc()
    for name, part, dtype in (("values.f64", X.data, "f8"), ("rows.i32", X.indices, "i4"),
                              ("starts.i32", X.indptr, "i4")):
        part.astype(dtype).tofile(os.path.join(folder, name))
    return y, dict(n=n, p=p, family=family, sparse=True, nnz=int(X.nnz))


def _sizes(row, quick):
    if not quick:
        return []
    n, p, active = row["quick"]
    return ["--n", n, "--p", p] + (["--active", active] if active is not None else [])


def prepare(name, root, folder, bevel, quick):
    """The row's Problem; its data are made when they are not there yet (rows may share them)."""
    row = ROWS[name]
    stem = row.get("recipe") or name
    where = os.path.join(folder, stem + ("-quick" if quick else ""))
    if not os.path.exists(os.path.join(where, "meta.json")):
        os.makedirs(where, exist_ok=True)
        source, group_size = os.path.join(where, "source.h5"), 1
        if "recipe" in row:
            bevel(2, "simulate", source, "--recipe", row["recipe"], *_sizes(row, quick), "--seed", 1)
            with h5py.File(source, "r") as f:
                group_size = int(np.count_nonzero(f["groups"][:] == f["groups"][0])) if "groups" in f else 1
                groups = f["groups"][:] if "groups" in f else None
                sparse = isinstance(f["X"], h5py.Group)
        else:
            source, sparse, groups = os.path.join(root, row["file"]), False, None
        y, meta = _store_sparse(source, where) if sparse else _store_dense(source, where, row.get("raw"))
        if groups is not None:
            with h5py.File(os.path.join(where, "data.h5"), "a") as f:
                f["groups"] = groups
        if source.startswith(where) and os.path.exists(source):
            os.remove(source)
        y.tofile(os.path.join(where, "y.f64"))
        with open(os.path.join(where, "meta.json"), "w") as f:
            json.dump(dict(meta, group_size=group_size), f)
    return Problem(name, where)
