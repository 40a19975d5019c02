#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Relaxed fits and information criteria: recomputed by scripts/check, the same at 1 and 3 ranks,
# mixed and chosen from by predict; where there is no relaxed fit the classes are separated.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

selection() { "$python" "$lib/selection.py" "$@" || fail "selection.py $*"; }

# relaxed NAME FLAGS...: a path of NAME.h5 with relaxed fits.
relaxed() {
  local name=$1
  shift
  bevel 1 path "$work/$name.h5" -o "$work/$name.r" --relax --quiet "$@"
  bevel 3 path "$work/$name.h5" -o "$work/$name.r3" --relax --quiet "$@"
  check "$work/$name.r" "$work/$name.h5"
  selection same "$work/$name.r3" "$work/$name.r"
  bevel 1 predict "$work/$name.h5" --model "$work/$name.r" -o "$work/pred.h5" --relax-gamma 0.3 --quiet
  selection mix "$work/$name.h5" "$work/$name.r" "$work/pred.h5" 0.3
}

bevel 1 simulate "$work/wide.h5" --n 60 --p 150 --seed 4 --quiet
bevel 1 simulate "$work/labels.h5" --n 150 --p 40 --family binomial --seed 5 --quiet
bevel 1 simulate "$work/apart.h5" --n 60 --p 100 --family binomial --seed 2 --quiet
bevel 1 simulate "$work/counts.h5" --n 90 --p 60 --density 0.2 --family poisson --seed 6 --quiet
bevel 1 simulate "$work/grouped.h5" --n 90 --p 40 --group-size 4 --seed 9 --quiet
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
rng = np.random.default_rng(1)
with h5py.File(sys.argv[1] + "/labels.h5", "r+") as f:
    f["weights"] = rng.integers(0, 3, len(f["y"])).astype(float)
    f["offset"] = 0.3 * rng.standard_normal(len(f["y"]))
    f["penalty_factor"] = np.where(np.arange(40) % 7 == 3, 0.0, 1.0)
PY

relaxed wide --nlambda 25
relaxed labels --nlambda 20 --lambda-min-ratio 0.02
relaxed apart --nlambda 20
selection separated "$work/apart.h5" "$work/apart.r"
relaxed counts --nlambda 20 --lambda-min-ratio 0.1
bevel 1 path "$work/grouped.h5" -o "$work/grouped.r" --penalty group-lasso --relax --nlambda 12 --quiet
check "$work/grouped.r" "$work/grouped.h5"
bevel 1 cv "$work/wide.h5" -o "$work/wide.cv" --relax --nlambda 6 --folds 3 --quiet
check "$work/wide.cv" "$work/wide.h5"

# by criterion; which of them is known
for name in aic bic ebic; do
  bevel 1 predict "$work/labels.h5" --model "$work/labels.r" -o "$work/pred.h5" --at $name --quiet
  selection at "$work/labels.r" "$work/pred.h5" $name
done
bevel 1 path "$work/labels.h5" -o "$work/g.r" --nlambda 20 --ebic-gamma 0 --quiet
check "$work/g.r" "$work/labels.h5"
"$python" - "$work/g.r" "$work/grouped.r" <<'PY' || fail "criteria"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2]) as g:
    assert np.allclose(f["ebic"][:], f["bic"][:], rtol=1e-14)
    assert np.all(np.isnan(g["aic"][:])) and np.isnan(g["lambda_aic"][0])
PY

# a lie is found
selection lies "$work/wide.r" "$work/lie"
for lie in "$work"/lie.?; do
  ! "$python" "$BEVEL_SOURCE/scripts/check" "$lie" "$work/wide.h5" >"$work/said" ||
    fail "scripts/check believes $lie"
done

# refused CODE WORDS FLAGS...: bevel leaves with CODE and says WORDS.
refused() {
  local code=0 wanted=$1 words=$2
  shift 2
  bevel 1 "$@" --quiet >"$work/said" 2>&1 || code=$?
  [ $code -eq "$wanted" ] || fail "$*: exit $code, not $wanted: $(cat "$work/said")"
  grep -q -- "$words" "$work/said" || fail "$*: said $(cat "$work/said")"
}
bevel 1 simulate "$work/two.h5" --n 60 --p 30 --responses 2 --seed 8 --quiet
bevel 1 simulate "$work/classes.h5" --n 60 --p 20 --family multinomial --seed 7 --quiet
refused 2 'several responses' path "$work/two.h5" -o "$work/no.r" --relax
refused 2 'family multinomial' path "$work/classes.h5" -o "$work/no.r" --relax
refused 2 'not with bounds' path "$work/wide.h5" -o "$work/no.r" --relax --lower 0
refused 2 'relax goes with --polish' path "$work/wide.h5" -o "$work/no.r" --relax --solver lbfgs --no-polish
refused 2 'fitted without --relax' predict "$work/labels.h5" --model "$work/g.r" -o "$work/no.r" --relax-gamma 0
refused 2 'does not have it' predict "$work/grouped.h5" --model "$work/grouped.r" -o "$work/no.r" --at bic
[ ! -e "$work/no.r" ] || fail "a refused run left a result"
