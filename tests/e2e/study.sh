#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bevel study: every task is what bevel path or bevel cv alone comes to, at any rank count; what a
# penalty does not have is dropped; a bad file is a row, a bad key refused; killed, it goes on.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

study() { "$python" "$lib/study.py" "$@" || fail "study.py $*"; }

bevel 1 simulate "$work/a.h5" --n 60 --p 120 --seed 4 --quiet
bevel 1 simulate "$work/b.h5" --n 150 --p 40 --seed 5 --quiet
head -c 3000 "$work/a.h5" >"$work/bad.h5"

# 2 data sets x (lasso, mcp x 2 gammas, enet x 2 alphas), and a bad file among them
cat >"$work/grid.ini" <<INI
[study]
data = $work/a.h5, $work/b.h5
data = $work/bad.h5
penalty = lasso, mcp, enet
alpha = 0.5, 0.9
gamma = 2, 3
nlambda = 12
INI
for ranks in 1 2 3 5; do
  code=0
  bevel $ranks study "$work/grid.ini" -o "$work/out$ranks.h5" --quiet --json >"$work/json" || code=$?
  [ $code -eq 4 ] || fail "$ranks ranks: exit $code, not 4"
  study summary "$work/out$ranks.h5" "$work/json" 15 5
  [ ! -e "$work/out$ranks.h5.tasks" ] || fail "the scratch folder was left"
done

# the tasks, one by one
k=0
for file in a b; do
  for flags in "" "--penalty mcp --gamma 2" "--penalty mcp --gamma 3" "--penalty enet --alpha 0.5" \
    "--penalty enet --alpha 0.9"; do
    bevel 1 path "$work/$file.h5" -o "$work/alone.h5" --nlambda 12 --quiet $flags
    study same "$work/alone.h5" $k "$work"/out{1,2,3,5}.h5
    k=$((k + 1))
  done
done

check "$work/alone.h5" "$work/b.h5" # so are all that are equal to such

# shown, and predicted with
bevel 1 info "$work/out2.h5" >"$work/said"
grep -q 'study file .*: 15 tasks' "$work/said" || fail "info: $(cat "$work/said")"
grep -q 'penalty=mcp gamma=3: converged' "$work/said" || fail "info: $(cat "$work/said")"
bevel 1 predict "$work/a.h5" --model "$work/out2.h5" --task 2 -o "$work/p.h5" --quiet
study task "$work/out2.h5" 2 "$work/task.h5"
bevel 1 predict "$work/a.h5" --model "$work/task.h5" -o "$work/q.h5" --quiet
study same_prediction "$work/p.h5" "$work/q.h5"

# refused CODE WORDS FLAGS...
refused() {
  local code=0 wanted=$1 words=$2
  shift 2
  bevel 1 "$@" >"$work/said" 2>&1 || code=$?
  [ $code -eq "$wanted" ] || fail "$*: exit $code, not $wanted: $(cat "$work/said")"
  grep -q -- "$words" "$work/said" || fail "$*: said $(cat "$work/said")"
}
refused 2 'do not compare' predict "$work/a.h5" --model "$work/out2.h5" -o "$work/p.h5"
refused 3 '/tasks/12' predict "$work/a.h5" --model "$work/out2.h5" --task 12 -o "$work/p.h5"
edited() { sed "$1" "$work/grid.ini" >"$work/edited.ini"; }
edited 's/gamma/gama/' && refused 2 'line 6: \[study\] gama: .*did you mean --gamma' \
  study "$work/edited.ini" -o "$work/no.h5"
edited 's/gamma = 2/gamma = 0.2/' && refused 2 'line 6: \[study\] gamma: .*above 1' \
  study "$work/edited.ini" -o "$work/no.h5"
edited 's/lasso, mcp, enet/lasso/' && refused 2 '\[study\] alpha: concerns no task' \
  study "$work/edited.ini" -o "$work/no.h5"
edited 's/penalty =/folds =/' && refused 2 '\[study\] folds' study "$work/edited.ini" -o "$work/no.h5"
edited 's/nlambda = 12/grid = 1x1/' && refused 2 'line 7: \[study\] grid' \
  study "$work/edited.ini" -o "$work/no.h5"
