# SPDX-License-Identifier: BSD-3-Clause
"""Networks pruned on MNIST, and what an epoch costs beside PyTorch.

    scripts/study-networks [--quick] [--keep] [--again] [--seeds K] [--first S] [--only pruning|speed] [--out DIR] [--note TEXT]
                           [DATA.h5]

Pruning: LeNet-300-100 and LeNet-5 (20-50-500-10) on 10,000 MNIST digits (default: the project's copy of
the test images), 8,000 to learn from and 2,000 to try, drawn by the seed; pixels divided by the largest.
Dense, and with each penalty: trained, cut at a threshold, what is left trained on without the penalty.
Means over the seeds, beside the published numbers:

  accuracy  of the 2,000, recomputed from the file by numpy; before: as trained; cut: cut, not finetuned
  gone      share of all parameters that are 0 in the file
  kept      inputs and units or filters stored; dropped ones are not in the file
  kB        of the file's weights
  forward   multiplications of a dense forward pass through what is stored, a row, over the whole network's

Speed: seconds of an epoch of training at 1 and 2 ranks and by PyTorch on 2 threads (Debian's
python3-torch, scripts/setup torch), the same network, batch and optimizer (Adam), nothing tried
between epochs; the best epoch of several runs in turn. PyTorch gets OpenBLAS' kernels for this CPU as
bevel does, threaded products, batches that lie ready in memory, and the better of two memory formats.

Each claim is said to be MET or MISSED; one that is missed makes the exit code 1.

--quick     1 seed, 2 epochs of each: shows that it runs; its claims mean nothing and exit 0
--keep      also write results.md, .json and .png beside study_networks
--again     train what an earlier, interrupted study has already trained
--seeds K   default 3
--first S   the first of them, default 13: the settings were chosen on 1 to 12
--only      one of the two; the other's figures are those of the last study
--out DIR   default build/study-networks
--note TEXT said on top of the results

Writes DIR/results.md, .json, .png and the networks of the first seed. BEVEL names another bevel than
build/bevel.
"""
import argparse
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import pruning  # noqa: E402
import report  # noqa: E402
import speed  # noqa: E402


def earlier(folder):
    """The figures of the last study there, if any."""
    path = os.path.join(folder, "results.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("data", nargs="?", default=os.path.join(HERE, "data", "mnist10k.h5"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first", type=int, default=13)
    parser.add_argument("--only", choices=("pruning", "speed"))
    parser.add_argument("--out")
    parser.add_argument("--note", default="")
    args = parser.parse_args()
    args.seeds = args.seeds or (1 if args.quick else 3)
    args.out = args.out or os.path.join(ROOT, "build", "study-networks" + ("-quick" if args.quick else ""))
    os.makedirs(args.out, exist_ok=True)
    found = earlier(args.out) if args.only else {}
    if args.only != "speed":
        found["pruning"] = pruning.study(args)
    if args.only != "pruning":
        found["speed"] = speed.study(args)
    found["note"] = args.note
    missed = report.write(args.out, found)
    if args.keep:
        for name in ("results.md", "results.json", "results.png"):
            shutil.copy(os.path.join(args.out, name), HERE)
    with open(os.path.join(args.out, "results.md"), encoding="utf-8") as f:
        print(f.read())
    return 1 if missed and not args.quick else 0


sys.exit(main())
