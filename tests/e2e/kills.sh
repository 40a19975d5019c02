#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# scripts/study-kills in small: path, cv and train killed at random moments and taken up again on
# another number of ranks come to the same answer.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" "$BEVEL_SOURCE/scripts/study_kills" --small --trials 3 --seed 4
