# SPDX-License-Identifier: BSD-3-Clause
"""Fronts by the bevel program: data written, program run, result read."""
import os
import resource
import subprocess
import sys
import time

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("BEVEL", os.path.join(ROOT, "build", "bevel"))
ENVIRONMENT = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
DATA = os.path.join(ROOT, "tests", "data")


def front(data, out, words):
    """The points by rising l1, the program's seconds (loading and writing included), of the clock and of the CPU."""
    words = [PROGRAM, "pareto", data, "-o", out, "--quiet"] + words
    used, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, timeout=3600, env=ENVIRONMENT)
    seconds, now = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 4):
        sys.exit(f"study-pareto: {' '.join(words)}: {done.stderr.strip()}")
    with h5py.File(out) as f:
        found = {name: [float(v) for v in f[name][:]]
                 for name in ("loss", "l1", "lambda", "kkt_residual", "nonzeros", "train_accuracy", "test_accuracy")}
    return dict(found, seconds=seconds, cpu_s=now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)


def iris(work, quick):
    """Columns by their mean and deviation (divisor n) over all rows, as published."""
    data = os.path.join(work, "iris.h5")
    with h5py.File(os.path.join(DATA, "iris.h5")) as f, h5py.File(data, "w") as out:
        x = f["X"][:]
        out["X"], out["y"], out["train_index"] = (x - x.mean(0)) / x.std(0), f["y"][:], f["train_index"][:]
        out.attrs["family"] = "multinomial"
    base = "--layers 4-4-4-3 --activation tanh --train-index /train_index --precision double".split()
    some = "5" if quick else "44"
    run = {"continuation": "--points 53 --norm-max 26".split(),
           "weighted sum": ["--method", "weighted-sum", "--points", some, "--epochs", "200", "--schedule", "constant"],
           "lambda path": ["--method", "lambda-path", "--points", some, "--epochs", "500", "--lr", "0.01",
                           "--max-iter", "2000", "--lambda-min", "1e-4", "--lambda-max", "0.5"]}
    found = {name: front(data, os.path.join(work, "front.h5"), base + words) for name, words in run.items()}
    found["NSGA-II (published)"] = dict(zip(("loss", "l1"), np.loadtxt(
        os.path.join(DATA, "iris_nsga2_front.csv"), delimiter=",", skiprows=1).T.tolist()))
    return found


def mnist(work, data, seed):
    base = f"--layers 784-20-20-10 --test-fraction 0.2 --scale max --seed {seed}".split()
    run = {"continuation": "--points 25 --batch 100 --sweeps 0".split(),
           "weighted sum": "--method weighted-sum --points 44 --epochs 200 --batch 800 --schedule constant".split(),
           "lambda path": "--method lambda-path --points 25 --epochs 20 --batch 100 --max-iter 60 "
                          "--lambda-min 1e-4 --lambda-max 0.03".split()}
    return {name: front(data, os.path.join(work, "front.h5"), base + words) for name, words in run.items()}
