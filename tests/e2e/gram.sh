#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fast. The Gram over all ranks: certified, the same as with it on one rank, at 1 to 4 ranks; refused
# by name where it cannot be, and by a checkpoint of the other kind.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 2 simulate "$work/data.h5" --n 300 --p 700 --active 60 --rho 0.5 --snr 4 --seed 3
for penalty in lasso enet; do
  flags="--penalty $penalty --nlambda 12 --lambda-min-ratio 0.01 --quiet"
  bevel 1 path "$work/data.h5" -o "$work/whole.h5" --gram replicated $flags
  for ranks in 1 2 3 4; do
    bevel $ranks path "$work/data.h5" -o "$work/$ranks.h5" --gram distributed $flags
    check "$work/$ranks.h5" "$work/data.h5"
    all_zero "$work/$ranks.h5"
    compare "$work/$ranks.h5" "$work/whole.h5" --objective 1e-10
  done
done
[ "$(attr "$work/4.h5" gram)" = distributed ] || fail "the result does not say where the Gram was"

# expect CODE WORDS FLAGS...: that exit code, and the words on standard error.
expect() {
  local code=$1 words=$2 got=0
  shift 2
  bevel 1 path "$work/data.h5" -o "$work/out.h5" --nlambda 3 --quiet "$@" 2>"$work/err" || got=$?
  [ "$got" -eq "$code" ] || fail "$*: exit $got, not $code: $(cat "$work/err")"
  grep -q "$words" "$work/err" || fail "$*: no '$words' in: $(cat "$work/err")"
}
expect 2 "gram distributed" --gram distributed --solver cd
bevel 1 path "$work/data.h5" -o "$work/out.h5" --nlambda 3 --quiet --checkpoint "$work/ck.h5"
expect 2 "gram=auto there, gram=distributed now" --gram distributed --checkpoint "$work/ck.h5" --resume
