#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# A response whose mean is 1e8 times its spread: certified, with the coefficients of the response
# about 0 as far as the digits that are left of y tell.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 1 simulate "$work/data.h5" --n 120 --p 300 --active 10 --seed 8
"$python" - "$work" <<'PY'
import shutil, sys, h5py, numpy as np
work = sys.argv[1]
shutil.copy(f"{work}/data.h5", f"{work}/far.h5")
with h5py.File(f"{work}/far.h5", "a") as f:
    f["y"][...] = f["y"][:] + 1e8 * np.std(f["y"][:])
PY
bevel 1 path "$work/data.h5" -o "$work/near.h5" --quiet
for ranks in 1 3; do
  bevel $ranks path "$work/far.h5" -o "$work/$ranks.h5" --quiet
  check "$work/$ranks.h5" "$work/far.h5"
  all_zero "$work/$ranks.h5"
  "$python" - "$work/near.h5" "$work/$ranks.h5" "$work/far.h5" <<'PY'
import sys, h5py, numpy as np
near, far, data = (h5py.File(name, "r") for name in sys.argv[1:])
assert np.nanmax(far["dual_gap"][:]) <= 1e-8
assert np.allclose(near["lambda"][:], far["lambda"][:], rtol=1e-6)
for k in (20, 60):
    last = []
    for f in (near, far):
        a, b = f["coef/indptr"][k : k + 2]
        last.append(dict(zip(f["coef/indices"][a:b], f["coef/data"][a:b])))
    assert last[0].keys() == last[1].keys()
    worst = max(abs(last[0][j] - last[1][j]) for j in last[0])
    assert worst <= 1e-5 * max(map(abs, last[0].values())), worst
assert np.allclose(far["intercept"][:], np.mean(data["y"][:]), rtol=1e-6)
PY
done
