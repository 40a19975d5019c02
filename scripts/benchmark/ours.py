# SPDX-License-Identifier: BSD-3-Clause
"""bevel as the benchmark runs it: whole processes under mpirun, timed from outside."""
import json
import os
import platform
import subprocess
import sys
import time

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.dirname(HERE)
ROOT = os.path.dirname(SCRIPTS)
BEVEL = os.environ.get("BEVEL") or os.path.join(ROOT, "build", "bevel")


def describe_machine():
    name = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as f:
        name = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), name)
    with open("/proc/meminfo") as f:
        total = int(f.readline().split()[1]) / 2**20
    return f"{name}, {os.cpu_count()} cores, {total:.0f} GiB"


def run(ranks, *words, yielding=None):
    """Runs a program under mpirun: its standard output, standard error and seconds. Waiting ranks give
    their core away only when there are more ranks than cores."""
    if yielding is None:
        yielding = ranks > os.cpu_count()
    script = '. "$0/mpi.sh"; export OMPI_MCA_mpi_yield_when_idle=' + str(int(yielding)) + '; mpi "$@"'
    begin = time.perf_counter()
    done = subprocess.run(["bash", "-c", script, SCRIPTS, str(ranks), *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if done.returncode not in (0, 4):  # 4: something did not converge, and the result says what
        sys.exit(f"bench: {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr, seconds


def bevel(ranks, *words, yielding=None):
    """One run of bevel: the object of its --json line."""
    said = run(ranks, BEVEL, *words, "--quiet", "--json", yielding=yielding)[0]
    return _last_line(said)


def _best_pair(base, whole, ranks, repeats):
    """The least seconds of both commands, and the quickest whole one's profile and --json line, run in turn; more often
    while they are short, since what is wanted is their difference."""
    shortest, best, runs, spent = float("inf"), (float("inf"), "", ""), 0, 0.0
    while runs < repeats or (runs < 4 * repeats and spent < 10.0):
        base_s = run(ranks, BEVEL, *base)[2]
        said, profile, whole_s = run(ranks, BEVEL, *whole, "--profile")
        shortest, best = min(shortest, base_s), min(best, (whole_s, profile, said))
        runs, spent = runs + 1, spent + base_s + whole_s
    return shortest, best


def _last_line(said):
    return json.loads(said.strip().splitlines()[-1])


def _numbers(said):
    """The numbers of a --json line: no names of files, which are this machine's."""
    return {key: value for key, value in _last_line(said).items() if isinstance(value, (int, float))}


def phases(line):
    """Least and most seconds over the ranks of each phase, from a --json line with --profile."""
    ranks = [rank["seconds"] for rank in line["profile"]["ranks"]]
    return {name: [min(rank[name] for rank in ranks), max(rank[name] for rank in ranks)] for name in ranks[0]}


def _model(problem):
    words = ["--family", problem.family, "--no-standardize", "--no-intercept"]
    return words + ["--penalty", problem.penalty, *problem.row.get("flags", ())]


def solve(problem, ranks, out, repeats):
    """Seconds of the whole process less those of the same with one lambda (reads, finds lambda_max)."""
    row, model = problem.row, _model(problem)
    quiet = ["--quiet", "--json"]
    base = ["path", problem.data, "-o", out + ".base.h5", *model, "--nlambda", 1, *quiet]
    if "fit" in row:
        whole = ["fit", problem.data, "-o", out, *model, "--lambda", repr(row["fit"]), *quiet]
    else:
        ratio = ["--nlambda", row.get("nlambda", 100), "--lambda-min-ratio", row["ratio"]]
        whole = ["path", problem.data, "-o", out, *model, *ratio, *quiet]
    base_s, (whole_s, profile, said) = _best_pair(base, whole, ranks, repeats)
    os.remove(out + ".base.h5")
    return dict(ranks=ranks, seconds=max(whole_s - base_s, 1e-9), whole_s=whole_s, base_s=base_s,
                own=_numbers(said), phases=phases(_last_line(said)), profile=profile.strip().splitlines())


def read(problem, out):
    """What the result file says and what the bench measures on its coefficients."""
    import scipy.sparse

    with h5py.File(out, "r") as f:
        lambdas, status = f["lambda"][:], f["status"][:]
        parts = (f["coef/data"][:], f["coef/indices"][:], f["coef/indptr"][:])
        passes = float(np.ravel(f.attrs["passes"])[0])
    coef = scipy.sparse.csc_matrix(parts, shape=(problem.p * problem.responses, len(lambdas)))
    gaps = problem.measure(coef.toarray(), lambdas)
    support = np.diff(coef.indptr)
    return dict(lambdas=lambdas.tolist(), gap=float(np.max(gaps)), certified=int(np.count_nonzero(status == 0)),
                passes=passes, support=int(support[-1]), objective=problem.objectives(coef.toarray(), lambdas))


def read_bandwidth(ranks, n_bytes, folder):
    """GB/s that so many processes read together."""
    program = os.path.join(folder, "bandwidth")
    source = os.path.join(SCRIPTS, "bandwidth.c")
    subprocess.run(["mpicc", "-std=c11", "-O3", "-march=native", source, "-o", program], check=True)
    return float(run(ranks, program, n_bytes)[0].split()[0])
