# SPDX-License-Identifier: BSD-3-Clause
"""What non-convex penalties recover that convex ones do not, on simulated data.

    scripts/study-recovery [--quick | --full] [--keep] [--only PART] [--starts K] [--out DIR]

PART: groups, transition, starts, stationary; default: all.

Groups: least squares on 200 rows, 40 groups of 5 columns, 7 of them at work; the penalty sum
||b_g||^(2/D), D = 2 (the group lasso), 3, 4, by the certified engine from one start and from
several, and by L-BFGS on D factors a group ("gates", D-Gating); least squares that knows the groups.
Of 30 lambdas a method is judged at the one that is best on 2000 test rows:

  RMSE          on those rows; means of the seeds
  support       nonzero coefficients; TPR, FPR: of groups
  against gates lambdas at which the objective is at most 0.1 % above that of the gates, in %: the way
                down the path reaches small lambdas with groups missing, the way up (2 starts) mends it
  open          lambdas that did not converge

Transition: 256 unknowns, 40 of them nonzero, no noise, l_q for q = 1, 0.9, 2/3, 1/2 on 60 ... 140
Gaussian rows; the share of the trials in which a path that ends at a tiny lambda finds them.

  rows for half  where the share crosses one half
  lower          failures whose sum |b|^q is below the truth's: the penalty's; the others are the solver's

Starts: `auto` against L-BFGS on the factors (no polish) where there are many stationary points, 200 x 1000,
l_1/2, l_2/3, group l_2/3, 20 lambdas to 0.1 lambda_max; objectives recomputed from X, y and coefficients.

  as good        lambdas at which auto's objective is at most 0.1 % above L-BFGS's, of all; least: on one path
  worst, mean    of auto's objective over L-BFGS's, less 1, in %
  seconds        of processor time of a path, the whole process

Stationary: the paths of every penalty that is not convex on 300 x 1000, 30 lambdas to 0.05 lambda_max, and the
violation of d-stationarity over lambda that scripts/check's formulas find at each.

Each claim is said to be MET or MISSED; one that is missed makes the exit code 1.

--quick  1 seed; 3 trials at 3 counts of rows; starts: binomial, rho 0; stationary: 100 x 200, 10 lambdas
--full   10 seeds (starts: 5); 100 trials, 60:2:140 rows, as published (default: 20 trials, 60:10:140 rows)
--keep   also write results.md, .json and .png beside study_recovery
--only   one of the four
--starts of the transition's paths, default 1: more cost ten times as much and hardly ever find more

Writes build/study-recovery/results.md, .json, .png. BEVEL names another bevel than build/bevel.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bevel  # noqa: E402
import groups  # noqa: E402
import report  # noqa: E402
import starts  # noqa: E402
import stationary  # noqa: E402
import transition  # noqa: E402

PARTS = ("groups", "transition", "starts", "stationary")
SIZES = {"quick": (1, 3, (80, 100, 120), 1), "default": (10, 20, range(60, 141, 10), 3),
         "full": (10, 100, range(60, 141, 2), 5)}  # seeds; trials at counts of rows; seeds of starts


def run(args):
    seeds, trials, counts, starts_seeds = SIZES["quick" if args.quick else "full" if args.full else "default"]
    with tempfile.TemporaryDirectory() as work:
        parts = dict(groups=lambda: groups.study(work, seeds),
                     transition=lambda: transition.study(work, trials, counts, args.starts),
                     starts=lambda: starts.study(work, starts_seeds, args.quick),
                     stationary=lambda: stationary.study(work, args.quick))
        return {name: part() for name, part in parts.items() if args.only in (None, name)}


def read_kept():
    """What an earlier run with --keep has of the parts that this one leaves out."""
    path = os.path.join(HERE, "results.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true")
    size.add_argument("--full", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--starts", type=int, default=1)
    parser.add_argument("--out", default=os.path.join(bevel.ROOT, "build", "study-recovery"))
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    found = run(args)
    if args.keep:
        found = {name: rows for name, rows in {**read_kept(), **found}.items() if name in PARTS}
    missed = report.write(args.out, found)
    if args.keep:
        for name in ("results.md", "results.json", "results.png"):
            shutil.copy(os.path.join(args.out, name), HERE)
    print(open(os.path.join(args.out, "results.md"), encoding="utf-8").read())
    return 1 if missed else 0


sys.exit(main())
