# SPDX-License-Identifier: BSD-3-Clause
"""The bevel program on arrays: written, solved or trained, read back."""
import itertools
import json
import os
import subprocess
import sys
import time

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("BEVEL", os.path.join(ROOT, "build", "bevel"))
ENVIRONMENT = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")


def write(path, x, y, **more):
    with h5py.File(path, "w") as f:
        f["X"], f["y"] = x, y
        for name, values in more.items():
            f[name] = values


def run(command, data, out, words, limit=1800):
    """What the program says of itself, and the seconds it took."""
    words = [PROGRAM, command, data, "-o", out, "--quiet", "--json"] + [str(w) for w in words]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as child:
        began = time.perf_counter()
        said, errors = child.communicate(timeout=limit)
        seconds = time.perf_counter() - began
    if child.returncode not in (0, 4):
        sys.exit(f"study-spred: {' '.join(words)}: {errors.strip()}")
    return dict(json.loads(said.splitlines()[-1]), seconds=seconds)


def coefficients(path):
    """coef (p x K x L; K = 1 with one linear predictor), intercept (L x K)."""
    with h5py.File(path, "r") as f:
        places = len(f["lambda"])
        coef = np.zeros((int(f["coef"].attrs["shape"][0]), places))
        for k, (a, b) in enumerate(itertools.pairwise(f["coef/indptr"][:])):
            coef[f["coef/indices"][a:b], k] = f["coef/data"][a:b]
        intercept = f["intercept"][:].reshape(places, -1)
        return coef.reshape(-1, intercept.shape[1], places), intercept


def inputs_kept(path):
    """Inputs that a network's file still reads."""
    with h5py.File(path, "r") as f:
        weight = f["layers/0/weight"][:]
        return int(np.count_nonzero(np.any(weight != 0, axis=0)))
