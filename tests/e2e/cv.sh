#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bevel cv: its path is bevel path's; its folds are paths run one by one on files with their rows at
# weight 0; the curve follows from the predictions; folds are what was asked for.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

cv() { "$python" "$lib/cv.py" "$@" || fail "cv.py $*"; }

# one_by_one NAME FOLDS FLAGS...: NAME.h5 cross-validated on 1 and 3 ranks, against its folds alone.
one_by_one() {
  local name=$1 folds=$2 paths=() fold lambdas
  shift 2
  bevel 1 cv "$work/$name.h5" -o "$work/$name.cv" --folds "$folds" --quiet "$@"
  bevel 3 cv "$work/$name.h5" -o "$work/$name.cv3" --folds "$folds" --quiet "$@"
  cv same "$work/$name.cv3" "$work/$name.cv" 1e-8
  check "$work/$name.cv" "$work/$name.h5"
  cv curve "$work/$name.h5" "$work/$name.cv"
  bevel 1 path "$work/$name.h5" -o "$work/$name.path" --quiet "$@"
  compare "$work/$name.cv" "$work/$name.path" --objective 0 --coef 0
  lambdas=$("$python" "$lib/cv.py" folds "$work/$name.h5" "$work/$name.cv" "$work/$name")
  for ((fold = 0; fold < folds; fold++)); do
    bevel 1 path "$work/$name.$fold" -o "$work/$name.path$fold" --quiet --lambda "$lambdas" \
      ${penalty:+--penalty "$penalty"}
    paths+=("$work/$name.path$fold")
  done
  cv oof "$work/$name.h5" "$work/$name.cv" "${paths[@]}"
}

