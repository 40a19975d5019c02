# SPDX-License-Identifier: BSD-3-Clause
"""bevel on this machine, and against its peers:

    scripts/bench [ROW ...] [--quick] [--keep] [--peers a,b] [--limit S] [--repeats K]

ROW: against the peers  lasso group group-deep logistic poisson sparse wide tall responses spred
     mcp scad lq colon golub
     about the machine  bandwidth path memory large
(default: all). Problems are `bevel simulate` recipes, standardised once, and two real sets. Each row
runs bevel at 2 ranks and at 1, and every peer at its default tolerance and at tighter ones until the gap,
measured here with numpy on everybody's coefficients, is what the row asks.

--quick      tiny versions of the rows, to see that all of it runs
--keep       also write results.md, .json and .png beside this script, rows not run kept from before
--peers a,b  only these (adelie, adelie-gram, celer, skglm, sklearn, glmnet), or `none`
--limit S    seconds a peer may take for one path, default 120
--repeats K  the best of K runs counts, default 3 (long ones of the peers: one)

Writes build/bench/results.md, .json, .png. The first run makes a Python environment in build/bench/venv
(PyPI) and installs R's glmnet where that can be done; a peer that cannot be run is said to be missing.
Needs 8 GB of disk and 12 GB of memory for all rows. BEVEL names another bevel than build/bevel.
"""
import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import machine as machine_rows  # noqa: E402
import ours  # noqa: E402
import peers  # noqa: E402
import problems  # noqa: E402
import report  # noqa: E402

HERE = ours.HERE
OUT = os.path.join(ours.ROOT, "build", "bench")
RUNS = os.path.join(OUT, "runs")  # results of bevel and of the peers, and what they said


def say(text):
    print(f"  {text}", flush=True)


def describe_versions():
    words = [subprocess.run([ours.BEVEL, "--version"], capture_output=True, text=True).stdout.strip()]
    commit = subprocess.run(["git", "-C", ours.ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    if commit.returncode == 0:
        words[0] += f" ({commit.stdout.strip()})"
    for name in ("adelie", "celer", "skglm", "scikit-learn", "numpy"):
        try:
            words.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    if peers.available("glmnet") is None:
        done = subprocess.run(["Rscript", "-e", "cat(as.character(packageVersion('glmnet')))"],
                              capture_output=True, text=True)
        words.append(f"glmnet {done.stdout.strip()}")
    return ", ".join(words)


def run_ours(problem, bandwidth, repeats):
    out = os.path.join(RUNS, f"{problem.name}.h5")
    one = ours.solve(problem, 1, out, repeats)
    two = ours.solve(problem, 2, out, repeats)
    two.update(ours.read(problem, out))
    lambdas = two.pop("lambdas")
    two["n_lambda"] = len(lambdas)
    size, seconds = problem.x_bytes, two["seconds"]
    worth = seconds * bandwidth * 1e9 / size
    say(f"bevel: {seconds:.3f} s ({two['whole_s']:.2f} - {two['base_s']:.2f}), gap {two['gap']:.1e}, "
        f"{two['certified']} of {len(lambdas)} certified, {two['passes']:.1f} passes, time of {worth:.0f}; "
        f"1 rank {one['seconds']:.3f} s")
    return two, one, lambdas, dict(worth=worth, share=two["passes"] / worth)


def run_row(name, wanted, missing, settings, about):
    row = problems.ROWS[name]
    print(f"\n{row['title']}{' (quick)' if settings.quick else ''}", flush=True)
    problem = problems.prepare(name, ours.ROOT, os.path.join(OUT, "data"), ours.bevel, settings.quick)
    two, one, lambdas, load = run_ours(problem, about["bandwidth"], settings.repeats)
    found = []
    for peer in row["peers"]:
        if peer not in wanted:
            continue
        if peer in missing:
            found.append(dict(id=peer, peer=peers.NAMES.get(peer, peer), runs=[], default=None, reached=None,
                              why=missing[peer]))
            continue
        found.append(peers.climb(peer, problem, lambdas, RUNS, settings.limit, say, settings.repeats))
    tiny = f" (tiny: {problem.n}×{problem.p})" if settings.quick and "quick" in row else ""
    return dict(name=name, title=row["title"] + tiny, n=problem.n, p=problem.p, family=problem.family, x_bytes=problem.x_bytes,
                target=row["target"], floor=row.get("floor"), against=list(row.get("against", ())),
                default_floor=row.get("default_floor"), concave=problem.concave,
                beat_default=list(row.get("beat_default", ())), most_s=row.get("most_s"),
                most_worth=row.get("most_worth"), speedup=row.get("speedup"),
                sweep_speedup=row.get("sweep_speedup"), ours=two, one_rank=one, peers=found, lambdas=[lambdas[0], lambdas[-1]],
                **load, **about)


def find_missing(wanted):
    missing = {}
    for peer in wanted:
        why = peers.available(peer)
        if why is not None:
            missing[peer] = why
            say(f"{peers.NAMES.get(peer, peer)} cannot be run: {why}")
    return missing


def read_arguments(argv):
    parser = argparse.ArgumentParser(prog="scripts/bench", usage=__doc__, add_help=False, allow_abbrev=False)
    parser.add_argument("rows", nargs="*")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--peers", default=",".join(peers.DEFAULTS))
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--repeats", type=int, default=3)
    settings = parser.parse_args(argv)
    if settings.help:
        print(__doc__.strip())
        sys.exit(0)
    settings.rows = settings.rows or list(problems.ROWS) + list(machine_rows.ROWS)
    settings.peers = [] if settings.peers == "none" else settings.peers.split(",")
    unknown = [r for r in settings.rows if r not in problems.ROWS and r not in machine_rows.ROWS]
    unknown += [p for p in settings.peers if p not in peers.DEFAULTS]
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)}")
    if settings.quick and settings.keep:
        parser.error("--keep does not go with --quick: tiny versions are no results")
    return settings


def read_kept(path):
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return json.load(f)


def main(argv):
    settings = read_arguments(argv)
    os.makedirs(RUNS, exist_ok=True)
    rows, missing, about = {}, {}, None
    print(ours.describe_machine(), flush=True)
    for name in settings.rows:
        if name in machine_rows.ROWS:
            for line in machine_rows.ROWS[name](RUNS, settings.quick):
                rows.setdefault("machine", []).append(line)
                say(f"{line[0]}, {line[1]} rank(s): {line[2]} ({line[3]}) {line[4]}")
            continue
        if about is None:
            missing = find_missing(settings.peers)
            speed = ours.read_bandwidth(2, 8e7 if settings.quick else 1.6e9, RUNS)
            about = dict(machine=f"{ours.describe_machine()}, 2 processes read {speed:.1f} GB/s", bandwidth=speed,
                         versions=describe_versions(), date=time.strftime("%Y-%m-%d", time.gmtime()))
            say(about["machine"])
        rows[name] = run_row(name, settings.peers, missing, settings, about)
        report.write(OUT, rows)
    report.write(OUT, rows)
    print("\n" + report.markdown(rows))
    print(f"bench: {os.path.relpath(OUT, os.getcwd())}/results.md, .json, .png")
    if settings.keep:
        kept = read_kept(os.path.join(HERE, "results.json"))
        report.write(HERE, {**kept, **rows})
        print("bench: kept beside the script")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
