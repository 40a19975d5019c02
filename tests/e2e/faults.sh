#!/usr/bin/env bash
# One rank alone gets no memory or cannot read: all end together with one message and the right
# status. BVL_FAULTS: how many allocations and reads of each job are failed in turn.
. "$(dirname "$0")/lib/common.sh"

"$BEVEL" simulate "$work/data.h5" --n 60 --p 30 --seed 1 >"$work/log"
"$BEVEL" simulate "$work/sparse.h5" --n 60 --p 30 --density 0.3 --family binomial --seed 1 >"$work/log"
"$BEVEL" path "$work/data.h5" -o "$work/model.h5" --nlambda 4 --quiet
"$python" -c 'import random
random.seed(1)
print("a,b,c,y")
for i in range(200): print(",".join("%.3f" % random.gauss(0, 1) for _ in range(4)))' >"$work/data.csv"

timeout 540 bash -c '. "$0/scripts/mpi.sh"; mpi "$@"' "$BEVEL_SOURCE" "${BVL_RANKS:-3}" \
  "${BEVEL_DRIVERS:?the folder of the test drivers}/run_faults" "$work" all both "${BVL_FAULTS:-12}" ||
  fail "one rank fails alone"

# the program: exit code 5 for memory that is not there, one message
code=0
bevel 2 path "$work/data.h5" -o "$work/r.h5" --memory-limit 1K >"$work/out" 2>"$work/err" || code=$?
[ "$code" -eq 5 ] || fail "no memory: exit $code"
[ "$(grep -c '^bevel' "$work/err")" -eq 1 ] || fail "no memory: $(cat "$work/err")"
