# SPDX-License-Identifier: BSD-3-Clause
"""Pages of scripts/report against the files they are of, by h5py and numpy alone: what is drawn is what the file
says, and nothing in the page comes from elsewhere.

    report.py path PAGE.html RESULT.h5 [most columns]
    report.py cv PAGE.html RESULT.h5 DATA.h5
    report.py stability PAGE.html RESULT.h5 [most columns]
    report.py network|front|dictionary|study PAGE.html RESULT.h5
"""
import base64
import json
import re
import sys
from html.parser import HTMLParser

import h5py
import numpy as np


class Scan(HTMLParser):
    """Scripts, text and whatever a tag would fetch."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.words, self.fetched, self.inside, self.numbers = 0, [], [], None, {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.fetched += [attrs[k] for k in ("src", "href") if k in attrs and attrs[k] != "data:,"]
        self.scripts += tag == "script"
        self.inside = attrs.get("id", "script") if tag == "script" else tag if tag == "style" else None

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside = None

    def handle_data(self, text):
        if self.inside is None:
            self.words.append(text)
        elif self.inside.endswith("-numbers"):
            self.numbers[self.inside[:-8]] = json.loads(text)


def array(value):
    """A list, or plotly's typed array."""
    if not isinstance(value, dict):
        return np.array([np.nan if v is None else v for v in value])
    kinds = {"f8": "<f8", "f4": "<f4", "i1": "<i1", "u1": "<u1", "i2": "<i2", "u2": "<u2", "i4": "<i4", "u4": "<u4"}
    out = np.frombuffer(base64.b64decode(value["bdata"]), dtype=kinds[value["dtype"]])
    return out.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else out


def same(what, got, wanted, rtol=0.0):
    got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
    if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=rtol, atol=0, equal_nan=True):
        sys.exit(f"{what}: the page has {got}, the file {wanted}")


def holds(what, true):
    if not true:
        sys.exit(f"{what}")


kind, page, file, *rest = sys.argv[1:]
scan = Scan(open(page, encoding="utf-8").read())
f = h5py.File(file, "r")
words = re.sub(r"\s+", " ", " ".join(scan.words))
holds(f"fetched: {scan.fetched}", not scan.fetched)
holds(f"{scan.scripts} scripts for {len(scan.numbers)} figures", scan.scripts == len(scan.numbers) + 2)
for name, value in f.attrs.items():
    holds(f"attribute {name} is not in the page", f" {name} " in words or name == "command_line")
    if isinstance(value, str):
        holds(f"{name} = {value}", re.sub(r"\s+", " ", value) in words)


def trace(figure, name):
    found = [t for t in scan.numbers[figure]["data"] if t.get("name") == name]
    holds(f"{figure}: {len(found)} traces {name}", len(found) == 1)
    return found[0]


