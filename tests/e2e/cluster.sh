#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# The job scripts of share/cluster, with a plain shell in the batch system's place: the signal that the
# script asks for reaches the ranks, 75 comes back and puts the job into the queue, and the same
# command line finishes with the answer of a run that nobody stopped.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
share=$BEVEL_SOURCE/share/cluster
mkdir "$work/bin" "$work/job"
ln -s "$BEVEL" "$work/bin/bevel"
export PATH=$work/bin:$PATH SLURM_JOB_ID=17 PBS_JOBID=23.head PBS_O_WORKDIR=$work/job
# what a batch system has: each says that it was called
for name in scontrol qsub; do
  printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n' $name "$work" >"$work/bin/$name"
done
printf '#!/bin/bash\n[ "$1" = --mpi=pmix ] && shift\nexec mpirun -n 3 "$@"\n' >"$work/bin/srun"
# a program that leaves with 75 when it is signalled
printf '#!/bin/bash\ntrap "exit 75" USR1\nwhile :; do sleep 0.05; done\n' >"$work/bin/patient"
chmod +x "$work"/bin/*
cd "$work/job"
bevel 1 simulate data.h5 --n 400 --p 3000 --active 60 --seed 5 --quiet
line=(path data.h5 -o path.h5 --nlambda 1200)

# the batch shell gets what `#SBATCH --signal=B:NAME@SECONDS` names, and nobody else does
signal=$(sed -n 's/^#SBATCH --signal=B:\([A-Z0-9]*\)@[0-9]*$/\1/p' "$share/bevel.slurm")
[ -n "$signal" ] || fail "bevel.slurm asks for no signal to the batch shell"

wait_for() { # FILE WORD
  for _ in $(seq 600); do
    grep -q "$2" "$1" 2>/dev/null && return 0
    sleep 0.05
  done
  fail "$1 does not say $2: $(cat "$1")"
}

stop_and_go_on() { # SCRIPT CHECKPOINT CALL
  local script=$1 checkpoint=$2 call=$3 code=0
  shift 3
  rm -f "$work/calls" path.h5
  BEVEL_LAUNCH="mpirun -n 2" bash "$script" "$@" >log 2>&1 </dev/null &
  local job=$!
  wait_for log "lambda .*/1200"
  kill -"$signal" $job
  wait $job || code=$?
  [ $code -eq 75 ] || fail "$script: exit code $code, not 75: $(cat log)"
  [ -s "$checkpoint" ] && [ ! -e path.h5 ] || fail "$script: no checkpoint, or a result: $(ls)"
  [ "$(cat "$work/calls")" = "$call" ] || fail "$script: not requeued: $(cat "$work/calls")"
  BEVEL_LAUNCH="srun --mpi=pmix" bash "$script" "$@" >log 2>&1 </dev/null || fail "$script, again: $(cat log)"
  [ "$(attr path.h5 resumed_from)" -ge 0 ] || fail "$script: the second run began anew: $(cat log)"
  [ "$(wc -l <"$work/calls")" -eq 1 ] || fail "$script: a job that is done was requeued"
  compare whole.h5 path.h5 --objective 1e-8
}

bevel 2 "${line[@]:0:2}" -o whole.h5 "${line[@]:4}" --quiet
stop_and_go_on "$share/bevel.slurm" bevel-17.checkpoint.h5 "scontrol requeue 17" "${line[@]}"
export BEVEL_ARGS=${line[*]}
stop_and_go_on "$share/bevel.pbs" bevel-23.checkpoint.h5 "qsub -V bevel.pbs"

# a warning that comes while MPI starts (its daemon, which a rank alone does without, is there) is one as well
for name in USR1 TERM; do
  rm -f early.ck path.h5
  OMPI_MCA_ess_singleton_isolated=0 OMPI_MCA_orte_create_session_dirs=1 \
    "$BEVEL" "${line[@]}" --checkpoint early.ck --resume >log 2>&1 </dev/null &
  job=$! code=0
  until pgrep -P $job >/dev/null || ! kill -0 $job 2>/dev/null; do sleep 0.005; done
  kill -$name $job
  wait $job || code=$?
  [ $code -eq 75 ] && [ -s early.ck ] || fail "SIG$name in MPI_Init: exit code $code: $(cat log)"
done

# a job that fails stays failed
: >"$work/calls"
code=0
BEVEL_LAUNCH="mpirun -n 2" bash "$share/bevel.slurm" path nothing.h5 -o path.h5 >log 2>&1 || code=$?
[ $code -eq 3 ] && [ ! -s "$work/calls" ] || fail "no data: exit code $code: $(cat log "$work/calls")"

# PBS has no signal of its own: the script's clock runs out 120 s before its limit
code=0
BEVEL_SECONDS=121 BEVEL_LAUNCH=patient timeout 30 bash "$share/bevel.pbs" >log 2>&1 || code=$?
[ $code -eq 75 ] && grep -q "qsub -V" "$work/calls" || fail "the clock of bevel.pbs: exit code $code: $(cat log)"
echo "cluster: ok"
