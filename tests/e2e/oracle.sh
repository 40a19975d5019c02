#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# bevel against solutions found by another solver (tests/data/oracle): families, penalties, weights,
# offsets, factors, missing codes, sparse and integer X.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
seen=0
for file in "$data"/oracle/*.h5; do
  options=$("$python" "$lib/oracle.py" options "$file")
  for ranks in 1 3; do
    bevel $ranks path "$file" -o "$work/out.h5" $options --tol 1e-10 --quiet
    "$python" "$lib/oracle.py" compare "$file" "$work/out.h5" || fail "$file at $ranks ranks"
    check "$work/out.h5" "$file"
  done
  seen=$((seen + 1))
done
[ $seen -ge 13 ] || fail "only $seen oracle files"
