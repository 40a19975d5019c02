# SPDX-License-Identifier: BSD-3-Clause
"""Draws a study: the best criterion of each task along the parameter that is crossed, a line for each
combination of the others; the support there; and what the tasks took. For scripts/plot."""
import h5py
import numpy as np
from plot_style import ALARM, COLOURS, SOFT, plt, save, text

PARAMETERS = ("alpha", "gamma", "q", "tl1_a", "log_eps", "k1", "k2", "seed")


def is_study(path):
    with h5py.File(path, "r") as f:
        return "summary" in f and "tasks" in f


def read(path):
    with h5py.File(path, "r") as f:
        table = {name: f["summary"][name][:] for name in f["summary"]}
        best = int(np.ravel(f.attrs.get("best_task", -1))[0])
    for name in ("label", "message", "data", "family", "penalty", "solver", "criterion"):
        table[name] = np.array([text(value).rstrip("\0") for value in table[name]])
    return table, best


def crossed(table, done):
    """The numeric parameter with the most values within one combination of the rest, or None."""
    widest = {}
    for name in PARAMETERS:
        for key in set(zip(table["data"][done], table["penalty"][done], table["solver"][done])):
            here = done & (table["data"] == key[0]) & (table["penalty"] == key[1]) & (table["solver"] == key[2])
            values = np.unique(table[name][here].astype(float))
            widest[name] = max(widest.get(name, 0), np.count_nonzero(~np.isnan(values)))
    name = max(widest, key=widest.get) if widest else None
    return name if name is not None and widest[name] > 1 else None


def draw_along(ax, table, done, name, column, best):
    others = [p for p in PARAMETERS if p != name]
    keys = [(table["data"][k], table["penalty"][k], table["solver"][k],
             *(float(table[p][k]) if not np.isnan(float(table[p][k])) else None for p in others))
            for k in range(len(done))]
    unique = list(dict.fromkeys(key for key, ok in zip(keys, done) if ok))
    for c, key in enumerate(unique):
        here = np.array([ok and k == key for k, ok in zip(keys, done)])
        x, y = table[name][here].astype(float), table[column][here].astype(float)
        if np.isnan(x).all():  # the penalty has no such parameter: a level
            ax.axhline(y[0], color=COLOURS[c % len(COLOURS)], linestyle=":", label=key[1])
            continue
        order = np.argsort(x)
        several = len(set(table["data"][done])) > 1
        ax.plot(x[order], y[order], marker="o", markersize=4, color=COLOURS[c % len(COLOURS)],
                label=key[1] + (f", {key[0].rsplit('/', 1)[-1]}" if several else ""))
    if best >= 0 and not np.isnan(float(table[name][best])):
        ax.plot(float(table[name][best]), float(table[column][best]), marker="o", markersize=9, fillstyle="none",
                color=ALARM)
    ax.set_xlabel(name)


def draw_bars(ax, table, done, column, best):
    at = np.flatnonzero(done)
    ax.barh(range(len(at)), table[column][at].astype(float),
            color=[ALARM if k == best else COLOURS[0] for k in at])
    ax.set_yticks(range(len(at)), [table["label"][k] for k in at], fontsize=7)
    ax.invert_yaxis()


def draw(path, stem):
    table, best = read(path)
    done = table["status"] < 2
    if not done.any():
        raise SystemExit(f"plot: {path}: no task has a result")
    along = crossed(table, done)
    figure, axes = plt.subplots(1, 3, figsize=(14, max(4.0, 0.22 * done.sum())), constrained_layout=True)
    for ax, column, title in ((axes[0], "best", f"Best {table['criterion'][done][0]}"),
                              (axes[1], "best_df", "Coefficients there")):
        ax.set_title(title)
        if along is None:
            draw_bars(ax, table, done, column, best)
        else:
            draw_along(ax, table, done, along, column, best)
    if along is not None:
        axes[0].legend(fontsize=7)
    axes[2].set_title("Seconds")
    draw_bars(axes[2], table, done, "seconds", best)
    failed = int((~done).sum())
    if failed:
        axes[2].set_xlabel(f"{failed} task{'s' if failed > 1 else ''} failed", color=SOFT)
    save(figure, stem)
