#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Broken data are refused within seconds, with exit code 3, in one line that says where, and without
# a result file, at 1 and at 3 ranks.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
mkdir "$work/in"
"$python" "$lib/bad_input.py" "$work/in" >"$work/cases"
failures=0
complain() {
  echo "FAIL: $*"
  sed 's/^/    /' "$work/err" | head -5
  failures=$((failures + 1))
}

while IFS=$'\t' read -r file flags words; do
  [ "$flags" != - ] || flags=
  for ranks in 1 3; do
    what="$(basename "$file") $flags at $ranks ranks"
    code=0
    begin=$SECONDS
    bevel $ranks path "$file" -o "$work/out.h5" $flags >"$work/out" 2>"$work/err" || code=$?
    [ $((SECONDS - begin)) -le 10 ] || complain "$what: took $((SECONDS - begin)) s"
    [ $code -eq 3 ] || complain "$what: exit code $code, not 3"
    # mpirun adds lines of its own about the exit code: only the program's begin with its name
    grep '^bevel' "$work/err" >"$work/lines" || true
    [ $ranks -gt 1 ] || cp "$work/err" "$work/lines"
    [ "$(wc -l <"$work/lines")" -eq 1 ] || complain "$what: not one line on standard error"
    grep -qE -- "$words" "$work/lines" || complain "$what: no /$words/ in the message"
    [ -z "$(ls "$work" | grep '^out\.h5')" ] || complain "$what: left $(ls "$work" | grep '^out\.h5')"
    rm -f "$work"/out.h5*
  done
done <"$work/cases"
echo "$(wc -l <"$work/cases") files, $failures complaints"
[ $failures -eq 0 ]
