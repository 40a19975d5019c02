# SPDX-License-Identifier: BSD-3-Clause
"""The same path with X held in memory and with X streamed from its file within --memory-limit.

    scripts/stream-bench [--n 7500] [--p 100000] [--limit 2G] [--ranks 2] [--repeat 1] [--folder DIR]
                         [--keep] [FLAGS of bevel path, default --lambda-min-ratio 0.1]

Simulates the data (6 GB by default) unless they are in the folder already, reads the file once so
that the page cache holds it, runs both, and says for each: seconds in all and of the load, CPU
seconds, peak memory (PSS of all ranks together, sampled from /proc/PID/smaps_rollup), passes over X
and over its file; then the ratio of the seconds and whether the answers agree. The data are removed
afterwards unless --keep. Exit 1 when an answer differs by more than 1e-10 or memory exceeds 1.1
times the limit.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

import h5py
import numpy as np


def processes(pid):
    """pid and all its descendants."""
    out = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in f.read().split():
                    out += processes(int(child))
    except OSError:
        pass
    return out


def rank_bytes(pid, program):
    """PSS of a process that runs the program; 0 for any other (mpirun)."""
    try:
        if not os.path.samefile(f"/proc/{pid}/exe", program):
            return 0
        with open(f"/proc/{pid}/smaps_rollup") as f:
            for line in f:
                if line.startswith("Pss:"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0


def run(program, ranks, arguments):
    """Runs it and returns what its JSON line says, with wall_s, cpu_s and pss_bytes."""
    command = [os.environ.get("BEVEL_MPIRUN", "mpirun"), "-n", str(ranks), program, *arguments]
    before = os.times()
    start = time.time()
    job = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = [0]

    def watch():
        while job.poll() is None:
            peak[0] = max(peak[0], sum(rank_bytes(pid, program) for pid in processes(job.pid)))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out = job.stdout.read()
    job.wait()
    watcher.join()
    if job.returncode != 0:
        sys.exit(f"stream-bench: {' '.join(command)}: exit code {job.returncode}")
    after = os.times()
    said = json.loads(out.splitlines()[-1])
    said["wall_s"] = time.time() - start
    said["cpu_s"] = sum(after[2:4]) - sum(before[2:4])
    said["pss_bytes"] = peak[0]
    return said


def to_bytes(text):
    return float(text[:-1]) * {"M": 2**20, "G": 2**30}[text[-1]] if text[-1] in "MG" else float(text)


def warm(path):
    """Reads it: what fits stays in the page cache."""
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 24):
            pass


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for name, default in (("n", 7500), ("p", 100000), ("ranks", 2), ("repeat", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--limit", default="2G")
    parser.add_argument("--folder", default="build/stream-bench")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--help", "-h", action="store_true")
    args, flags = parser.parse_known_args()
    if args.help:
        print(__doc__)
        return 0
    flags = flags or ["--lambda-min-ratio", "0.1"]
    program = os.path.abspath(os.environ["BEVEL"])
    os.makedirs(args.folder, exist_ok=True)
    data = f"{args.folder}/{args.n}x{args.p}.h5"
    if not os.path.exists(data):
        subprocess.run([program, "simulate", data, "--n", str(args.n), "--p", str(args.p), "--active",
                        "100", "--seed", "7", "--quiet"], check=True)
    warm(data)
    kinds = {"held": ["--stream", "off"], "streamed": ["--stream", "on", "--memory-limit", args.limit]}
    best = {}
    for _ in range(args.repeat):
        for kind, more in kinds.items():
            out = f"{args.folder}/{kind}.h5"
            said = run(program, args.ranks, ["path", data, "-o", out, "--json", "--quiet", *flags, *more])
            if kind not in best or said["wall_s"] < best[kind]["wall_s"]:
                best[kind] = said
    print(f"{args.n} x {args.p}, {os.path.getsize(data) / 1e9:.2f} GB, {args.ranks} ranks, "
          f"limit {args.limit}, bevel path {' '.join(flags)}")
    print(f"{'':10}{'s':>8}{'load s':>8}{'CPU s':>8}{'PSS GB':>8}{'over X':>8}{'over file':>10}")
    for kind, o in best.items():
        print(f"{kind:10}{o['wall_s']:8.1f}{o['load_s']:8.1f}{o['cpu_s']:8.1f}{o['pss_bytes'] / 1e9:8.2f}"
              f"{o['passes']:8.1f}{o['file_passes']:10.1f}")
    with h5py.File(f"{args.folder}/held.h5") as a, h5py.File(f"{args.folder}/streamed.h5") as b:
        apart = np.max(np.abs(a["objective"][:] - b["objective"][:]) / np.abs(a["objective"][:]))
        support = int(a["df"][-1])
    print(f"streamed / held: {best['streamed']['wall_s'] / best['held']['wall_s']:.2f} of the seconds; "
          f"objectives differ by {apart:.1e}; support {support}")
    if not args.keep:
        os.remove(data)
    return int(apart > 1e-10 or best["streamed"]["pss_bytes"] > 1.1 * to_bytes(args.limit))


sys.exit(main())
