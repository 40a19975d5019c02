# SPDX-License-Identifier: BSD-3-Clause
"""Networks by numpy alone: what the file says about itself, recomputed from its weights and the data.

    from check_network import Network
    Network("OUT.h5").forward(X)          # X: rows x p, as it stands in the data file
"""
import h5py
import numpy as np

ROWS = 1000  # at a time


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def dense(x, weight, bias):
    return x.reshape(len(x), -1) @ weight.T + bias


def windows(x, height, width, stride):
    """rows x channels x down x across x height x width."""
    view = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
    return view[:, :, ::stride, ::stride]


def conv(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out = np.einsum("ncdakl,ockl->noda", windows(x, *weight.shape[2:], stride), weight, optimize=True)
    return out + bias[:, None, None]


ACTIVATIONS = {"linear": lambda z: z, "relu": lambda z: np.maximum(z, 0.0), "tanh": np.tanh}


class Network:
    """One network of a file, in double precision."""

    def __init__(self, path, prefix="/"):
        with h5py.File(path, "r") as f:
            at = f[prefix]
            self.layers = []
            for k in range(len(at["layers"])):
                layer = at[f"layers/{k}"]
                values = {name: layer[name][:].astype(float) for name in layer}
                self.layers.append((dict(layer.attrs), values))
            self.center, self.scale = at["input/center"][:], at["input/scale"][:]
            self.fill = at["input/fill"][:] if "fill" in at["input"] else None
            self.kept = at["input/kept"][:]
            self.shape = tuple(int(v) for v in np.ravel(at.attrs["input_shape"]))
            self.family = text(f.attrs.get("family", "gaussian"))

    def forward(self, X, missing=None):
        """What the last layer says of the rows of X; `missing` is the code of int8 data."""
        x = np.asarray(X, dtype=float)
        if missing is not None:
            x = np.where(np.asarray(X) == missing, self.fill, x)
        x = ((x - self.center) / self.scale)[:, self.kept].reshape(len(x), *self.shape)
        for attributes, values in self.layers:
            kind = text(attributes["kind"])
            if kind == "maxpool2d":
                x = windows(x, *attributes["pool"], int(attributes["stride"])).max(axis=(4, 5))
                continue
            if kind == "conv2d":
                x = conv(x, values["weight"], values["bias"], int(attributes["stride"]), int(attributes["padding"]))
            else:
                x = dense(x, values["weight"], values["bias"])
            x = ACTIVATIONS[text(attributes["activation"])](x)
        return x.reshape(len(x), -1)

    def losses(self, X, y):
        """The loss of each row, and whether its label is the likeliest one (NaN without labels)."""
        out = self.forward(X)
        rows = np.arange(len(out))
        if self.family == "multinomial" or (self.family == "binomial" and out.shape[1] == 2):
            label = y.astype(int)
            top = out.max(axis=1)
            loss = top + np.log(np.exp(out - top[:, None]).sum(axis=1)) - out[rows, label]
            return loss, (out.argmax(axis=1) == label).astype(float)
        eta, y = out, y.reshape(len(out), -1)
        if self.family == "binomial":
            return (np.logaddexp(0.0, eta) - y * eta).sum(axis=1), ((eta > 0) == (y > 0.5)).all(axis=1).astype(float)
        if self.family == "poisson":
            return (np.exp(eta) - y * eta).sum(axis=1), np.full(len(out), np.nan)
        return 0.5 * np.square(y - eta).sum(axis=1), np.full(len(out), np.nan)

    def evaluate(self, X, y, rows):
        """Mean loss and accuracy over some rows; X may be an h5py dataset."""
        total, right = 0.0, 0.0
        for begin in range(0, len(rows), ROWS):
            some = rows[begin:begin + ROWS]
            loss, good = self.losses(X[some[0]:some[-1] + 1][some - some[0]], y[some])
            total, right = total + loss.sum(), right + good.sum()
        return total / len(rows), right / len(rows)

    def l1(self):
        return sum(np.abs(v["weight"]).sum() for _, v in self.layers if "weight" in v)

    def nonzeros(self):
        return sum(np.count_nonzero(v["weight"]) for _, v in self.layers if "weight" in v)
