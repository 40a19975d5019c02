# SPDX-License-Identifier: BSD-3-Clause
"""check_many.py CHECK RESULT DATA [RESULT DATA ...]: scripts/check (CHECK) on every pair in one process.
Where the penalty is not convex also: no objective above that of zero, something fitted, and by L-BFGS
status 0 everywhere."""
import importlib.machinery
import importlib.util
import os
import sys

import h5py
import numpy as np

script, pairs = sys.argv[1], sys.argv[2:]
sys.path.insert(0, os.path.dirname(script))
loader = importlib.machinery.SourceFileLoader("check", script)
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
loader.exec_module(check)

failed = 0
for result_path, data_path in zip(pairs[::2], pairs[1::2]):
    with h5py.File(result_path) as result, h5py.File(data_path) as data:
        checker = check.Checker(result, data)
        wrong = list(checker.run())
        if checker.problem.profile is not None:
            bound = checker.problem.null_loss * (1 + 1e-9)
            if np.any(checker.objective > bound) or checker.df[-1] == 0:
                wrong.append(f"objective {checker.objective}, null {bound}, df {checker.df}")
            if check.text(result.attrs["solver"]) == "lbfgs" and np.any(checker.status != 0):
                wrong.append(f"status {checker.status}")
        said = check.text(result.attrs["command_line"])
        print(f"{os.path.basename(result_path)}: {'; '.join(wrong) or 'true'}  [{said}]")
        failed += bool(wrong)
sys.exit(1 if failed else 0)
