#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# bevel train from the outside: iris and pictures, every penalty, judged from the file by
# scripts/check; the same network at 1 and 3 ranks and on both sides of a grid; cut and finetuned;
# stopped and taken up again elsewhere; what cannot be is refused with the sizes.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
iris=$BEVEL_SOURCE/tests/data/iris.h5
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
work, g = sys.argv[1], np.random.default_rng(3)
n = 240
y = np.arange(n) % 3
X = g.integers(0, 60, (n, 1, 12, 12))
for i in range(n):  # a bright square whose place is the label
    X[i, 0, 4 * y[i]:4 * y[i] + 4, 3:8] += 120
with h5py.File(f"{work}/pictures.h5", "w") as f:
    f["X"], f["y"] = X.reshape(n, -1).astype(np.uint8), y.astype(np.int32)
    f.attrs["family"] = "multinomial"
    f["weights"] = g.uniform(0.5, 2, n)
    f["train_index"] = np.arange(0, n, 2)
    f["twice"] = np.array([1, 1]); f["outside"] = np.array([1, n])
with h5py.File(f"{work}/labels.h5", "w") as f:
    f["X"], f["y"] = X.reshape(n, -1).astype(np.uint8), y + 1
    f.attrs["family"] = "multinomial"
PY
printf 'input 1x12x12\nconv 6 3x3\npool 2x2\nconv 8 3x3 padding 1 tanh\ndense 10\ndense 3 # classes\n' >"$work/net.txt"
printf 'input 1x12x12\nblur 6\ndense 3\n' >"$work/bad.txt"

# refuse CODE PATTERN ARGS...: that exit code, with a word of what is wrong
refuse() {
  local code=$1 pattern=$2 was=0
  shift 2
  bevel 1 "$@" >"$work/refused.txt" 2>&1 || was=$?
  test $was = "$code" || fail "exit $was, not $code: $* ($(cat "$work/refused.txt"))"
  grep -q "$pattern" "$work/refused.txt" || fail "not told of '$pattern': $(cat "$work/refused.txt")"
}
# train RANKS DATA OUT FLAGS...: a network whose file is true
train() {
  local ranks=$1 data=$2 out=$3
  shift 3
  bevel $ranks train "$data" -o "$work/$out" --quiet "$@"
  check "$work/$out" "$data"
}
# The same history and weights: float64 sums in another order.
same() {
  "$python" - "$work/$1" "$work/$2" "$3" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2]) as b:
    tol, names = float(sys.argv[3]), []
    a.visititems(lambda name, o: names.append(name) if isinstance(o, h5py.Dataset) else None)
    assert sum(n.startswith("layers") for n in names) >= 4
    for name in names:
        if name != "history/seconds":
            x, y = a[name][:], b[name][:]
            assert x.shape == y.shape, name
            if x.dtype.kind == "f":
                assert np.allclose(x, y, rtol=tol, atol=tol, equal_nan=True), (name, abs(x - y).max())
PY
}
base="--layers 4-8-8-3 --activation tanh --scale standard --train-index /train_index --batch 10 --precision double"
for flags in "--epochs 30" \
             "--epochs 30 --penalty lasso --lambda 0.01 --lr 0.01" \
             "--epochs 30 --penalty lq --depth 3 --lambda 0.005 --lr 0.01 --solver momentum" \
             "--epochs 30 --penalty group-lasso --structure input --lambda 0.01 --lr 0.01" \
             "--epochs 30 --penalty group-lq --q 0.5 --structure neuron --lambda 0.005 --lr 0.01" \
             "--epochs 30 --penalty hoyer-square --lambda 0.001 --weight-decay 1e-4" \
             "--epochs 30 --penalty group-hs --lambda 0.001 --prune-std 0.5 --finetune-epochs 5" \
             "--epochs 40 --solver lbfgs --batch 30 --penalty lasso --lambda 0.01"; do
  train 1 "$iris" one.h5 $base $flags
  train 3 "$iris" three.h5 $base $flags
  same one.h5 three.h5 1e-7
done
train 2 "$iris" columns.h5 $base --epochs 30 --penalty lasso --lambda 0.01 --lr 0.01 --grid 1x2
train 1 "$iris" one.h5 $base --epochs 30 --penalty lasso --lambda 0.01 --lr 0.01
same one.h5 columns.h5 1e-7

