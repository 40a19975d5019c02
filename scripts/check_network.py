# SPDX-License-Identifier: BSD-3-Clause
"""Networks by numpy alone: what the file says about itself, recomputed from its weights and the data.

    from check_network import Network
    Network("OUT.h5").forward(X)          # X: rows x p, as it stands in the data file

`lies` is what scripts/check says of a network. Losses may differ by TOLERANCE of their size: sums are of
double precision, products of what the file's weights have, some 1e-7 of an output in float32 that
grows with fan-in. A row whose two likeliest labels are that close counts as right or wrong.
"""
import h5py
import numpy as np

ROWS = 100  # at a time: windows of pictures stay in the cache
TOLERANCE = {4: 1e-5, 8: 1e-10}  # by the bytes of a weight


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
    out = np.tensordot(windows(x, *weight.shape[2:], stride), weight, axes=((1, 4, 5), (1, 2, 3)))
    return np.moveaxis(out + bias, 3, 1)


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

    def losses(self, X, y, missing=None):
        """Of each row the loss, whether its label is the likeliest one (NaN without labels), and by how
        much of the outputs' size that was decided."""
        out = self.forward(X, missing)
        size = np.maximum(1.0, np.abs(out).max(axis=1))
        if self.family == "multinomial" or (self.family == "binomial" and out.shape[1] == 2):
            label, best = y.astype(int), np.sort(out, axis=1)
            top = best[:, -1]
            loss = top + np.log(np.exp(out - top[:, None]).sum(axis=1)) - out[np.arange(len(out)), label]
            return loss, (out.argmax(axis=1) == label).astype(float), (top - best[:, -2]) / size
        y = y.reshape(len(out), -1)
        if self.family == "binomial":
            right = ((out > 0) == (y > 0.5)).all(axis=1).astype(float)
            return (np.logaddexp(0.0, out) - y * out).sum(axis=1), right, np.abs(out).min(axis=1) / size
        nothing = np.full(len(out), np.nan)
        if self.family == "poisson":
            return (np.exp(out) - y * out).sum(axis=1), nothing, nothing
        return 0.5 * np.square(y - out).sum(axis=1), nothing, nothing

    def evaluate(self, read, y, rows, w=None, missing=None):
        """Mean loss (weighted by w) and accuracy over some rows, and the margins of their labels.
        `read(rows)` gives ascending rows of X."""
        parts = [self.losses(read(some), y[some], missing)
                 for some in (rows[k:k + ROWS] for k in range(0, len(rows), ROWS))]
        loss, right, margin = (np.concatenate(values) for values in zip(*parts))
        return np.average(loss, weights=None if w is None else w[rows]), right.mean(), margin

    def tensors(self):
        return [v for _, values in self.layers for v in values.values()]

    def l1(self):
        """Of weights and biases."""
        return sum(np.abs(v).sum() for v in self.tensors())

    def nonzeros(self):
        return sum(np.count_nonzero(v) for v in self.tensors())


def reader(x):
    """A function of ascending rows, for a dense dataset or a csr_matrix group."""
    if isinstance(x, h5py.Dataset):
        return lambda rows: x[rows[0]:rows[-1] + 1][rows - rows[0]]
    if text(x.attrs["encoding-type"]) != "csr_matrix":
        raise ValueError(f"{x.name}: {text(x.attrs['encoding-type'])}, and a network is learned from rows")
    indptr, p = x["indptr"][:], int(x.attrs["shape"][1])

    def read(rows):
        out = np.zeros((len(rows), p))
        for i, row in enumerate(rows):
            here = slice(indptr[row], indptr[row + 1])
            out[i, x["indices"][here]] = x["data"][here]
        return out

    return read


def compare(lies, attrs, name, true, tolerance):
    """Appends what is wrong with a root attribute; one that is absent or NaN claims nothing."""
    told = float(np.ravel(attrs.get(name, np.nan))[0])
    if not np.isnan(told) and not abs(told - true) <= tolerance:
        lies.append(f"{name} is {told:.12g}, not {true:.12g}")


def lies(result, data):
    """What is not true of an open network file (lines), and a line on what is."""
    found, attrs = [], result.attrs
    net = Network(result.filename)
    tolerance = TOLERANCE[max(v.dtype.itemsize for k in result["layers"] for v in result["layers"][k].values())]
    x, y = data[text(attrs.get("x", "/X"))], data[text(attrs.get("y", "/y"))]
    y = (y["codes"] if isinstance(y, h5py.Group) else y)[:]  # a categorical's codes
    w = data["weights"][:] if "weights" in data and text(attrs.get("weights_name", "")) != "none" else None
    words = []
    for name in ("train", "test"):
        rows = result[f"{name}_index"][:] if f"{name}_index" in result else []
        if not len(rows):
            continue
        if np.any(np.diff(rows) <= 0) or rows[0] < 0 or rows[-1] >= len(y):
            found.append(f"/{name}_index: not ascending rows of the data")
            continue
        loss, accuracy, margin = net.evaluate(reader(x), y, rows, w, x.attrs.get("missing"))
        compare(found, attrs, f"{name}_loss", loss, tolerance * (1.0 + abs(loss)))
        if w is None and not np.isnan(accuracy):
            compare(found, attrs, f"{name}_accuracy", accuracy, np.mean(margin <= tolerance) + 1e-12)
        words.append(f"{name} loss {loss:.6g}, accuracy {100 * accuracy:.4g} %")
    if "train_index" in result and "test_index" in result:
        if len(np.intersect1d(result["train_index"][:], result["test_index"][:])):
            found.append("rows of /test_index are in /train_index")
    compare(found, attrs, "l1", net.l1(), 1e-6 * (1.0 + net.l1()))  # told of what was rounded to float32
    compare(found, attrs, "parameters_left", net.nonzeros(), 0)
    return found, f"network: {'; '.join(words)}; l1 {net.l1():.6g}, {net.nonzeros()} parameters not zero"
