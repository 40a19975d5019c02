#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# bevel pareto from the outside: the iris front judged from its networks, against the published points, the same at 1, 2
# and 3 ranks and on both sides of a grid; a linear model's front is bevel's own lasso path; minibatches, groups, the
# methods it is compared with; what cannot be is refused.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$data/iris.h5" "$work" <<'PY'
import sys, h5py, numpy as np
work, g = sys.argv[2], np.random.default_rng(5)
with h5py.File(sys.argv[1]) as f, h5py.File(f"{work}/iris.h5", "w") as out:
    x = f["X"][:]
    out["X"], out["y"], out["train_index"] = (x - x.mean(0)) / x.std(0), f["y"][:], f["train_index"][:]
    out.attrs["family"] = "multinomial"
x = g.normal(size=(60, 25))
y = x[:, :4] @ [2, -1.5, 1, 0.5] + g.normal(size=60)
with h5py.File(f"{work}/linear.h5", "w") as out:
    out["X"], out["y"] = x - x.mean(0), y - y.mean()
    out.attrs["family"] = "gaussian"
PY

true_front() { "$python" "$lib/front.py" "$@" || fail "front $*"; }
same() {
  "$python" - "$work/$1" "$work/$2" "$3" <<'PY' || fail "$1 and $2 differ"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2]) as b:
    for name in ("loss", "l1", "test_accuracy"):
        assert np.allclose(a[name][:], b[name][:], rtol=float(sys.argv[3]), atol=1e-9), (name, a[name][:] - b[name][:])
PY
}

iris="$work/iris.h5 --layers 4-4-4-3 --activation tanh --train-index /train_index --precision double"
front="--points 27 --norm-max 26 --tol 1e-4 --max-iter 500"
bevel 1 pareto $iris -o "$work/one.h5" $front --quiet
true_front "$work/one.h5" "$work/iris.h5" --nsga "$data/iris_nsga2_front.csv"
"$python" - "$work/one.h5" <<'PY' || fail "the ends of the iris front"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    assert f["l1"][0] == 0 and abs(f["loss"][0] - np.log(3)) < 1e-12 and abs(f["l1"][-1] - 26) < 1e-9
    assert f["test_accuracy"][:].max() >= 0.933 and f.attrs["solve_seconds"] < 20
PY
# predictions with one of its networks have the accuracies it has; without --point it is the best's
right() { # RANKS [POINT]
  bevel $1 predict "$work/iris.h5" --model "$work/one.h5" -o "$work/guess.h5" --type class --json ${2:+--point $2} >"$work/said"
  "$python" - "$work/one.h5" "$work/iris.h5" "$work/guess.h5" "$work/said" "${2:-}" <<'PY' || fail "point '${2:-}' on $1 ranks"
import json, sys, h5py, numpy as np
front, data, guess = (h5py.File(name) for name in sys.argv[1:4])
said = json.loads(open(sys.argv[4]).read().splitlines()[-1])
k = int(sys.argv[5]) if sys.argv[5] else int(np.argmax(front["test_accuracy"][:]))
hits = guess["prediction"][:] == data["y"][:]
assert said["point"] == k, (said, k)
assert guess.attrs["model_group"] in (f"/points/{k}", f"/points/{k}".encode())
for rows in "train", "test":
    assert hits[front[f"{rows}_index"][:]].mean() == front[f"{rows}_accuracy"][k], (rows, k)
PY
}
right 1
right 3 13
right 1 0
turned_away() { # CODE WORDS MODEL ARGUMENTS
  local code=0
  bevel 2 predict "$work/iris.h5" --model "$3" -o "$work/no.h5" "${@:4}" --quiet >"$work/said" 2>&1 || code=$?
  test $code = "$1" && grep -q "$2" "$work/said" || fail "${*:3}: exit $code: $(cat "$work/said")"
}
turned_away 3 "no point 27: the front has 27" "$work/one.h5" --point 27
turned_away 2 "a lambda: .* is a front" "$work/one.h5" --at 0.1
# without test rows: the least loss's
"$python" - "$work/one.h5" "$work/untested.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2], "w") as b:
    for name in a:
        a.copy(name, b)
    b.attrs["kind"], b.attrs["family"] = "front", "multinomial"
    b["test_accuracy"][:] = float("nan")
PY
bevel 1 predict "$work/iris.h5" --model "$work/untested.h5" -o "$work/guess.h5" >"$work/said"
least=$("$python" -c 'import h5py, sys; print(h5py.File(sys.argv[1])["loss"][:].argmin())' "$work/one.h5")
grep -q "point $least of the front's 27 (0..26), the one of the least loss" "$work/said" || fail "$(cat "$work/said")"

few="--points 4 --norm-max 8 --sweeps 0 --tol 1e-4"
bevel 1 pareto $iris -o "$work/one.h5" $few --quiet
bevel 2 pareto $iris -o "$work/two.h5" $few --quiet
bevel 3 pareto $iris -o "$work/three.h5" $few --quiet
true_front "$work/three.h5" "$work/iris.h5"
# within tol of the same points
same one.h5 two.h5 1e-4
same one.h5 three.h5 1e-4

# inputs cut over two ranks: vectors stay in parts, sums between the steps
few="--points 3 --norm-max 4 --sweeps 0 --tol 1e-4"
bevel 1 pareto $iris -o "$work/one.h5" $few --quiet
bevel 2 pareto $iris -o "$work/columns.h5" $few --grid 1x2 --quiet
true_front "$work/columns.h5" "$work/iris.h5"
same one.h5 columns.h5 1e-4

