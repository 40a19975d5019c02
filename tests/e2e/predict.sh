#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# Predictions are X coef + intercept, at every lambda or between two, by name where both have names.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" "$lib/predict.py" name "$data/colon.h5" "$work/named.h5"
"$python" "$lib/predict.py" shuffle "$data/colon.h5" "$work/shuffled.h5"
bevel 2 path "$work/named.h5" -o "$work/model.h5" --nlambda 12 --lambda-min-ratio 0.1 --quiet
at=$("$python" -c 'import h5py, sys; l = h5py.File(sys.argv[1], "r")["lambda"]; print(repr(0.3 * l[4] + 0.7 * l[5]))' "$work/model.h5")
for ranks in 1 3; do
  for type in link response class; do
    bevel $ranks predict "$work/shuffled.h5" --model "$work/model.h5" -o "$work/out.h5" --type $type --quiet
    "$python" "$lib/predict.py" judge "$work/named.h5" "$work/model.h5" "$work/out.h5" $type
  done
  bevel $ranks predict "$work/named.h5" --model "$work/model.h5" -o "$work/out.h5" --at "$at" --quiet
  "$python" "$lib/predict.py" judge "$work/named.h5" "$work/model.h5" "$work/out.h5" link "$at"
done
# one fit is the path's column at that lambda
bevel 2 fit "$work/named.h5" -o "$work/fit.h5" --lambda "$at" --quiet
bevel 2 path "$work/named.h5" -o "$work/one.h5" --lambda "$at" --quiet
check "$work/fit.h5" "$work/named.h5"
compare "$work/fit.h5" "$work/one.h5" --objective 3e-8 --coef 0
# a missing code reads as the mean of what the model was trained on, not of what is predicted for;
# a model with an intercept knows the means also when nothing was missing
"$python" "$lib/predict.py" missing "$work"
for trained in train whole; do
  bevel 2 path "$work/$trained.h5" -o "$work/$trained-model.h5" --nlambda 5 --quiet
  check "$work/$trained-model.h5" "$work/$trained.h5"
  for ranks in 1 3; do
    bevel $ranks predict "$work/few.h5" --model "$work/$trained-model.h5" -o "$work/out.h5" --quiet
    "$python" "$lib/predict.py" judge-missing "$work" "$work/$trained-model.h5" "$work/out.h5" $trained
  done
done
bevel 1 path "$work/train.h5" -o "$work/bare.h5" --nlambda 5 --no-intercept --quiet
check "$work/bare.h5" "$work/train.h5"
bevel 1 predict "$work/few.h5" --model "$work/bare.h5" -o "$work/out.h5" --quiet
"$python" "$lib/predict.py" judge-missing "$work" "$work/bare.h5" "$work/out.h5" train
bevel 1 path "$work/whole.h5" -o "$work/bare.h5" --nlambda 5 --no-intercept --quiet
code=0
bevel 3 predict "$work/few.h5" --model "$work/bare.h5" -o "$work/no.h5" --quiet 2>"$work/err" || code=$?
[ $code -eq 3 ] && grep -q "missing values, and the model" "$work/err" || fail "no means: $code, $(cat "$work/err")"
