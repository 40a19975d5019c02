#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A path of several responses killed in the middle (SIGKILL at a rank) goes on from its checkpoint on
# another number of ranks, without solving again what it had, to the answer it would have had.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 2 simulate "$work/data.h5" --n 150 --p 900 --active 20 --rho 0.5 --responses 3 --seed 4
path="--nlambda 400 --lambda-min-ratio 0.02 --quiet"
bevel 2 path "$work/data.h5" -o "$work/whole.h5" $path
for ranks in 1 3; do
  rm -f "$work"/out.h5 "$work"/ck.h5*
  "${BEVEL_MPIRUN:-mpirun}" -n 2 "$BEVEL" path "$work/data.h5" -o "$work/out.h5" --checkpoint "$work/ck.h5" \
    --checkpoint-every 0.05 $path </dev/null 2>"$work/err" &
  job=$!
  for _ in $(seq 3000); do
    kill -0 $job 2>/dev/null || fail "the run ended before it could be killed: $(cat "$work/err")"
    [ ! -e "$work/ck.h5" ] || break
    sleep 0.01
  done
  kill -9 $(ps -o pid= --ppid $job | head -1) # a rank; mpirun ends the others
  wait $job && fail "a killed run ended well"
  [ ! -e "$work/out.h5" ] || fail "a result after SIGKILL"
  bevel $ranks path "$work/data.h5" -o "$work/out.h5" --checkpoint "$work/ck.h5" --resume $path
  check "$work/out.h5" "$work/data.h5"
  all_zero "$work/out.h5"
  # both are certified to 1e-8 of half the null deviance, of which a hundredth remains at least
  compare "$work/out.h5" "$work/whole.h5" --objective 1e-6 --coef 0
  done=$(attr "$work/out.h5" resumed_from)
  [ "$done" -gt 0 ] || fail "started afresh"
  [ "$done" -lt 400 ] || fail "killed too late: nothing was left to do"
done
