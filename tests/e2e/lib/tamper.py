# SPDX-License-Identifier: BSD-3-Clause
"""tamper.py RESULT DATA CHECK: changes one thing at a time in copies of a true result; CHECK must call
every one of them a lie, in words that name it."""
import shutil
import subprocess
import sys

import h5py
import numpy as np

result, data, check = sys.argv[1:]
K = 12  # the lambda that is lied about


def add(name, k, delta):
    def change(f):
        values = f[name][:]
        values[k] += delta
        f[name][...] = values
    return change


def scale(name, k, factor):
    def change(f):
        values = f[name][:]
        values[k] *= factor
        f[name][...] = values
    return change


def coefficient(factor):
    """The largest coefficient of lambda[K], times a factor."""
    def change(f):
        begin, end = f["coef/indptr"][K:K + 2]
        values = f["coef/data"][:]
        k = begin + int(np.argmax(np.abs(values[begin:end] * f["scale"][:][f["coef/indices"][begin:end]])))
        values[k] *= factor
        f["coef/data"][...] = values
    return change


def moved(f):
    """One coefficient stands in another column."""
    begin, end = f["coef/indptr"][K:K + 2]
    indices = f["coef/indices"][:]
    free = np.setdiff1d(np.arange(indices[begin] + 1, f["coef"].attrs["shape"][0]), indices[begin:end])
    order = np.sort(np.append(indices[begin + 1:end], free[0]))
    indices[begin:end] = order
    f["coef/indices"][...] = indices


def shorter(name):
    def change(f):
        values = f[name][:-1]
        del f[name]
        f[name] = values
    return change


def remove(name):
    return lambda f: f.__delitem__(name)


def column_zero(f):
    """A coefficient that is stored, and 0."""
    values = f["coef/data"][:]
    values[f["coef/indptr"][K]] = 0
    f["coef/data"][...] = values


def set_attr(name, value):
    return lambda f: f.attrs.__setitem__(name, value)


lies = [
    ("objective", scale("objective", K, 1 + 1e-8), "objective"),
    ("dual_gap understated", coefficient(1 + 1e-4), "dual_gap"),
    ("dual_gap negative", add("dual_gap", K, -1e-3), "negative gap"),
    ("kkt_residual", coefficient(1 + 1e-5), "kkt_residual|KKT"),
    ("dev_ratio", add("dev_ratio", K, 1e-7), "dev_ratio"),
    ("df", add("df", K, 1), "df"),
    ("stored zero", column_zero, "df"),
    ("coefficient moved", moved, "objective"),
    ("intercept", add("intercept", K, 1e-3), "objective|kkt"),
    ("lambda", scale("lambda", K, 1 + 1e-4), "objective|grid"),
    ("center", add("center", 5, 1e-3), "center"),
    ("scale", scale("scale", 5, 1.001), "scale"),
    ("tol", set_attr("tol", 1e-30), "status 0"),
    ("lambda_max", lambda f: f.attrs.__setitem__("lambda_max", f.attrs["lambda_max"] * 1.001), "lambda_max"),
    ("family", set_attr("family", "gaussian"), "objective"),
    ("not standardised", set_attr("standardize", np.int64(0)), "scale"),
    ("no intercept", set_attr("intercept", np.int64(0)), "center|objective"),
    ("short objective", shorter("objective"), "objective"),
    ("short center", shorter("center"), "center"),
    ("no status", remove("status"), "status"),
]

failed = 0
for name, change, words in lies:
    copy = result + ".lie.h5"
    shutil.copy(result, copy)
    with h5py.File(copy, "r+") as f:
        change(f)
    done = subprocess.run([sys.executable, check, copy, data], capture_output=True, text=True)
    said = any(word in done.stdout for word in words.split("|"))
    if done.returncode != 1 or not said:
        failed += 1
        print(f"FAIL: {name}: exit {done.returncode}: {done.stdout}{done.stderr}")
print(f"{len(lies)} lies, {failed} not seen")
sys.exit(1 if failed else 0)
