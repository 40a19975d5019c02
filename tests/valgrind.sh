#!/usr/bin/env bash
# Memcheck of small runs of every command that solves, predict and import on one rank: no finding in bevel's
# frames (config/valgrind.supp has the others'). Not a ctest: a minute. Usage: tests/valgrind.sh BEVEL
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
bevel=${1:?usage: tests/valgrind.sh BEVEL}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_pml=ob1 BVL_KERNELS=${BVL_KERNELS:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

memcheck() {
  valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite --suppressions="$source/config/valgrind.supp" \
    --log-file="$work/log" "$bevel" "$@" >"$work/out" 2>&1 || code=$?
  if [ "${code:-0}" -ne 0 ] && [ "$code" -ne 4 ]; then # 4: not converged, which is no finding
    echo "valgrind: bevel $1: exit $code"
    cat "$work/out" "$work/log"
    bad=1
  else
    echo "valgrind: bevel $1: clean"
  fi
  code=0
}

"$bevel" simulate "$work/d.h5" --n 60 --p 40 --group-size 1 >"$work/out"
"$bevel" simulate "$work/s.h5" --n 60 --p 40 --density 0.2 --family binomial >"$work/out"
"$bevel" simulate "$work/e.h5" --n 60 --p 40 --group-size 5 --active 3 >"$work/out"
printf "input 40\ndense 5\ndense 1\n" >"$work/net.txt"
printf 'a,b,y\n1,2,3\n2,3,5\n4,1,2\n' >"$work/t.csv"
memcheck path "$work/d.h5" -o "$work/r.h5" --nlambda 8 --checkpoint "$work/c" --quiet
memcheck path "$work/s.h5" -o "$work/r2.h5" --nlambda 5 --quiet
memcheck cv "$work/d.h5" -o "$work/v.h5" --nlambda 5 --folds 3 --quiet
memcheck train "$work/d.h5" -o "$work/t.h5" --arch "$work/net.txt" --batch 20 --epochs 2 --quiet
memcheck pareto "$work/d.h5" -o "$work/f.h5" --layers 40-4-1 --points 3 --quiet
memcheck dictionary "$work/d.h5" -o "$work/a.h5" --atoms 5 --lambda 0.1 --tol 1e-2 --quiet
memcheck stability "$work/d.h5" -o "$work/b.h5" --subsamples 4 --nlambda 5 --quiet
memcheck path "$work/d.h5" -o "$work/w.h5" --nlambda 5 --stream on --quiet
memcheck path "$work/e.h5" -o "$work/m.h5" --penalty group-mcp --nlambda 5 --quiet
printf '[study]\ndata = %s/d.h5, %s/s.h5\npenalty = lasso, mcp\nnlambda = 4\n' "$work" "$work" >"$work/g.ini"
memcheck study "$work/g.ini" -o "$work/g.h5" --quiet
memcheck predict "$work/d.h5" --model "$work/r.h5" -o "$work/p.h5"
memcheck import "$work/t.csv" -o "$work/i.h5" --quiet
exit "$bad"
