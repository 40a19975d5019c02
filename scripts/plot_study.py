# SPDX-License-Identifier: BSD-3-Clause
"""Draws a study: the best criterion of each task along the parameter that most of them are crossed with, a line
for each combination of the others, or else task by task; the support there; and what the tasks took. For
scripts/plot."""
import h5py
import numpy as np
from plot_style import ALARM, COLOURS, SOFT, plt, save, text
from study_grid import crossed, lines


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


def draw_along(ax, table, done, name, column, best):
    for c, (label, at) in enumerate(lines(table, done, name)):
        x, y = table[name][at].astype(float), table[column][at].astype(float)
        colour = COLOURS[c % len(COLOURS)]
        if np.isnan(x).all():  # the penalty has no such parameter: a level
            ax.axhline(y[0], color=colour, linestyle=":", label=label)
            continue
        ax.plot(x, y, marker="o", markersize=4, color=colour, label=label)
    if best >= 0 and not np.isnan(float(table[name][best])):
        ax.plot(float(table[name][best]), float(table[column][best]), marker="o", markersize=9, fillstyle="none",
                color=ALARM)
    ax.set_xlabel(name)


def draw_rows(ax, table, done, column, best, labels=True):
    """A row a task: a bar from 0, or a dot where 0 means nothing."""
    at = np.flatnonzero(done)
    values = table[column][at].astype(float)
    colours = [ALARM if k == best else COLOURS[0] for k in at]
    if column == "best":
        ax.scatter(values, range(len(at)), color=colours)
    else:
        ax.barh(range(len(at)), values, color=colours)
    ax.set_yticks(range(len(at)), [table["label"][k] for k in at] if labels else [], fontsize=7)
    ax.set_ylim(len(at) - 0.5, -0.5)


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
            draw_rows(ax, table, done, column, best, column == "best")
        else:
            draw_along(ax, table, done, along, column, best)
    if along is not None:
        axes[0].legend(fontsize=7)
    axes[2].set_title("Seconds")
    draw_rows(axes[2], table, done, "seconds", best, along is not None)
    failed = int((~done).sum())
    if failed:
        axes[2].set_xlabel(f"{failed} task{'s' if failed > 1 else ''} failed", color=SOFT)
    save(figure, stem)
