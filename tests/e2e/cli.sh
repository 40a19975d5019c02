#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# The command line: help without MPI, exact flags, refusals in one line, exit codes, run files, what is
# said where, signals, and a checkpoint that cannot be written.
set -eu
: "${BEVEL:?the program}" "${BEVEL_SOURCE:?the source folder}"
. "$BEVEL_SOURCE/scripts/mpi.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# expect CODE WORDS ARGS...: bevel ARGS leaves with CODE; standard error is one line that has WORDS.
expect() {
  local code=0 want=$1 words=$2
  shift 2
  timeout 60 "$BEVEL" "$@" >out 2>err </dev/null || code=$?
  [ $code -eq "$want" ] || fail "bevel $*: exit code $code, not $want: $(cat err)"
  [ ! -s out ] || fail "bevel $*: an error, but standard output has: $(cat out)"
  [ "$(wc -l <err)" -eq 1 ] || fail "bevel $*: not one line: $(cat err)"
  grep -qF -e "$words" err || fail "bevel $*: '$words' is not in: $(cat err)"
}

# help and version
"$BEVEL" --version | grep -Eq '^bevel [0-9]+\.[0-9]+\.[0-9]+$' || fail "--version"
for command in simulate path fit predict info; do
  "$BEVEL" --help | grep -q "bevel $command" || fail "--help does not name $command"
  "$BEVEL" $command --help | grep -q -- --help || fail "$command --help"
done
"$BEVEL" info | grep -q kernels || fail "info"

# commands and flags
expect 2 "unknown command pth" pth
expect 2 "did you mean --lambda?" path data.h5 -o out.h5 --lamda 1
expect 2 "unknown flag --nlam" path data.h5 -o out.h5 --nlam 5
expect 2 "unknown flag --nlam" path data.h5 -o out.h5 --nlam=5
expect 2 "--tol 2: wanted a number in (0, 1)" path data.h5 -o out.h5 --tol 2
expect 2 "lasso, enet, group-lasso" path data.h5 -o out.h5 --penalty hoyer-square
expect 2 "unknown flag --replicas" path data.h5 -o out.h5 --replicas 2
expect 2 "unknown flag --folds" path data.h5 -o out.h5 --folds 3
expect 2 "(2, inf)" path data.h5 -o out.h5 --penalty scad --gamma 1.5
expect 2 "--dfmax -1: wanted an integer of at least 0" path data.h5 -o out.h5 --dfmax -1
expect 2 "--dfmax goes with --polish" path data.h5 -o out.h5 --dfmax 3 --solver adam --no-polish
expect 2 "--resume needs --checkpoint" path data.h5 -o out.h5 --resume
expect 2 "a file is missing" path -o out.h5
expect 2 "--lambda" fit data.h5 -o out.h5
expect 2 "--model" predict data.h5 -o out.h5
expect 2 "--run nothing.ini" path data.h5 -o out.h5 --run nothing.ini
expect 2 "active 11: there are 10 columns" simulate data.h5 --n 10 --p 10 --active 11
expect 2 "--recipe nothing: wanted one of lasso, wide, group, logistic" simulate data.h5 --recipe nothing

# files
expect 3 "nothing.h5" path nothing.h5 -o out.h5
expect 3 "nothing.h5" info nothing.h5
"$BEVEL" simulate data.h5 --n 60 --p 30 --active 3 --seed 4 >out 2>err
[ ! -s err ] && grep -q data.h5 out || fail "simulate: $(cat out err)"
expect 3 "/groups" path data.h5 -o out.h5 --penalty group-lasso
expect 3 "/nowhere" path data.h5 -o out.h5 --weights /nowhere
expect 3 "missing/out.h5" path data.h5 -o missing/out.h5
expect 2 "2x2 grid" path data.h5 -o out.h5 --grid 2x2
expect 5 "the limit is 1.0 MiB" path data.h5 -o out.h5 --memory-limit 1M
[ ! -e out.h5 ] || fail "a result of a run that was refused"

# at several ranks an error is said once, and every rank leaves with the same code
code=0
mpi 3 "$BEVEL" path data.h5 -o out.h5 --lamda 1 >out 2>err </dev/null || code=$?
[ $code -eq 2 ] || fail "3 ranks, unknown flag: exit code $code"
[ "$(grep -c "unknown flag" err)" -eq 1 ] || fail "not said once: $(cat err)"
mpi 3 "$BEVEL" path --help >out 2>err </dev/null || fail "--help under mpirun"
[ "$(grep -c "^Usage" out)" -eq 1 ] || fail "help not said once"

