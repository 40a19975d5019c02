# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of a few paths, of 100 MB and more, beside what was said beforehand: within 20%, of all
ranks together and of the largest; and info --estimate says what the path says.

estimate.py BEVEL SCRIPTS WORK"""
import os
import re
import shlex
import subprocess
import sys

bevel, scripts, work = sys.argv[1:]
sys.path.insert(0, os.path.join(scripts, "study_memory"))
import cases  # noqa: E402
import pss  # noqa: E402

CASES = [
    cases.Case("dense, wide", 2, "--n 500 --p 30000", "", "--nlambda 12 --lambda-min-ratio 0.2 --dfmax 150"),
    cases.Case("int8", 2, "--n 1000 --p 100000", "i1", "--nlambda 5 --lambda-min-ratio 0.5 --dfmax 100"),
    cases.Case("sparse", 2, "--n 20000 --p 30000 --density 0.015 --active 30", "",
               "--nlambda 6 --lambda-min-ratio 0.5 --dfmax 100"),
    cases.Case("binomial, tall", 2, "--n 40000 --p 150 --family binomial", "", "--nlambda 5"),
    # the working set must not follow the thousands of columns that are close to a tiny lambda
    cases.Case("far below lambda_max", 1, "--n 100 --p 120000", "", "--nlambda 2 --lambda-min-ratio 1e-5"),
]
UNIT = {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}


def said_by_info(case, data):
    """Bytes of the largest rank and of all."""
    words = [bevel, "info", data, "--estimate", "--ranks", str(case.ranks), *shlex.split(case.words)]
    out = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **pss.ENVIRONMENT}).stdout
    found = re.search(r"largest rank ([0-9.]+) (\w+), in all ([0-9.]+) (\w+)", out)
    assert found, out
    return float(found[1]) * UNIT[found[2]], float(found[3]) * UNIT[found[4]]


bad = 0
for case in CASES:
    data = os.path.join(work, "data.h5")
    subprocess.run([bevel, "simulate", data, "--quiet", *shlex.split(case.simulate)], check=True,
                   env={**os.environ, **pss.ENVIRONMENT})
    cases.store(data, case.stored)
    said, peak = pss.run(bevel, case.ranks, ["path", data, "-o", os.path.join(work, "out.h5"), *shlex.split(case.words)])
    ratios = said["estimate_all_bytes"] / peak.total, said["estimate_bytes"] / peak.largest
    print(f"{case.name}: {peak.total / 1e6:.0f} MB in all, said {ratios[0]:.2f} of it; "
          f"largest rank {peak.largest / 1e6:.0f} MB, said {ratios[1]:.2f}")
    bad += not all(1 / 1.2 <= ratio <= 1.2 for ratio in ratios)
    for mine, other in zip(said_by_info(case, data), (said["estimate_bytes"], said["estimate_all_bytes"])):
        assert abs(mine - other) <= 0.06 * 2.0**20 or abs(mine - other) <= 0.06 * 2.0**30, (mine, other)
sys.exit(bad)