# one layer, no hidden one: the lasso
bevel 2 pareto "$work/linear.h5" -o "$work/linear_front.h5" --layers 25-1 --points 9 --norm-max 4.5 --tol 1e-7 --max-iter 1000 --precision double --quiet
true_front "$work/linear_front.h5" "$work/linear.h5"
all_zero "$work/linear_front.h5"
lambdas=$("$python" -c 'import h5py, sys; print(",".join(repr(float(v)) for v in h5py.File(sys.argv[1])["lambda"][1:]))' "$work/linear_front.h5")
bevel 1 path "$work/linear.h5" -o "$work/path.h5" --lambda "$lambdas" --no-standardize --no-intercept --quiet
turned_away 2 "a point: .* is no front" "$work/path.h5" --point 0
"$python" - "$work/linear_front.h5" "$work/path.h5" <<'PY' || fail "the lasso's path is another one"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2]) as p:
    ptr, rows, values = p["coef/indptr"][:], p["coef/indices"][:], p["coef/data"][:]
    for k in range(1, 9):
        b = np.zeros(25)
        b[rows[ptr[k - 1]:ptr[k]]] = values[ptr[k - 1]:ptr[k]]
        w = f[f"points/{k}/layers/0/weight"][0]
        assert abs(w - b).max() < 1e-6 and abs(b).sum() > 0, (k, abs(w - b).max())
        assert abs(f[f"points/{k}/layers/0/bias"][0]) < 1e-9
PY

# groups; minibatches; several starts; the other methods
bevel 3 pareto $iris -o "$work/group.h5" --penalty group-lasso --points 4 --norm-max 20 --sweeps 0 --quiet
true_front "$work/group.h5" "$work/iris.h5"
bevel 1 pareto $iris -o "$work/batch.h5" --batch 10 --epochs 30 --lr 0.01 --points 7 --starts 2 --quiet
true_front "$work/batch.h5" "$work/iris.h5"
bevel 1 pareto $iris -o "$work/weighted.h5" --method weighted-sum --points 5 --epochs 30 --lr 0.01 --quiet
true_front "$work/weighted.h5" "$work/iris.h5"
bevel 1 pareto $iris -o "$work/path.h5" --method lambda-path --points 5 --epochs 50 --lr 0.01 --max-iter 2000 --quiet || test $? = 4
true_front "$work/path.h5" "$work/iris.h5"
bevel 1 pareto "$work/iris.h5" -o "$work/single.h5" --layers 4-4-4-3 --train-index /train_index --points 5 --quiet --json >"$work/json" || test $? = 4
true_front "$work/single.h5" "$work/iris.h5" --rtol 1e-5
grep -q '"nondominated": 5' "$work/json" || fail "$(cat "$work/json")"

# stopped once there is a checkpoint, gone on with on other ranks and grids: the same front
long="--points 7 --norm-max 12 --tol 1e-4 --max-iter 500 --starts 3"
bevel 1 pareto $iris -o "$work/whole.h5" $long --quiet
for how in USR1 KILL; do
  for _ in 1 2 3 4 5 6 7 8; do # a run that ended before the signal came is tried again
    rm -f "$work"/front.ckpt*
    timeout 60 "$BEVEL" pareto $iris -o "$work/stopped.h5" $long --checkpoint "$work/front.ckpt" --checkpoint-every 0.01 \
      --quiet </dev/null >/dev/null 2>&1 &
    job=$!
    until [ -e "$work/front.ckpt" ] || ! kill -0 $job 2>/dev/null; do sleep 0.01; done
    pkill -"$how" -P $job 2>/dev/null || true
    code=0
    wait $job 2>/dev/null || code=$?
    [ $code -eq 0 ] || break
  done
  case $how-$code in USR1-75 | KILL-137) ;; *) fail "stopped by $how: exit $code" ;; esac
  if [ $how = USR1 ]; then ways=("1" "2 --grid 1x2"); else ways=("3"); fi
  for ranks in "${ways[@]}"; do
    cp "$work/front.ckpt" "$work/again.ckpt"
    bevel ${ranks%% *} pareto $iris -o "$work/again.h5" $long --checkpoint "$work/again.ckpt" --resume \
      ${ranks#"${ranks%% *}"} >"$work/said" 2>&1 || fail "resumed: $(cat "$work/said")"
    grep -q "resumed from" "$work/said" || fail "not resumed: $(cat "$work/said")"
    same whole.h5 again.h5 1e-4
  done
done
code=0
bevel 1 pareto $iris -o "$work/x.h5" --points 9 --checkpoint "$work/front.ckpt" --resume >"$work/said" 2>&1 || code=$?
test $code = 2 && grep -q "points" "$work/said" || fail "another front's checkpoint: exit $code: $(cat "$work/said")"

refuse() {
  local code=0
  bevel 1 pareto "${@:3}" >"$work/said" 2>&1 || code=$?
  test "$code" = "$1" || fail "exit $code, wanted $1: ${*:3}"
  grep -q "$2" "$work/said" || fail "wanted '$2': $(cat "$work/said")"
}
refuse 2 "norm-max goes with" $iris -o "$work/x.h5" --method weighted-sum --norm-max 3
refuse 2 "checkpoint goes with" $iris -o "$work/x.h5" --method weighted-sum --checkpoint "$work/c"
refuse 2 "resume goes with" $iris -o "$work/x.h5" --resume
refuse 2 "layers" "$work/iris.h5" -o "$work/x.h5"
refuse 2 "5 inputs" "$work/iris.h5" -o "$work/x.h5" --layers 5-3
refuse 2 "at least 2" $iris -o "$work/x.h5" --points 1
echo ok
