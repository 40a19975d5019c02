#!/usr/bin/env bash
# Data files that others wrote, damaged in hundreds of ways: refused in words or read as they are.
# BVL_MUTANTS: how many of each kind; BVL_SEED: which ones; BVL_RANKS: on how many ranks.
. "$(dirname "$0")/lib/common.sh"

driver=${BEVEL_DRIVERS:?the folder of the test drivers}/run_paths
ranks=${BVL_RANKS:-1}
command=("$driver")
[ "$ranks" -eq 1 ] || command=(bash -c '. "$0/scripts/mpi.sh"; mpi "$@"' "$BEVEL_SOURCE" "$ranks" "$driver")
"$python" "$lib/h5_mutants.py" "$work" "$BEVEL_SOURCE/scripts/check" "${BVL_MUTANTS:-25}" "${BVL_SEED:-1}" \
  "${command[@]}" || fail "mutants"
