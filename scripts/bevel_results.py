# SPDX-License-Identifier: BSD-3-Clause
"""bevel's results as numpy, scipy and pandas.

    import bevel_results
    r = bevel_results.open("RESULT.h5")

r.kind says what it is: "path" (Path), "cv" (Cross), "stability" (Stability), "network" (Network), "front"
(Front), "dictionary" (Dictionary), "study" (Study) or "prediction" (Prediction). Needs numpy and h5py. With scipy a path's
coefficients are a scipy.sparse.csc_matrix, without a Columns of the same data, indices, indptr, shape and
toarray(). With pandas tables are DataFrames, without dicts of arrays. Everything is read at once: the file is
closed when open() returns. Rows and columns count from 0.
"""
import h5py
import numpy as np

try:
    import scipy.sparse as sparse
except ImportError:
    sparse = None
try:
    import pandas
except ImportError:
    pandas = None


class Columns:
    """A sparse matrix by columns, where there is no scipy."""

    def __init__(self, data, indices, indptr, shape):
        self.data, self.indices, self.indptr, self.shape = data, indices, indptr, tuple(shape)
        self.nnz = len(data)

    def toarray(self):
        dense = np.zeros(self.shape)
        columns = np.repeat(np.arange(self.shape[1]), np.diff(self.indptr))
        dense[self.indices, columns] = self.data
        return dense


def columns(data, indices, indptr, shape):
    if sparse is not None:
        return sparse.csc_matrix((data, indices, indptr), shape=tuple(shape))
    return Columns(data, indices, indptr, shape)


def table(values, index=None):
    """A dict of equally long arrays as a DataFrame, or as it is where there is no pandas."""
    return values if pandas is None else pandas.DataFrame(values, index=index)


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def plain(value):
    """An attribute as text, a number or an array."""
    value = text(value)
    return value.item() if isinstance(value, np.generic) or getattr(value, "ndim", 1) == 0 else value


def vector(f, name):
    return f[name][()] if name in f else None


class Result:
    """What all have: attributes, and every dataset of the root by its name: r.dual_gap, r["dual_gap"]."""

    kind = "other"

    def __init__(self, f):
        self.file = f.file.filename
        self.attributes = {name: plain(value) for name, value in f.attrs.items()}
        self.arrays = {name: f[name][()] for name in f if isinstance(f[name], h5py.Dataset)}
        names = self.arrays.pop("feature_names", None)
        self.feature_names = None if names is None else [text(name) for name in names]

    def __getitem__(self, name):
        return self.arrays[name]

    def __getattr__(self, name):
        arrays = self.__dict__.get("arrays", {})
        if name in arrays:
            return arrays[name]
        raise AttributeError(f"{type(self).__name__} has no {name}")

    def __repr__(self):
        return f"<bevel {self.kind} {self.file}>"