refused 2 'overwrite' study "$work/grid.ini" -o "$work/b.h5"
[ ! -e "$work/no.h5" ] || fail "a refused study left a result"

# sub-grids of cross-validations, one without a use for a key of all; what comes twice is run once; the best is known
cat >"$work/cv.ini" <<INI
[study]
command = cv
data = $work/b.h5
folds = 3
nlambda = 8
gamma = 3.7, 5
[convex]
penalty = lasso, enet
alpha = 0.5
[concave]
penalty = lasso, scad
INI
bevel 3 study "$work/cv.ini" -o "$work/cv3.h5" --quiet
bevel 1 study "$work/cv.ini" -o "$work/cv1.h5" --quiet
study summary "$work/cv3.h5" - 4 0
k=0
for flags in "" "--penalty enet --alpha 0.5" "--penalty scad --gamma 3.7" "--penalty scad --gamma 5"; do
  bevel 1 cv "$work/b.h5" -o "$work/alone.h5" --folds 3 --nlambda 8 --quiet $flags
  for ranks in 1 3; do
    study task "$work/cv$ranks.h5" $k "$work/task.h5"
    "$python" "$lib/cv.py" same "$work/task.h5" "$work/alone.h5" 1e-8 || fail "task $k of cv"
  done
  k=$((k + 1))
done
bevel 1 predict "$work/b.h5" --model "$work/cv3.h5" -o "$work/p.h5" --at lambda.min --quiet

wait_for() { # PATTERN: until such a file is there, while the job runs
  for _ in $(seq 3000); do
    ! compgen -G "$1" >/dev/null || return 0
    kill -0 $job 2>/dev/null || break
    sleep 0.01
  done
  fail "the study ended before it could be interrupted: $(cat "$work/said")"
}

# killed in the middle, resumed on other ranks; what was finished is not run again, and a grid that
# has grown keeps what it had
bevel 1 simulate "$work/long.h5" --n 200 --p 3000 --seed 3 --quiet
cat >"$work/long.ini" <<INI
[study]
data = $work/long.h5
penalty = lasso, enet
alpha = 0.2, 0.4, 0.6, 0.8
nlambda = 300
INI
bevel 2 study "$work/long.ini" -o "$work/whole.h5" --quiet
"${BEVEL_MPIRUN:-mpirun}" -n 2 "$BEVEL" study "$work/long.ini" -o "$work/long.out" --checkpoint "$work/keep" \
  --checkpoint-every 0.05 </dev/null >"$work/said" 2>&1 &
job=$!
wait_for "$work/keep/*.row"
ranks=$(ps -o pid= --ppid $job) || fail "the study ended before it could be killed"
until kill -STOP $ranks && compgen -G "$work/keep/*.ck" >/dev/null; do # inside a task, not between two
  kill -CONT $ranks
  wait_for "$work/keep/*.ck"
done
kill -9 $ranks
wait $job && fail "a killed study ended well"
[ ! -e "$work/long.out" ] || fail "a result after SIGKILL"
sed -i 's/= lasso/= mcp, lasso/' "$work/long.ini"
bevel 3 study "$work/long.ini" -o "$work/long.out" --checkpoint "$work/keep" --resume --quiet \
  --json >"$work/json"
study resumed "$work/json" "$work/long.out" "$work/whole.h5"
# interrupted: 75, and nothing is lost
rm -rf "$work/keep" "$work/long.out"
"$BEVEL" study "$work/long.ini" -o "$work/long.out" --checkpoint "$work/keep" \
  --checkpoint-every 0.05 </dev/null >"$work/said" 2>&1 &
job=$!
wait_for "$work/keep/*.ck"
kill -USR1 $job
code=0
wait $job || code=$?
[ $code -eq 75 ] || fail "interrupted: exit $code, not 75: $(cat "$work/said")"
bevel 1 study "$work/long.ini" -o "$work/long.out" --checkpoint "$work/keep" --resume --quiet
study task "$work/long.out" 1 "$work/task.h5"
check "$work/task.h5" "$work/long.h5"
