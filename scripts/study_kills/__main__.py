# SPDX-License-Identifier: BSD-3-Clause
"""Nothing lost: jobs killed at random moments come to the answer they would have had.

    scripts/study-kills [--trials K] [--seed S] [--only path|cv|train] [--small] [--keep]

A trial starts bevel path, cv or train on 1 to 3 ranks with a checkpoint every 0.05 s, ends mpirun and
all ranks at once by SIGKILL at a random moment, and goes on with --resume on another number of ranks. Of five
moments one is drawn evenly from the whole length of an uninterrupted run, four from what lies behind its first
checkpoint. The answer is held to the uninterrupted one's:

  path, cv   objective of every lambda to 1e-8, coefficients to 1e-6 of the largest, every /status 0;
             cv: the curve to 1e-8 too, the same lambda.min and lambda.1se
  train      every weight and bias to 1e-8 of the largest of its layer, in double precision (the steps are the
             same at any number of ranks, only the order of sums differs; in single precision two uninterrupted
             runs on 1 and 2 ranks are 2e-3 apart after these 12,000 steps)

and no half-written file may stand under the result's name after the kill. A run that ends before its
moment is not a trial: it is counted and drawn again.

--trials K  trials in all, default 50, dealt out to the three in turn
--small     problems of a moment, for the tests
--keep      also write results.md beside study_kills

Prints a line a trial and a table. Exit code 1 when an answer differs. BEVEL names the program.
"""
import argparse
import collections
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("BEVEL", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "bevel"))
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_mpi_yield_when_idle="1",
                   OMPI_MCA_hwloc_base_binding_policy="none", OPENBLAS_NUM_THREADS="1")
LIMIT = 240  # seconds that no run here may take
RANKS = (1, 2, 3)

Job = collections.namedtuple("Job", "command simulate flags")


def jobs(small):
    glm = "--n 300 --p 2000 --active 40 --rho 0.5 --snr 2 --seed 2".split()
    net = "--n 600 --p 60 --family multinomial --seed 3".split()
    return [Job("path", glm, ["--nlambda", "300" if small else "600"]),
            Job("cv", glm, ["--nlambda", "30" if small else "60", "--folds", "4"]),
            Job("train", net, ["--layers", "60-20-3", "--batch", "30", "--precision", "double", "--epochs", "100" if small else "600"])]


# ---- running and killing ----------------------------------------------------------------------------------


def start(ranks, words):
    launcher = [os.environ.get("BEVEL_MPIRUN", "mpirun"), "-n", str(ranks)] if ranks > 1 else []
    return subprocess.Popen(launcher + [PROGRAM] + words, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)


def finish(ranks, words):
    with start(ranks, words) as child:
        try:
            said, _ = child.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            kill(child)
            return -1, "hangs"
    return child.returncode, said


def family(pid):
    """The process and all that it started."""
    children = collections.defaultdict(list)
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                children[int(f.read().rpartition(")")[2].split()[1])].append(int(name))
        except OSError:
            continue  # it has ended
    found = [pid]
    for one in found:
        found += children[one]
    return found


def kill(child):
    for pid in reversed(family(child.pid)):  # ranks first: none is told
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    child.communicate()


# ---- the answers ------------------------------------------------------------------------------------------


