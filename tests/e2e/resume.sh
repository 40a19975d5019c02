#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A path killed in the middle goes on from its checkpoint, on another number of ranks, to the answer
# it would have had; SIGUSR1 to mpirun stops it with 75 and a checkpoint.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 2 simulate "$work/data.h5" --n 400 --p 4000 --active 40 --rho 0.5 --snr 2 --seed 2

# start FLAGS...: a checkpointed run of 2 ranks in the background, its mpirun's process id in $job.
start() {
  rm -f "$work"/out.h5 "$work"/ck.h5*
  "${BEVEL_MPIRUN:-mpirun}" -n 2 "$BEVEL" path "$work/data.h5" -o "$work/out.h5" \
    --checkpoint "$work/ck.h5" --checkpoint-every 0.05 --quiet "$@" </dev/null 2>"$work/err" &
  job=$!
}

# Waits for the first checkpoint; fails when the run ends before.
wait_for_checkpoint() {
  for _ in $(seq 3000); do
    kill -0 $job 2>/dev/null || fail "the run ended before it could be interrupted: $(cat "$work/err")"
    [ ! -e "$work/ck.h5" ] || break
    sleep 0.01
  done
  [ -e "$work/ck.h5" ] || fail "no checkpoint after 30 s"
}

# The resumed result is true, complete, equal to the uninterrupted one, and did not start afresh.
judge() {
  check "$work/out.h5" "$work/data.h5"
  compare "$work/out.h5" "$work/whole.h5" --objective "$1" --coef 0
  "$python" - "$work/out.h5" "$work/whole.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as out, h5py.File(sys.argv[2], "r") as whole:
    done = int(out.attrs["resumed_from"])
    assert done >= 0, "started afresh"
    share = float(out.attrs["passes"]) / float(whole.attrs["passes"])
    print(f"resumed with {done} of {len(out['lambda'])} lambdas; {share:.2f} of the passes remained")
    # the standardization and lambda_max are found again (3 passes); what was finished is spared, and
    # counts at least half an even share, since the first lambdas are the cheap ones
    assert share <= 1 - (done - 1) / len(out["lambda"]) * 0.5 + 3 / float(whole.attrs["passes"]), share
PY
}

interrupt_and_resume() { # NAME TOLERANCE FLAGS...
  local name=$1 tolerance=$2 code
  shift 2
  bevel 2 path "$work/data.h5" -o "$work/whole.h5" --quiet "$@"
  for ranks in 1 3; do
    start "$@"
    wait_for_checkpoint
    kill -9 $(ps -o pid= --ppid $job | head -1) # a rank; mpirun ends the others
    wait $job && fail "$name: a killed run ended well"
    [ ! -e "$work/out.h5" ] || fail "$name: a result after SIGKILL"
    bevel $ranks path "$work/data.h5" -o "$work/out.h5" --checkpoint "$work/ck.h5" --resume --quiet "$@"
    judge "$tolerance"
  done
  start "$@"
  wait_for_checkpoint
  kill -USR1 $job
  code=0
  wait $job || code=$?
  [ $code -eq 75 ] || fail "$name: exit code $code after SIGUSR1, not 75: $(cat "$work/err")"
  [ ! -e "$work/out.h5" ] || fail "$name: a result after SIGUSR1"
  bevel 2 path "$work/data.h5" -o "$work/out.h5" --checkpoint "$work/ck.h5" --resume --quiet "$@"
  judge "$tolerance"
}

# both are certified to 1e-8 of half the null deviance, and stationary far below that
interrupt_and_resume auto 1e-8 --nlambda 2000
interrupt_and_resume cd 1e-8 --solver cd --nlambda 60 --lambda-min-ratio 0.05
# one seed is one run: the steps after the checkpoint are the ones that would have been taken
interrupt_and_resume sgd 1e-8 --solver sgd --no-polish --nlambda 3 --lambda-min-ratio 0.5 --epochs 400

# SIGTERM at a rank: 75 with a checkpoint, 128 + signal without, never a result
for wanted in 75 143; do
  keep="--checkpoint $work/term.h5"
  [ $wanted -eq 75 ] || keep=
  rm -f "$work/out.h5"
  "$BEVEL" path "$work/data.h5" -o "$work/out.h5" --solver sgd --no-polish --nlambda 3 --epochs 100000 \
    --quiet $keep </dev/null 2>"$work/err" &
  job=$!
  sleep 1.5
  kill -TERM $job
  code=0
  wait $job || code=$?
  [ $code -eq $wanted ] || fail "exit code $code after SIGTERM, not $wanted: $(cat "$work/err")"
  [ ! -e "$work/out.h5" ] || fail "a result after SIGTERM"
done
[ -e "$work/term.h5" ] || fail "no checkpoint after SIGTERM"

# --resume without a checkpoint file starts afresh; a checkpoint of another problem is refused
rm -f "$work"/ck.h5* "$work/out.h5"
bevel 1 path "$work/data.h5" -o "$work/out.h5" --nlambda 5 --lambda-min-ratio 0.5 \
  --checkpoint "$work/ck.h5" --resume --quiet
[ "$(attr "$work/out.h5" resumed_from)" = -1 ] || fail "resumed from nothing"
code=0
bevel 1 path "$work/data.h5" -o "$work/out2.h5" --nlambda 6 --lambda-min-ratio 0.5 \
  --checkpoint "$work/ck.h5" --resume --quiet 2>"$work/err" || code=$?
[ $code -eq 2 ] || fail "another run's checkpoint: exit code $code, not 2"
grep -q lambda "$work/err" || fail "the message does not say what differs: $(cat "$work/err")"
code=0
bevel 1 path "$work/data.h5" -o "$work/out2.h5" --resume 2>/dev/null || code=$?
[ $code -eq 2 ] || fail "--resume without --checkpoint: exit code $code, not 2"
