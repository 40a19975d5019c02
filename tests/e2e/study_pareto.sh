#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The study of fronts in small: its claims about the iris front are met, and a worse front is noticed.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" -c 'import matplotlib' 2>/dev/null || {
  echo "skipped: no matplotlib"
  exit 77
}
study() { BEVEL_PYTHON=$python "$BEVEL_SOURCE/scripts/study-pareto" --quick --out "$work/$1" >"$work/$1.log" 2>&1; }

# how long it took is the machine's business: of the four claims that one may be missed
study whole || test $? -eq 1
for claim in "dominates or equals 30 of the 30" "reaches l1 = 0" "best test accuracy"; do
  grep -q "^- MET: $claim" "$work/whole/results.md" || fail "$claim: $(cat "$work/whole.log")"
done
for end in json png; do [ -s "$work/whole/results.$end" ] || fail "no results.$end"; done

# a front of four points has gaps that published points lie in
program=$BEVEL
cat >"$work/coarse.sh" <<SH
#!/bin/sh
case "\$*" in *"--norm-max 26"*) set -- "\$@" --points 4 ;; esac
exec "$program" "\$@"
SH
chmod +x "$work/coarse.sh"
code=0
BEVEL=$work/coarse.sh study coarse || code=$?
[ $code -eq 1 ] || fail "a coarse front: exit $code, $(cat "$work/coarse.log")"
grep -q "^- MISSED: dominates" "$work/coarse/results.md" || fail "a coarse front passes: $(cat "$work/coarse.log")"
