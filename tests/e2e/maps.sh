#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Factor maps from the command line: each by its penalty, families and solvers in turn, judged by
# scripts/check; against the certified optimum where there is one; pairs that do not exist.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
grid="--nlambda 5 --lambda-min-ratio 0.1"
for family in gaussian binomial poisson; do
  bevel 1 simulate "$work/$family.h5" --n 160 --p 60 --group-size 4 --active 3 --rho 0.3 --family $family --seed 3 --quiet
done

# solve RANKS NAME FAMILY FLAGS...: a result to be judged at the end
judged=()
solve() {
  bevel "$1" path "$work/$3.h5" -o "$work/$2.h5" $grid --quiet "${@:4}" || [ $? -eq 4 ] || fail "$*"
  judged+=("$work/$2.h5" "$work/$3.h5")
}

# convex penalties: the optimum, by the map's own steps and polished
for penalty in lasso group-lasso; do
  solve 1 auto.$penalty gaussian --penalty $penalty --tol 1e-10
done
solve 1 auto.square gaussian --lower 0 --tol 1e-10
while read -r ranks param reference flags; do
  own=$work/own.$param.$reference.h5 polished=$work/polished.$param.$reference.h5
  solve "$ranks" own.$param.$reference gaussian --solver lbfgs --no-polish --param "$param" $flags
  all_zero "$own"
  compare "$own" "$work/auto.$reference.h5" --objective 1e-7 --coef 0
  if [ "$ranks" -gt 1 ] || [ "$param" = square ]; then
    solve "$ranks" polished.$param.$reference gaussian --solver lbfgs --param "$param" $flags
    compare "$polished" "$work/auto.$reference.h5" --objective 1e-8 --coef 1e-5
  fi
  [ "$(attr "$own" param)" = "$param" ] || fail "the result does not name $param"
done <<'PAIRS'
1 difference lasso
3 power lasso
1 shared lasso
1 two-vector lasso
1 square square --lower 0
3 product group-lasso --penalty group-lq --depth 2
1 power group-lasso --penalty group-lasso
3 own-norm group-lasso --penalty group-lasso
PAIRS

# not convex: stationary by the map's own steps (judged at the end), and the same at any rank count
while read -r counts family penalty solver flags; do
  name=$((${name:-0} + 1))
  for ranks in ${counts/+/ }; do
    solve $ranks $name.$ranks "$family" --penalty "$penalty" --solver "$solver" --no-polish $flags
  done
  [ $counts != 1+3 ] || compare "$work/$name.3.h5" "$work/$name.1.h5" --objective 1e-6 --coef 0
done <<'PAIRS'
1+3 gaussian lq lbfgs --depth 3
1 gaussian lq lbfgs --q 0.8 --param two-vector
1 binomial lq lbfgs --param shared
1 poisson lq lbfgs --q 0.7
1 gaussian group-lq lbfgs --depth 4
1 binomial group-lq lbfgs --depth 3 --param own-norm
1+3 poisson group-lq lbfgs --depth 2.5
1 gaussian lq adam --param difference
1+3 gaussian group-lq momentum --depth 3
1 gaussian lpq lbfgs --k1 2 --k2 2
1+3 binomial lpq lbfgs
1 poisson lpq adam --k1 3
1 binomial lq sgd --depth 3 --epochs 50
PAIRS
solve 2 polished binomial --penalty group-lq --depth 3 --solver adam
all_zero "$work/polished.h5"
"$python" "$lib/check_many.py" "$BEVEL_SOURCE/scripts/check" "${judged[@]}" || fail "a result is not what it says"

# the published unit test of the difference: y = 10 x_1 + noise, mean squared error and weight 1 on
# the squares of the factors, all at 1e-6 x 1000: in these units lambda 1/2
"$python" - "$work/one.h5" <<'PY'
import sys, h5py, numpy as np
rng = np.random.default_rng(4)
X = rng.uniform(size=(1000, 50))
with h5py.File(sys.argv[1], "w") as f:
    f["X"], f["y"] = X, 10 * X[:, 0] + rng.normal(size=1000)
PY
while read -r allowed steps; do # Adam at a constant rate r circles within about r of the factor
  bevel 1 path "$work/one.h5" -o "$work/hdp.h5" --no-intercept --no-standardize --lambda 0.5 --param difference \
    --no-polish --quiet --solver $steps
  check "$work/hdp.h5" "$work/one.h5"
  "$python" - "$work/one.h5" "$work/hdp.h5" "$allowed" <<'PY' || fail "not the answer of the published test: $steps"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as d, h5py.File(sys.argv[2]) as f:
    x, y = d["X"][:, 0], d["y"][:]
    exact = (x @ y / 1000 - 0.5) / (x @ x / 1000)
    assert list(f["coef/indices"][:]) == [0], f["coef/indices"][:]
    assert abs(f["coef/data"][0] / exact - 1) < float(sys.argv[3]) and abs(exact - 8.5) < 0.3, (f["coef/data"][:], exact)
PY
done <<'STEPS'
1e-3 adam --lr 0.01 --schedule constant --epochs 500 --batch 1000
1e-6 lbfgs
STEPS

refused() { # WORDS FLAGS
  local code=0 words
  words=$(bevel 1 path "$work/gaussian.h5" -o "$work/no.h5" "${@:2}" 2>&1) || code=$?
  [ $code -eq 2 ] || fail "${*:2}: exit $code"
  case $words in
    *"$1"*) ;;
    *) fail "${*:2}: '$words' does not say '$1'" ;;
  esac
}
refused "these do: product, power, difference, shared, two-vector" --solver lbfgs --param own-norm
refused "these do: product, power, own-norm" --solver adam --penalty group-lq --depth 3 --param difference
refused "these do: power, difference, shared, two-vector" --solver sgd --penalty lq --q 0.8 --param product
refused "these do: square" --solver lbfgs --lower 0 --param product
refused "these do: none" --solver lbfgs --penalty mcp
refused "--penalty lpq goes with --solver lbfgs" --penalty lpq
refused "integers of at least 1" --penalty lpq --solver lbfgs --k1 2.5
refused "an integer in [1, 63]" --penalty lpq --solver lbfgs --k2 0
refused "--k1 goes with --penalty lpq" --k1 2
refused "these do: product" --penalty lpq --solver lbfgs --param power
refused "a number in [2, 64]" --penalty lq --depth 1.5
refused "q is 2/depth" --penalty lq --depth 3 --q 0.5
refused "--depth goes with" --depth 3
refused "--param goes with" --param product
refused "wanted one of product, power" --solver lbfgs --param diagonal
