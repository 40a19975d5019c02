#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# bevel prune and bevel predict with networks: a pruned file is true, small, the same at any rank
# count, and predicts what numpy makes of its weights.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
work, g = sys.argv[1], np.random.default_rng(4)
n, p = 150, 30
y = np.arange(n) % 3
X = g.normal(size=(n, p))
X[:, :3] += 3 * (y[:, None] == np.arange(3))
with h5py.File(f"{work}/data.h5", "w") as f:
    f["X"], f["y"] = X, y.astype(np.int32)
    f.attrs["family"] = "multinomial"
pictures = g.integers(0, 60, (n, 1, 10, 10))
for i in range(n):
    pictures[i, 0, 3 * y[i]:3 * y[i] + 4, 3:8] += 120
with h5py.File(f"{work}/pictures.h5", "w") as f:
    f["X"], f["y"] = pictures.reshape(n, -1).astype(np.uint8), y.astype(np.int32)
    f.attrs["family"] = "multinomial"
PY
printf 'input 1x10x10\nconv 8 3x3\npool 2x2\ndense 12 tanh\ndense 3\n' >"$work/net.txt"

# judge DATA NETWORK: predictions at 1 and 3 ranks against the file's weights
judge() {
  for ranks in 1 3; do
    bevel $ranks predict "$1" --model "$2" -o "$work/out.h5" --quiet
    "$python" - "$BEVEL_SOURCE/scripts" "$1" "$2" "$work/out.h5" <<'PY'
import sys, h5py, numpy as np
sys.path.insert(0, sys.argv[1])
from check_network import Network
with h5py.File(sys.argv[2]) as data, h5py.File(sys.argv[4]) as out:
    true, told = Network(sys.argv[3]).forward(data["X"][:].astype(float)), out["prediction"][:]
assert true.shape == told.shape and np.ptp(true) > 1
assert abs(true - told).max() <= 1e-5 * abs(true).max(), abs(true - told).max()  # float32
PY
  done
}
# cut DATA NETWORK FLAGS...: prune at 1 and 3 ranks
cut() {
  local data=$1 network=$2
  shift 2
  bevel 1 prune "$network" -o "$work/one.h5" --quiet "$@"
  bevel 3 prune "$network" -o "$work/small.h5" --json "$@" >"$work/json"
  check "$work/small.h5" "$data"
  "$python" - "$work" "$network" <<'PY'
import json, sys, h5py, numpy as np
work, told = sys.argv[1], json.load(open(f"{sys.argv[1]}/json"))
with h5py.File(f"{work}/one.h5") as a, h5py.File(f"{work}/small.h5") as b, h5py.File(sys.argv[2]) as c:
    layers = [k for k in b["layers"] if "weight" in b[f"layers/{k}"]]
    for k in layers:
        assert np.array_equal(a[f"layers/{k}/weight"], b[f"layers/{k}/weight"]), k
    count = lambda f: sum(f[f"layers/{k}/{what}"].size for k in layers for what in ("weight", "bias"))
    left = sum(np.count_nonzero(b[f"layers/{k}/{what}"]) for k in layers for what in ("weight", "bias"))
    assert count(b) == told["parameters_stored"] < count(c) == told["parameters"]
    assert left == told["parameters_left"] == b.attrs["parameters_left"] < count(b)
    assert b["input/kept"].size == told["inputs_left"]
PY
  judge "$data" "$work/small.h5"
}
bevel 2 train "$work/data.h5" -o "$work/net.h5" --layers 30-24-16-3 --epochs 40 --penalty group-hs \
  --lambda 0.01 --scale standard --quiet
judge "$work/data.h5" "$work/net.h5"
cut "$work/data.h5" "$work/net.h5" --prune-std 0.5
bevel 2 train "$work/pictures.h5" -o "$work/net.h5" --arch "$work/net.txt" --epochs 20 --batch 30 --lr 0.01 --penalty group-hs \
  --lambda 0.02 --scale max --quiet
judge "$work/pictures.h5" "$work/net.h5"
cut "$work/pictures.h5" "$work/net.h5" --prune-std 0.8
# refused
refuse() {
  local wanted=$1 words=$2 code=0
  shift 2
  bevel 2 "$@" >"$work/err" 2>&1 || code=$?
  [ $code -eq "$wanted" ] && grep -q "$words" "$work/err" || fail "$*: $code, $(cat "$work/err")"
}
refuse 2 "one of them" prune "$work/net.h5" -o "$work/no.h5" --prune-std 1 --prune-threshold 1
refuse 2 "wanted a number of at least 0" prune "$work/net.h5" -o "$work/no.h5" --prune-std -1
refuse 3 "data.h5" prune "$work/data.h5" -o "$work/no.h5" --prune-std 1
refuse 2 "overwrite the model" predict "$work/pictures.h5" --model "$work/small.h5" -o "$work/small.h5"
refuse 2 "overwrite the input" prune "$work/small.h5" -o "$work/small.h5"
refuse 3 "cannot create $work/none/no.h5" prune "$work/small.h5" -o "$work/none/no.h5"
refuse 3 "100" predict "$work/data.h5" --model "$work/small.h5" -o "$work/no.h5"
refuse 2 "is a network" predict "$work/pictures.h5" --model "$work/small.h5" -o "$work/no.h5" --at 1
[ ! -e "$work/no.h5" ] || fail "a result of what was refused"
