# SPDX-License-Identifier: BSD-3-Clause
"""What is run: a case is a name, ranks, how its data are made (simulate's words, then a change of
how X is stored) and what `bevel path` is told."""
from collections import namedtuple

import h5py
import numpy as np

Case = namedtuple("Case", "name ranks simulate stored words")

# gram: lambdas down to where a few hundred columns are active; the first two differ in --dfmax
WIDE = "--n 1000 --p 30000 --active 100"
TALL = "--n 100000 --p 300"
SPARSE = "--n 40000 --p 60000 --density 0.004 --active 50"

CASES = [
    Case("dense f64, wide", 2, WIDE, "", "--dfmax 300"),
    Case("dense f64, wide, to the end", 2, WIDE, "", "--lambda-min-ratio 0.01"),
    Case("dense f32, wide", 2, WIDE, "f4", "--dfmax 300"),
    Case("dense f64 as single, wide", 2, WIDE, "", "--dfmax 300 --precision single"),
    Case("int8, wide", 2, "--n 2000 --p 100000", "i1", "--dfmax 500"),
    Case("dense f64, tall", 2, TALL, "", ""),
    Case("dense f64, tall, 4 ranks", 4, TALL, "", ""),
    Case("csc", 2, SPARSE, "csc", "--dfmax 500"),
    Case("csr", 2, SPARSE, "", "--dfmax 500"),
    Case("enet, 1 rank", 1, WIDE, "", "--penalty enet --dfmax 500"),
    Case("mcp", 2, WIDE, "", "--penalty mcp --dfmax 300"),
    Case("groups, wide", 2, WIDE + " --group-size 10", "", "--penalty group-lasso --dfmax 500"),
    Case("groups, tall", 2, TALL + " --group-size 10", "", "--penalty group-lasso"),
    Case("binomial, wide", 2, WIDE + " --family binomial", "", "--dfmax 300"),
    Case("binomial, tall", 2, TALL + " --family binomial", "", ""),
    Case("multinomial, wide", 2, WIDE + " --family multinomial --classes 4", "", "--dfmax 300"),
    Case("4 responses, wide", 2, WIDE + " --responses 4", "", "--dfmax 300"),
    Case("lbfgs, wide", 2, "--n 1000 --p 30000", "",
         "--solver lbfgs --no-polish --nlambda 5 --max-iter 30"),
    Case("admm, wide", 2, "--n 1500 --p 20000", "", "--solver admm --nlambda 5 --lambda-min-ratio 0.3 --dfmax 20"),
    Case("fit far below lambda_max", 1, "--n 200 --p 200000", "", "--lambda-min-ratio 1e-5"),
]


def store(path, how):
    """Rewrites /X of a file that bevel simulated."""
    if not how:
        return
    with h5py.File(path, "r+") as file:
        if how == "csc":
            to_csc(file)
            return
        x = file["X"][:]
        del file["X"]
        if how == "i1":
            x = np.clip(np.round(1 + x), 0, 2)
        file.create_dataset("X", data=x.astype(how))


def to_csc(file):
    """simulate writes csr."""
    group = file["X"]
    p = int(group.attrs["shape"][1])
    data, columns, indptr = (group[name][:] for name in ("data", "indices", "indptr"))
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    order = np.argsort(columns, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=p))])
    for name, values in (("data", data[order]), ("indices", rows[order]), ("indptr", starts)):
        del group[name]
        group.create_dataset(name, data=values)
    group.attrs["encoding-type"] = "csc_matrix"
