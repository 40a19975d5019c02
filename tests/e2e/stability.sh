#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bevel stability: its path is bevel path's; its counts are those of paths run one by one on files
# with the other rows at weight 0, at every rank count; limits, bounds, strata; gone on with after a
# kill.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

stability() { "$python" "$lib/stability.py" "$@" || fail "stability.py $*"; }

# one_by_one RANKS NAME FLAGS...: NAME.h5 on 1 and RANKS ranks, against its subsamples alone.
one_by_one() {
  local ranks=$1 name=$2 paths=() b lambdas
  shift 2
  bevel 1 stability "$work/$name.h5" -o "$work/$name.s1" --quiet "$@"
  bevel $ranks stability "$work/$name.h5" -o "$work/$name.s$ranks" --quiet "$@"
  stability same "$work/$name.s$ranks" "$work/$name.s1"
  stability rows "$work/$name.h5" "$work/$name.s1"
  check "$work/$name.s1" "$work/$name.h5"
  lambdas=$("$python" "$lib/stability.py" subsamples "$work/$name.h5" "$work/$name.s1" "$work/$name")
  for ((b = 0; b < $(attr "$work/$name.s1" subsamples); b++)); do
    bevel 1 path "$work/$name.$b" -o "$work/$name.path$b" --quiet --lambda "$lambdas" \
      ${penalty:+--penalty "$penalty"}
    paths+=("$work/$name.path$b")
  done
  stability counts "$work/$name.h5" "$work/$name.s1" "${paths[@]}"
}

bevel 1 simulate "$work/wide.h5" --n 71 --p 120 --seed 4
bevel 1 simulate "$work/labels.h5" --n 90 --p 40 --family binomial --seed 5
bevel 1 simulate "$work/grouped.h5" --n 60 --p 40 --group-size 4 --seed 9
bevel 1 simulate "$work/two.h5" --n 60 --p 30 --responses 2 --seed 8
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
rng = np.random.default_rng(1)
with h5py.File(sys.argv[1] + "/labels.h5", "r+") as f:
    f["weights"] = rng.integers(1, 4, len(f["y"])).astype(float)
    f["penalty_factor"] = np.where(np.arange(40) == 3, 0.0, 1.0 + (np.arange(40) % 3))
PY

penalty= one_by_one 2 wide --subsamples 4 --nlambda 15
mv "$work/wide.s1" "$work/wide.free"
penalty= one_by_one 3 wide --subsamples 4 --nlambda 15 --selected 9 --threshold 0.6
penalty= one_by_one 3 labels --subsamples 4 --nlambda 8 --stratify --pfer 8 --threshold 0.7
penalty=group-lasso one_by_one 2 grouped --subsamples 4 --nlambda 8 --penalty group-lasso --selected 3 --threshold 0.7
penalty= one_by_one 3 two --subsamples 3 --nlambda 5 --lambda-min-ratio 0.4 --no-complementary --fraction 0.7

# a limit: no subsample selects more; the bound is kept
"$python" - "$work/wide.s1" "$work/labels.s1" "$work/wide.free" <<'PY' || fail "limits"
import sys, h5py
wide, labels, free = (h5py.File(name, "r") for name in sys.argv[1:])
assert wide["subsample_selected"][:].max() <= 9 < free["subsample_selected"][:].min()
assert wide.attrs["selected_limit"] == 9 and free.attrs["selected_limit"] == 0
assert wide.attrs["subsample_lambdas"] < free.attrs["subsample_lambdas"]
assert labels.attrs["variables"] == 39 and labels.attrs["selected_limit"] > 0
assert min(labels.attrs["pfer_bound"], labels.attrs["pfer_bound_unimodal"]) <= 8
PY
bevel 1 stability "$work/wide.h5" -o "$work/t.s" --quiet --subsamples 20 --nlambda 15 --selected 6 --pfer 0.5
"$python" - "$work/t.s" <<'PY' || fail "the threshold that was asked for"
import sys, h5py
a = h5py.File(sys.argv[1], "r").attrs
assert a["pfer_bound_unimodal"] <= 0.5 and a["threshold"] <= 0.9, dict(a)
PY

