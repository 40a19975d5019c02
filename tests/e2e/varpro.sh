#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Variable projection without a polish against the certified engine (fast), at several rank counts;
# the spred lasso; what is refused.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

path="--nlambda 10 --lambda-min-ratio 0.05 --quiet"
run() { # RANKS N P PENALTY
  bevel 1 simulate "$work/data.h5" --n $2 --p $3 --group-size 4 --active 4 --rho 0.5 --seed 7 --quiet
  bevel 1 path "$work/data.h5" -o "$work/auto.h5" --penalty $4 $path --tol 1e-11
  for ranks in 1 $1; do
    bevel $ranks path "$work/data.h5" -o "$work/$ranks.h5" --penalty $4 $path --solver varpro --no-polish
    all_zero "$work/$ranks.h5"
    compare "$work/$ranks.h5" "$work/auto.h5" --objective 1e-8
  done
  check "$work/$1.h5" "$work/data.h5"
  compare "$work/$1.h5" "$work/1.h5"
}
run 2 60 200 lasso
run 7 200 60 lasso
run 3 60 200 group-lasso
run 2 200 60 group-lasso

# at its own tolerance the polish has nothing to do, and says what it was handed
bevel 1 path "$work/data.h5" -o "$work/polished.h5" --penalty group-lasso $path --solver varpro
compare "$work/polished.h5" "$work/1.h5" --coef 1e-12
"$python" - "$work/polished.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    assert (f["surrogate_gap"][:] <= 1e-8).all() and (f["surrogate_support"][:] == f["df"][:]).all()
PY

# several responses: five rows of sines over the tasks
"$python" - "$work/tasks.h5" <<'PY'
import sys, h5py, numpy as np
g = np.random.default_rng(3)
n, p, K = 40, 150, 12
X, B, t = g.standard_normal((n, p)), np.zeros((p, K)), np.linspace(0, 2 * np.pi, K)
for j in g.choice(p, 5, replace=False):
    B[j] = np.sin((1 + g.standard_normal()) * t + 3 * g.standard_normal())
with h5py.File(sys.argv[1], "w") as f:
    f["X"], f["y"] = X, X @ B + g.standard_normal((n, K))
PY
bevel 1 path "$work/tasks.h5" -o "$work/auto.h5" $path --tol 1e-11
bevel 2 path "$work/tasks.h5" -o "$work/raw.h5" $path --solver varpro --no-polish
all_zero "$work/raw.h5"
check "$work/raw.h5" "$work/tasks.h5"
compare "$work/raw.h5" "$work/auto.h5" --objective 1e-8

# few rows, many columns, a lambda far down, from nothing: a vertex has at most n nonzeros
bevel 1 simulate "$work/spred.h5" --recipe spred --n 50 --p 4000 --seed 3
bevel 2 path "$work/spred.h5" -o "$work/raw.h5" --lambda 1e-5 --no-intercept --no-standardize \
  --solver varpro --no-polish --quiet
check "$work/raw.h5" "$work/spred.h5"
"$python" - "$work/raw.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    assert f["dual_gap"][0] <= 1e-8 and 0 < f["df"][0] <= 50, (f["dual_gap"][0], f["df"][0])
PY

refused() { # SAYS ARG...
  local code=0
  bevel 1 path "$work/data.h5" -o "$work/none.h5" --solver varpro --quiet "${@:2}" 2>"$work/err" || code=$?
  [ $code -eq 2 ] && grep -q -- "$1" "$work/err" || fail "varpro ${*:2}: exit $code: $(cat "$work/err")"
}
refused "lasso, enet, group-lasso, lq, group-lq" --penalty sparse-group-lasso
bevel 1 simulate "$work/data.h5" --n 40 --p 20 --family binomial --quiet
refused "gaussian alone"
refused "(2/3, 1]" --family gaussian --penalty lq --q 0.5
refused "epochs goes with" --epochs 5
