# SPDX-License-Identifier: BSD-3-Clause
"""Rows about this machine, without peers: bandwidth of minibatch steps, a certified path, memory a rank,
large active sets."""
import os

import h5py
import numpy as np

from ours import bevel, read_bandwidth


def _simulate(folder, name, n, p, **flags):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        extra = [w for key, value in flags.items() for w in ("--" + key.replace("_", "-"), value)]
        bevel(2, "simulate", path, "--n", n, "--p", p, *extra)
    return path


def _result(path, name):
    with h5py.File(path, "r") as f:
        return f[name][:] if name in f else np.ravel(f.attrs[name])[0]


def bandwidth(folder, quick):
    """Minibatch SGD on X of 1.12 GB: bytes of X per second inside real steps, with their reductions,
    against the read bandwidth of the same number of processes."""
    n, p = (700, 2000) if quick else (7000, 20000)
    data, out = _simulate(folder, f"bandwidth-{n}.h5", n, p, active=50), os.path.join(folder, "sgd.h5")
    size = 8.0 * n * p
    bevel(2, "path", data, "-o", out, "--nlambda", 1)
    lam = 0.5 * float(_result(out, "lambda_max"))
    for ranks in (1, 2):
        machine = read_bandwidth(ranks, size, folder)
        seconds = {}
        for epochs in (10, 40):  # the difference is epochs alone: from 10 on, certificates are ten
            bevel(ranks, "path", data, "-o", out, "--solver", "sgd", "--no-polish", "--epochs", epochs,
                  "--lambda", repr(lam), "--grid", f"{ranks}x1")
            done = float(np.nan_to_num(_result(out, "surrogate_epochs")[0]))
            seconds[done] = float(_result(out, "seconds")[0])
        (few, a), (many, b) = sorted(seconds.items())
        speed = size * (many - few) / (b - a) / 1e9
        yield ("X streamed by SGD steps", ranks, f"{speed:.1f} GB/s", f"machine reads {machine:.1f} GB/s",
               f"{speed / machine:.0%} of it; {many - few:.0f} epochs of {size / 1e9:.2f} GB")


def path(folder, quick):
    """Seconds and passes to a certified gap of 1e-8 at 100 lambdas, lasso, 1000 x 20000, as a user runs it:
    standardised, with an intercept."""
    n, p = (100, 2000) if quick else (1000, 20000)
    data = _simulate(folder, f"path-{n}.h5", n, p, active=n // 10, snr=3)
    out = os.path.join(folder, "lasso_path.h5")
    for ranks in (1, 2):
        bevel(ranks, "path", data, "-o", out)
        gap, solved = np.nanmax(_result(out, "dual_gap")), np.count_nonzero(_result(out, "status") == 0)
        yield (f"lasso path {n} x {p}", ranks, f"{np.nansum(_result(out, 'seconds')):.2f} s",
               f"{_result(out, 'passes'):.1f} passes", f"{solved} of 100 certified, worst gap {gap:.1e}")


def memory(folder, quick):
    """Largest resident set of a rank that reads its half of 2 GB, against its share."""
    n, p, ranks = (1250, 2000, 2) if quick else (12500, 20000, 2)
    data, out = _simulate(folder, f"memory-{n}.h5", n, p, active=10), os.path.join(folder, "read.h5")
    report = bevel(ranks, "path", data, "-o", out, "--nlambda", 1)
    peak, share = float(report["peak_bytes"]), 8.0 * n * p / ranks
    yield (f"reading {2 * share / 1e9:.2g} GB dense", ranks, f"{peak / 1e9:.3f} GB a rank",
           f"share {share / 1e9:.3f} GB", f"{peak / share:.2f} of the share")


def large(folder, quick):
    """Lasso with 10,000 active columns and more: Gram and factor over both ranks against all on rank 0. The
    lambdas go down by a fifth each, to where noise is fitted too."""
    n, p, active = (1500, 2000, 1000) if quick else (15000, 20000, 10000)
    data = _simulate(folder, f"large-{n}.h5", n, p, active=active, rho=0.5, snr=10)
    for gram in ("distributed", "replicated"):
        out = os.path.join(folder, f"large-{gram}.h5")
        report = bevel(2, "path", data, "-o", out, "--nlambda", 17, "--lambda-min-ratio", 0.0281, "--gram", gram,
                       yielding=True)
        gap, solved = np.nanmax(_result(out, "dual_gap")), np.count_nonzero(_result(out, "status") == 0)
        yield (f"lasso {n} x {p}, Gram {gram}", 2, f"{np.nansum(_result(out, 'seconds')):.1f} s",
               f"{float(report['peak_bytes']) / 1e9:.1f} GB a rank at most",
               f"{_result(out, 'df')[-1]} active, {solved} of 17 certified, worst gap {gap:.1e}")


ROWS = {"bandwidth": bandwidth, "path": path, "memory": memory, "large": large}
