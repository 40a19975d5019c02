#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# A disk without room: while a checkpoint is written that is a warning, the one before stays and the
# run goes on; while a result is written it is the end, with 5, one message and no half file. A limit on
# the size of files stands for the disk everywhere; a small file system where one may be mounted.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
# MPI's own files would be the first that do not fit
export PMIX_MCA_gds=hash OMPI_MCA_btl=tcp,self
bevel 1 simulate "$work/data.h5" --n 300 --p 2000 --active 40 --rho 0.5 --snr 2 --seed 2 >"$work/said"
bevel 1 simulate "$work/labels.h5" --n 300 --p 200 --family multinomial --seed 3 >"$work/said"
glm="--nlambda 1200 --quiet"
where=$work

# refused WANTED LIMIT RANKS WORDS...: 5, one line of bevel's, nothing under the output's names
refused() {
  local limit=$1 ranks=$2 code=0
  shift 2
  (
    ulimit -f "$limit"
    bevel "$ranks" "$@"
  ) >"$work/said" 2>"$work/err" || code=$?
  [ $code -eq 5 ] || fail "$* on $ranks ranks: exit code $code, not 5: $(cat "$work/err")"
  [ "$(grep -c '^bevel' "$work/err")" -eq 1 ] || fail "$*: not one message: $(cat "$work/err")"
  grep -q 'full.h5.*no room' "$work/err" || fail "$*: the message names no file: $(cat "$work/err")"
  [ -z "$(find "$where" -name 'full.h5*')" ] || fail "$*: left $(ls "$where")"
}

refused 1200 1 path "$work/data.h5" -o "$work/full.h5" $glm
refused 1200 2 path "$work/data.h5" -o "$work/full.h5" $glm
refused 400 1 cv "$work/data.h5" -o "$work/full.h5" --folds 3 --nlambda 40 --lambda-min-ratio 0.5 --quiet
refused 400 2 train "$work/labels.h5" -o "$work/full.h5" --layers 200-300-3 --epochs 1 --quiet
refused 1200 1 simulate "$work/full.h5" --n 300 --p 2000
bevel 1 path "$work/data.h5" -o "$work/model.h5" --quiet
refused 60 1 predict "$work/data.h5" --model "$work/model.h5" -o "$work/full.h5"

# goes_on RANKS: the checkpoints that had room are whole, and the result is the one without any
bevel 1 path "$work/data.h5" -o "$work/whole.h5" $glm
goes_on() {
  grep -q "warning: checkpoint .*ck.h5 not written: .*no room" "$work/err" || fail "no warning: $(cat "$work/err")"
  bevel 1 info "$where/ck.h5" >"$work/said" || fail "the checkpoint before is not whole"
  grep -q '^checkpoint ' "$work/said" || fail "$(head -1 "$work/said")"
  [ -z "$(find "$where" -name '*.partial')" ] || fail "left $(ls "$where")"
  compare "$1" "$work/whole.h5" --objective 1e-8 --coef 0
}
(
  ulimit -f 4750 # the result has room (it claims 4.7 MB), the last checkpoints have not (5.1 MB)
  bevel 1 path "$work/data.h5" -o "$work/out.h5" $glm --checkpoint "$work/ck.h5" --checkpoint-every 0.005
) 2>"$work/err" || fail "a checkpoint without room ends the run: $?: $(cat "$work/err")"
goes_on "$work/out.h5"
bevel 2 path "$work/data.h5" -o "$work/out.h5" $glm --checkpoint "$work/ck.h5" --resume
compare "$work/out.h5" "$work/whole.h5" --objective 1e-8 --coef 0

(
  ulimit -f 1000
  bevel 1 train "$work/labels.h5" -o "$work/net.h5" --layers 200-300-3 --epochs 3 --quiet \
    --checkpoint "$work/net.ck" --checkpoint-every 0.001
) 2>"$work/err" || fail "train: a checkpoint without room ends the run: $?: $(cat "$work/err")"
grep -q "warning: checkpoint .*net.ck not written: .*no room" "$work/err" || fail "no warning: $(cat "$work/err")"
[ -s "$work/net.h5" ] && [ ! -e "$work/net.ck.partial" ] || fail "train left $(ls "$work")"

# a real file system without room
where=$work/disk
mkdir "$where"
mount -t tmpfs -o size=3m bevel "$where" 2>"$work/err" || exit 0
trap 'umount "$where"; rm -rf "$work"' EXIT
head -c 2000000 /dev/zero >"$where/other"
refused unlimited 2 path "$work/data.h5" -o "$where/full.h5" $glm
bevel 2 path "$work/data.h5" -o "$work/out.h5" $glm --checkpoint "$where/ck.h5" \
  --checkpoint-every 0.05 2>"$work/err" || fail "a full disk ends the run: $?: $(cat "$work/err")"
goes_on "$work/out.h5"
