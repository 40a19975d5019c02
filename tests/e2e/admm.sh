#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ADMM by itself (the certified engine is not called) against the certified engine, and what it refuses.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

path="--nlambda 6 --quiet --lambda-min-ratio"
# n < p, n > p: 2 ranks over columns, 7 over rows; 1 and 3 are test_admm_mpi's
for problem in "gaussian lasso 60 90 2 1x2" "gaussian group-lasso 120 40 7 7x1" \
  "binomial group-lasso 60 90 7 1x7" "poisson enet 120 40 2 2x1" "gaussian sparse-group-lasso 60 90 2 1x2"; do
  set -- $problem
  bevel 1 simulate "$work/data.h5" --n $3 --p $4 --group-size 3 --active 4 --family $1 --seed 4
  bevel 1 path "$work/data.h5" -o "$work/auto.h5" --penalty $2 $path 0.1
  bevel $5 path "$work/data.h5" -o "$work/admm.h5" --penalty $2 $path 0.1 --solver admm --no-polish --grid $6
  check "$work/admm.h5" "$work/data.h5"
  all_zero "$work/admm.h5"
  echo "$problem:"
  compare "$work/admm.h5" "$work/auto.h5" --objective 1e-6 --coef 1e-3
done

# a sparse X: rows' Gram from entries (1 grid row) and from dense chunks, columns' moments; a certificate of
# scripts/check's own and the same at 1 and 3 ranks
for problem in "gaussian lasso 60 150 3x1" "binomial group-mcp 60 150 1x3" "poisson lasso 150 40 1x3" \
  "binomial group-scad 150 40 3x1"; do
  set -- $problem
  bevel 1 simulate "$work/data.h5" --n $3 --p $4 --group-size 3 --active 4 --family $1 --seed 6 --density 0.1
  for ranks in 1 3; do
    grid=1x1
    [ $ranks -eq 1 ] || grid=$5
    bevel $ranks path "$work/data.h5" -o "$work/admm$ranks.h5" --penalty $2 $path 0.2 --solver admm --no-polish \
      --grid $grid
    check "$work/admm$ranks.h5" "$work/data.h5"
    all_zero "$work/admm$ranks.h5"
  done
  echo "sparse $problem:"
  compare "$work/admm3.h5" "$work/admm1.h5" --objective 1e-6 --coef 1e-3
done

# to stationary points where the penalty is not convex; the certificate is scripts/check's own
bevel 1 simulate "$work/data.h5" --n 100 --p 60 --group-size 3 --active 4 --family binomial --seed 5
for penalty in mcp group-scad group-tl1 log group-lq l1-l2 group-l1-l2; do
  bevel 2 path "$work/data.h5" -o "$work/admm.h5" --penalty $penalty $path 0.3 --solver admm \
    --no-polish
  check "$work/admm.h5" "$work/data.h5"
  all_zero "$work/admm.h5"
done

# near zero the more concave the nearer: a small rho would leave this path
"$python" "$lib/odd.py" "$work/odd.h5" binomial
bevel 1 path "$work/odd.h5" -o "$work/admm.h5" --penalty group-l1-l2 --nlambda 8 --lambda-min-ratio 0.01 --quiet \
  --solver admm --no-polish
check "$work/admm.h5" "$work/odd.h5"
all_zero "$work/admm.h5"

# saturated: most minima are far out, where sweeps alone need thousands
bevel 1 simulate "$work/data.h5" --n 100 --p 300 --active 8 --family binomial --seed 2 --quiet
for ranks in 1 3; do
  bevel $ranks path "$work/data.h5" -o "$work/admm.h5" --penalty scad --nlambda 30 --quiet --solver admm --no-polish
  check "$work/admm.h5" "$work/data.h5"
  all_zero "$work/admm.h5"
  "$python" -c 'import h5py, sys; sys.exit(int(max(h5py.File(sys.argv[1], "r")["iterations"][:]) > 500))' \
    "$work/admm.h5" || fail "over 500 sweeps"
done

refused() { # PATTERN FLAGS...: exit 2, with a word of what is wrong
  local pattern=$1
  shift
  code=0
  "$BEVEL" path "$work/data.h5" -o "$work/no.h5" "$@" >/dev/null 2>"$work/said" || code=$?
  [ $code -eq 2 ] || fail "$*: exit $code"
  grep -q -- "$pattern" "$work/said" || fail "$*: $(cat "$work/said")"
}
refused "above 0" --solver admm --admm-rho 0
refused "above 0" --solver admm --admm-rho -1
refused "solver admm" --admm-rho 1
refused "know no bounds" --solver admm --lower 0

# a rho by which the sweeps run off is no fault of the data: unconverged, and what is written is a start
bevel 1 simulate "$work/counts.h5" --n 60 --p 20 --family poisson --seed 1 --quiet
code=0
bevel 1 path "$work/counts.h5" -o "$work/off.h5" --solver admm --no-polish --admm-rho 1e-9 --nlambda 5 --quiet \
  >/dev/null 2>"$work/said" || code=$?
[ $code -eq 4 ] || fail "rho 1e-9: exit $code: $(cat "$work/said")"
"$python" -c 'import h5py, sys; f = h5py.File(sys.argv[1], "r")
sys.exit(int(not (2 in f["status"][:] and set(f["status"][:]) <= {0, 1, 2})))' "$work/off.h5" || fail "rho 1e-9: /status"
