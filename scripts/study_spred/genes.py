# SPDX-License-Identifier: BSD-3-Clause
"""Choosing genes: classes of tissue from thousands of genes and some fifty samples.

20 random 80/20 splits a set, class by class, the same for every method. Inside a split every method
is tuned alike: learnt on a random 80 % of the split's training rows at each level of its grid (a
share of the lambda at which nothing is selected), the level with the best accuracy on the other
20 % is taken (ties: the smaller loss there), and the method learns at it on all the training rows.
Test rows are looked at once. Genes are standardised by the rows learnt from.
"""
import os
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

import bevel

SETS = ("colon", "golub", "khan", "shipp", "pomeroy", "west")
SPLITS = 20
PATH = ["--nlambda", "30", "--lambda-min-ratio", "0.01"]  # of l1-logistic
# of the networks: hidden units, shares of lambda_max (1: nothing, where the path begins, too), and flags
HEADS = {
    "linear": ("", (1.0, 0.75, 0.55, 0.4, 0.3), ["--weight-decay", "0.1"]),
    "nonlinear": ("4-", (1.0, 0.3, 0.22, 0.16, 0.12), ["--activation", "tanh", "--weight-decay", "0.03"]),
}
# L-BFGS on the factors; genes of weights <= 0.02 are cut; what is left is learnt without the penalty
TRAIN = ["--penalty", "group-lasso", "--scale", "standard", "--solver", "lbfgs", "--epochs", "100",
         "--prune-threshold", "0.02", "--finetune-epochs", "50"]


def draw(rng, y):
    """80 % of the rows of every class, ascending."""
    rows = []
    for k in range(y.max() + 1):
        of = rng.permutation(np.flatnonzero(y == k))
        rows.append(of[:max(1, round(0.8 * len(of)))])
    return np.sort(np.concatenate(rows))


def load(folder, name):
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path, "r") as f:
        return f["X"][:].astype(np.float32), f["y"][:].astype(np.int32), f.attrs["family"]


def lambda_max(x, y):
    """The smallest lambda at which the linear network selects nothing: its groups weigh sqrt(K)."""
    x = x.astype(float)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    classes = np.eye(y.max() + 1)[y]
    pull = x.T @ (classes - classes.mean(axis=0)) / len(y)
    return np.linalg.norm(pull, axis=1).max() / np.sqrt(classes.shape[1])


class Split:
    """One split of a set, its files, and what there is to learn from."""

    def __init__(self, work, name, x, y, family, seed):
        rng = np.random.default_rng([seed, SETS.index(name), 2023])
        self.stem = os.path.join(work, f"{name}{seed}")
        self.x, self.y, self.family = x, y, family
        self.outer = draw(rng, y)
        self.inner = self.outer[draw(rng, y[self.outer])]
        self.test = np.setdiff1d(np.arange(len(y)), self.outer)
        self.held = np.setdiff1d(self.outer, self.inner)
        bevel.write(self.file("all"), x, y, train=self.outer)
        bevel.write(self.file("outer"), x[self.outer], y[self.outer], train=np.searchsorted(self.outer, self.inner))
        bevel.write(self.file("inner"), x[self.inner], y[self.inner])

    def file(self, what):
        return f"{self.stem}-{what}.h5"

    def close(self):
        for what in ("all", "outer", "inner"):
            os.remove(self.file(what))


def judge(y, eta):
    """Accuracy and mean loss of linear predictors, rows x K (K = 1: of class 1 against class 0)."""
    if eta.shape[1] == 1:
        eta = np.hstack([np.zeros_like(eta), eta])
    loss = np.logaddexp.reduce(eta, axis=1) - eta[np.arange(len(y)), y]
    return float(np.mean(eta.argmax(axis=1) == y)), float(np.mean(loss))


def best(tried):
    """The place of the best (accuracy, loss)."""
    return max(range(len(tried)), key=lambda k: (tried[k][0], -tried[k][1]))


def logistic(split):
    def path(what, rows):
        out = split.file("logistic")
        bevel.run("path", split.file(what), out, ["--family", split.family, "--penalty", "lasso"] + PATH)
        coef, intercept = bevel.coefficients(out)
        os.remove(out)
        return coef, [judge(split.y[rows], split.x[rows].astype(float) @ coef[:, :, k] + intercept[k])
                      for k in range(len(intercept))]

    tried = path("inner", split.held)[1]
    k = best(tried)
    coef, tested = path("outer", split.test)
    genes = int(np.count_nonzero(np.any(coef[:, :, k] != 0, axis=1)))
    return dict(accuracy=tested[k][0], loss=tested[k][1], genes=genes, level=k, inner=tried[k], seconds=0.0)


def network(split, head):
    hidden, shares, words = HEADS[head]
    layers = f"{split.x.shape[1]}-{hidden}{split.y.max() + 1}"
    out = split.file(head)

    def train(what, rows, share):
        level = share * lambda_max(split.x[rows], split.y[rows])
        said = bevel.run("train", split.file(what), out,
                         ["--layers", layers, "--family", "multinomial", "--train-index", "train", "--lambda", level]
                         + TRAIN + words)
        return said["test_accuracy"], said["test_loss"], said

    tried = [train("outer", split.inner, share)[:2] for share in shares]
    k = best(tried)
    accuracy, loss, said = train("all", split.outer, shares[k])
    genes = bevel.inputs_kept(out)
    os.remove(out)
    return dict(accuracy=accuracy, loss=loss, genes=genes, level=shares[k], inner=tried[k], seconds=said["seconds"])


def one(work, name, data, seed, heads):
    split = Split(work, name, *data, seed)
    rows = {"l1-logistic": logistic(split)}
    for head in heads:
        rows[head] = network(split, head)
    if len(heads) == 2:  # the head is tuned, too
        first, second = heads
        rows["either"] = rows[heads[best([rows[first]["inner"], rows[second]["inner"]])]]
    split.close()
    return [dict(set=name, split=seed, method=method, **row) for method, row in rows.items()]


def study(work, folder, splits, heads, jobs, keep):
    """A row a set, split and method; `keep` is called with all rows so far after every split."""
    found = []
    sets = [(name, load(folder, name)) for name in SETS if os.path.exists(os.path.join(folder, name + ".h5"))]
    with ThreadPoolExecutor(jobs) as pool:
        for seed in range(splits):
            for rows in pool.map(lambda item, at=seed: one(work, *item, at, heads), sets):
                found += rows
            keep(found)
            print(f"  genes: split {seed}", flush=True)
    return found
