#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fast. Messages and bytes of a path, counted by --profile, are what scripts/scaling_study predicts, to the
# byte, at 1 to 3 ranks: dense with columns dropped, sparse with columns missed by screening; and the
# check is one that fails.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
predicted() { "$python" "$BEVEL_SOURCE/scripts/scaling_study/traffic.py" "$@"; }

# lines DATA FLAGS...: the --json lines of 1, 2 and 3 ranks.
lines() {
  local file=$1
  shift
  for ranks in 1 2 3; do
    bevel $ranks path "$work/$file.h5" -o "$work/out.h5" --quiet --json --profile "$@" 2>/dev/null
  done >"$work/lines"
}

# some BATCH: is that expression true of a batch?
some() {
  "$python" -c 'import json, sys
sys.exit(not any(eval(sys.argv[2], {}, b) for line in open(sys.argv[1]) for b in json.loads(line)["profile"]["batches"]))' \
    "$work/lines" "$1" || fail "no batch with $1: the case is not covered"
}

bevel 1 simulate "$work/dense.h5" --n 60 --p 900 --active 10 --rho 0.9 --seed 1 --quiet
lines dense --lambda-min-ratio 0.001
some "after < before + screened + violators"
some "surveyed == 1"
# the last support is foreseen within a quarter after the first batch; what was surveyed is everybody's: by any ranks
foreseen() {
  "$python" -c 'import json, sys
runs = [json.loads(line) for line in open(sys.argv[1])]
first = [run["profile"]["outlooks"][0] for run in runs]
ends = [o["support"] for o in first]
assert len(ends) == 3 and max(ends) - min(ends) <= 1e-3 * min(ends), first
for o, run in zip(first, runs):
    assert 5 <= o["finished"] <= 20 and o["left_s"] > 0 and abs(o["support"] / run["support"] - 1) < 0.25, (o, run["support"])' \
    "$work/lines" || fail "outlooks of $1"
}
foreseen dense
predicted <"$work/lines" || fail "dense"
if sed 's/"path_sent": {"allreduce": \[/&1/' "$work/lines" | predicted >"$work/said"; then fail "a wrong count passes"; fi
grep -q "allreduce: counted" "$work/said" || fail "said: $(cat "$work/said")"

bevel 1 simulate "$work/sparse.h5" --recipe sparse --n 300 --p 600 --active 5 --seed 3 --quiet
lines sparse --no-intercept --nlambda 200
some "violators > 0"
foreseen sparse # 215 where 300 could be
predicted --sparse --no-intercept <"$work/lines" || fail "sparse"
echo "traffic: ok"
