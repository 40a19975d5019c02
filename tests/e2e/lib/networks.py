# SPDX-License-Identifier: BSD-3-Clause
"""Network files as another program would write them: genes.h5, image.h5, conv.h5 with conv_data.h5, broken.h5,
front.h5.

    networks.py FOLDER
"""
import sys

import h5py
import numpy as np

rng = np.random.default_rng(1)


def layer(f, k, kind, weight=None, **attributes):
    group = f.create_group(f"layers/{k}")
    group.attrs.update(kind=kind, **attributes)
    if weight is not None:
        group["weight"], group["bias"] = weight, np.zeros(len(weight), weight.dtype)


def inputs(f, p, kept, shape):
    f.attrs.update(kind="network", family="multinomial", input_shape=shape)
    f["input/center"], f["input/scale"], f["input/kept"] = np.zeros(p), np.ones(p), kept


def sparse(*shape):
    return np.where(rng.random(shape) < 0.25, rng.normal(size=shape), 0.0).astype(np.float32)


folder = sys.argv[1]
with h5py.File(f"{folder}/genes.h5", "w") as f:
    inputs(f, 50, np.arange(0, 50, 5), 10)
    f["feature_names"] = [f"gene {j}" for j in range(50)]
    layer(f, 0, "dense", sparse(4, 10), activation="tanh")
    layer(f, 1, "dense", np.ones((3, 4)), activation="linear")
    for name, values in (("epoch", [1, 2, 3]), ("train_loss", [2, 1, 0.5]), ("test_accuracy", [0.5, 0.75, 0.875]),
                         ("nonzeros", [40, 30, 20])):
        f[f"history/{name}"] = np.array(values, dtype=float)
with h5py.File(f"{folder}/image.h5", "w") as f:
    inputs(f, 64, np.arange(64), 64)
    layer(f, 0, "dense", np.zeros((2, 64)), activation="linear")  # all of it pruned
with h5py.File(f"{folder}/conv.h5", "w") as f:
    inputs(f, 72, np.arange(72), np.array([2, 6, 6]))
    layer(f, 0, "conv2d", sparse(3, 2, 3, 3), activation="relu", stride=1, padding=1)
    layer(f, 1, "maxpool2d", stride=2, pool=np.array([2, 2]))
    layer(f, 2, "dense", sparse(2, 27), activation="linear")


def slow_conv(weights, pictures):
    """Outputs of conv.h5, sum by sum."""
    first, last = weights
    out = np.zeros((len(pictures), len(last)))
    for n, picture in enumerate(np.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)))):
        hidden = np.zeros((3, 6, 6))
        for o, row, column in np.ndindex(3, 6, 6):
            hidden[o, row, column] = max(0.0, (first[o] * picture[:, row:row + 3, column:column + 3]).sum())
        pooled = [hidden[o, 2 * i:2 * i + 2, 2 * j:2 * j + 2].max() for o, i, j in np.ndindex(3, 3, 3)]
        out[n] = last @ np.array(pooled)
    return out


X, y = rng.normal(size=(40, 72)), rng.integers(0, 2, 40)
with h5py.File(f"{folder}/conv_data.h5", "w") as f:
    f["X"], f["y"] = X, y
with h5py.File(f"{folder}/conv.h5", "a") as f:
    out = slow_conv([f["layers/0/weight"][:], f["layers/2/weight"][:]], X.reshape(40, 2, 6, 6))
    f["train_index"], f["test_index"] = np.arange(30), np.arange(30, 40)
    for name, rows in (("train", slice(0, 30)), ("test", slice(30, 40))):
        chances = np.exp(out[rows]) / np.exp(out[rows]).sum(axis=1, keepdims=True)
        f.attrs[f"{name}_loss"] = -np.log(chances[np.arange(len(chances)), y[rows]]).mean()
        f.attrs[f"{name}_accuracy"] = (chances.argmax(axis=1) == y[rows]).mean()
with h5py.File(f"{folder}/broken.h5", "w") as f:
    inputs(f, 10, np.arange(10), 10)
    layer(f, 0, "dense", sparse(4, 10), activation="relu")
    layer(f, 1, "dense", sparse(3, 5), activation="linear")
with h5py.File(f"{folder}/front.h5", "w") as f:
    f.attrs.update(kind="front", family="multinomial", method="continuation")
    f["l1"], f["loss"], f["test_accuracy"] = [3.0, 0.0, 1.0], [0.1, 1.1, 0.4], [0.9, 0.3, 0.95]
