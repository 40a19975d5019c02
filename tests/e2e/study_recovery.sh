#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The recovery study in small: its claims are met, and an answer that is not the optimum is noticed.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" -c 'import matplotlib' 2>/dev/null || {
  echo "skipped: no matplotlib"
  exit 77
}
study() { BEVEL_PYTHON=$python "$BEVEL_SOURCE/scripts/study-recovery" --quick --out "$work/$1" "${@:2}" >"$work/$1.log" 2>&1; }

study whole || fail "the study: $(cat "$work/whole.log")"
[ "$(grep -c '^- MET: ' "$work/whole/results.md")" -eq 9 ] || fail "not nine claims met: $(cat "$work/whole.log")"
for end in json png; do [ -s "$work/whole/results.$end" ] || fail "no results.$end"; done

# of the gates' L-BFGS only a few steps: the group lasso is not reached, and the study says so
program=$BEVEL
cat >"$work/hasty.sh" <<SH
#!/bin/sh
case "\$*" in *"--depth 2"*) set -- "\$@" --max-iter 5 ;; esac
exec "$program" "\$@"
SH
chmod +x "$work/hasty.sh"
code=0
BEVEL=$work/hasty.sh study hasty --only groups || code=$?
[ $code -eq 1 ] || fail "hasty gates: exit $code, $(cat "$work/hasty.log")"
grep -q "^- MISSED: D = 2's objective" "$work/hasty/results.md" || fail "hasty gates pass: $(cat "$work/hasty.log")"
[ "$(grep -c '^- MISSED' "$work/hasty/results.md")" -eq 1 ] || fail "more is missed: $(cat "$work/hasty.log")"

# one start alone, and some steps of a penalty that is not convex: what auto is held to is missed
cat >"$work/hasty.sh" <<SH
#!/bin/sh
case "\$*" in
  *"--solver lbfgs"*) ;;
  *"--no-intercept"*"--penalty lq"* | *"--no-intercept"*"--penalty group-lq"*) set -- "\$@" --starts 1 ;;
  *"--penalty group-scad"*) set -- "\$@" --max-iter 1 ;;
esac
exec "$program" "\$@"
SH
for part in starts stationary; do
  code=0
  BEVEL=$work/hasty.sh study $part --only $part || code=$?
  [ $code -eq 1 ] || fail "hasty $part: exit $code, $(cat "$work/$part.log")"
  [ "$(grep -c '^- MISSED: .*auto' "$work/$part/results.md")" -eq 1 ] || fail "hasty $part pass: $(cat "$work/$part.log")"
done
