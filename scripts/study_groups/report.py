# SPDX-License-Identifier: BSD-3-Clause
"""The group study's findings as Markdown, JSON and a picture."""
import json
import os

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

COLOURS = {"group-lasso": "#606c76", "group-mcp": "#1f6f8b", "group-scad": "#4aa39a", "group-tl1": "#8b5a9f",
           "group-log": "#c2642d", "group-lq": "#a8405f"}
PANELS = (("error", "relative error"), ("fpr", "false positive rate of groups"), ("exact", "exact support"),
          ("prediction", "deviance over the truth's"))
FAMILIES = {"gaussian": "linear", "binomial": "logistic", "poisson": "Poisson"}


def _level(family, level):
    return f"SNR {level:g}" if family == "gaussian" else f"spread {level:g}"


def _groups(rows, keys):
    cells = {}
    for row in rows:
        cells.setdefault(tuple(row[k] for k in keys), []).append(row)
    return cells


def _mean(rows, key):
    return float(np.mean([row[key] for row in rows]))


def _table(rows):
    lines = ["| model | noise | active | n | penalty | error | TPR | FPR | exact | prediction | sweeps most, mean | over 500 "
             "| open | s |", "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for (family, level, active, n, penalty), cell in _groups(rows, ("family", "level", "active", "n", "penalty")).items():
        lines.append("| " + " | ".join([
            FAMILIES[family], _level(family, level), str(active), str(n), penalty,
            *(f"{_mean(cell, key):.2f}" for key in ("error", "tpr", "fpr", "exact", "prediction")),
            f"{max(row['sweeps_most'] for row in cell)}, {_mean(cell, 'sweeps_mean'):.0f}",
            str(sum(row["over"] for row in cell)), str(sum(row["open"] for row in cell)),
            f"{_mean(cell, 'seconds'):.2f}"]) + " |")
    return lines


def _summary(rows):
    lines = ["", "Over all settings:", "", "| penalty | error | TPR | FPR | exact | prediction | sweeps a λ: most, mean "
             "| λs over 500 | open | s |", "|---|---|---|---|---|---|---|---|---|---|"]
    for (penalty,), cell in _groups(rows, ("penalty",)).items():
        lines.append("| " + " | ".join([
            penalty, *(f"{_mean(cell, key):.3f}" for key in ("error", "tpr", "fpr", "exact", "prediction")),
            f"{max(row['sweeps_most'] for row in cell)}, {_mean(cell, 'sweeps_mean'):.0f}",
            f"{sum(row['over'] for row in cell)} of {30 * len(cell)}", str(sum(row["open"] for row in cell)),
            f"{_mean(cell, 'seconds'):.2f}"]) + " |")
    return lines


def _picture(path, rows):
    """A column a model; over the settings of each, a line a penalty."""
    cells = _groups(rows, ("family", "level", "active", "n", "penalty"))
    families = list(dict.fromkeys(row["family"] for row in rows))
    figure, axes = plt.subplots(len(PANELS), len(families), figsize=(4.2 * len(families), 2.6 * len(PANELS)),
                                squeeze=False, sharey="row", layout="constrained")
    for column, family in enumerate(families):
        at = list(dict.fromkeys(key[1:4] for key in cells if key[0] == family))
        for line, (key, title) in enumerate(PANELS):
            axis = axes[line, column]
            for penalty, colour in COLOURS.items():
                values = [_mean(cells[(family, *place, penalty)], key) for place in at]
                axis.plot(range(len(at)), values, color=colour, marker="o", markersize=3.5, linewidth=1.2, label=penalty)
            axis.set_xticks(range(len(at)))
            axis.set_xticklabels([])
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(color="#e6eaee")
            if key == "prediction":
                axis.set_yscale("log")
            if column == 0:
                axis.set_ylabel(title)
        axes[0, column].set_title(FAMILIES[family])
        axes[-1, column].set_xticklabels([f"{_level(family, level)}, {active} active, n {n}" for level, active, n in at],
                                         fontsize=7, rotation=90)
    axes[0, -1].legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def write(folder, rows, arguments):
    lines = ["# Groups: recovery and prediction", "",
             f"40 groups of 5 columns, means of {arguments['repeats']} data sets, λ by a validation set; solver "
             f"{arguments['solver']}. What the columns are: `scripts/study-groups --help`."]
    lines += _summary(rows) + [""] + _table(rows)
    with open(os.path.join(folder, "results.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as f:
        json.dump(rows, f, indent=0)
    _picture(os.path.join(folder, "results.png"), rows)
