#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# Help by topic, versions of libraries, man pages that say every flag and are clean, and completions in
# a shell that is given the words before a cursor. All of it without MPI, from the program's tables.
set -eu
export LC_ALL=C
: "${BEVEL:?the program}" "${BEVEL_SOURCE:?the source folder}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "FAIL: $*" >&2
  exit 1
}
commands=$("$BEVEL" help | sed -n 's/^  bevel \([a-z]*\) .*/\1/p')
topics="penalties solvers data results checkpoints exit-codes cluster"
flags_of() { "$BEVEL" "$1" --help | grep -o '^ *\(-o, \)\?--[a-z0-9-]*' | grep -o -- '--.*'; }

# topics: two ways to ask, no line wider than a terminal, every topic in the program's help
for topic in $topics; do
  "$BEVEL" help $topic >topic || fail "help $topic"
  "$BEVEL" --help=$topic | cmp -s - topic || fail "--help=$topic is not help $topic"
  [ "$(wc -l <topic)" -ge 8 ] || fail "help $topic: little to read"
  awk 'length > 100 { exit 1 }' topic || fail "help $topic: a long line"
  "$BEVEL" --help | grep -q "[ |]$topic[ |]" || fail "--help does not name the topic $topic"
done
for command in $commands; do
  "$BEVEL" help $command | cmp -s - <("$BEVEL" $command --help) || fail "help $command"
done
code=0
"$BEVEL" help nothing 2>err || code=$?
[ $code -eq 2 ] && grep -q "topics: penalties" err || fail "help nothing: exit code $code: $(cat err)"
# the topics' tables are the library's: penalties are --penalty's words
words=$("$BEVEL" path d.h5 -o o.h5 --penalty none 2>&1 | sed 's/.*one of //; s/,//g') || true
for penalty in $words; do
  "$BEVEL" help penalties | grep -q "^  $penalty " || fail "help penalties has no $penalty"
done
[ "$(wc -w <<<"$words")" -ge 17 ] || fail "penalties: $words"

# versions of what is loaded
"$BEVEL" --version >version
for library in MPI HDF5 "BLAS.*LAPACK"; do
  grep -Eq "^$library +.*[0-9]+\.[0-9]+" version || fail "--version: no $library: $(cat version)"
done

# man pages: one a command, with every flag of its help, and nothing that a formatter warns of
mkdir man
SOURCE_DATE_EPOCH=86400 "$BEVEL" --man man
grep -q "^.TH BEVEL 1 1970-01-02 " man/bevel.1 || fail "bevel.1 is not dated by SOURCE_DATE_EPOCH"
for topic in penalties solvers data results checkpoints cluster; do
  grep -q "^.SH ${topic^^}$" man/bevel.1 || fail "bevel.1 has no $topic"
done
for command in $commands; do
  page=man/bevel-$command.1
  for flag in $(flags_of $command); do
    grep -q -F -e "\\fB${flag//-/\\-}\\fR" $page || fail "$page has no $flag"
  done
  grep -q "^.BR bevel..$command (1)" man/bevel.1 || fail "bevel.1 does not know $command"
done
if command -v groff >/dev/null; then
  for page in man/*.1; do
    groff -ww -man -Tascii $page 2>warnings >/dev/null && [ ! -s warnings ] || fail "$page: $(cat warnings)"
  done
fi
if command -v mandoc >/dev/null; then
  mandoc -T lint -W warning man/*.1 >warnings || fail "mandoc: $(cat warnings)"
fi
code=0
"$BEVEL" --man nowhere 2>err || code=$?
[ $code -eq 5 ] && grep -q "nowhere/bevel.1" err || fail "--man nowhere: exit code $code: $(cat err)"

# completions: the words before the cursor, cut as readline cuts them; the last one is being typed
"$BEVEL" --completion >bevel.bash
. ./bevel.bash
touch "a file.h5" data.h5
after() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _bevel bevel "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" || true
  got=$(printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' ')
}
gives() { # WANTED WORDS...: these words give exactly that
  local want=$1
  shift
  after "$@"
  [ "$got" = "$want" ] || fail "completion of '$*' gives '$got', not '$want'"
}
complete -p bevel | grep -q _bevel || fail "nothing completes bevel"
gives "$(printf '%s\n' $commands help --help --version --completion | sort | paste -sd' ')" bevel ""
gives "predict" bevel pred
gives "--penalty --penalty-factor" bevel path data.h5 --penal
with_l=$(printf '%s\n' $words | grep ^l | sort | paste -sd' ')
gives "$with_l" bevel path data.h5 --penalty l
gives "$with_l" bevel path data.h5 --penalty = l
gives "mcp" bevel cv --penalty mc
gives "binomial gaussian multinomial poisson" bevel fit --family =
gives "a file.h5 bevel.bash data.h5 err man topic version warnings" bevel path ""
gives "a file.h5" bevel path -o a
gives "a file.h5" bevel predict --model a
gives "data.h5" bevel path --no-standardize d
gives "" bevel path --alpha ""
gives "none" bevel path --weights ""
gives "checkpoints cluster cv" bevel help c
gives "checkpoints cluster" bevel --help = c
for command in $commands; do
  gives "$({ echo --help; flags_of $command; } | sort -u | paste -sd' ')" bevel $command -
done
echo "manual: ok"
