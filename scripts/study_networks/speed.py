# SPDX-License-Identifier: BSD-3-Clause
"""Seconds of an epoch: bevel on 1 and 2 ranks, PyTorch on 2 threads, in turn."""
import json
import os
import subprocess
import tempfile

import h5py
import numpy as np

import bevel

HERE = os.path.dirname(os.path.abspath(__file__))
THREADED = "usr/lib/x86_64-linux-gnu/openblas-pthread"
CASES = (("lenet300", 100), ("lenet300", 500), ("lenet5", 100))
ROUNDS = 2


def epoch(data, arch, batch, ranks, epochs):
    """The fastest epoch of one training: differences of the clock in the file, the first left out."""
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "out.h5")
        bevel.train(data, out, ["--arch", arch, "--scale", "max", "--batch", batch, "--epochs", epochs,
                                "--schedule", "constant"], ranks)
        with h5py.File(out, "r") as f:
            return float(np.min(np.diff(f["history/seconds"][:])))


def threaded_blas(folder):
    """OpenBLAS with threads, which Debian's PyTorch finds there: its package, unpacked and not
    installed, for that would put it in the place of bevel's serial one. None = not to be had."""
    installed = "/" + THREADED
    if os.path.exists(installed):
        return installed
    place = os.path.join(folder, THREADED)
    if not os.path.exists(place):
        subprocess.run("apt-get download -qq libopenblas0-pthread && dpkg -x libopenblas0-pthread_*.deb . && "
                       "rm -f libopenblas0-pthread_*.deb", shell=True, cwd=folder, capture_output=True)
    return place if os.path.exists(place) else None


def cores():
    """The fastest of OpenBLAS' kernel sets that this CPU runs, as bevel chooses for itself."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = f.read().split()
    return "SkylakeX" if "avx512vl" in flags else "Haswell" if "avx2" in flags else None


def torch_epoch(data, arch, batch, epochs, blas):
    """Of PyTorch in a process of its own; None where there is none."""
    environment = dict(os.environ, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", OMP_WAIT_POLICY="active")
    if blas is not None:
        environment["LD_LIBRARY_PATH"] = blas
    if cores() is not None:
        environment["OPENBLAS_CORETYPE"] = cores()
    for python in ("/usr/bin/python3", "python3"):
        done = subprocess.run([python, os.path.join(HERE, "torch_epochs.py"), data, arch, str(batch), str(epochs)],
                              capture_output=True, text=True, timeout=3600, env=environment)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
    print(f"  no PyTorch to compare with (scripts/setup torch): {done.stderr.strip().splitlines()[-1:]}", flush=True)
    return None


def study(args):
    blas, rows = threaded_blas(args.out), []
    for arch, batch in CASES:
        epochs = 2 if args.quick else 4 if arch == "lenet5" else 12
        one, two, torch = [], [], []
        for _ in range(1 if args.quick else ROUNDS):
            one.append(epoch(args.data, arch, batch, 1, epochs))
            two.append(epoch(args.data, arch, batch, 2, epochs))
            torch.append(torch_epoch(args.data, arch, batch, epochs, blas))
        row = dict(arch=arch, batch=batch, one=min(one), two=min(two), torch=None, threaded=blas is not None)
        if torch[0] is not None:
            row["torch"] = min(t["seconds"] for t in torch)
            row["torch_how"] = min(torch, key=lambda t: t["seconds"])["how"]
            row["torch_version"] = torch[0]["version"]
        rows.append(row)
        print(f"  {arch} batch {batch}: 1 rank {row['one']:.4f} s, 2 ranks {row['two']:.4f} s, PyTorch {row['torch']}",
              flush=True)
    return rows
