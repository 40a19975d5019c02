# SPDX-License-Identifier: BSD-3-Clause
"""spred (Ziyin, Wang 2023): l1 and groups by products of factors, on two lassos and on genes.

    scripts/study-spred DATA [--quick] [--keep] [--only lassos|genes] [--splits K] [--jobs J] [--out DIR]

Lassos: 100 rows, 40,000 and 400,000 columns, lambda 1e-5: certified, and by factors u o v alone
(variable projection; Adam, on the smaller one), beside the published figures.

  zeros     share of the coefficients that are exactly 0
  gap       primal minus dual over half the null deviance, recomputed by the study
  seconds   of the solver, without reading; processor: seconds of the whole run on its one core

Genes: the sets colon, golub, khan, shipp, pomeroy, west in the folder DATA (/X, /y, attribute
family), as many as are there; linear networks P-K and P-4-K with tanh, group lasso by input, L-BFGS
on the factors, genes of weight <= 0.02 cut, the rest learnt on without the penalty; against
l1-logistic by `bevel path`. 20 random 80/20 splits of every set, the same for all, levels tuned inside
on one 80/20 split. "either" takes the head that was better there.

  accuracy             on test rows, mean of the splits
  against l1-logistic  mean difference and its standard error, paired by splits
  genes                inputs with a coefficient, mean of the splits

Each claim is said to be MET or MISSED; one that is missed makes the exit code 1.

--quick     the smaller lasso; 2 splits
--keep      also write results.md, .json and .png beside study_spred
--only      one of the two
--jobs J    programs at a time, default 2

Writes build/study-spred/results.md, .json, .png. BEVEL names another bevel than build/bevel.
"""
import argparse
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bevel  # noqa: E402
import genes  # noqa: E402
import lassos  # noqa: E402
import report  # noqa: E402


def run(args):
    found = {}
    with tempfile.TemporaryDirectory() as work:
        if args.only != "genes":
            sizes = (40000,) if args.quick else (40000, 400000)
            found["lassos"] = lassos.study(work, {40000: 100 if args.quick else 200}, sizes)

        def keep(rows):  # a long study leaves what there is
            found["genes"] = rows
            report.write(args.out, found)

        if args.only != "lassos":
            found["genes"] = genes.study(work, args.data, args.splits, list(genes.HEADS), args.jobs, keep)
    return found


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("data", nargs="?", default=os.path.join(bevel.ROOT, "tests", "data"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--only", choices=("lassos", "genes"))
    parser.add_argument("--splits", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", default=os.path.join(bevel.ROOT, "build", "study-spred"))
    args = parser.parse_args()
    args.splits = args.splits or (2 if args.quick else genes.SPLITS)
    os.makedirs(args.out, exist_ok=True)
    missed = report.write(args.out, run(args))
    if args.keep:
        for name in ("results.md", "results.json", "results.png"):
            shutil.copy(os.path.join(args.out, name), HERE)
    print(open(os.path.join(args.out, "results.md"), encoding="utf-8").read())
    return 1 if missed else 0


sys.exit(main())
