#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# A bit that changed in a file of bevel's is found by whatever reads it, and said to be so; what a user
# changed on purpose is read when the file says `unchecked`. Two jobs do not write one file.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
iris=$data/iris.h5

# flip FILE SEED: one bit behind the first 512 bytes
flip() { "$python" - "$@" <<'PY'
import random, sys
with open(sys.argv[1], "r+b") as f:
    size = f.seek(0, 2)
    at = random.Random(int(sys.argv[2])).randrange(512, size)
    f.seek(at)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 1 << int(sys.argv[2]) % 8]))
PY
}

# refused FILE RANKS FLAGS...: exit 3, one message that names the file and says why
refused() {
  local file=$1 ranks=$2 code=0
  shift 2
  bevel "$ranks" "$@" >"$work/said" 2>"$work/err" || code=$?
  [ $code -eq 3 ] || fail "$*: exit code $code, not 3: $(cat "$work/err")"
  grep -q "^bevel $1: .*$file: checksum wrong: damaged" "$work/err" || fail "$*: $(cat "$work/err")"
}

bevel 1 simulate "$work/data.h5" --n 60 --p 20 --seed 5 >"$work/said"
bevel 1 path "$work/data.h5" -o "$work/path.h5" --nlambda 20 --quiet
bevel 1 train "$iris" -o "$work/net.h5" --layers 4-5-3 --epochs 3 --quiet
for seed in 1 2 3; do
  cp "$work/path.h5" "$work/bad.h5"
  cp "$work/net.h5" "$work/badnet.h5"
  flip "$work/bad.h5" $seed
  flip "$work/badnet.h5" $seed
  refused bad.h5 1 predict "$work/data.h5" --model "$work/bad.h5" -o "$work/pred.h5"
  refused bad.h5 1 info "$work/bad.h5"
  refused badnet.h5 1 predict "$iris" --model "$work/badnet.h5" -o "$work/pred.h5"
done
refused bad.h5 2 predict "$work/data.h5" --model "$work/bad.h5" -o "$work/pred.h5"
refused badnet.h5 1 prune "$work/badnet.h5" -o "$work/pruned.h5"
refused badnet.h5 2 train "$iris" -o "$work/again.h5" --layers 4-5-3 --epochs 1 --init "$work/badnet.h5"
[ -z "$(find "$work" -name 'pred.h5*' -o -name 'pruned.h5*' -o -name 'again.h5*')" ] || fail "left $(ls "$work")"

# changed on purpose
"$python" -c 'import sys, h5py
with h5py.File(sys.argv[1], "r+") as f: f["coef/data"][:] *= 2' "$work/path.h5"
refused path.h5 1 predict "$work/data.h5" --model "$work/path.h5" -o "$work/pred.h5"
printf unchecked | dd of="$work/path.h5" conv=notrunc status=none
bevel 1 predict "$work/data.h5" --model "$work/path.h5" -o "$work/pred.h5" >"$work/said"

# data are there to be added to: a run reads them, info says it
bevel 1 info "$work/data.h5" | grep -q '^checksum: holds' || fail "info does not hold the checksum against the data"
"$python" -c 'import sys, h5py
with h5py.File(sys.argv[1], "r+") as f: f["weights"] = f["y"][:] ** 2' "$work/data.h5"
bevel 1 info "$work/data.h5" | grep -q '^checksum: does not hold' || fail "info does not see what was added"
bevel 1 path "$work/data.h5" -o "$work/weighted.h5" --nlambda 5 --quiet
check "$work/weighted.h5" "$work/data.h5"

# the newest checkpoint damaged: the one before, with a warning; both: refused
path="path $work/data.h5 --nlambda 300"
bevel 1 $path -o "$work/whole.h5" --quiet --checkpoint "$work/ck.h5" --checkpoint-every 0.0001
[ -e "$work/ck.h5.old" ] || fail "one checkpoint only"
flip "$work/ck.h5" 6
bevel 2 $path -o "$work/out.h5" --checkpoint "$work/ck.h5" --resume >"$work/said" 2>&1
grep -q "warning: .*ck.h5 is damaged.*the one before it is taken" "$work/said" || fail "$(cat "$work/said")"
grep -q "resumed from" "$work/said" || fail "$(cat "$work/said")"
compare "$work/out.h5" "$work/whole.h5" --objective 1e-8
flip "$work/ck.h5" 7
rm -f "$work/ck.h5.old"
refused ck.h5 2 $path -o "$work/out2.h5" --checkpoint "$work/ck.h5" --resume
[ -e "$work/ck.h5" ] && [ ! -e "$work/out2.h5" ] || fail "left $(ls "$work")"

# two jobs on one file
long="train $iris --layers 4-5-3 --epochs 100000000 --quiet --checkpoint-every 0.1"
"$BEVEL" $long -o "$work/one.h5" --checkpoint "$work/save.h5" </dev/null >"$work/first" 2>&1 &
job=$!
for _ in $(seq 600); do
  [ ! -e "$work/save.h5" ] || break
  sleep 0.05
done
[ -e "$work/save.h5" ] || fail "no checkpoint after 30 s: $(cat "$work/first")"
second() { # FILE FLAGS...
  local code=0
  bevel 2 $long "${@:2}" >"$work/said-$1" 2>&1 || code=$?
  [ $code -eq 3 ] || fail "a second job: exit code $code, not 3: $(cat "$work/said-$1")"
  grep -q "$1: another bevel is writing it (process $job on " "$work/said-$1" || fail "$(cat "$work/said-$1")"
}
second one.h5 -o "$work/one.h5" --checkpoint "$work/other.h5" &
one=$!
second save.h5 -o "$work/two.h5" --checkpoint "$work/save.h5"
wait $one || exit 1
kill -0 $job 2>/dev/null || fail "the first job did not outlive the second: $(cat "$work/first")"
kill -9 $job
wait $job 2>"$work/said" || true
[ -e "$work/one.h5.lock" ] || fail "nothing was locked"
bevel 1 train "$iris" --layers 4-5-3 --epochs 2 --quiet -o "$work/one.h5" --checkpoint "$work/fresh.h5"
[ -z "$(find "$work" -name 'one.h5.*' -o -name 'fresh.h5.lock')" ] || fail "left $(ls "$work")"
code=0
bevel 1 $path -o "$work/same.h5" --checkpoint "$work/same.h5" 2>"$work/err" || code=$?
[ $code -eq 2 ] || fail "one file for both: exit code $code, not 2"
