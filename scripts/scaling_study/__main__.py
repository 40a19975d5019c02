# SPDX-License-Identifier: BSD-3-Clause
"""How a certified path scales with ranks:

    scripts/scaling [--quick] [--keep] [--ranks 1,2,4,8] [--repeats K]

Strong scaling: the same data on more ranks. Weak scaling: p grows with the ranks. Lasso of a gaussian response,
dense and sparse, 100 lambdas to 0.01 lambda_max, no intercept, no standardization, the Gram on rank 0. Every run
must give the objectives of one rank on the same data to 1e-10, and send what scaling_study/traffic.py predicts,
to the byte: the script fails when it does not. More ranks than cores show that and no more: their seconds are
no result.
Beside it a model of latency, bandwidth and flops (scaling_study/model.py), held to the phases measured at 1 and 2
ranks, and its extrapolation to machines that are not here.

--quick      tiny data, to see that all of it runs
--keep       also write results.md, .json and .png beside scaling_study
--ranks L    rank counts of the runs
--repeats K  the best of K runs counts where there are cores for all ranks, default 5

Writes build/scaling/results.md, .json, .png. Needs 1 GB of disk. BEVEL names another bevel than build/bevel.
"""
import argparse
import os
import subprocess
import sys
import time

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "benchmark")]
import model  # noqa: E402
import ours  # noqa: E402
import report  # noqa: E402
import traffic  # noqa: E402

OUT = os.path.join(ours.ROOT, "build", "scaling")
DATA = os.path.join(OUT, "data")
SAME = 1e-10  # relative difference of objectives
MODEL = ("--no-standardize", "--no-intercept", "--gram", "replicated", "--lambda-min-ratio", 0.01)

# n, p of strong scaling and p a rank of weak scaling; active columns of a dense recipe
SERIES = {
    "dense": dict(recipe="lasso", n=1000, p=20000, p_rank=2500, active=100, quick=(60, 400, 100)),
    "sparse": dict(recipe="sparse", n=20000, p=200000, p_rank=25000, active=100, quick=(200, 1000, 250)),
}


def say(text):
    print(f"  {text}", flush=True)


