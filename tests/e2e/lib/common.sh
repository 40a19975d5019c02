# SPDX-License-Identifier: BSD-3-Clause
# For the scripts of tests/e2e to source. Gives: $work (a folder that goes away), $python, `bevel N
# ARGS` (N = 1 is the bare program, more go under mpirun), `check`, `compare`, `fail`, `attr`.
set -euo pipefail
: "${BEVEL:?the program}" "${BEVEL_SOURCE:?the source folder}"
. "$BEVEL_SOURCE/scripts/mpi.sh"
lib=$BEVEL_SOURCE/tests/e2e/lib
data=$BEVEL_SOURCE/tests/data
python=$(python_with_h5py) || {
  echo "skipped: no python3 with numpy and h5py (scripts/setup plots)"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

bevel() {
  local ranks=$1
  shift
  if [ "$ranks" -eq 1 ]; then
    timeout 120 "$BEVEL" "$@" </dev/null
  else
    timeout 120 bash -c '. "$0/scripts/mpi.sh"; mpi "$@"' "$BEVEL_SOURCE" "$ranks" "$BEVEL" "$@"
  fi
}

# check RESULT DATA: nothing in the result is a lie.
check() { "$python" "$BEVEL_SOURCE/scripts/check" "$@" || fail "check $*"; }

# compare A B [--objective R] [--coef R] ...: two results say the same (lib/compare.py).
compare() { "$python" "$lib/compare.py" "$@" || fail "compare $*"; }

# attr RESULT NAME: a root attribute. all_zero RESULT: every /status is 0.
attr() { "$python" -c 'import h5py, sys; v = h5py.File(sys.argv[1], "r").attrs[sys.argv[2]]
print(v.decode() if isinstance(v, bytes) else repr(v.item()) if hasattr(v, "item") else v)' "$@"; }
all_zero() { "$python" -c 'import h5py, sys; sys.exit(int((h5py.File(sys.argv[1], "r")["status"][:] != 0).any()))' "$1" ||
  fail "$1: a status is not 0"; }