# what a variable is where one block of the penalty is all columns; a limit beside several starts
variables() { [ "$(attr "$work/v.s" variables) $(attr "$work/v.s" variables_are)" = "$1" ] ||
  fail "variables: $(attr "$work/v.s" variables), not $1"; }
few="--subsamples 2 --nlambda 6 --selected 8 --threshold 1 --quiet"
bevel 1 stability "$work/wide.h5" -o "$work/v.s" --penalty l1-l2 $few
variables "120 columns"
bevel 1 stability "$work/grouped.h5" -o "$work/v.s" --penalty group-l1-l2 $few
variables "10 groups"
bevel 1 stability "$work/wide.h5" -o "$work/v.s" --penalty lq $few
variables "120 columns"

# randomised lasso: other counts, the same ones at every rank count; the weakest is the lasso
bevel 1 stability "$work/wide.h5" -o "$work/r1.s" --quiet --subsamples 4 --nlambda 15 --weakness 0.3
bevel 3 stability "$work/wide.h5" -o "$work/r3.s" --quiet --subsamples 4 --nlambda 15 --weakness 0.3
stability same "$work/r3.s" "$work/r1.s"
bevel 1 stability "$work/wide.h5" -o "$work/r.s" --quiet --subsamples 4 --nlambda 15 --weakness 1
stability same "$work/r.s" "$work/wide.free"
! "$python" "$lib/stability.py" same "$work/r1.s" "$work/wide.free" 2>/dev/null ||
  fail "--weakness changes nothing"

if "$python" -c 'import matplotlib' 2>/dev/null; then
  "$python" "$BEVEL_SOURCE/scripts/plot" "$work/t.s" -o "$work/plots" >/dev/null || fail "no plot"
  [ -s "$work/plots/t-stability.png" ] || fail "no plot of the shares"
fi

# refused CODE WORDS FLAGS...: bevel stability leaves with CODE and says WORDS.
refused() {
  local code=0 wanted=$1 words=$2
  shift 2
  bevel 1 stability "$@" >"$work/said" 2>&1 || code=$?
  [ $code -eq "$wanted" ] || fail "$*: exit $code, not $wanted: $(cat "$work/said")"
  grep -q -- "$words" "$work/said" || fail "$*: said $(cat "$work/said")"
}
out="-o $work/no.s --nlambda 4 --quiet"
refused 2 'even number' "$work/wide.h5" $out --subsamples 5
refused 2 'goes with --no-complementary' "$work/wide.h5" $out --fraction 0.6
refused 2 'two of them give the third' "$work/wide.h5" $out --threshold 0.8 --pfer 1 --selected 3
refused 2 'family gaussian has none' "$work/wide.h5" $out --stratify
refused 2 'penalty group-lasso is on groups' "$work/grouped.h5" $out --penalty group-lasso --weakness 0.5
refused 2 'not even 1 selected' "$work/wide.h5" $out --pfer 1e-9
refused 2 'no threshold keeps it' "$work/wide.h5" $out --pfer 1e-9 --selected 30
[ ! -e "$work/no.s" ] || fail "a refused run left a result"

# killed in the middle of the subsamples, gone on with on other ranks
bevel 1 simulate "$work/long.h5" --n 150 --p 3000 --seed 3
long="stability $work/long.h5 --subsamples 10 --nlambda 60"
bevel 1 $long -o "$work/whole.s" --quiet
"$BEVEL" $long -o "$work/long.s" --checkpoint "$work/ck.h5" --checkpoint-every 0.05 \
  </dev/null >"$work/said" 2>&1 &
job=$!
for _ in $(seq 3000); do
  ! grep -q 'subsample 3 of 10' "$work/said" || break
  kill -0 $job 2>/dev/null || break
  sleep 0.01
done
kill -KILL $job || fail "the run ended before it could be killed: $(cat "$work/said")"
wait $job 2>/dev/null || true
[ ! -e "$work/long.s" ] || fail "a result after a kill"
bevel 3 $long -o "$work/long.s" --checkpoint "$work/ck.h5" --resume >"$work/said" 2>&1
! grep -q 'subsample [12] of 10' "$work/said" || fail "finished subsamples were solved again"
grep -q 'subsample 10 of 10' "$work/said" || fail "no subsample was left to solve"
stability same "$work/long.s" "$work/whole.s"
