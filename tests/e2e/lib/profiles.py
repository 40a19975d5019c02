# SPDX-License-Identifier: BSD-3-Clause
"""profiles.py CHECK FOLDER: every NAME.FAMILY.h5 of the folder against FAMILY.h5, by CHECK (scripts/check)
and, with the penalties' values of its own: status 0 everywhere, KKT <= 1e-6, a gap nowhere, something
fitted, and at each lambda an objective no worse than the null model's and than the previous
solution's."""
import glob
import importlib.machinery
import importlib.util
import os
import sys

import h5py
import numpy as np

script, folder = sys.argv[1:]
sys.path.insert(0, os.path.dirname(script))
loader = importlib.machinery.SourceFileLoader("check", script)
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
loader.exec_module(check)

failed = 0
results = sorted(glob.glob(os.path.join(folder, "*.*.h5")))
for path in results:
    name, family = os.path.basename(path).split(".")[:2]
    with h5py.File(path) as result, h5py.File(os.path.join(folder, family + ".h5")) as data:
        checker = check.Checker(result, data)
        wrong = list(checker.run())
        problem = checker.problem
        if problem.profile is None:
            wrong.append("not one of these penalties")
        if np.any(checker.status != 0) or np.any(checker.kkt_residual > 1e-6) or checker.df[-1] == 0:
            wrong.append(f"status {checker.status}, kkt {checker.kkt_residual}, df {checker.df}")
        unit = 1e-9 * problem.null_half
        warm = problem.null_loss
        for k, lam in enumerate(checker.lam):
            if checker.objective[k] > min(warm, problem.null_loss) + unit:
                wrong.append(f"lambda[{k}]: objective {checker.objective[k]}, of the warm start {warm}")
            if k + 1 < len(checker.lam):
                columns, values = checker.column(k)
                b = np.zeros(problem.p)
                b[columns] = values * problem.scale[columns]
                step = problem.penalty_value(checker.lam[k + 1], b) - problem.penalty_value(lam, b)
                warm = checker.objective[k] + step
    for line in wrong:
        print(f"{name} {family}: {line}")
    failed += bool(wrong)
print(f"{len(results)} results, {failed} wrong")
sys.exit(1 if failed or len(results) < 49 else 0)