# from a network that is there: at rate 1e-12 it stays what it is, whatever the layout
train 1 "$iris" one.h5 $base --epochs 30
train 2 "$iris" again.h5 $base --epochs 1 --lr 1e-12 --init "$work/one.h5" --penalty group-lasso --structure neuron --lambda 1e-9
"$python" - "$work/one.h5" "$work/again.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2]) as b:
    for k in range(3):
        assert np.allclose(a[f"layers/{k}/weight"][:], b[f"layers/{k}/weight"][:], rtol=1e-9, atol=1e-9)
PY
refuse 2 "layer 1 of .* 8 units.* 9" train "$iris" -o "$work/x.h5" --layers 4-8-9-3 --init "$work/one.h5"

pictures="--arch $work/net.txt --scale max --train-index /train_index --batch 24 --epochs 8 --lr 0.01"
train 1 "$work/pictures.h5" one.h5 $pictures
train 3 "$work/pictures.h5" three.h5 $pictures --precision double
"$python" - "$work/one.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    assert f.attrs["test_accuracy"] > 0.9, f.attrs["test_accuracy"]
    assert f["layers/0/weight"].shape == (6, 1, 3, 3) and f["layers/2/weight"].shape == (8, 6, 3, 3)
PY
# cut, finetuned, and small: units that are gone are gone from the file
train 1 "$work/pictures.h5" cut.h5 $pictures --penalty group-hs --lambda 0.01 --prune-std 1 --finetune-epochs 4
"$python" - "$work/cut.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    stored = sum(f[f"layers/{k}/weight"].size for k in (0, 2, 3, 4))
    assert stored < 6 * 9 + 8 * 54 + 200 * 10 + 30, stored
    assert len(f["history/epoch"]) == 12
PY

# interrupted after the second checkpoint, taken up at another rank count, in both phases
long="--layers 144-30-3 --scale max --train-index /train_index --batch 8 --precision double --penalty lasso --lambda 1e-3 --lr 0.003 --prune-threshold 1e-3"
for epochs in "--epochs 400 --finetune-epochs 2" "--epochs 2 --finetune-epochs 400"; do
  train 1 "$work/pictures.h5" whole.h5 $long $epochs
  rm -f "$work/save.h5"*
  bevel 2 train "$work/pictures.h5" -o "$work/cut.h5" $long $epochs --checkpoint "$work/save.h5" --max-seconds 0.15 --quiet || test $? = 4 || fail "out of time"
  test -e "$work/save.h5" || fail "no checkpoint"
  bevel 3 train "$work/pictures.h5" -o "$work/resumed.h5" $long $epochs --checkpoint "$work/save.h5" --resume --quiet
  check "$work/resumed.h5" "$work/pictures.h5"
  same whole.h5 resumed.h5 1e-6
done
refuse 2 "another run" train "$work/pictures.h5" -o "$work/x.h5" ${long/1e-3/2e-3} --epochs 2 --finetune-epochs 400 --checkpoint "$work/save.h5" --resume

# a loss that is no number: the step and the rate, the last good network, exit 4
bevel 1 train "$iris" -o "$work/wild.h5" --layers 4-8-3 --train-index /train_index --batch 10 --solver sgd --lr 1e200 --epochs 3 >"$work/wild.txt" 2>&1 && fail "a wild rate was no matter"
test $? = 4 || true
grep -q "no number at step [0-9]*, learning rate" "$work/wild.txt" || fail "$(cat "$work/wild.txt")"