def relative(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        return np.inf
    top = np.max(np.abs(b), initial=0.0)
    return float(np.max(np.abs(a - b), initial=0.0) / (top if top > 0 else 1.0))


def columns(f):
    """The coefficients of every lambda."""
    coef, at = f["coef"], f["coef/indptr"][:]
    indices, values = coef["indices"][:], coef["data"][:]
    for k in range(len(at) - 1):
        column = np.zeros(int(coef.attrs["shape"][0]))
        column[indices[at[k]:at[k + 1]]] = values[at[k]:at[k + 1]]
        yield column


def differences(command, out, whole):
    """What differs by more than it may, in words."""
    with h5py.File(out, "r") as a, h5py.File(whole, "r") as b:
        held = []
        if command == "train":
            layers = [f"layers/{k}/{part}" for k in b["layers"] for part in b[f"layers/{k}"]]
            held += [(name, relative(a[name][:], b[name][:]), 1e-8) for name in layers]
        else:
            held.append(("lambda", relative(a["lambda"][:], b["lambda"][:]), 1e-12))
            held.append(("status", float(np.max(a["status"][:])), 0))
            off = np.abs(a["objective"][:] - b["objective"][:]) / np.abs(b["objective"][:])
            held.append(("objective", float(np.max(off)), 1e-8))
            held.append(("coef", max(map(relative, columns(a), columns(b))), 1e-6))
        if command == "cv":
            held += [(name, relative(a[name][()], b[name][()]), 1e-8)
                     for name in ("cvm", "cvsd", "lambda_min", "lambda_1se")]
        return [f"{name} off by {off:.2g}" for name, off, most in held if not off <= most]


# ---- a trial ----------------------------------------------------------------------------------------------


class Study:
    def __init__(self, folder, job, rng):
        self.job, self.rng, self.folder = job, rng, folder
        self.data, self.whole, self.out, self.save = (
            os.path.join(folder, f"{job.command}-{name}.h5") for name in ("data", "whole", "out", "save"))
        subprocess.run([PROGRAM, "simulate", self.data] + job.simulate, check=True, stdout=subprocess.DEVNULL)
        self.times = {2: self.uninterrupted(2, self.whole)}

    def uninterrupted(self, ranks, out):
        """The seconds until its first checkpoint, and until its end."""
        self.clear()
        began, first = time.monotonic(), None
        child = start(ranks, self.words(out, self.save))
        while child.poll() is None:
            time.sleep(0.005)
            if first is None and os.path.exists(self.save):
                first = time.monotonic() - began
        if child.returncode != 0:
            sys.exit(f"study-kills: {self.job.command}: exit code {child.returncode}: {child.communicate()[0]}")
        return first or 0.0, time.monotonic() - began

    def draw(self, ranks):
        if ranks not in self.times:
            self.times[ranks] = self.uninterrupted(ranks, self.out)
        first, end = self.times[ranks]
        return self.rng.uniform(0.0 if self.rng.random() < 0.2 else first, end)

    def words(self, out, save):
        return [self.job.command, self.data, "-o", out, "--checkpoint", save,
                "--checkpoint-every", "0.05"] + self.job.flags

    def clear(self):
        for name in os.listdir(self.folder):
            if name.startswith((f"{self.job.command}-out", f"{self.job.command}-save")):
                os.remove(os.path.join(self.folder, name))

    def trial(self):
        """None when the run ended before its moment; else where it was hit, what was wrong, and words."""
        first = self.rng.choice(RANKS)
        second = self.rng.choice([r for r in RANKS + (4,) if r != first])
        moment = self.draw(first)
        self.clear()
        child = start(first, self.words(self.out, self.save))
        try:
            child.communicate(timeout=moment)
            return None
        except subprocess.TimeoutExpired:
            kill(child)
        if os.path.exists(self.out):
            return None  # it was leaving
        saved = any(os.path.exists(self.save + end) for end in ("", ".old"))
        half = os.path.exists(self.save + ".partial")
        where = "before the first checkpoint" if not saved else "while a checkpoint was written" if half \
            else "between checkpoints"
        code, said = finish(second, self.words(self.out, self.save) + ["--resume"])
        wrong = [f"exit code {code}: {said[-300:]}"] if code != 0 else \
            differences(self.job.command, self.out, self.whole)
        resumed = re.search(r"resumed from .*: (\d+ of \d+)", said)
        if saved and not resumed:
            wrong.append("started afresh beside a checkpoint")
        left = [name for name in os.listdir(self.folder) if name.endswith((".lock", ".partial"))]
        if left:
            wrong.append(f"left behind: {left}")
        text = f"{self.job.command}: {first} ranks, killed after {moment:.2f} s, {where}; " \
            f"{second} ranks, {'from ' + resumed[1] if resumed else 'afresh'}"
        return where, wrong, text


def study(args):
    rng = random.Random(args.seed)
    counts, late, good, bad = collections.Counter(), 0, collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        studies = [Study(folder, job, rng) for job in jobs(args.small) if args.only in (None, job.command)]
        for k in range(args.trials):
            one = studies[k % len(studies)]
            while (result := one.trial()) is None:
                late += 1
            where, wrong, text = result
            print(f"{k + 1}/{args.trials} {text}: {'; '.join(wrong) if wrong else 'the same answer'}", flush=True)
            counts[one.job.command, where] += 1
            good[one.job.command] += not wrong
            bad += bool(wrong)
    return counts, late, good, bad


def table(args, counts, late, good):
    places = ["before the first checkpoint", "between checkpoints", "while a checkpoint was written"]
    lines = ["| job | trials | the same answer | killed " + " | ".join(places) + " |", "|---|" + "---:|" * 5]
    for command in sorted({c for c, _ in counts}):
        row = [counts[command, place] for place in places]
        lines.append(f"| {command} | {sum(row)} | {good[command]} | " + " | ".join(map(str, row)) + " |")
    lines.append(f"\n{sum(good.values())} of {args.trials} kills resumed to the same answer (seed {args.seed}; "
                 f"{late} runs ended before their moment and were drawn again).")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["path", "cv", "train"])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args()
    counts, late, good, bad = study(args)
    text = table(args, counts, late, good)
    print(text)
    if args.keep:
        with open(os.path.join(HERE, "results.md"), "w", encoding="utf-8") as f:
            f.write("# scripts/study-kills\n\n" + text + "\n")
    sys.exit(bad > 0)


main()
