#!/usr/bin/env bash
# A rank that stops is named and the job ends; one that only computes is left alone.
. "$(dirname "$0")/lib/common.sh"

"$BEVEL" simulate "$work/d.h5" --n 400 --p 4000 --group-size 1 --seed 3 >"$work/log"
long="path $work/d.h5 -o $work/r.h5 --nlambda 2000 --lambda-min-ratio 1e-4 --tol 1e-12 --quiet"

# stop RANK: a run of 3 ranks, one of them stopped in the middle of the path
stop() {
  local job ranks pid code=0 waited
  rm -f "$work/told"
  bevel 3 $long --watchdog 1 --log "$work/told" >"$work/out" 2>&1 &
  job=$!
  for waited in $(seq 300); do
    grep -qs "lambda 400/" "$work/told" && break
    sleep 0.05
  done
  ranks=$(pgrep -f "^$BEVEL path $work/d.h5" || true)
  [ "$(wc -w <<<"$ranks")" -eq 3 ] || fail "not 3 ranks in the middle of a path: $ranks: $(cat "$work/out")"
  for pid in $ranks; do
    grep -qz "^OMPI_COMM_WORLD_RANK=$1\$" "/proc/$pid/environ" && kill -STOP "$pid"
  done
  wait "$job" || code=$?
  [ "$code" -eq 1 ] || fail "rank $1 stopped: exit $code: $(cat "$work/out")"
  grep -q "no progress for .* s: rank $1 (.*stopped) is in .*ranks\? .* waits\? in" "$work/out" ||
    fail "rank $1 stopped: $(cat "$work/out")"
  sleep 0.2
  [ -z "$(pgrep -f "^$BEVEL path $work/d.h5")" ] || fail "ranks are left"
}

stop 2
stop 0

bevel 3 path "$work/d.h5" -o "$work/r.h5" --nlambda 60 --watchdog 0.5 --quiet >"$work/out" 2>&1 ||
  fail "a run that only computes: $(cat "$work/out")"
grep -q "no progress" "$work/out" && fail "nobody was late: $(cat "$work/out")"
exit 0
