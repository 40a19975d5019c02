#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every penalty that is not convex, by every family: stationary at every lambda by scripts/check's own
# formulas, no objective above that of zero or of the lambda before; said in the last lines; refused
# outside its domain; a resumed run knows its parameters.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
grid="--nlambda 8 --lambda-min-ratio 0.1"
for family in gaussian binomial poisson; do
  bevel 1 simulate "$work/$family.h5" --n 150 --p 80 --group-size 4 --active 4 --rho 0.3 --family $family --seed 3 --quiet
done
for penalty in mcp scad tl1 log lq l1-l2; do
  for group in "" group-; do
    for family in gaussian binomial poisson; do
      bevel 2 path "$work/$family.h5" -o "$work/$group$penalty.$family.h5" --penalty $group$penalty $grid --quiet ||
        fail "$group$penalty $family: exit $?"
    done
  done
done
# parameters of their own, and columns as they are
bevel 2 path "$work/gaussian.h5" -o "$work/mcp-2.gaussian.h5" --penalty mcp --gamma 1.5 --no-standardize $grid --quiet
bevel 1 path "$work/binomial.h5" -o "$work/lq-2.binomial.h5" --penalty group-lq --q 0.66666666666666663 --no-standardize --solver cd $grid --quiet
bevel 1 path "$work/poisson.h5" -o "$work/lq-3.poisson.h5" --penalty lq --q 0.3 --no-standardize $grid --quiet
# l1-l2 without groups: all columns are one; both with all that columns and groups may have besides
for family in gaussian binomial poisson; do
  bevel 1 simulate "$work/flat-$family.h5" --n 90 --p 60 --active 4 --rho 0.3 --family $family --seed 4 --quiet
  "$python" "$lib/odd.py" "$work/odd-$family.h5" $family
  bevel 1 path "$work/flat-$family.h5" -o "$work/l1-l2.flat-$family.h5" --penalty l1-l2 $grid --quiet
  for penalty in l1-l2 group-l1-l2; do
    bevel 1 path "$work/odd-$family.h5" -o "$work/$penalty.odd-$family.h5" --penalty $penalty --alpha 0.7 $grid --quiet
  done
done
bevel 3 path "$work/flat-poisson.h5" -o "$work/l1-l2-3.flat-poisson.h5" --penalty l1-l2 $grid --quiet
compare "$work/l1-l2-3.flat-poisson.h5" "$work/l1-l2.flat-poisson.h5"
bevel 3 path "$work/odd-binomial.h5" -o "$work/o.h5" --penalty group-l1-l2 --alpha 0.7 $grid --quiet --grid 1x3
compare "$work/o.h5" "$work/group-l1-l2.odd-binomial.h5"
bevel 3 path "$work/gaussian.h5" -o "$work/o.h5" --penalty l1-l2 $grid --quiet
compare "$work/o.h5" "$work/l1-l2.gaussian.h5"
"$python" "$lib/profiles.py" "$BEVEL_SOURCE/scripts/check" "$work" || fail "a result is not what it says"

said=$(bevel 1 path "$work/gaussian.h5" -o "$work/said.h5" --penalty scad --nlambda 3)
case $said in
  *"stationary point, not proven global"*) ;;
  *) fail "no word on local minima: $said" ;;
esac
refused() { # WORDS FLAGS
  local code=0 words
  words=$(bevel 1 path "$work/gaussian.h5" -o "$work/no.h5" "${@:2}" 2>&1) || code=$?
  [ $code -eq 2 ] || fail "${*:2}: exit $code"
  case $words in
    *"$1"*) ;;
    *) fail "${*:2}: '$words' does not say '$1'" ;;
  esac
}
refused "above 1" --penalty mcp --gamma 1
refused "(2, inf)" --penalty group-scad --gamma 2
refused "(0, 1]" --penalty lq --q 1.5
refused "above 0" --penalty tl1 --tl1-a 0
refused "above 0" --penalty group-log --log-eps 0
refused "goes with" --penalty lasso --q 0.5
refused "lower" --penalty mcp --lower 0
refused "[0, 1)" --penalty l1-l2 --alpha 1
refused "[0, 1)" --penalty group-l1-l2 --alpha 1
refused "penalty l1-l2" --penalty l1-l2 --solver lbfgs
refused "l1-l2 or group-l1-l2" --penalty lasso --alpha 0.3
refused "penalty mcp" --penalty mcp --solver lbfgs

