#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# The time of day is set while a job runs: durations, --max-seconds and --checkpoint-every do not see
# it. The jumps are a preloaded library's; what only another MPI would show is a rule about the source.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
cd "$BEVEL_SOURCE"
for clock in 'MPI_Wtime *(' 'gettimeofday *(' CLOCK_REALTIME; do
  ! grep -rn "$clock" src apps --include='*.c' || fail "$clock: use bvl_now_s (base/clock.h)"
done

${CC:-cc} -shared -fPIC -o "$work/jumps.so" "$lib/clock_jumps.c" -ldl 2>"$work/err" || exit 77
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
jumping() { LD_PRELOAD=$work/jumps.so bevel "$@"; }
[ "$(LD_PRELOAD=$work/jumps.so date +%s)" -ne "$(LD_PRELOAD=$work/jumps.so date +%s)" ] ||
  [ $(($(LD_PRELOAD=$work/jumps.so date +%s) - $(date +%s))) -gt 86400 ] || fail "the clock does not jump"

bevel 1 simulate "$work/data.h5" --n 100 --p 500 --seed 3 >"$work/said"
for ranks in 1 2; do
  jumping $ranks path "$work/data.h5" -o "$work/out.h5" --quiet --max-seconds 1000 \
    --checkpoint "$work/never.h5" --checkpoint-every 1000 || fail "stopped before its time: exit code $?"
  [ ! -e "$work/never.h5.old" ] || fail "a checkpoint before its time"
  "$python" - "$work/out.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    assert (f["status"][:] == 0).all(), "stopped before its time"
    seconds = f["seconds"][:]
    assert (seconds >= 0).all() and seconds.sum() < 600, seconds
PY
  code=0
  begin=$SECONDS
  jumping $ranks train "$data/iris.h5" -o "$work/net.h5" --layers 4-5-3 --epochs 100000000 --quiet \
    --max-seconds 1 --checkpoint "$work/save.h5" --checkpoint-every 0.2 || code=$?
  [ $code -eq 4 ] || fail "--max-seconds: exit code $code, not 4"
  [ $((SECONDS - begin)) -lt 60 ] || fail "--max-seconds 1 took $((SECONDS - begin)) s"
  [ -e "$work/save.h5.old" ] || fail "no checkpoints in their time"
  rm -f "$work"/save.h5* "$work"/never.h5*
done
