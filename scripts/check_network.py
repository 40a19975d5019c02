# SPDX-License-Identifier: BSD-3-Clause
"""A network recomputed from its file and the data: loss, accuracy, l1, nonzeros, and the inputs'
scaling. numpy alone.

What counts as a lie:
  train_loss, test_loss   off by more than 1e-9 (float64) or 2e-5 (float32: a product's rounding,
                          against this script's doubles) of max(1, |loss|)
  accuracy                off by more rows than have two outputs within that rounding of each other
  l1                      off by more than 1e-6 (float32: weights are rounded when written) of itself
  parameters_left         not the number of stored nonzeros
  train_index, test_index not a partition of the rows
  center, scale           not what `scaling` says of the rows learnt from (1e-9 of the column's size)
"""
import numpy as np


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


class Layer:
    def __init__(self, group):
        attrs = group.attrs
        self.kind, self.activation = text(attrs["kind"]), text(attrs.get("activation", "linear"))
        self.stride = int(np.ravel(attrs.get("stride", 1))[0])
        self.padding = int(np.ravel(attrs.get("padding", 0))[0])
        self.pool = [int(v) for v in np.ravel(attrs.get("pool", [1, 1]))]
        self.weight = group["weight"][:].astype(float) if "weight" in group else None
        self.bias = group["bias"][:].astype(float) if "bias" in group else None

    def windows(self, x, height, width):
        view = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(2, 3))
        return view[:, :, :: self.stride, :: self.stride]

    def __call__(self, x):
        if self.kind == "maxpool2d":
            return self.windows(x, *self.pool).max(axis=(4, 5))
        if self.kind == "conv2d":
            pad = self.padding
            x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
            z = np.einsum("nchwij,ocij->nohw", self.windows(x, *self.weight.shape[2:]), self.weight,
                          optimize=True) + self.bias[:, None, None]
        else:
            z = x.reshape(len(x), -1) @ self.weight.T + self.bias
        return {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "linear": lambda v: v}[
            self.activation](z)


class Network:
    """Reads /layers and /input under a prefix; calls itself on raw rows."""

    def __init__(self, file, prefix=""):
        root = file[prefix] if prefix else file
        layers = root["layers"]
        self.layers = [Layer(layers[str(k)]) for k in range(len(layers))]
        self.center, self.scale = root["input/center"][:], root["input/scale"][:]
        self.kept = root["input/kept"][:]
        self.shape = [int(v) for v in np.ravel(root.attrs["input_shape"])]
        self.single = any(root[f"layers/{k}/weight"].dtype == np.float32
                          for k in range(len(layers)) if "weight" in layers[str(k)])

    def __call__(self, X):
        x = ((X.astype(float) - self.center) / self.scale)[:, self.kept]
        if len(self.shape) == 3:
            x = x.reshape(len(x), *self.shape)
        for layer in self.layers:
            x = layer(x)
        return x.reshape(len(x), -1)

    def parameters(self):
        return [a for layer in self.layers for a in (layer.weight, layer.bias) if a is not None]


def losses(family, eta, y):
    """Loss and hits (None without labels) of each row."""
    if family == "gaussian":
        return 0.5 * ((y.reshape(len(y), -1) - eta) ** 2).sum(axis=1), None
    if family == "poisson":
        return np.exp(eta[:, 0]) - y * eta[:, 0], None
    if eta.shape[1] == 1:
        return np.logaddexp(0, eta[:, 0]) - y * eta[:, 0], (eta[:, 0] > 0) == (y > 0.5)
    y = y.astype(int)
    top = eta.max(axis=1)
    logs = top + np.log(np.exp(eta - top[:, None]).sum(axis=1))
    return logs - eta[np.arange(len(y)), y], eta.argmax(axis=1) == y


def ties(eta, slack):
    """Rows whose decision rounding may turn."""
    if eta.shape[1] == 1:
        return np.abs(eta[:, 0]) < slack
    two = np.sort(eta, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0] < slack


def scaling_of(kind, X, w):
    X = X.astype(float)
    mean = w @ X / w.sum()
    deviation = np.sqrt(w @ (X - mean) ** 2 / w.sum())
    constant = X.max(axis=0) == X.min(axis=0)
    deviation[constant] = 1.0
    zero, one = np.zeros(X.shape[1]), np.ones(X.shape[1])
    if kind == "none":
        return zero, one
    if kind == "max":
        return zero, one * max(np.abs(X).max(), 1e-300)
    if kind == "standard":
        return mean, deviation
    moving = np.where(constant, 0, deviation)
    return mean, one * (np.sqrt((moving ** 2).mean()) or 1.0)


def check_network(result, data):
    """Lies, and a line on what is true."""
    attrs = result.attrs
    X, y = data[text(attrs["x"])], data[text(attrs["y"])][:]
    weights = data["weights"][:] if "weights" in data else np.ones(len(y))
    network, family, lies = Network(result), text(attrs["family"]), []
    train, test = result["train_index"][:], result["test_index"][:]
    if not np.array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y))):
        lies.append("train_index and test_index are no partition of the rows")
    slack = 2e-5 if network.single else 1e-9
    found = []
    for name, rows in (("train", train), ("test", test)):
        if len(rows) == 0:
            continue
        w = weights[rows] / weights[rows].sum()
        eta = network(X[:][rows])
        loss, hit = losses(family, eta, y[rows])
        value, said = w @ loss, float(attrs[f"{name}_loss"])
        found.append(f"{name} loss {value:.6g}")
        if not abs(value - said) <= slack * max(1.0, abs(value)):
            lies.append(f"{name}_loss is {said:.10g}, recomputed {value:.10g}")
        if hit is None:
            continue
        share, said = w @ hit, float(attrs[f"{name}_accuracy"])
        found.append(f"accuracy {share:.4f}")
        unsure = w @ ties(eta, 100 * slack * max(1.0, np.abs(eta).max()))
        if not abs(share - said) <= unsure + 1e-12:
            lies.append(f"{name}_accuracy is {said:.6f}, recomputed {share:.6f}")
    center, scale = scaling_of(text(attrs["scaling"]), X[:][train], weights[train])
    size = np.sqrt((X[:][train].astype(float) ** 2).mean(axis=0)) + 1e-300
    if np.abs((network.center - center) / np.maximum(size, scale)).max() > 1e-9:
        lies.append("center is not that of the rows learnt from")
    if np.abs(network.scale / scale - 1).max() > 1e-9:
        lies.append("scale is not that of the rows learnt from")
    parameters = network.parameters()
    l1 = sum(np.abs(a).sum() for a in parameters)
    left = sum(np.count_nonzero(a) for a in parameters)
    if not abs(l1 - float(attrs["l1"])) <= (1e-6 if network.single else 1e-12) * max(l1, 1.0):
        lies.append(f"l1 is {float(attrs['l1']):.10g}, recomputed {l1:.10g}")
    if left != int(attrs["parameters_left"]):
        lies.append(f"parameters_left is {int(attrs['parameters_left'])}, {left} are stored")
    found.append(f"l1 {l1:.6g}, {left} of {int(attrs['parameters'])} parameters left")
    return lies, ", ".join(found)