class Path(Result):
    """A regularization path: lambda_ (L), intercept (L or L x K), coef (p K x L, sparse; response k of
    feature j is row j K + k), df, dev_ratio, objective, dual_gap, kkt_residual, status ..."""

    kind = "path"

    def __init__(self, f):
        super().__init__(f)
        group = f["coef"]
        self.coef = columns(group["data"][()], group["indices"][()], group["indptr"][()], group.attrs["shape"])
        self.lambda_ = self.arrays["lambda"]
        self.n_lambda = len(self.lambda_)
        self.outputs = self.intercept.shape[1] if self.intercept.ndim > 1 else 1
        self.p = self.coef.shape[0] // self.outputs
        self.attempted = self.status != 3
        self.converged = self.status == 0

    def names(self):
        """p names: the data's, else x0, x1, ..."""
        return self.feature_names if self.feature_names is not None else [f"x{j}" for j in range(self.p)]

    def dense(self, k):
        """Coefficients at the k-th lambda: p, or p x K. NaN where it was not attempted."""
        if not self.attempted[k]:
            column = np.full(self.p * self.outputs, np.nan)
        else:
            column = np.zeros(self.p * self.outputs)
            begin, end = self.coef.indptr[k], self.coef.indptr[k + 1]
            column[self.coef.indices[begin:end]] = self.coef.data[begin:end]
        return column if self.outputs == 1 else column.reshape(self.p, self.outputs)

    def at(self, value):
        """(intercept, coefficients) at a lambda: between two of the path as predict interpolates, in a
        straight line; the ends' beyond them."""
        known = np.flatnonzero(self.attempted)
        if len(known) == 0:
            raise ValueError("no lambda was attempted")
        known = known[np.argsort(-self.lambda_[known], kind="stable")]
        grid = self.lambda_[known]
        value = min(max(value, grid[-1]), grid[0])
        right = int(np.searchsorted(-grid, -value))  # the first of at most `value`
        left = max(right - 1, 0) if grid[right] != value else right
        share = 1.0 if left == right else (value - grid[right]) / (grid[left] - grid[right])
        mix = [share * a + (1 - share) * b for a, b in ((self.intercept[known[left]], self.intercept[known[right]]),
                                                        (self.dense(known[left]), self.dense(known[right])))]
        return tuple(mix)

    def support(self, k):
        """Columns of X with a coefficient other than 0 at the k-th lambda."""
        begin, end = self.coef.indptr[k], self.coef.indptr[k + 1]
        used = self.coef.indices[begin:end][self.coef.data[begin:end] != 0]
        return np.unique(used // self.outputs)

    def frame(self):
        """Every stored coefficient: lambda's number, lambda, feature, (response,) coefficient."""
        k = np.repeat(np.arange(self.n_lambda), np.diff(self.coef.indptr))
        rows = np.asarray(self.coef.indices)
        names = np.array(self.names(), dtype=object)
        out = {"k": k, "lambda": self.lambda_[k], "feature": names[rows // self.outputs]}
        if self.outputs > 1:
            out["response"] = rows % self.outputs
        out["coefficient"] = np.asarray(self.coef.data)
        return table(out)

    def summary(self):
        """A row a lambda."""
        wanted = ("df", "dev_ratio", "objective", "dual_gap", "kkt_residual", "iterations", "seconds", "status",
                  "cvm", "cvsd", "aic", "bic", "ebic")
        out = {"lambda": self.lambda_}
        out.update({name: self.arrays[name] for name in wanted
                    if name in self.arrays and self.arrays[name].shape == self.lambda_.shape})
        return table(out)


class Cross(Path):
    """Cross-validation: a Path on all rows, and cvm, cvsd (L), lambda_min, lambda_1se, fold (n), oof."""

    kind = "cv"

    def __init__(self, f):
        super().__init__(f)
        for name in ("lambda_min", "lambda_1se"):
            if name in self.arrays and np.size(self.arrays[name]) == 1:
                self.arrays[name] = float(np.ravel(self.arrays[name])[0])


class Stability(Path):
    """Stability selection: a Path on all rows, and probability (p x L, sparse), max_probability,
    any_probability (p), stable (numbers of columns), subsample_selected."""

    kind = "stability"

    def __init__(self, f):
        super().__init__(f)
        group = f["probability"]
        self.probability = columns(group["data"][()], group["indices"][()], group["indptr"][()], group.attrs["shape"])


class Layer:
    """kind ("dense", ...), activation, weight (out x in; convolution out x in x kh x kw) and bias, None in a
    layer that only pools."""

    def __init__(self, group):
        self.attributes = {name: plain(value) for name, value in group.attrs.items()}
        self.kind = self.attributes.get("kind")
        self.activation = self.attributes.get("activation")
        self.weight, self.bias = vector(group, "weight"), vector(group, "bias")


class Network(Result):
    """layers; center, scale (p), kept (columns of X that enter), history, train_index, test_index."""

    kind = "network"

    def __init__(self, f):
        super().__init__(f)
        self.layers = [Layer(f["layers"][k]) for k in sorted(f["layers"], key=int)]
        for name in ("center", "scale", "kept"):
            setattr(self, name, vector(f, f"input/{name}"))
        history = f.get("history", {})
        self.history = table({name: history[name][()] for name in history})

    def parameters(self):
        return sum(a.size for layer in self.layers for a in (layer.weight, layer.bias) if a is not None)

    def nonzeros(self):
        return sum(np.count_nonzero(a) for layer in self.layers for a in (layer.weight, layer.bias)
                   if a is not None)


class Front(Result):
    """Points between loss and l1: loss, l1, train_accuracy, ...; points: their Networks, where stored."""

    kind = "front"

    def __init__(self, f):
        super().__init__(f)
        stored = f.get("points", {})
        self.points = [point(f, stored[k]) for k in sorted(stored, key=int)]

    def summary(self):
        n = len(self.loss)
        return table({name: a for name, a in self.arrays.items() if a.shape == (n,)})

    def nondominated(self):
        """Numbers of the points that no other beats in one and equals in the other, by falling l1."""
        order = np.lexsort((self.loss, self.l1))
        kept, best = [], np.inf
        for k in order:
            if self.loss[k] < best:
                kept.append(int(k))
                best = self.loss[k]
        return kept[::-1]


def point(f, group):
    """A point of a front as a Network: what it does not say itself, its front says."""
    network = Network.__new__(Network)
    Result.__init__(network, f)
    network.attributes.update({name: plain(value) for name, value in group.attrs.items()})
    layers = group["layers"] if "layers" in group else group
    network.layers = [Layer(layers[k]) for k in sorted((k for k in layers if k.isdigit()), key=int)]
    for name in ("center", "scale", "kept"):
        own = vector(group, f"input/{name}")
        setattr(network, name, own if own is not None else vector(f, f"input/{name}"))
    network.history = table({})
    return network


class Dictionary(Result):
    """dictionary (K x p), codes (n x K, by columns of its transpose: codes_t is K x n), history."""

    kind = "dictionary"

    def __init__(self, f):
        super().__init__(f)
        group = f["codes"]
        n, k = group.attrs["shape"]
        self.n = int(n)
        self.codes_t = columns(group["data"][()], group["indices"][()], group["indptr"][()], (k, n))
        history = f.get("history", {})
        self.history = table({name: history[name][()] for name in history})

    def usage(self):
        """How many rows' codes use each atom."""
        return np.bincount(self.codes_t.indices[self.codes_t.data != 0], minlength=self.codes_t.shape[0])


class Prediction(Result):
    """prediction: n x K x L, K and L left out where 1; lambda."""

    kind = "prediction"


class Study(Result):
    """A grid of paths or cross-validations. Of every task, each an array: label, message, status (0 converged,
    1 not all of it, 2 failed), data, penalty, criterion, best (the least criterion, of auc the largest),
    best_lambda, best_df, seconds ...; tasks: what each came to (a Path, a Cross), None where it failed;
    best_task: a number, None where criteria do not compare."""

    kind = "study"

    def __init__(self, f):
        super().__init__(f)
        columns_of = {name: f["summary"][name][()] for name in f["summary"]}
        self.arrays = {name: np.array([v.decode(errors="replace") for v in values], dtype=object)
                       if values.dtype.kind == "S" else values for name, values in columns_of.items()}
        self.tasks = [result_of(f["tasks"][str(k)]) if str(k) in f["tasks"] else None for k in range(len(self.status))]
        best = int(np.ravel(self.attributes.get("best_task", -1))[0])
        self.best_task = best if best >= 0 else None

    def summary(self):
        """A row a task."""
        first = [name for name in ("label", "status", "criterion", "best", "best_lambda", "best_df", "seconds")
                 if name in self.arrays]
        return table({name: self.arrays[name] for name in [*first, *sorted(set(self.arrays) - set(first))]})


def result_of(f):
    """What a file, or a study's group of a task, holds; None: nothing of bevel's."""
    if "summary" in f and "tasks" in f:
        return Study(f)
    if "coef" in f and "lambda" in f:
        return Stability(f) if "probability" in f else Cross(f) if "cvm" in f else Path(f)
    if "loss" in f and "l1" in f:
        return Front(f)
    if "layers" in f:
        return Network(f)
    if "dictionary" in f and "codes" in f:
        return Dictionary(f)
    return Prediction(f) if "prediction" in f else None


def open(file):  # noqa: A001 (as in h5py.File: bevel_results.open)
    """What the file is, read whole."""
    with h5py.File(file, "r") as f:
        result = result_of(f)
    if result is None:
        raise ValueError(f"{file}: neither a path, a cross-validation, a network, a front, a dictionary, a study nor "
                         "a prediction of bevel")
    return result


__all__ = ["open", "Path", "Cross", "Stability", "Network", "Front", "Dictionary", "Study", "Prediction", "Layer",
           "Columns"]
