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
