#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# The gap that scripts/bench measures, and the residual where a penalty is not convex, on bevel's results and
# on spoilt ones.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
for recipe in lasso logistic poisson group responses; do
  size=1 extra=
  [ $recipe != group ] || size=5 extra="--penalty group-lasso"
  bevel 2 simulate "$work/data.h5" --recipe $recipe --n 60 --p 100 --active 4 --group-size $size --seed 3
  bevel 2 path "$work/data.h5" -o "$work/out.h5" --no-standardize --no-intercept --nlambda 30 \
    --lambda-min-ratio 0.05 $extra --quiet
  "$python" "$BEVEL_SOURCE/tests/e2e/lib/bench_gap.py" "$work/out.h5" "$work/data.h5" $size
done
for penalty in mcp scad "lq --q 0.5"; do
  bevel 2 simulate "$work/data.h5" --recipe lasso --n 60 --p 100 --active 4 --seed 3
  # a warm path to small lambdas: --starts 1, the others are of no account here
  bevel 2 path "$work/data.h5" -o "$work/out.h5" --no-standardize --no-intercept --nlambda 20 \
    --lambda-min-ratio 0.05 --penalty $penalty --starts 1 --quiet
  "$python" "$BEVEL_SOURCE/tests/e2e/lib/bench_residual.py" "$work/out.h5" "$work/data.h5" ${penalty%% *}
done
echo "the benchmark's gap: ok"