# a good run: progress and log on standard error and in the log file, last lines on standard output
"$BEVEL" path data.h5 -o out.h5 --nlambda 20 --log log --profile >out 2>err </dev/null
grep -q "all 20 lambdas converged" out && grep -q "result in out.h5" out || fail "last lines: $(cat out)"
grep -q "lambda 20/20" err || fail "progress: $(cat err)"
grep -q "T.*Z .*lambda 20/20" log || fail "log: $(cat log)"
lines=$(wc -l <err)
[ "$lines" -ge 5 ] && [ "$lines" -le 15 ] || fail "$lines lines of progress: $(cat err)"
"$BEVEL" path data.h5 -o out.h5 --quiet >out 2>err </dev/null
[ ! -s out ] && [ ! -s err ] || fail "--quiet says something: $(cat out err)"
"$BEVEL" path data.h5 -o out.h5 --json >out 2>err </dev/null
[ "$(wc -l <out)" -eq 1 ] && grep -q '^{.*"converged": 100.*}$' out || fail "--json: $(cat out)"
"$BEVEL" info out.h5 | grep -q "100 converged" || fail "info of a result"

# what did not converge is said, and is no success; unless that is what was asked for
code=0
"$BEVEL" path data.h5 -o slow.h5 --solver lbfgs --no-polish --max-iter 1 --nlambda 3 --tol 1e-12 --quiet || code=$?
[ $code -eq 0 ] || fail "--no-polish: exit code $code"
code=0
"$BEVEL" path data.h5 -o slow.h5 --max-seconds 1e-9 >out || code=$?
[ $code -eq 4 ] && grep -q "not attempted" out || fail "no time: exit code $code, $(cat out)"

# a run file: the command line wins over it; a bad key is refused with its line
printf 'nlambda = 7\nquiet = yes\n[path]\nlambda-min-ratio = 0.2\n' >run.ini
"$BEVEL" path data.h5 -o ini.h5 --run run.ini
"$BEVEL" info ini.h5 | grep -q "/lambda: 7 values" || fail "the run file's nlambda"
"$BEVEL" path data.h5 -o ini.h5 --run run.ini --nlambda 5
"$BEVEL" info ini.h5 | grep -q "/lambda: 5 values" || fail "the command line does not win"
printf 'nlambda = 7\nlamda = 1\n' >run.ini
expect 2 "run.ini: line 2: unknown flag --lamda" path data.h5 -o ini.h5 --run run.ini

# a checkpoint that cannot be written is a warning
"$BEVEL" path data.h5 -o out.h5 --nlambda 5 --checkpoint missing/ck.h5 --quiet 2>err || fail "checkpoint: $(cat err)"
grep -q "warning: checkpoint missing/ck.h5 not written" err || fail "no warning: $(cat err)"

# signals: 128 + signal without a checkpoint, 75 with one, and then the same command goes on
"$BEVEL" simulate big.h5 --n 400 --p 3000 --active 60 --seed 5 --quiet
interrupt() { # SIGNAL FLAGS...
  local signal=$1
  shift
  rm -f big-out.h5
  "$BEVEL" path big.h5 -o big-out.h5 --nlambda 2000 "$@" >out 2>err </dev/null &
  local job=$!
  for _ in $(seq 300); do
    grep -q "lambda" err && break
    sleep 0.05
  done
  kill -"$signal" $job
  code=0
  wait $job || code=$?
  [ ! -e big-out.h5 ] || fail "a result after SIG$signal"
}
interrupt TERM
[ $code -eq 143 ] || fail "SIGTERM: exit code $code: $(cat err)"
interrupt USR1 --checkpoint ck.h5
[ $code -eq 75 ] || fail "SIGUSR1: exit code $code: $(cat err)"
[ -e ck.h5 ] || fail "no checkpoint after SIGUSR1"
expect 2 "tol=1e-08 there" path big.h5 -o big-out.h5 --nlambda 2000 --checkpoint ck.h5 --resume --tol 1e-7
echo "command line: ok"
