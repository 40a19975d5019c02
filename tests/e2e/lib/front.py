# SPDX-License-Identifier: BSD-3-Clause
"""Whether a front's file is true: losses, norms, accuracies, multipliers and violations of every point computed again
from its network and the data alone (float64, plain backpropagation).

    front.py FRONT.h5 DATA.h5 [--nsga FILE.csv] [--rtol R]
"""
import argparse
import sys

import h5py
import numpy as np

ACT = {"linear": (lambda z: z, lambda a: np.ones_like(a)), "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
       "tanh": (np.tanh, lambda a: 1 - a * a)}


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def network(group):
    layers = group["layers"]
    return [(layers[str(k)]["weight"][:].astype(float), layers[str(k)]["bias"][:].astype(float),
             text(layers[str(k)].attrs["activation"])) for k in range(len(layers))]


def forward(net, x):
    out = [x]
    for w, b, activation in net:
        out.append(ACT[activation][0](out[-1] @ w.T + b))
    return out


def loss_and_slope(family, out, y):
    """The mean loss, and its derivative by the outputs."""
    n = len(y)
    if family == "gaussian":
        off = out - y.reshape(out.shape)
        return 0.5 * (off ** 2).sum() / n, off / n
    shifted = out - out.max(1, keepdims=True)
    p = np.exp(shifted)
    p /= p.sum(1, keepdims=True)
    hot = np.eye(out.shape[1])[y.astype(int)]
    return -np.log((p * hot).sum(1)).mean(), (p - hot) / n


def gradient(net, out, slope):
    grads = []
    for k in range(len(net) - 1, -1, -1):
        w, _, activation = net[k]
        slope = slope * ACT[activation][1](out[k + 1])
        grads += [slope.sum(0), slope.T @ out[k]]
        slope = slope @ w
    return grads[::-1]  # weight, bias of every layer


def judge(values, grads, grouped):
    """The norm, lambda and the largest violation over lambda."""
    blocks = []
    for v, g in zip(values, grads):
        if grouped and v.ndim == 2:
            blocks += [(v[:, j], g[:, j], np.sqrt(len(v))) for j in range(v.shape[1])]
        else:
            blocks += [(np.array([a]), np.array([b]), 1.0) for a, b in zip(v.ravel(), g.ravel())]
    norm = sum(w * np.linalg.norm(v) for v, _, w in blocks)
    if norm == 0:
        return 0.0, max(np.linalg.norm(g) / w for _, g, w in blocks), 0.0
    lam = max(-sum(v @ g for v, g, _ in blocks) / norm, 0.0)
    worst = max(np.linalg.norm(g + lam * w * v / np.linalg.norm(v)) / w if v.any()
                else max(np.linalg.norm(g) / w - lam, 0.0) for v, g, w in blocks)
    return norm, lam, worst / lam if lam > 0 else np.inf


def close(k, what, a, b, rtol, atol=1e-12):
    if a != b and not abs(a - b) <= rtol * abs(b) + atol:
        sys.exit(f"front.py: point {k}: {what} is {a:.12g} in the file, {b:.12g} from its network")


def check(f, data, rtol):
    family, grouped = text(f.attrs["family"]), text(f.attrs["norm"]) == "group-l1"
    x, y = data["X"][:].astype(float), data["y"][:]
    train, test = f["train_index"][:], f["test_index"][:]
    for k in range(len(f["loss"])):
        point = f[f"points/{k}"]
        seen = (x - point["input/center"][:]) / point["input/scale"][:]
        net = network(point)
        out = forward(net, seen[train])
        loss, slope = loss_and_slope(family, out[-1], y[train])
        values = [v for w, b, _ in net for v in (w, b)]
        norm, lam, violation = judge(values, gradient(net, out, slope), grouped)
        close(k, "loss", f["loss"][k], loss, rtol)
        close(k, "l1", f["l1"][k], norm, rtol)
        close(k, "lambda", f["lambda"][k], lam, 1e3 * rtol)
        close(k, "kkt_residual", f["kkt_residual"][k], violation, 1e4 * rtol, 1e3 * rtol)
        close(k, "nonzeros", f["nonzeros"][k], sum((v != 0).sum() for v in values), 0)
        if family != "gaussian":
            close(k, "train_accuracy", f["train_accuracy"][k], (out[-1].argmax(1) == y[train]).mean(), 0)
        if family != "gaussian" and len(test):
            hits = (forward(net, seen[test])[-1].argmax(1) == y[test]).mean()
            close(k, "test_accuracy", f["test_accuracy"][k], hits, 0)


def undominated(loss, l1):
    return [not any((b <= l1[k]) & (a <= loss[k]) & ((b < l1[k]) | (a < loss[k])) for a, b in zip(loss, l1))
            for k in range(len(loss))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("front")
    parser.add_argument("data")
    parser.add_argument("--nsga")
    parser.add_argument("--rtol", type=float, default=1e-9)
    args = parser.parse_args()
    with h5py.File(args.front) as f, h5py.File(args.data) as data:
        check(f, data, args.rtol)
        loss, l1 = f["loss"][:], f["l1"][:]
        if text(f.attrs["method"]) == "continuation":
            assert all(undominated(loss, l1)), "a point is dominated"
            steps = np.diff(l1)
            assert abs(steps - steps.mean()).max() <= 1e-9 * l1[-1], f"uneven: {steps}"
        if args.nsga:
            for a, b in np.loadtxt(args.nsga, delimiter=",", skiprows=1):
                # theirs are sums of float32: 3e-7
                assert ((l1 <= b * (1 + 1e-9)) & (loss <= a + 1e-6)).any(), f"{a}, {b} is not dominated"


main()
