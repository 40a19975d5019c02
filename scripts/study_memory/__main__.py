# SPDX-License-Identifier: BSD-3-Clause
"""
What a path needs in memory, beside what `bevel info --estimate` says it needs.

    scripts/study-memory cases [--only TEXT]     the table of cases: measured, estimated, ratio
    scripts/study-memory genotypes [--n N --p P] import of a .bed and its path with --dfmax 2000

Peaks are proportional set sizes (PSS) of all ranks, sampled every 50 ms from outside. Files go to
--scratch (default a directory under /tmp, removed afterwards). BEVEL names the program, by default
build/bevel.
"""
import argparse
import os
import shlex
import sys
import tempfile
import time

from cases import CASES, store
import genotypes
import pss

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.environ.get("BEVEL", os.path.join(HERE, "..", "..", "build", "bevel"))


def measure(case, scratch):
    data, result = os.path.join(scratch, "data.h5"), os.path.join(scratch, "result.h5")
    pss.run(PROGRAM, 2, ["simulate", data, *shlex.split(case.simulate)])
    store(data, case.stored)
    said, peak = pss.run(PROGRAM, case.ranks, ["path", data, "-o", result, *shlex.split(case.words)])
    for path in (data, result):
        os.remove(path)
    return said, peak


def run_cases(options):
    print(f"{'case':34s} ranks  in all MB: measured  said  ratio   largest rank: measured  said  ratio"
          "  support", flush=True)
    for case in CASES:
        if options.only not in case.name:
            continue
        said, peak = measure(case, options.scratch)
        one = said["estimate_bytes"]
        total = said["estimate_all_bytes"]
        print(f"{case.name:34s} {case.ranks:5d} {peak.total / 1e6:20.0f} {total / 1e6:5.0f}"
              f" {total / peak.total:6.2f} {peak.largest / 1e6:24.0f} {one / 1e6:5.0f}"
              f" {one / peak.largest:6.2f} {said['support']:8d}", flush=True)


def run_genotypes(options):
    prefix = os.path.join(options.scratch, "genotypes")
    data, result = prefix + ".h5", prefix + "-result.h5"
    begin = time.monotonic()
    genotypes.write(prefix, options.n, options.p)
    print(f"wrote {prefix}.bed, {options.n} x {options.p}, in {time.monotonic() - begin:.0f} s")
    said, peak = pss.run(PROGRAM, 2, ["import", prefix + ".bed", "-o", data])
    print(f"import: {peak.seconds:.1f} s, {said['missing']} calls missing, peak {peak.total / 1e6:.0f} MB")
    os.remove(prefix + ".bed")
    words = ["path", data, "-o", result, "--nlambda", 100, "--lambda-min-ratio", 0.1, "--dfmax", 2000]
    said, peak = pss.run(PROGRAM, 2, words)
    print(f"path: {said['load_s'] + said['solve_s']:.1f} s, {said['converged']} lambdas, support {said['support']}, "
          f"worst gap {said['worst_gap']:.1e}, {said['passes']:.1f} passes; "
          f"peak {peak.total / 1e6:.0f} MB in all, {peak.largest / 1e6:.0f} MB the largest rank")
    for path in (data, result):
        os.remove(path)


def main():
    parser = argparse.ArgumentParser(prog="study-memory")
    parser.add_argument("what", choices=["cases", "genotypes"])
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--p", type=int, default=200000)
    parser.add_argument("--scratch", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bevel-memory-", dir=options.scratch) as scratch:
        options.scratch = scratch
        (run_cases if options.what == "cases" else run_genotypes)(options)


if __name__ == "__main__":
    sys.exit(main())