# more starts never make an objective worse, and here make some better; the same at every rank count
for penalty in lq group-tl1; do
  bevel 1 path "$work/gaussian.h5" -o "$work/1-starts.h5" --penalty $penalty $grid --quiet --starts 1
  bevel 1 path "$work/gaussian.h5" -o "$work/4-starts.h5" --penalty $penalty $grid --quiet --starts 4
  bevel 2 path "$work/gaussian.h5" -o "$work/4-starts-2.h5" --penalty $penalty $grid --quiet --starts 4
  compare "$work/4-starts.h5" "$work/4-starts-2.h5"
  check "$work/4-starts.h5" "$work/gaussian.h5"
  "$python" - "$work/1-starts.h5" "$work/4-starts.h5" <<'PY' || fail "starts, $penalty"
import sys, h5py
one, four = (h5py.File(f, "r")["objective"][:] for f in sys.argv[1:])
assert (four <= one * (1 + 1e-12)).all() and (four < one * (1 - 1e-6)).any(), (one, four)
PY
done
refused "starts" --penalty lasso --starts 2
refused "starts" --penalty mcp --starts 2 --dfmax 3

# q = 1 is the lasso, certified as such
bevel 1 path "$work/gaussian.h5" -o "$work/one.h5" --penalty lq --q 1 $grid --quiet
bevel 1 path "$work/gaussian.h5" -o "$work/lasso.h5" --penalty lasso $grid --quiet
compare "$work/one.h5" "$work/lasso.h5"
# a checkpoint is of its parameters
bevel 1 path "$work/gaussian.h5" -o "$work/a.h5" --penalty mcp --gamma 4 $grid --quiet --checkpoint "$work/a.ck"
bevel 1 path "$work/gaussian.h5" -o "$work/b.h5" --penalty mcp --gamma 4 $grid --quiet --checkpoint "$work/a.ck" --resume
compare "$work/a.h5" "$work/b.h5"
refused "gamma=4" --penalty mcp --gamma 5 $grid --checkpoint "$work/a.ck" --resume
bevel 1 path "$work/gaussian.h5" -o "$work/a.h5" --penalty l1-l2 $grid --quiet --checkpoint "$work/b.ck"
bevel 1 path "$work/gaussian.h5" -o "$work/b.h5" --penalty l1-l2 $grid --quiet --checkpoint "$work/b.ck" --resume
compare "$work/a.h5" "$work/b.h5"
refused "alpha=0.5" --penalty l1-l2 --alpha 0.4 $grid --checkpoint "$work/b.ck" --resume
# at alpha = 0 they are the lasso and the group lasso, whose objectives are proven
for penalty in lasso:l1-l2 group-lasso:group-l1-l2; do
  bevel 1 path "$work/binomial.h5" -o "$work/a.h5" --penalty "${penalty#*:}" --alpha 0 $grid --quiet
  bevel 1 path "$work/binomial.h5" -o "$work/b.h5" --penalty "${penalty%:*}" $grid --quiet
  "$python" - "$work/a.h5" "$work/b.h5" <<'PY' || fail "alpha 0, $penalty"
import sys, h5py, numpy as np
a, b = (h5py.File(f, "r") for f in sys.argv[1:])
assert np.allclose(a["lambda"], b["lambda"], rtol=1e-13) and np.allclose(a["objective"], b["objective"], rtol=1e-8)
PY
done
# a block of all columns has an end
bevel 1 simulate "$work/wide.h5" --n 8 --p 4097 --group-size 17 --active 2 --seed 4 --quiet
code=0
words=$(bevel 1 path "$work/wide.h5" -o "$work/no.h5" --penalty group-l1-l2 2>&1) || code=$?
[ $code -eq 3 ] || fail "4097 columns: exit $code"
case $words in *"at most 4096"*) ;; *) fail "4097 columns: $words" ;; esac
