#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Smooth surrogates against the certified optimum, with and without polish.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

# lambdas DATA FRACTION...: those parts of lambda_max, from a two-point path.
lambdas() {
  local file=$1
  shift
  bevel 1 path "$file" -o "$work/top.h5" --nlambda 2 --lambda-min-ratio 0.9 $extra --quiet
  "$python" -c 'import sys; print(",".join(repr(float(sys.argv[1]) * float(v)) for v in sys.argv[2:]))' \
    "$(attr "$work/top.h5" lambda_max)" "$@"
}

for problem in "gaussian lasso" "binomial lasso" "gaussian group-lasso" \
  "poisson lasso"; do
  set -- $problem
  extra="--penalty $2"
  bevel 2 simulate "$work/data.h5" --n 300 --p 400 --group-size 4 --active 5 --family $1 --seed 11
  at=$(lambdas "$work/data.h5" 0.5 0.1)
  bevel 2 path "$work/data.h5" -o "$work/auto.h5" $extra --lambda "$at" --tol 1e-10 --quiet
  for solver in lbfgs sgd momentum adam; do
    allowed=1e-2 # the defaults' own: two minibatches an epoch, a decaying rate
    [ $solver != lbfgs ] || allowed=1e-5
    bevel 2 path "$work/data.h5" -o "$work/raw.h5" $extra --lambda "$at" --solver $solver --no-polish \
      --seed 5 --quiet
    check "$work/raw.h5" "$work/data.h5" # its honest gap, among the rest
    echo "$problem $solver:"
    compare "$work/raw.h5" "$work/auto.h5" --above $allowed --coef 0
    bevel 2 path "$work/data.h5" -o "$work/polished.h5" $extra --lambda "$at" --solver $solver \
      --seed 5 --quiet
    check "$work/polished.h5" "$work/data.h5"
    all_zero "$work/polished.h5"
    compare "$work/polished.h5" "$work/auto.h5" --above 1e-8 --coef 0
    # the method's own answer is kept beside the polished one
    "$python" - "$work/polished.h5" "$work/raw.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as f, h5py.File(sys.argv[2], "r") as raw:
    own = f["surrogate_objective"][:]
    assert np.isfinite(own).all() and (f["surrogate_support"][:] >= 0).all()
    assert (own >= f["objective"][:] * (1 - 1e-9)).all(), (own, f["objective"][:])
PY
  done
done

# one seed is one run at any rank count: same minibatches, sums in another order
for ranks in 1 3 7; do
  bevel $ranks path "$work/data.h5" -o "$work/sgd$ranks.h5" $extra --lambda "$at" --solver sgd --no-polish \
    --batch 32 --epochs 20 --seed 9 --quiet
done
for ranks in 3 7; do
  compare "$work/sgd$ranks.h5" "$work/sgd1.h5" --objective 1e-9 --coef 1e-6 # 200 steps of rounding
done
