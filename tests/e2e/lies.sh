#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# scripts/check sees a lie: a true result passes, and fails when any one number in it is changed.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
bevel 1 path "$data/colon.h5" -o "$work/true.h5" --family binomial --nlambda 30 --quiet
check "$work/true.h5" "$data/colon.h5"
"$python" "$lib/tamper.py" "$work/true.h5" "$data/colon.h5" "$BEVEL_SOURCE/scripts/check"
