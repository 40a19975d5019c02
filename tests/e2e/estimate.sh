#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a path is said to need, before it runs and by info --estimate, is within 20% of what it takes.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" "$lib/estimate.py" "$BEVEL" "$BEVEL_SOURCE/scripts" "$work" || fail "an estimate off by more than 20%"

code=0
bevel 1 info --estimate 2>"$work/said" || code=$?
[ $code -eq 2 ] && grep -q "needs a data file" "$work/said" || fail "info --estimate alone: exit $code"
code=0
bevel 1 info "$work/data.h5" --dfmax 3 2>"$work/said" || code=$?
[ $code -eq 2 ] && grep -q -- "--estimate" "$work/said" || fail "info --dfmax: exit $code"
bevel 1 info "$work/data.h5" --estimate --dfmax 100 | grep -q "64 ranks  grid 1x64" || fail "no list of ranks"

# under a limit: held, streamed or refused, as the path then is, in its figures
info() { bevel 1 info "$work/data.h5" --estimate --ranks 2 --nlambda 2 --dfmax 20 --memory-limit "$1" | tail -1 >"$work/plan"; }
path() {
  code=0
  bevel 2 path "$work/data.h5" -o "$work/out.h5" --nlambda 2 --lambda-min-ratio 0.9 --dfmax 20 --memory-limit "$1" \
    >"$work/said" 2>&1 || code=$?
}
in_use() { sed -n 's/.* \([0-9.]* [KMG]iB\) a rank for what is in use.*/\1/p' "$1"; }
info 1G
grep -q "X is held, with an 8-bit copy" "$work/plan" || fail "1G: $(cat "$work/plan")"
info 120M
path 120M
[ $code -eq 0 ] && [ -n "$(in_use "$work/plan")" ] && [ "$(in_use "$work/plan")" = "$(in_use "$work/said")" ] ||
  fail "120M: exit $code: $(cat "$work/plan" "$work/said")"
info 60M
path 60M
[ $code -eq 5 ] && grep -q "does not fit" "$work/plan" || fail "60M: exit $code: $(cat "$work/plan" "$work/said")"
