# SPDX-License-Identifier: BSD-3-Clause
"""Peers in processes of their own: started, asked for one tolerance at a time, killed at the limit; and
the climb to a measured gap."""
import math
import os
import select
import shutil
import subprocess
import sys
import time

import numpy as np
import scipy.sparse

HERE = os.path.dirname(os.path.abspath(__file__))
THREADS = 2
# the tolerance a user gets, where the climb begins
DEFAULTS = {"adelie": 1e-7, "adelie-gram": 1e-7, "celer": 1e-6, "skglm": 1e-4, "sklearn": 1e-4, "glmnet": 1e-7}
TIGHTEST = 1e-17
NAMES = {"adelie-gram": "adelie (Gram)", "sklearn": "scikit-learn"}


class Late(Exception):
    """The limit of a run has passed."""


class Broken(Exception):
    """The peer could not be run; why."""


class Peer:
    def __init__(self, name, problem, lambdas, folder):
        self.name, self.problem, self.out = name, problem, os.path.join(folder, f"{problem.name}-{name}")
        self.n_lambdas = len(lambdas)
        lambda_file = self.out + ".lambda.f64"
        np.asarray(lambdas).tofile(lambda_file)
        meta = problem.meta
        if name == "glmnet":
            command = ["Rscript", os.path.join(HERE, "glmnet.R"), problem.folder, lambda_file, str(problem.n),
                       str(problem.p), str(int(meta["sparse"])), str(meta.get("nnz", 0)), problem.family]
        else:
            command = [sys.executable, os.path.join(HERE, "worker.py"), name, problem.folder, lambda_file,
                       str(problem.group_size), problem.penalty, str(problem.row.get("skip", 0))]
        threads = {key: str(THREADS) for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")}
        self.log = open(self.out + ".log", "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        env=dict(os.environ, **threads))
        self.answer(600)

    def answer(self, seconds):
        """The next line, without its end."""
        line, end = b"", time.monotonic() + seconds
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise Late()
            byte = os.read(self.process.stdout.fileno(), 1)
            if byte == b"":
                self.log.flush()
                with open(self.out + ".log", errors="replace") as f:
                    lines = [text.strip() for text in f if text.strip()]
                raise Broken(lines[-1] if lines else "ended without a word")
            line += byte
        return line.decode().strip()

    def solve(self, tol, limit):
        """Seconds, and coefficients p x L (csc)."""
        out = self.out + ".npz" if self.name != "glmnet" else self.out
        self.process.stdin.write(f"{tol!r} {out}\n".encode())
        self.process.stdin.flush()
        seconds = float(self.answer(limit))
        if self.name != "glmnet":
            return seconds, scipy.sparse.load_npz(out)
        parts = [np.fromfile(out + end, dtype) for end, dtype in ((".x", "f8"), (".i", "i4"), (".p", "i4"))]
        coef = scipy.sparse.csc_matrix(tuple(parts), shape=(self.problem.p, len(parts[2]) - 1))
        if coef.shape[1] < self.n_lambdas:
            raise Broken(f"stopped after {coef.shape[1]} lambdas at tolerance {tol:g}")
        return seconds, coef

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def available(name):
    """None, or why the peer cannot be run."""
    if name == "glmnet":
        if shutil.which("Rscript") is None:
            return "no R here (Debian: r-cran-glmnet)"
        done = subprocess.run(["Rscript", "-e", "library(glmnet)"], capture_output=True)
        return None if done.returncode == 0 else "R has no glmnet (Debian: r-cran-glmnet)"
    module = name.split("-")[0]
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def _again(peer, tol, seconds, limit, total_s, most):
    """The best of up to `most` runs, while they are short."""
    times = [seconds]
    while len(times) < most and sum(times) < total_s:
        times.append(peer.solve(tol, limit)[0])
    return min(times)


def _decades(gap, target):
    """How many tens to tighten by: one, or as many as the gap lacks, since gaps mostly fall with the tolerance
    at most in proportion."""
    return max(1, math.floor(math.log10(gap / target))) if math.isfinite(gap) else 1


class Climb:
    """One peer on one problem, from its default tolerance down powers of ten until the measured gap is at most
    the row's target at every lambda; then back up what was jumped over, while that does too."""

    def __init__(self, peer, lambdas, limit, say, repeats):
        self.peer, self.lambdas, self.limit, self.say, self.repeats = peer, lambdas, limit, say, repeats
        self.runs, self.tol = [], DEFAULTS[peer.name]

    def run(self):
        problem = self.peer.problem
        seconds, coef = self.peer.solve(self.tol, self.limit)
        coef, lambdas = coef.toarray(), np.asarray(self.lambdas)
        there = ~problem.unanswered(coef)
        gap = float(np.max(problem.measure(coef[:, there], lambdas[there]), initial=0.0 if there.any() else np.inf))
        if not self.runs or gap <= problem.row["target"]:
            seconds = _again(self.peer, self.tol, seconds, self.limit, 5.0, self.repeats)
        found = dict(tol=self.tol, seconds=seconds, gap=gap, objective=problem.objectives(coef, lambdas),
                     unanswered=np.flatnonzero(~there).tolist())
        self.runs.append(found)
        less = f", {np.sum(~there)} of {len(there)} lambdas skipped or unfinished" if not there.all() else ""
        self.say(f"{NAMES.get(self.peer.name, self.peer.name)}: tol {self.tol:.0e}: {seconds:.3f} s, gap {gap:.1e}{less}")
        return found

    def go(self, found):
        """Fills in found's default, and reached or why."""
        target, jumped = self.peer.problem.row["target"], 1
        found["default"] = last = self.run()
        while last["gap"] > target:
            if len(self.runs) > 4 and last["gap"] >= 0.9 * self.runs[-4]["gap"] or self.tol < TIGHTEST:
                found["why"] = f"gap stays at {last['gap']:.1e} at tolerance {self.tol:.0e}"
                return
            jumped = _decades(last["gap"], target)
            self.tol *= 0.1**jumped
            last = self.run()
        found["reached"] = last
        for _ in range(jumped - 1):
            self.tol *= 10.0
            last = self.run()
            if last["gap"] > target:
                return
            found["reached"] = last


def climb(name, problem, lambdas, folder, limit, say, repeats):
    """What is to be said of a peer: its runs, the default one, the one that reached the row's gap, or why none."""
    found = dict(id=name, peer=NAMES.get(name, name), runs=[], default=None, reached=None, why=None)
    peer = ascent = None
    try:
        peer = Peer(name, problem, lambdas, folder)
        ascent = Climb(peer, lambdas, limit, say, repeats)
        found["runs"] = ascent.runs
        ascent.go(found)
    except Late:
        found["why"] = f"more than {limit:.0f} s at tolerance {ascent.tol:.0e}" if ascent else "did not start"
    except Broken as error:
        found["why"] = str(error)
    finally:
        if peer is not None:
            peer.close()
    if found["reached"] is None:
        say(f"{found['peer']}: gap {problem.row['target']:.0e} not reached: {found['why']}")
    return found
