# SPDX-License-Identifier: BSD-3-Clause
"""The panels of networks and of fronts, for scripts/plot: each is a function of an axes."""
import math
import os

import h5py
import numpy as np
from matplotlib.ticker import MaxNLocator

import network_views
from plot_style import COLOURS, FAINT, INK, SOFT, text

N_TOP = 15  # inputs named where there is no picture


def kind_of(path):
    """"front", "network", or None for another file."""
    with h5py.File(path, "r") as f:
        if text(f.attrs.get("kind", "")) == "front":
            return "front"
        return "network" if "layers" in f and "0" in f["layers"] else None


def title_of(f, path, words):
    words = [text(f.attrs[k]) for k in ("family", "penalty") if k in f.attrs] + words
    source = next((text(f.attrs[k]) for k in ("data", "dataset") if k in f.attrs), path)
    return f"{os.path.basename(source)}: {' '.join(words)}".rstrip(": ")


class Network:
    """The numbers of a network file."""

    def __init__(self, path):
        with h5py.File(path, "r") as f:
            layers = [f[f"layers/{k}"] for k in range(len(f["layers"]))]
            self.weights = {k: layer["weight"][:] for k, layer in enumerate(layers) if "weight" in layer}
            self.shape = np.ravel(f.attrs["input_shape"])
            self.p = len(f["input/center"])
            self.kept = f["input/kept"][:]
            self.history = {k: v[:].astype(float) for k, v in f.get("history", {}).items()}
            self.names = [text(v) for v in f["feature_names"][:]] if "feature_names" in f else None
            sizes = [str(int(np.prod(self.shape)))] + [str(w.shape[0]) for w in self.weights.values()]
            self.title = title_of(f, path, ["network " + "-".join(sizes)])
        if "epoch" not in self.history and self.history:
            longest = max(len(v) for v in self.history.values())
            self.history["epoch"] = np.arange(1.0, longest + 1)

    def panels(self):
        """name -> function; what the file has no numbers for is left out."""
        panels = {}
        if self.has("loss"):
            panels["loss"] = lambda ax: self.draw_history(ax, "loss", "Loss")
        if self.has("accuracy"):
            panels["accuracy"] = lambda ax: self.draw_history(ax, "accuracy", "Accuracy")
        if np.isfinite(self.history.get("nonzeros", [])).any():
            panels["nonzeros"] = self.draw_nonzeros
        panels["sparsity"] = self.draw_sparsity
        panels["weights"] = self.draw_weights
        panels["first-layer"] = self.draw_first_layer
        return panels

    def has(self, what):
        return any(np.isfinite(self.history.get(f"{rows}_{what}", [])).any() for rows in ("train", "test"))

    def draw_history(self, ax, what, title):
        ax.set_title(title)
        ax.set_xlabel("epoch")
        for rows, colour in (("train", SOFT), ("test", COLOURS[0])):
            values = self.history.get(f"{rows}_{what}", np.array([]))
            seen = np.isfinite(values)
            if not seen.any():
                continue
            epoch = self.history["epoch"][: len(values)]
            ax.plot(epoch[seen], values[seen], color=colour, linewidth=1.6, label=f"{rows}: {values[seen][-1]:.4g}",
                    marker="o" if seen.sum() < 4 else None, markersize=4)
        if what == "loss" and all(np.all(line.get_ydata() > 0) for line in ax.lines):
            ax.set_yscale("log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        ax.legend(frameon=False, fontsize=8)

    def draw_nonzeros(self, ax):
        ax.set_title("Nonzero weights by epoch")
        ax.set_xlabel("epoch")
        values = self.history["nonzeros"]
        ax.plot(self.history["epoch"][: len(values)], values, color=COLOURS[0], linewidth=1.6)
        ax.set_ylim(0, None)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

    def draw_sparsity(self, ax):
        total = sum(w.size for w in self.weights.values())
        alive = sum(np.count_nonzero(w) for w in self.weights.values())
        ax.set_title("Weights that are not zero")
        ax.set_title(f"{alive:,} of {total:,}: {100 * alive / total:.3g}%", loc="right", fontsize=8.5,
                     fontweight="normal")
        rows = list(self.weights.items())[::-1]
        share = [100 * np.count_nonzero(w) / w.size for _, w in rows]
        places = np.arange(len(rows))
        ax.barh(places, 100, color=FAINT, height=0.6, alpha=0.4)
        ax.barh(places, share, color=COLOURS[0], height=0.6)
        for y, percent, (_, w) in zip(places, share, rows):
            inside = percent > 60
            ax.text(percent + (-1.5 if inside else 1.5), y, f"{np.count_nonzero(w):,} of {w.size:,}",
                    va="center", ha="right" if inside else "left", fontsize=7.5,
                    color="white" if inside else INK)
        ax.set_yticks(places, [f"layer {k}\n{' × '.join(map(str, w.shape))}" for k, w in rows], fontsize=7.5)
        ax.set_xlim(0, 100)
        ax.set_xlabel("%")
        ax.grid(axis="y", visible=False)

    def draw_weights(self, ax):
        """Histogram of the nonzero weights; the zeros are told in words."""
        values = np.concatenate([w.ravel() for w in self.weights.values()])
        alive = values[values != 0]
        ax.set_title("Weights")
        ax.set_title(f"{100 * (1 - len(alive) / len(values)):.3g}% are zero", loc="right", fontsize=8.5,
                     fontweight="normal")
        if len(alive):
            limit = np.quantile(np.abs(alive), 0.999) * 1.05
            ax.hist(np.clip(alive, -limit, limit), bins=81, range=(-limit, limit), color=COLOURS[1])
            ax.set_yscale("log")
        ax.set_ylabel("how many")

    def draw_first_layer(self, ax):
        first = self.weights.get(0)
        if first is None or first.ndim == 4:
            self.draw_filters(ax, next(w for w in self.weights.values()) if first is None else first)
            return
        strength = network_views.strength(first, self.kept, self.p)
        used = np.count_nonzero(strength)
        ax.set_title("First layer: Σ|w| of each input")
        ax.set_xlabel(f"{used:,} of {self.p:,} inputs used")
        picture = network_views.picture(strength, self.shape, self.names is not None)
        if picture is None:
            self.draw_inputs(ax, strength)
            return
        show(ax, np.where(picture > 0, picture, np.nan), "viridis")

    def draw_inputs(self, ax, strength):
        top = np.argsort(-strength, kind="stable")[:N_TOP]
        top = top[strength[top] > 0][::-1]
        ax.barh(np.arange(len(top)), strength[top], color=COLOURS[2], height=0.65)
        names = [self.names[j] if self.names else f"input {j}" for j in top]
        ax.set_yticks(np.arange(len(top)), [n if len(n) <= 16 else n[:15] + "…" for n in names], fontsize=7)
        ax.grid(axis="y", visible=False)

    @staticmethod
    def draw_filters(ax, filters):
        """Filters side by side, the mean over their channels."""
        ax.set_title("Filters of the first layer")
        dead = sum(not f.any() for f in filters)
        ax.set_title(f"{len(filters) - dead} of {len(filters)} alive", loc="right", fontsize=8.5,
                     fontweight="normal")
        tiles = network_views.tiles(filters.mean(axis=1))
        limit = np.nanmax(np.abs(tiles)) or 1.0
        show(ax, tiles, "RdBu_r", vmin=-limit, vmax=limit)


def show(ax, image, colours, **limits):
    picture = ax.imshow(image, cmap=colours, interpolation="nearest", **limits)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    bar = ax.figure.colorbar(picture, ax=ax, fraction=0.045, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7.5)


class Curve:
    """Loss, l1 and accuracy of the points of one file, by l1."""

    def __init__(self, path):
        with h5py.File(path, "r") as f:
            order = np.argsort(f["l1"][:])
            self.l1, self.loss = f["l1"][:][order], f["loss"][:][order]
            self.accuracy = {rows: f[f"{rows}_accuracy"][:][order] for rows in ("train", "test")
                             if f"{rows}_accuracy" in f}
            self.seconds = float(np.nansum(f["seconds"][:])) if "seconds" in f else math.nan
            stem = os.path.splitext(os.path.basename(path))[0]
            self.name = next((text(f.attrs[k]) for k in ("method", "label") if k in f.attrs), stem)
            self.title = title_of(f, path, [f"front of {len(self.l1)} networks"])


class Front:
    """A front of loss against l1, with others beside it."""

    def __init__(self, path, beside):
        self.curves = [Curve(p) for p in [path] + beside]
        self.title = self.curves[0].title

    def panels(self):
        panels = {"front": self.draw_front}
        if any(c.accuracy for c in self.curves):
            panels["accuracy"] = self.draw_accuracy
        return panels

    def draw_front(self, ax):
        ax.set_title("Loss against ℓ1")
        ax.set_xlabel("ℓ1 norm of the weights")
        for k, c in enumerate(self.curves):
            label = f"{c.name}: {len(c.l1)} points"
            label += f", {c.seconds:.3g} s" if math.isfinite(c.seconds) else ""
            ax.plot(c.l1, c.loss, color=COLOURS[k % len(COLOURS)], linewidth=1.3 if k == 0 else 0.8,
                    marker="o" if k == 0 else "x", markersize=4, label=label)
        ax.set_xlim(left=min(0.0, *(c.l1.min() for c in self.curves)))
        ax.legend(frameon=False, fontsize=8)

    def draw_accuracy(self, ax):
        ax.set_title("Accuracy against ℓ1")
        ax.set_xlabel("ℓ1 norm of the weights")
        for k, c in enumerate(self.curves):
            colour = COLOURS[k % len(COLOURS)]
            for rows, values in c.accuracy.items():
                test = rows == "test"
                ax.plot(c.l1, values, color=colour, linewidth=1.4 if test else 0.8, label=f"{c.name}, {rows}",
                        linestyle="-" if test else (0, (4, 3)), marker="o" if test else None, markersize=3.5)
        ax.legend(frameon=False, fontsize=8, loc="lower right")


def layout(n):
    """Rows and columns of a figure of n panels."""
    return (1, n) if n < 3 else (2, (n + 1) // 2)
