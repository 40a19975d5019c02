# SPDX-License-Identifier: BSD-3-Clause
"""Paths of the bevel program on arrays: written, solved, read back."""
import itertools
import os
import subprocess
import sys

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("BEVEL", os.path.join(ROOT, "build", "bevel"))
ENVIRONMENT = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")


def write(path, x, y, groups=None):
    """The data as they are: of weight 1 each, where there are groups."""
    with h5py.File(path, "w") as f:
        f["X"], f["y"] = x, y
        if groups is not None:
            f["groups"], f["group_weights"] = groups, np.ones(groups.max() + 1)


def simulate(path, words):
    run(["simulate", path] + [str(word) for word in words])


def run(words):
    words = [PROGRAM] + words + ["--quiet"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, env=ENVIRONMENT)
    if done.returncode not in (0, 4):  # 4: a lambda that did not converge, and the result says which
        sys.exit(f"study-recovery: {' '.join(words)}: {done.stderr.strip()}")


def solve(data, out, words):
    """lam (L), coef (p x L), status (L); columns are taken as they are."""
    run(["path", data, "-o", out, "--no-intercept", "--no-standardize"] + words)
    with h5py.File(out, "r") as f:
        coef = np.zeros((int(f["coef"].attrs["shape"][0]), len(f["lambda"])))
        for k, (a, b) in enumerate(itertools.pairwise(f["coef/indptr"][:])):
            coef[f["coef/indices"][a:b], k] = f["coef/data"][a:b]
        return dict(lam=f["lambda"][:], coef=coef, status=f["status"][:])
