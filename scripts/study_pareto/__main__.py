# SPDX-License-Identifier: BSD-3-Clause
"""The front between training loss and l1 norm of two networks, by three methods, beside what was published.

    scripts/study-pareto [--quick] [--keep] [--only iris|mnist] [--mnist FILE] [--seeds K] [--out DIR]

Published: Amakor, Sonntag, Peitz (arXiv 2308.12044, continuation and weighted sums; the NSGA-II points of their
repository are tests/data/iris_nsga2_front.csv). Losses are mean cross-entropies of the training rows, l1 counts all
weights and biases.

  iris   4-4-4-3, tanh; the published 30 rows to train on, 120 to test; columns scaled over all 150 rows
  mnist  784-20-20-10, relu; the 10,000 test digits (mnist10k.h5), 8,000 to train on, drawn by the seed

  continuation   bevel pareto: balls from a dense end down to 0, minibatches and quasi-Newton steps
  weighted sum   Adam from scratch for each of 44 weights: w loss + (1 - w) l1 / 44, 200 epochs
  lambda path    loss + lambda l1 by proximal gradients, each lambda from the one before, from the dense end

Each claim is said to be MET or MISSED; one that is missed makes the exit code 1.

--quick  iris alone, 5 weights and lambdas
--keep   also write results.md, .json and .png beside study_pareto
--mnist  the data; without it, and without BEVEL_MNIST, only iris is run
--seeds  of mnist, default 1: splits, starts, orders of minibatches

Writes build/study-pareto/results.md, .json, .png. BEVEL names another bevel than build/bevel.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import fronts  # noqa: E402
import report  # noqa: E402


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--only", choices=("iris", "mnist"))
    parser.add_argument("--mnist", default=os.environ.get("BEVEL_MNIST"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", default=os.path.join(fronts.ROOT, "build", "study-pareto"))
    args = parser.parse_args()
    if args.only == "mnist" and not args.mnist:
        parser.error("--mnist FILE is missing")
    os.makedirs(args.out, exist_ok=True)
    found = {}
    with tempfile.TemporaryDirectory() as work:
        if args.only != "mnist":
            found["iris"] = fronts.iris(work, args.quick)
        if args.mnist and args.only != "iris" and not args.quick:
            found["mnist"] = [fronts.mnist(work, args.mnist, seed) for seed in range(1, args.seeds + 1)]
    text, missed = report.tables(found)
    with open(os.path.join(args.out, "results.md"), "w", encoding="utf-8") as f:
        f.write(text)
    with open(os.path.join(args.out, "results.json"), "w", encoding="utf-8") as f:
        json.dump(found, f, indent=1)
    report.draw(found, os.path.join(args.out, "results.png"))
    if args.keep:
        for name in ("results.md", "results.json", "results.png"):
            shutil.copy(os.path.join(args.out, name), HERE)
    print(text)
    return 1 if missed else 0


sys.exit(main())