def simulate(kind, n, p):
    path = os.path.join(DATA, f"{kind}-{n}x{p}.h5")
    if not os.path.exists(path):
        row = SERIES[kind]
        ours.bevel(2, "simulate", path, "--recipe", row["recipe"], "--n", n, "--p", p,
                   "--active", min(row["active"], p // 20), "--seed", 1)
    return path


def solve(data, ranks, repeats):
    """The --json line of the quickest of some runs, and the objectives."""
    out, best = os.path.join(OUT, "path.h5"), None
    for _ in range(repeats if ranks <= os.cpu_count() else 1):
        said = ours.bevel(ranks, "path", data, "-o", out, *MODEL, "--profile")
        if best is None or said["solve_s"] < best["solve_s"]:
            best = said
    with h5py.File(out, "r") as f:
        return best, f["objective"][:], int(np.count_nonzero(f["status"][:]))


def run(series, kind, data, ranks, repeats, reference):
    """One row of the table; `reference` holds the 1-rank run of the same data, and is filled by it."""
    said, objective, unsolved = solve(data, ranks, repeats)
    if ranks == 1:
        reference.update(said=said, objective=objective)
    apart = float(np.max(np.abs(objective - reference["objective"]) / np.abs(reference["objective"])))
    failures = traffic.differences(said, sparse=kind == "sparse", intercept=False)
    if apart > SAME or unsolved:
        failures.append(f"objectives differ by {apart:.1e} from those of one rank; {unsolved} not certified")
    sent = [rank["path_sent"] for rank in said["profile"]["ranks"]]
    row = dict(series=series, kind=kind, ranks=ranks, n=said["n"], p=said["p"], nnz=said["nnz"],
               passes=said["passes"], solve_s=said["solve_s"], phases=ours.phases(said),
               wait=[f([r["path_wait_s"] for r in said["profile"]["ranks"]]) for f in (min, max)],
               messages=sum(m for m, _ in sent[0].values()), bytes=[sum(b for _, b in s.values()) for s in sent],
               kinds={k: v for k, v in sent[0].items() if v[0]}, apart=apart, lambdas=said["lambdas"],
               support=said["support"], batches=said["profile"]["batches"], failures=failures)
    say(f"{series} {kind} {row['n']}x{row['p']}, {ranks} ranks: {row['solve_s']:.3f} s, {row['messages']} messages, "
        f"{max(row['bytes'])} bytes, objectives apart {apart:.0e}{'; ' + '; '.join(failures[:3]) if failures else ''}")
    return row


def run_all(settings):
    rows = []
    for kind, size in SERIES.items():
        n, p, p_rank = size["quick"] if settings.quick else (size["n"], size["p"], size["p_rank"])
        data, reference = simulate(kind, n, p), {}
        for ranks in [1] + [r for r in settings.ranks if r > 1]:
            rows.append(run("strong", kind, data, ranks, settings.repeats, reference))
        for ranks in settings.ranks:
            data, reference = simulate(kind, n, p_rank * ranks), {}
            for count in dict.fromkeys((1, ranks)):  # one rank on the same data first: the reference
                row = run("weak" if count == ranks else "reference", kind, data, count, settings.repeats, reference)
                rows.append(row)
    return rows


def work_of(row, batches):
    """For the model: what one rank took. `batches` is a run of the same data on most ranks. Two of the passes look at
    the columns before the path."""
    took = {name: row["phases"][name][1] for name in row["phases"]}
    return model.Work(row["n"], row["p"], row["nnz"] if row["kind"] == "sparse" else 0, row["passes"] - 2,
                      batches,
                      dict(sweep=took["sweep"], gram=took["gram"], inner=took["inner"],
                           local=took["screen"] + took["columns"] + took["other"]))


def measure_here(rows, quick):
    """This machine at 1 and at 2 ranks: read bandwidth and latency measured, flops those of the Gram on one rank."""
    program = os.path.join(OUT, "latency")
    subprocess.run(["mpicc", "-std=c11", "-O2", os.path.join(ours.SCRIPTS, "latency.c"), "-o", program], check=True)
    alpha, beta = (float(word) for word in ours.run(2, program)[0].split())
    one = next(row for row in rows if row["kind"] == "dense" and row["ranks"] == 1)
    work = work_of(one, one["batches"])
    flops = work.gram_flops() / work.took["gram"]
    found = {}
    for ranks in (1, 2):
        read = 1e9 * max(ours.read_bandwidth(ranks, 8e7 if quick else 4e8, OUT) for _ in range(3)) / ranks
        found[ranks] = model.Machine("here", alpha, beta, read, flops,
                                     f"{ranks} of {os.cpu_count()} cores: {alpha * 1e6:.2g} µs, {1e-9 / beta:.1f} GB/s, "
                                     f"{read / 1e9:.1f} GB/s of memory and {flops / 1e9:.0f} Gflop/s (its Gram) a rank")
        say(f"here, {found[ranks].said}")
    return found


def works(rows):
    """[(series, kind, {ranks: Work})]: each data set's one-rank run, with the batches of its run on most ranks."""
    for series in ("strong", "weak"):
        for kind in SERIES:
            mine = [row for row in rows if row["kind"] == kind]
            found = {}
            for row in (r for r in mine if r["series"] == series):
                same = [r for r in mine if r["p"] == row["p"]]
                one = next(r for r in same if r["ranks"] == 1)
                found[row["ranks"]] = work_of(one, max(same, key=lambda r: r["ranks"])["batches"])
            yield series, kind, found


def compare(rows, here):
    """Model and measurement at 1 and 2 ranks."""
    found = []
    for series, kind, by_ranks in works(rows):
        for ranks in sorted(set(by_ranks) & set(here)):
            row = next(r for r in rows if r["series"] == series and r["kind"] == kind and r["ranks"] == ranks)
            phases = row["phases"]
            measured = dict(sweep=phases["sweep"][1], gram=phases["gram"][1], inner=phases["inner"][1], comm=row["wait"][0],
                            local=phases["screen"][1] + phases["columns"][1] + phases["other"][1])
            expected = model.seconds(by_ranks[ranks], here[ranks], here[1], ranks)
            found.append(dict(series=series, kind=kind, ranks=ranks, model=expected, measured=measured,
                              solve_s=row["solve_s"]))
    return found


def extrapolate(rows, here):
    """Machines that are not here, at rank counts that are not here. Weak: the widest X of the series, wider."""
    found = []
    for series, kind, by_ranks in works(rows):
        widest, most = by_ranks[max(by_ranks)], max(by_ranks)
        for machine in model.CLUSTERS:
            for ranks in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
                sizes = {"weak": ranks / most} if series == "weak" else {"strong": 1, "wide": report.WIDER}
                for name, times in sizes.items():
                    work = widest.wider(times)
                    found.append(dict(series=name, kind=kind, machine=machine.name, ranks=ranks, p=work.p,
                                      model=model.seconds(work, machine, here[1], ranks)))
    return found


def read_arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/scaling", usage=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--ranks", default="1,2,4,8")
    parser.add_argument("--repeats", type=int, default=5)
    settings = parser.parse_args(argv)
    settings.ranks = sorted({int(word) for word in settings.ranks.split(",")})
    if settings.quick and settings.keep:
        parser.error("--keep does not go with --quick: tiny data are no results")
    if settings.ranks[0] < 1:
        parser.error("--ranks: counts from 1 on")
    return settings


def main(argv):
    settings = read_arguments(argv)
    os.makedirs(DATA, exist_ok=True)
    rows = run_all(settings)
    here = measure_here(rows, settings.quick)
    results = dict(date=time.strftime("%Y-%m-%d", time.gmtime()), machine=ours.describe_machine(), cores=os.cpu_count(),
                   here=[vars(machine) for machine in here.values()], clusters=[vars(m) for m in model.CLUSTERS],
                   runs=rows, compared=compare(rows, here), extrapolated=extrapolate(rows, here))
    report.write(OUT, results)
    print("\n" + report.markdown(results))
    print(f"scaling: {os.path.relpath(OUT, os.getcwd())}/results.md, .json, .png")
    failures = [text for row in rows for text in row["failures"]]
    if failures:
        sys.exit("scaling: " + "\n".join(failures))
    if settings.keep:
        report.write(HERE, results)
        print("scaling: kept beside the script")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