bevel 1 simulate "$work/wide.h5" --n 70 --p 300 --seed 4
bevel 1 simulate "$work/labels.h5" --n 120 --p 40 --family binomial --seed 5
"$python" - "$work/labels.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r+") as f:
    rng = np.random.default_rng(1)
    n = len(f["y"])
    f["weights"] = rng.integers(1, 4, n).astype(float)
    f["offset"] = 0.3 * rng.standard_normal(n)
    f["clusters"] = np.repeat(np.arange(n // 4), 4)[rng.permutation(n)]
    f["mine"] = rng.permutation(np.arange(n) % 3) * 10 - 10
    f["short"] = np.arange(n - 1)
    f["lonely"] = (np.arange(n) == np.flatnonzero(f["y"][:] == 1)[0]).astype(int)
    y = f["y"][:]
    f["parted"] = y.astype(int)
PY
bevel 1 simulate "$work/words.h5" --n 90 --p 60 --density 0.2 --family poisson --seed 6
bevel 1 simulate "$work/classes.h5" --n 90 --p 20 --family multinomial --seed 7
bevel 1 simulate "$work/two.h5" --n 60 --p 30 --responses 2 --seed 8
bevel 1 simulate "$work/grouped.h5" --n 60 --p 40 --group-size 4 --seed 9

penalty= one_by_one wide 4 --nlambda 25
penalty= one_by_one labels 3 --nlambda 12
penalty= one_by_one words 3 --nlambda 8
penalty= one_by_one classes 3 --nlambda 6
penalty=group-lasso one_by_one grouped 3 --nlambda 10 --penalty group-lasso

# folds on sub-grids say the same, saved fold by fold or not; what does not fit is refused
bevel 3 cv "$work/labels.h5" -o "$work/out.cv" --folds 3 --nlambda 12 --quiet --replicas 2 \
  --checkpoint "$work/replicas.ck"
cv same "$work/out.cv" "$work/labels.cv" 1e-8
bevel 2 cv "$work/wide.h5" -o "$work/out.cv" --folds 4 --nlambda 25 --quiet --replicas 2
cv same "$work/out.cv" "$work/wide.cv" 1e-8
code=0
bevel 2 cv "$work/wide.h5" -o "$work/no.cv" --replicas 2 --memory-limit 50M 2>"$work/said" || code=$?
[ $code -eq 5 ] || fail "replicas beyond the memory: exit $code, not 5"
grep -q '2 replicas of X: about .* a rank needed, the limit is 25.0 MiB' "$work/said" ||
  fail "replicas beyond the memory: said $(cat "$work/said")"

# time enough changes nothing; without it what there is is written, and said to be no more
bevel 2 cv "$work/wide.h5" -o "$work/out.cv" --folds 4 --nlambda 25 --quiet --max-seconds 500
cv same "$work/out.cv" "$work/wide.cv" 1e-8
code=0
bevel 2 cv "$work/wide.h5" -o "$work/out.cv" --folds 4 --quiet --max-seconds 1e-6 2>"$work/said" || code=$?
[ $code -eq 4 ] || fail "a cv without time: exit $code, not 4: $(cat "$work/said")"

# every measure of every family, and leaving out row by row
for measure in mse mae class auc; do
  bevel 1 cv "$work/labels.h5" -o "$work/$measure.cv" --folds 4 --nlambda 8 --quiet --type-measure $measure
done
cv curve "$work/labels.h5" "$work"/{mse,mae,class,auc}.cv
bevel 1 cv "$work/words.h5" -o "$work/out.cv" --folds 5 --nlambda 8 --quiet --type-measure mse
cv curve "$work/words.h5" "$work/out.cv"
for measure in class mae; do
  bevel 1 cv "$work/classes.h5" -o "$work/$measure.cv" --folds 3 --nlambda 6 --quiet --type-measure $measure
done
cv curve "$work/classes.h5" "$work"/{class,mae}.cv
bevel 1 cv "$work/two.h5" -o "$work/out.cv" --folds 30 --nlambda 5 --quiet --type-measure mae
cv curve "$work/two.h5" "$work/out.cv"

# folds: by label, by cluster, as given, other ones for another seed
folds() { "$python" - "$work/labels.h5" "$@" <<'PY' || fail "folds $*"
import sys, h5py, numpy as np
data, kind, *results = sys.argv[1:]
with h5py.File(data, "r") as f:
    y, clusters, mine = f["y"][:], f["clusters"][:], f["mine"][:]
folds = []
for name in results:
    with h5py.File(name, "r") as r:
        folds.append(r["fold"][:])
fold = folds[0]
sizes = np.unique(fold, return_counts=True)[1]
if kind == "stratified":
    for label in (0, 1):
        of = np.bincount(fold[y == label], minlength=4)
        assert of.max() - of.min() <= 1, of
    assert sizes.max() - sizes.min() <= 1
if kind == "grouped":
    assert all(len(np.unique(fold[clusters == k])) == 1 for k in np.unique(clusters))
    assert sizes.max() - sizes.min() <= 4, sizes  # the clusters' size
if kind == "given":
    assert np.array_equal(fold, mine)
if kind == "random":
    assert sizes.max() - sizes.min() <= 1 and not np.array_equal(fold, folds[1])
PY
}
try="cv $work/labels.h5 --folds 4 --nlambda 4 --quiet"
bevel 1 $try -o "$work/a.cv"
folds stratified "$work/a.cv"
bevel 1 $try -o "$work/a.cv" --fold-kind random
bevel 1 $try -o "$work/b.cv" --fold-kind random --seed 9
folds random "$work/a.cv" "$work/b.cv"
bevel 3 $try -o "$work/a.cv" --fold-kind grouped --fold-groups /clusters
folds grouped "$work/a.cv"
bevel 1 cv "$work/labels.h5" -o "$work/a.cv" --fold-id /mine --nlambda 4 --quiet
folds given "$work/a.cv"

# a model with an offset is not for rows without one
code=0
bevel 1 predict "$work/labels.h5" --model "$work/labels.cv" -o "$work/pred.h5" --offset none --quiet 2>"$work/said" ||
  code=$?
[ $code -eq 3 ] && grep -q "/offset: missing" "$work/said" || fail "no offset: exit $code: $(cat "$work/said")"

# the choice, by name
for name in min 1se; do
  bevel 1 predict "$work/wide.h5" --model "$work/wide.cv" -o "$work/pred.h5" --at lambda.$name --quiet
  cv choice "$work/wide.cv" "$work/pred.h5" lambda_$name
done

# refused CODE WORDS FLAGS...: cv leaves with CODE and says WORDS.
refused() {
  local code=0 wanted=$1 words=$2
  shift 2
  bevel 1 "$@" >"$work/said" 2>&1 || code=$?
  [ $code -eq "$wanted" ] || fail "$*: exit $code, not $wanted: $(cat "$work/said")"
  grep -q -- "$words" "$work/said" || fail "$*: said $(cat "$work/said")"
}
out="-o $work/no.cv --nlambda 4 --quiet"
refused 2 'at least 2' cv "$work/wide.h5" $out --folds 1
refused 2 'folds: 71 of 70 rows' cv "$work/wide.h5" $out --folds 71
refused 2 'family gaussian has none' cv "$work/wide.h5" $out --fold-kind stratified
refused 2 'for family binomial' cv "$work/wide.h5" $out --type-measure auc
refused 3 '/short has 119 entries' cv "$work/labels.h5" $out --fold-id /short
refused 3 '/nothing' cv "$work/labels.h5" $out --fold-id /nothing
refused 3 'without fold 0: .*one class only' cv "$work/labels.h5" $out --fold-id /parted
refused 3 'no row of class' cv "$work/labels.h5" $out --fold-id /lonely --type-measure auc
refused 3 '30 groups of rows for 31 folds' cv "$work/labels.h5" $out --fold-kind grouped \
  --fold-groups /clusters --folds 31
refused 2 'not one of bevel cv' predict "$work/wide.h5" --model "$work/wide.path" -o "$work/pred.h5" \
  --at lambda.min
[ ! -e "$work/no.cv" ] || fail "a refused run left a result"

# interrupted in the middle of the folds, gone on with on other ranks
bevel 1 simulate "$work/long.h5" --n 200 --p 4000 --seed 3
bevel 1 cv "$work/long.h5" -o "$work/whole.cv" --quiet
# X is shared: all folds touch less of it than so many paths would
bevel 1 path "$work/long.h5" -o "$work/long.path" --quiet
"$python" - "$work/whole.cv" "$work/long.path" <<'PY' || fail "passes"
import sys, h5py
cv, path = (float(h5py.File(name, "r").attrs["passes"]) for name in sys.argv[1:])
print(f"{cv:.1f} passes for 10 folds, {path:.1f} for a path")
assert cv <= 8 * path, (cv, path)
PY
"$BEVEL" cv "$work/long.h5" -o "$work/long.cv" --checkpoint "$work/ck.h5" --checkpoint-every 0.05 \
  </dev/null >"$work/said" 2>&1 &
job=$!
for _ in $(seq 3000); do
  ! grep -q 'fold 2 of 10' "$work/said" || break
  kill -0 $job 2>/dev/null || break
  sleep 0.01
done
kill -USR1 $job || fail "the run ended before it could be interrupted: $(cat "$work/said")"
code=0
wait $job || code=$?
[ $code -eq 75 ] || fail "interrupted: exit $code, not 75: $(cat "$work/said")"
[ ! -e "$work/long.cv" ] || fail "a result after an interruption"
bevel 3 cv "$work/long.h5" -o "$work/long.cv" --checkpoint "$work/ck.h5" --resume >"$work/said" 2>&1
! grep -q 'fold [12] of 10' "$work/said" || fail "finished folds were solved again"
grep -q 'fold 10 of 10' "$work/said" || fail "no fold was left to solve"
grep -q 'goes on where it was' "$work/said" || fail "the fold in work began again"
cv same "$work/long.cv" "$work/whole.cv" 1e-8
cv curve "$work/long.h5" "$work/long.cv"
