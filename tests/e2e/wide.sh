#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Half a million genes into a network: the same at 1 and 2 ranks, what a rank holds falls with the ranks, and the
# estimate of memory is near what is used, here and for the small networks.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
work, g = sys.argv[1], np.random.default_rng(8)
n, p = 60, 500000
y = np.arange(n) % 2
X = g.integers(0, 200, (n, p), dtype=np.uint8)
X[:, :20] = X[:, :20] // 4 + 150 * y[:, None]
with h5py.File(f"{work}/genes.h5", "w") as f:
    f["X"], f["y"] = X, y.astype(np.int32)
    f.attrs["family"] = "multinomial"
with h5py.File(f"{work}/digits.h5", "w") as f:
    f["X"], f["y"] = g.integers(0, 256, (400, 784), dtype=np.uint8), np.arange(400, dtype=np.int32) % 10
    f.attrs["family"] = "multinomial"
PY
# near JSON: the estimate is within a fifth of the peak. Sanitizers keep memory of their own.
near() {
  nm "$BEVEL" 2>/dev/null | grep -q __asan_init && return
  "$python" - "$1" <<'PY' || fail "the estimate of $1"
import json, sys
told = json.load(open(sys.argv[1]))
ratio = told["estimate_bytes"] / told["peak_bytes"]
assert 0.8 <= ratio <= 1.2, (ratio, told["estimate_bytes"], told["peak_bytes"])
PY
}
wide="--layers 500000-8-2 --scale max --epochs 2 --batch 60 --lr 1e-4 --penalty group-lasso --lambda 0.001 --precision double"
for ranks in 1 2; do
  bevel $ranks train "$work/genes.h5" -o "$work/$ranks.h5" $wide --quiet --json >"$work/$ranks.json"
  near "$work/$ranks.json"
done
"$python" - "$work" <<'PY' || fail "the networks of 1 and 2 ranks"
import json, sys, h5py, numpy as np
work = sys.argv[1]
told = [json.load(open(f"{work}/{r}.json")) for r in (1, 2)]
assert told[1]["grid"] == "1x2"
fall = told[0]["peak_bytes"] / told[1]["peak_bytes"]
assert fall >= 1.8, fall
with h5py.File(f"{work}/1.h5") as a, h5py.File(f"{work}/2.h5") as b, h5py.File(f"{work}/genes.h5") as data:
    net = [[f[f"layers/{k}/{w}"][:] for k in (0, 1) for w in ("weight", "bias")] for f in (a, b)]
    # Adam divides a gradient by its size: what differs in its last digits by 1e-8 at most, times lr 1e-4
    for x, y in zip(*net):
        assert x.shape == y.shape and abs(x - y).max() <= 1e-9, abs(x - y).max()
    X, y = data["X"][:], data["y"][:]
    W, b0, V, b1 = net[1]
    scale, kept = b["input/scale"][:], b["input/kept"][:]
    z = b0 + sum(X[:, kept[c:c + 50000]] / scale[kept[c:c + 50000]] @ W[:, c:c + 50000].T for c in range(0, kept.size, 50000))
    out = np.maximum(z, 0) @ V.T + b1
    loss = np.mean(np.log(np.exp(out).sum(1)) - out[np.arange(60), y])
    assert np.isclose(loss, b.attrs["train_loss"], rtol=1e-9), (loss, b.attrs["train_loss"])
PY
# buffers of pictures and fully connected ones, by rows too
for flags in "--arch lenet5" "--arch lenet300 --penalty lasso --lambda 1e-4"; do
  for ranks in 1 2; do
    bevel $ranks train "$work/digits.h5" -o "$work/net.h5" $flags --epochs 1 --quiet --json >"$work/net.json"
    near "$work/net.json"
  done
done
echo "wide: ok"
