# SPDX-License-Identifier: BSD-3-Clause
"""compare.py A.h5 B.h5 [--objective R] [--coef R] [--above R]

Two results for the same problem and lambdas. --objective: |F_a - F_b| <= R |F_b| (default 1e-10).
--coef: max|a - b| <= R max|b| for every lambda (default 1e-6; 0 = not compared).
--above: one-sided, for solvers that need not reach the optimum: F_a <= F_b (1 + R), and no lower
than rounding allows, in place of --objective.
"""
import argparse
import sys

import h5py
import numpy as np


def dense(f):
    coef = f["coef"]
    p, n_lambda = coef.attrs["shape"]
    out = np.zeros((p, n_lambda))
    indptr = coef["indptr"][:]
    for k in range(n_lambda):
        here = slice(indptr[k], indptr[k + 1])
        out[coef["indices"][here], k] = coef["data"][here]
    return out


parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("a")
parser.add_argument("b")
parser.add_argument("--objective", type=float, default=1e-10)
parser.add_argument("--coef", type=float, default=1e-6)
parser.add_argument("--above", type=float)
args = parser.parse_args()
with h5py.File(args.a, "r") as a, h5py.File(args.b, "r") as b:
    if a["lambda"].shape != b["lambda"].shape:
        sys.exit(f"{a['lambda'].shape[0]} lambdas against {b['lambda'].shape[0]}")
    if not np.allclose(a["lambda"][:], b["lambda"][:], rtol=1e-12, atol=0):
        sys.exit("lambdas differ")
    f_a, f_b = a["objective"][:], b["objective"][:]
    off = (f_a - f_b) / np.abs(f_b)
    if args.above is None:
        k = int(np.argmax(np.abs(off)))
        print(f"objectives differ by {abs(off[k]):.2e} at most")
        if not abs(off[k]) <= args.objective:
            sys.exit(f"lambda[{k}]: objective {f_a[k]:.17g} against {f_b[k]:.17g}")
    else:
        k = int(np.argmax(off))
        print(f"objective above the reference by {off[k]:.2e} at most")
        if not off[k] <= args.above:
            sys.exit(f"lambda[{k}]: objective {f_a[k]:.17g} against {f_b[k]:.17g}: {off[k]:.2e}")
        # the reference is within its gap, 1e-8 of half the null deviance, of the optimum
        if not np.min(off) >= -1e-7:
            sys.exit(f"an objective lies {-np.min(off):.2e} below the optimum")
    if args.coef > 0:
        x, y = dense(a), dense(b)
        top = np.maximum(np.max(np.abs(y), axis=0), 1e-300)
        worst = np.max(np.abs(x - y), axis=0) / top
        worst[(np.max(np.abs(x), axis=0) == 0) & (np.max(np.abs(y), axis=0) == 0)] = 0
        k = int(np.argmax(worst))
        print(f"coefficients differ by {worst[k]:.2e} of the largest at most")
        if not worst[k] <= args.coef:
            sys.exit(f"lambda[{k}]: coefficients differ by {worst[k]:.2e} of the largest")
