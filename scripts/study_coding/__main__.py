"""Sparse coding of image patches: bevel's engines beside scikit-learn's, at equal lambda.

    scripts/study-coding [--digits FILE.h5] [--patches 10000] [--size 8] [--atoms 64] [--lambda 1] [--ranks 2]

Cuts patches out of real digits (/X of FILE, 28 x 28 a row; default ../shared/data/mnist10k.h5 beside the sources),
takes off each one's mean and the flat ones out, and divides all by one deviation. Every dictionary is judged alike:
exact codes by coordinate descent in numpy, and with them the objective and the share of zeros. Seconds are processor
time of the process that learns (all its ranks), reading included; one thread of BLAS. Without scikit-learn in this
Python, bevel's rows alone. Writes results.md, results.json and results.png (the atoms) beside this file.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import h5py
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BEVEL = os.environ.get("BEVEL", str(ROOT / "build" / "bevel"))


def cut_patches(digits, count, size):
    g = np.random.default_rng(0)
    with h5py.File(digits) as f:
        images = f["X"][:2000].reshape(-1, 28, 28).astype(float)
    m = 4 * count
    at = g.integers(0, 29 - size, (2, m))
    patches = np.stack([images[k, u : u + size, v : v + size].ravel() for k, u, v in zip(g.integers(0, len(images), m), *at)])
    patches -= patches.mean(1, keepdims=True)
    patches = patches[patches.std(1) > 0.1 * patches.std()][:count]
    return patches / patches.std()


def judge(X, D, lam):
    """Objective, share of zero codes, and the worst violation of stationarity over lambda, with exact codes."""
    G, R, C = D @ D.T, X @ D.T, np.zeros((len(X), len(D)))
    for _ in range(2000):
        most = 0.0
        for k in range(len(D)):
            z = R[:, k] + G[k, k] * C[:, k]
            step = np.sign(z) * np.maximum(np.abs(z) - lam, 0) / max(G[k, k], 1e-300) - C[:, k]
            moved = np.flatnonzero(step)
            C[moved, k] += step[moved]
            R[moved] -= step[moved, None] * G[k]
            most = max(most, np.abs(step).max())
        if most < 1e-6 * lam:
            break
    rest = X - C @ D
    R = rest @ D.T
    off = np.where(C != 0, np.abs(R - lam * np.sign(C)), np.abs(R) - lam).max() / lam
    return {"objective": (0.5 * (rest**2).sum() + lam * np.abs(C).sum()) / len(X), "zeros": float((C == 0).mean()), "kkt": float(off)}


def run_bevel(data, out, ranks, *flags):
    command = [BEVEL, "dictionary", data, "-o", out, "--quiet", *map(str, flags)]
    if ranks > 1:
        command = ["bash", "-c", '. "$0/scripts/mpi.sh"; mpi "$@"', str(ROOT), str(ranks), *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in (0, 4):
        sys.exit(f"study-coding: {' '.join(command)}: exit {code}")
    with h5py.File(out) as f:
        return f["dictionary"][:], after.ru_utime - before.ru_utime, float(f["objective"][0])


def run_sklearn(X, atoms, lam, epochs):
    from sklearn.decomposition import MiniBatchDictionaryLearning

    before = resource.getrusage(resource.RUSAGE_SELF)
    model = MiniBatchDictionaryLearning(atoms, alpha=lam, max_iter=epochs, batch_size=256, random_state=0, tol=0,
                                        max_no_improvement=None, fit_algorithm="cd").fit(X)
    return model.components_, resource.getrusage(resource.RUSAGE_SELF).ru_utime - before.ru_utime


def draw(rows, size, path):
    shown = [r for r in rows if r["show"]]
    figure, axes = plt.subplots(1, len(shown), figsize=(4 * len(shown), 4.7))
    for axis, row in zip(np.atleast_1d(axes), shown):
        D = row["D"]
        D = D[np.argsort(-np.abs(D).max(1))]
        side = int(np.ceil(np.sqrt(len(D))))
        sheet = np.zeros((side * (size + 1), side * (size + 1)))
        for k, d in enumerate(D):
            u, v = k // side * (size + 1), k % side * (size + 1)
            sheet[u : u + size, v : v + size] = d.reshape(size, size) / max(np.abs(d).max(), 1e-300)
        axis.imshow(sheet, cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set_title(f"{row['name']}\nobjective {row['objective']:.4f}", fontsize=9)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--digits", default=str(ROOT.parent / "shared" / "data" / "mnist10k.h5"))
    parser.add_argument("--patches", type=int, default=10000)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--atoms", type=int, default=64)
    parser.add_argument("--lambda", type=float, default=1.0, dest="lam")
    parser.add_argument("--ranks", type=int, default=2)
    o = parser.parse_args()
    X, rows = cut_patches(o.digits, o.patches, o.size), []

    def add(name, D, seconds, lam_dictionary=0.0, show=False, said=None):
        row = {"name": name, "seconds": seconds, "show": show, "D": D, **judge(X, D, o.lam)}
        row["objective"] += lam_dictionary * np.abs(D).sum()
        row["dictionary_zeros"] = float((D == 0).mean())
        if said is not None and abs(said - row["objective"]) > 1e-6 * said:
            sys.exit(f"study-coding: {name} says {said}, numpy {row['objective']}")
        rows.append(row)
        print(f"{name}: objective {row['objective']:.5f}, zeros {row['zeros']:.2%}, {seconds:.2f} s", flush=True)

    with tempfile.TemporaryDirectory() as work:
        data = f"{work}/patches.h5"
        with h5py.File(data, "w") as f:
            f["X"] = X

        def bevel(name, *flags, ranks=1, lam_dictionary=0.0, show=False):
            D, seconds, said = run_bevel(data, f"{work}/out.h5", ranks, "--atoms", o.atoms, "--lambda", o.lam, *flags)
            add(name, D, seconds, lam_dictionary, show, said)

        for rounds in (5, 10, 20, 60):
            bevel(f"bevel alternate, {rounds} rounds", "--max-iter", rounds, show=rounds == 60)
        bevel(f"bevel alternate, 20 rounds, {o.ranks} ranks", "--max-iter", 20, ranks=o.ranks)
        bevel("bevel factors (spred), L-BFGS 200", "--solver", "lbfgs", "--max-iter", 200)
        bevel("bevel factors (spred), Adam 30 epochs", "--solver", "adam", "--epochs", 30, "--lr", 0.02)
        sparse = 0.005
        bevel(f"bevel alternate, 20 rounds, lambda_D {sparse}", "--max-iter", 20, "--sparse-dictionary", sparse, lam_dictionary=sparse, show=True)
        try:
            import sklearn
        except ImportError:
            print("study-coding: no scikit-learn in this Python (scripts/bench makes one): bevel alone", file=sys.stderr)
        else:
            for epochs in (2, 5, 20):
                D, seconds = run_sklearn(X, o.atoms, o.lam, epochs)
                add(f"scikit-learn {sklearn.__version__} minibatch, {epochs} epochs", D, seconds, show=epochs == 20)

    lines = [f"Sparse coding of {len(X)} patches of {o.size} x {o.size} of real digits, {o.atoms} atoms, lambda {o.lam:g}. Every dictionary judged with",
             "exact codes by numpy. Processor seconds of learning, all ranks, on a shared machine. lambda_D's objective has its own term.", "",
             "| | objective | codes 0 | dictionary 0 | processor s |", "|---|---|---|---|---|"]
    for r in rows:
        lines.append(f"| {r['name']} | {r['objective']:.4f} | {r['zeros']:.2%} | {r['dictionary_zeros']:.1%} | {r['seconds']:.2f} |")
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    draw(rows, o.size, HERE / "results.png")
    for r in rows:
        del r["D"], r["show"]
    (HERE / "results.json").write_text(json.dumps(rows, indent=1) + "\n")


main()