def check_coefficients(figure, k, K, most):
    """Every line is a column of X with the file's numbers, zeros beside them; no nonzero number is missing."""
    g = f["coef"]
    p, L = g.attrs["shape"][0] // K, g.attrs["shape"][1]
    dense = np.zeros((p, L))
    for l in range(L):
        at = slice(g["indptr"][l], g["indptr"][l + 1])
        mine = g["indices"][at] % K == k
        dense[g["indices"][at][mine] // K, l] = g["data"][at][mine]
    size = np.abs(dense * f["scale"][:][:, None]).max(axis=1)
    names = [v.decode() for v in f["feature_names"][:]] if "feature_names" in f else [f"x{j}" for j in range(p)]
    lam, drawn = f["lambda"][:], []
    for line in scan.numbers[figure]["data"]:
        name = line["name"].replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
        j = names.index(name)
        at = np.searchsorted(-lam, -array(line["x"]))
        same("lambda", array(line["x"]), lam[at])
        same(f"coefficients of {name}", array(line["customdata"]), dense[j, at])
        same(f"standardised ones of {name}", array(line["y"]), dense[j, at] * f["scale"][j])
        holds(f"{name}: nonzero ones are missing", not dense[j, np.setdiff1d(np.arange(L), at)].any())
        drawn.append(j)
    wanted = np.argsort(-size, kind="stable")[:min(most, np.count_nonzero(size))]
    holds(f"drawn: {sorted(drawn)}, largest: {sorted(wanted)}", sorted(drawn) == sorted(wanted))
    left = np.count_nonzero(size) - len(drawn)
    holds(f"{left} left out, and not said", left == 0 or f"{left} smaller ones are left out" in words)


def check_path(most=100):
    K = f["intercept"].shape[1] if f["intercept"].ndim > 1 else 1
    for k in range(K):
        check_coefficients("coefficients" if K == 1 else f"coefficients-{k}", k, K, most)
    seen = np.where(f["status"][:] == 3, np.nan, 1.0)
    for figure, name, unit in (("support", "df", 1), ("deviance", "dev_ratio", 1), ("seconds", "seconds", 1e3),
                               ("iterations", "iterations", 1)):
        same(figure, array(trace(figure, name)["y"]), unit * f[name][:] * seen)
        same(figure, array(trace(figure, name)["x"]), f["lambda"][:])
    tol = f.attrs["tol"]
    for name, label, limit in (("dual_gap", "gap / ½ null deviance", tol), ("kkt_residual", "residual / λ", 100 * tol)):
        if np.isfinite(f[name][:]).any():
            same(name, array(trace("certificate", label)["customdata"]), f[name][:])
            same("tolerance", trace("certificate", f"asked for: {limit:.0e}")["y"], [limit, limit])
    for code, said in ((1, "the budget was spent"), (2, "diverged"), (3, "not attempted")):
        holds(f"status {code}: {said}", (f["status"][:] == code).any() == (said in words))
    holds("certified", (f["status"][:] == 0).all() == ("certified: duality gap" in words or "are stationary" in words))


def check_classes(eta, y):
    """Area by counting pairs; the curve's ends; calibration's bins hold every row once."""
    pairs = np.sign(eta[y == 1][:, None] - eta[y == 0][None])
    area = (1 + pairs.mean()) / 2
    curve = trace("roc", "ROC")
    fx, ty = array(curve["x"]), array(curve["y"])
    same("area", np.sum(np.diff(fx) * (ty[1:] + ty[:-1]) / 2), area, 1e-12)
    holds(f"area {area:.3f}", f"area {area:.3f}" in words)
    dots = trace("calibration", "calibration")
    count, p = array(dots["customdata"]), 1 / (1 + np.exp(-eta))
    same("rows", count.sum(), len(y))
    same("mean prediction", (array(dots["x"]) * count).sum(), p.sum(), 1e-12)
    same("observed", (array(dots["y"]) * count).sum(), y.sum(), 1e-12)


def check_cv(data):
    check_path()
    mean, error = f["cvm"][:], f["cvsd"][:]
    same("cvm", array(trace("cv", "mean")["y"]), mean)
    same("se", array(trace("cv", "± a standard error")["y"]), mean + error)
    same("se", array(trace("cv", "lower")["y"]), mean - error)
    folds = [t for t in scan.numbers["cv"]["data"] if "fold" in t["name"]]
    same("folds", np.array([array(t["y"]) for t in folds]).T, f["fold_measure"][:])
    same("lambda.min, lambda.1se", [s["x0"] for s in scan.numbers["cv"]["layout"]["shapes"]],
         [f["lambda_min"][0], f["lambda_1se"][0]])
    with h5py.File(data, "r") as d:
        y = (d["y/codes"] if isinstance(d["y"], h5py.Group) else d["y"])[:].astype(float)
    K, L, at = f.attrs["responses"], len(mean), np.argmin(np.abs(f["lambda"][:] - f["lambda_min"][0]))
    eta = f["oof"][:].reshape(len(y), K, L)[:, :, at]
    family = f.attrs["family"]
    family = family.decode() if isinstance(family, bytes) else family
    if family == "binomial":
        check_classes(eta[:, 0], y)
    elif family == "multinomial":
        wanted = np.array([[np.sum((y == a) & (eta.argmax(axis=1) == b)) for b in range(K)] for a in range(K)])
        same("confusion", array(scan.numbers["confusion"]["data"][0]["customdata"]), wanted)
    else:
        same("predicted", array(trace("predicted", "rows")["x"]), eta[:, 0])
        same("observed", array(trace("predicted", "rows")["y"]), y)


def check_stability(most=100):
    check_path(most)
    g = f["probability"]
    p, L = g.attrs["shape"]
    share = np.zeros((p, L))
    for l in range(L):
        at = slice(g["indptr"][l], g["indptr"][l + 1])
        share[g["indices"][at], l] = g["data"][at]
    stable = f["stable"][:]
    names = [v.decode().translate({38: "&amp;", 60: "&lt;", 62: "&gt;", 34: "&quot;"}) for v in f["feature_names"][:]]
    drawn = []
    for line in scan.numbers["stability"]["data"]:
        drawn.append(names.index(line["name"]))
        same(f"share of {line['name']}", array(line["y"]), share[drawn[-1]])
    best = share.max(axis=1)
    holds("the largest", len(drawn) == max(most, len(stable)) and np.isin(stable, drawn).all()
          and best[drawn].min() >= np.delete(best, drawn).max())
    same("threshold", scan.numbers["stability"]["layout"]["shapes"][0]["y0"], f.attrs["threshold"])
    same("sizes", array(trace("selected", "subsamples")["y"]), np.unique(f["subsample_selected"][:],
                                                                         return_counts=True)[1])
    holds("subsamples that were not solved", "2 subsamples were not solved" in words)
    for name in ("aic", "bic", "ebic"):
        same(name, array(trace("criteria", name.upper())["customdata"]), f[name][:])
        same(name, array(trace("criteria", f"least {name}")["x"]), f["lambda"][:][[np.nanargmin(f[name][:])]])


def check_network():
    for figure, name in (("loss", "train_loss"), ("accuracy", "train_accuracy")):
        same(name, array(trace(f"history-{figure}", "train")["y"]), f[f"history/{name}"][:])
    layers = [f[f"layers/{k}/weight"][:] for k in sorted(f["layers"], key=int) if "weight" in f[f"layers/{k}"]]
    left = array(trace("sparsity", "left")["customdata"])
    same("left", left, [[np.count_nonzero(w), w.size] for w in layers])
    same("histogram", array(trace("weights", "weights")["y"]).sum(), sum(np.count_nonzero(w) for w in layers))
    first = np.sort(np.abs(layers[0].astype(float)).sum(axis=0))[::-1]
    shown = scan.numbers["first-layer"]["data"][0]
    if layers[0].ndim == 2 and shown["type"] == "bar":
        same("inputs", np.sort(array(shown["x"]))[::-1], first[first > 0][:20], 1e-6)


def check_front():
    order = np.argsort(f["l1"][:], kind="stable")
    for axis, name in (("x", "l1"), ("y", "loss")):
        same(name, array(trace("front", "points")[axis]), f[name][:][order])
    same("accuracy", array(trace("accuracy", "train accuracy")["y"]), f["train_accuracy"][:][order])
    best = [k for k in order if not ((f["l1"][:] <= f["l1"][k]) & (f["loss"][:] < f["loss"][k])).any()]
    same("not dominated", array(trace("front", "not dominated")["x"]), f["l1"][:][best])


def check_dictionary():
    shown = array(scan.numbers["atoms"]["data"][0]["z"])
    same("atoms", np.sort(shown[np.isfinite(shown)].ravel()), np.sort(f["dictionary"][:].ravel()))
    used = np.bincount(f["codes/indices"][:][f["codes/data"][:] != 0], minlength=len(f["dictionary"]))
    same("usage", array(trace("usage", "usage")["y"]), np.sort(100 * used / f.attrs["n"])[::-1], 1e-12)


def check_study():
    """Of tasks on one data set, some of which failed."""
    g = {name: f["summary"][name][:] for name in f["summary"]}
    label, message = ([v.decode() for v in g[name]] for name in ("label", "message"))
    done = g["status"] < 2
    seen = {}
    for line in scan.numbers["tasks"]["data"]:
        if line["name"] != "best":
            seen.update(zip(array(line["y"]).astype(int), array(line["x"])))
    holds("tasks", sorted(seen) == list(np.flatnonzero(done)))
    same("criterion", [seen[k] for k in sorted(seen)], g["best"][done])
    best = int(np.nanargmin(np.where(done, g["best"], np.nan)))
    same("the best", array(trace("tasks", "best")["y"]), [best])
    same("seconds", array(trace("seconds", "seconds")["y"]), g["seconds"])
    same("gamma", array(trace("along-gamma", "mcp")["x"]), g["gamma"][done & (g["penalty"] == b"mcp")])
    same("along gamma", array(trace("along-gamma", "mcp")["y"]), g["best"][done & (g["penalty"] == b"mcp")])
    for line in scan.numbers["curves"]["data"]:
        task = f["tasks"][line["name"].split(":")[0]]
        same("lambda", array(line["x"]), task["lambda"][:])
        same("cvm", array(line["y"]), task["cvm"][:])
    holds("curves", len(scan.numbers["curves"]["data"]) == done.sum())
    for k in range(len(done)):
        short = re.sub(r"data=\S*/", "data=", label[k])
        holds(f"task {k} is not in the table", f" {k} {short} " in words or f" {k} {short} (best) " in words)
        holds(f"no word of {message[k]}", done[k] or message[k] in words)
    failed = np.flatnonzero(~done)
    holds("what failed", f"{len(failed)} of {len(done)} tasks failed: {failed[0]}–{failed[-1]}." in words)


{"path": lambda: check_path(*map(int, rest)), "cv": lambda: check_cv(*rest), "network": check_network,
 "stability": lambda: check_stability(*map(int, rest)),
 "front": check_front, "dictionary": check_dictionary, "study": check_study}[kind]()
