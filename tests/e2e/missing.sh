#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# --missing: path, cv and predict on data with NaN are those on data mended by numpy, on every grid;
# what is refused says where.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
is() { "$python" "$lib/missing.py" "$@" || fail "$*"; }
"$python" "$lib/missing.py" write "$work"
few="--nlambda 15 --quiet"

for rule in mean drop; do
  bevel 1 path "$work/$rule-hand.h5" -o "$work/hand.h5" $few
  for grid in 1x1 3x1 1x3; do
    ranks=$((${grid%x*} * ${grid#*x}))
    bevel $ranks path "$work/$rule.h5" -o "$work/out.h5" --missing $rule --grid $grid $few
    is same "$work/out.h5" "$work/hand.h5"
  done
  check "$work/out.h5" "$work/$rule.h5"
  bevel 1 path "$work/$rule.h5" -o "$work/single.h5" --missing $rule --precision single $few
  check "$work/single.h5" "$work/$rule.h5"
  bevel 3 cv "$work/$rule.h5" -o "$work/cv.h5" --missing $rule --fold-id /fold $few
  bevel 1 cv "$work/$rule-hand.h5" -o "$work/cv-hand.h5" --fold-id /fold $few
  is same "$work/cv.h5" "$work/cv-hand.h5" cvm cvsd fold oof
done
bevel 3 path "$work/single-drop.h5" -o "$work/out.h5" --missing drop $few
bevel 1 path "$work/single-drop-hand.h5" -o "$work/hand.h5" $few
is same "$work/out.h5" "$work/hand.h5"
bevel 3 path "$work/code.h5" -o "$work/out.h5" --missing drop $few
bevel 1 path "$work/code-hand.h5" -o "$work/hand.h5" $few
is same "$work/out.h5" "$work/hand.h5"
check "$work/out.h5" "$work/code.h5"

# predict: gaps read as they did in the fit; or a row with one has no prediction
bevel 1 path "$work/mean.h5" -o "$work/model.h5" --missing mean $few
bevel 1 predict "$work/mean-hand.h5" --model "$work/model.h5" -o "$work/hand.h5" --quiet
for ranks in 1 3; do
  bevel $ranks predict "$work/mean.h5" --model "$work/model.h5" -o "$work/p.h5" --missing mean --quiet
  is same "$work/p.h5" "$work/hand.h5" prediction
  bevel $ranks predict "$work/mean.h5" --model "$work/model.h5" -o "$work/p.h5" --missing drop --quiet
  is predicted "$work/p.h5" "$work/hand.h5" "$work/mean.h5" "$work/model.h5"
done

refused() { # EXIT PATTERN COMMAND...
  local wanted=$1 pattern=$2 code=0
  shift 2
  bevel 1 "$@" -o "$work/no.h5" --quiet 2>"$work/said" || code=$?
  [ $code -eq "$wanted" ] && grep -q -- "$pattern" "$work/said" || fail "$*: exit $code: $(cat "$work/said")"
}
refused 3 "row [0-9]*, column [0-9]*: NaN" path "$work/mean.h5"
refused 3 "row [0-9]*, column [0-9]*: NaN" path "$work/drop.h5" --missing error
refused 3 "/y: row [0-9]*: NaN" path "$work/bad-y.h5" --missing mean
refused 3 "every row has a missing value" path "$work/mean.h5" --missing drop
refused 3 "row [0-9]*, column [0-9]*: NaN" predict "$work/mean.h5" --model "$work/model.h5"
# a run of other rows does not go on from a checkpoint
bevel 1 path "$work/drop.h5" -o "$work/out.h5" --missing drop --checkpoint "$work/ck.h5" $few
refused 2 "ck.h5" path "$work/drop-hand.h5" --checkpoint "$work/ck.h5" --resume
