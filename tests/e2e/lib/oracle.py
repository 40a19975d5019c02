# SPDX-License-Identifier: BSD-3-Clause
"""oracle.py options FILE: the flags that ask for the problem of FILE's /oracle.
oracle.py compare FILE RESULT: objective, lambda_max, and coefficients where they are unique."""
import os
import sys

import h5py
import numpy as np


def options(f):
    oracle = f["oracle"]
    words = ["--family", f.attrs["family"], "--penalty", oracle.attrs["penalty"]]
    if oracle.attrs["penalty"] == "enet":
        words += ["--alpha", repr(float(oracle.attrs["alpha"]))]
    words += ["--intercept" if oracle.attrs["intercept"] else "--no-intercept"]
    words += ["--standardize" if oracle.attrs["standardize"] else "--no-standardize"]
    words += ["--lambda", ",".join(repr(float(v)) for v in oracle["lambda"])]
    return " ".join(words)


def compare(f, r):
    oracle, bad = f["oracle"], []
    lam = oracle["lambda"][:]
    if not np.array_equal(r["lambda"][:], lam):
        bad.append("lambda is not what was asked for")
    # Both certified: the oracle to 1e-10 of stationarity, bevel to a gap of 1e-10 of the null deviance.
    off = np.abs(r["objective"][:] - oracle["objective"][:]) / np.abs(oracle["objective"][:])
    if not np.max(off) <= 1e-9:
        bad.append(f"objective off by {off}")
    if "lambda_max" in oracle:
        off_max = abs(float(np.ravel(r.attrs["lambda_max"])[0]) / float(oracle["lambda_max"][()]) - 1)
        if not off_max <= 1e-10:
            bad.append(f"lambda_max off by {off_max:.2g}")
    if oracle.attrs["unique"]:
        beta, mine = oracle["beta"][:], np.zeros(oracle["beta"].shape)
        indptr = r["coef/indptr"][:]
        for k in range(len(lam)):
            here = slice(indptr[k], indptr[k + 1])
            mine[r["coef/indices"][here], k] = r["coef/data"][here]
        # an objective within 1e-10 leaves sqrt(1e-10 / curvature) in beta where a solver stops at
        # the gap; one that goes on to stationarity, 1e-8 lambda, leaves far less
        off_beta = np.max(np.abs(beta - mine)) / np.max(np.abs(beta))
        if not off_beta <= 1e-6:
            bad.append(f"beta off by {off_beta:.2g} of the largest")
        off_b0 = np.max(np.abs(r["intercept"][:] - oracle["intercept"][:]))
        if not off_b0 <= 1e-6 * (1 + np.max(np.abs(oracle["intercept"][:]))):
            bad.append(f"intercept off by {off_b0:.2g}")
    return bad


with h5py.File(sys.argv[2], "r") as file:
    if sys.argv[1] == "options":
        print(options(file))
    else:
        with h5py.File(sys.argv[3], "r") as result:
            wrong = compare(file, result)
        for line in wrong:
            print(f"{os.path.basename(sys.argv[2])}: {line}")
        sys.exit(1 if wrong else 0)