refuse 2 "5 inputs.*4 columns" train "$iris" -o "$work/x.h5" --layers 5-3
refuse 2 "1 outputs.*at least 2" train "$iris" -o "$work/x.h5" --layers 4-1
refuse 3 "label 2.*2 outputs" train "$iris" -o "$work/x.h5" --layers 4-2
refuse 3 "label 3.*3 outputs" train "$work/labels.h5" -o "$work/x.h5" --layers 144-3
refuse 2 "batch 31.*30 rows" train "$iris" -o "$work/x.h5" --layers 4-3 --train-index /train_index --batch 31
refuse 2 "blur" train "$work/pictures.h5" -o "$work/x.h5" --arch "$work/bad.txt"
refuse 2 "neither a name" train "$work/pictures.h5" -o "$work/x.h5" --arch "$work/none.txt"
refuse 3 "row 1 is there twice" train "$work/pictures.h5" -o "$work/x.h5" --layers 144-3 --train-index /twice
refuse 3 "row 240 is outside" train "$work/pictures.h5" -o "$work/x.h5" --layers 144-3 --train-index /outside
# before anything is read: grids that do not fit, a folder that is not there, a file that is no architecture
refuse_two() {
  local code=$1 pattern=$2 was=0
  shift 2
  bevel 2 "$@" >"$work/refused.txt" 2>&1 || was=$?
  test $was = "$code" || fail "exit $was, not $code: $* ($(cat "$work/refused.txt"))"
  grep -q "$pattern" "$work/refused.txt" || fail "not told of '$pattern': $(cat "$work/refused.txt")"
}
refuse_two 2 "grid 2x2 wants 4 ranks, there are 2" train "$iris" -o "$work/x.h5" --layers 4-3 --grid 2x2
refuse_two 2 "begins with conv2d.*2x1" train "$work/pictures.h5" -o "$work/x.h5" --arch "$work/net.txt" --grid 1x2
refuse_two 2 "grid 1x2: group-hs.*2x1" train "$iris" -o "$work/x.h5" --layers 4-3 --penalty group-hs --lambda 1 --grid 1x2
refuse_two 2 "groups of neurons.*2x1" train "$iris" -o "$work/x.h5" --layers 4-8-3 --penalty group-lasso --structure neuron --lambda 1 --grid 1x2
refuse_two 3 "cannot create $work/none/x.h5" train "$iris" -o "$work/none/x.h5" --layers 4-3 --epochs 1000000000
refuse 2 "bad.txt: line 2: unknown layer" train "$work/pictures.h5" -o "$work/x.h5" --arch "$work/bad.txt"
printf 'input 4' >"$work/half.txt"
refuse 2 "half.txt: line 1: no layers" train "$iris" -o "$work/x.h5" --arch "$work/half.txt"
head -c 1048577 /dev/zero | tr '\0' ' ' >"$work/long.txt"
refuse 2 "neither a name" train "$iris" -o "$work/x.h5" --arch "$work/long.txt"
refuse 5 "a rank needed, the limit is 8.0 MiB" train "$iris" -o "$work/x.h5" --layers 4-3 --memory-limit 8M
refuse 3 "iris.h5.*not a network" train "$iris" -o "$work/x.h5" --layers 4-3 --init "$iris"
# a checkpoint is of its rows and its windows: as many others, or other windows with outputs of the same shape, are another run
"$python" - "$work/pictures.h5" <<'PY'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "a") as f:
    f["odd"] = np.arange(1, 240, 2)
PY
short="--scale max --batch 24 --epochs 1 --checkpoint $work/rows.h5"
printf 'input 1x12x12\nconv 2 3x3 padding 1\ndense 3\n' >"$work/three.txt"
printf 'input 1x12x12\nconv 2 5x5 padding 2\ndense 3\n' >"$work/five.txt"
bevel 1 train "$work/pictures.h5" -o "$work/x.h5" $short --arch "$work/three.txt" --train-index /train_index --quiet
refuse 2 "another run: rows=" train "$work/pictures.h5" -o "$work/x.h5" $short --arch "$work/three.txt" --train-index /odd --resume
refuse 2 "another run: layer0=.*kernel 3x3" train "$work/pictures.h5" -o "$work/x.h5" $short --arch "$work/five.txt" --train-index /train_index --resume
# stopped by a signal: 75 says that there is something to go on from, 128 + 2 that there is not
stop() {
  local code=0
  "$BEVEL" train "$iris" -o "$work/stopped.h5" --layers 4-9-3 --epochs 100000000 "$@" >"$work/stop.txt" 2>&1 &
  local pid=$!
  for _ in $(seq 200); do
    grep -q "epoch 1/" "$work/stop.txt" && break
    sleep 0.05
  done
  kill -INT $pid
  wait $pid || code=$?
  echo $code
}
test "$(stop)" = 130 || fail "$(cat "$work/stop.txt")"
test "$(stop --checkpoint "$work/stop.h5")" = 75 || fail "$(cat "$work/stop.txt")"
test "$(stop --checkpoint "$work/none/stop.h5")" = 130 || fail "$(cat "$work/stop.txt")"
test ! -e "$work/stopped.h5" || fail "a result of what was stopped"
refuse 2 "lambda" train "$iris" -o "$work/x.h5" --layers 4-3 --penalty lasso
refuse 2 "group-lasso or group-lq" train "$iris" -o "$work/x.h5" --layers 4-3 --penalty lasso --lambda 1 --structure input
echo "train: ok"
