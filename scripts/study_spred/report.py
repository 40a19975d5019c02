# SPDX-License-Identifier: BSD-3-Clause
"""The study's claims, tables and picture, from its rows."""
import json
import os
import sys

import numpy as np

from genes import SETS
from lassos import PUBLISHED, ROWS

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from plot_style import COLOURS, SOFT, plt  # noqa: E402

BASE = "l1-logistic"


def _claim(words, met, figures):
    return f"- {'MET' if met else 'MISSED'}: {words} ({figures})"


def _row(cells):
    return "| " + " | ".join(cells) + " |"


# ---- lassos -----------------------------------------------------------------------------------------


def _lasso_claims(rows):
    ours = [row for row in rows if row["way"] == "certified"]
    yield _claim("the lassos are solved to a gap of 1e-8", max(row["gap"] for row in ours) <= 1e-8,
                 ", ".join(f"{row['gap']:.1e}" for row in ours))
    yield _claim(f"at most {ROWS} nonzeros", max(row["nonzeros"] for row in ours) <= ROWS,
                 ", ".join(str(row["nonzeros"]) for row in ours))
    wanted = [PUBLISHED[row["columns"]]["sklearn"][1] for row in ours]
    yield _claim("as many zeros as published", all(row["zeros"] >= share - 5e-5 for row, share in zip(ours, wanted)),
                 ", ".join(f"{row['zeros']:.4f} against {share}" for row, share in zip(ours, wanted)))


def _lasso_table(rows):
    yield "| columns | by | seconds | processor | zeros | nonzeros | gap | passes over X |"
    yield "|---|---|---|---|---|---|---|---|"
    for p in dict.fromkeys(row["columns"] for row in rows):
        for name, (seconds, share) in PUBLISHED[p].items():
            who = f"{name}, published{' (GPU)' if name == 'spred' else ''}"
            yield _row([str(p), who, str(seconds), "", str(share), "", "", ""])
        for row in (row for row in rows if row["columns"] == p):
            yield _row([str(p), f"bevel, {row['way']}", f"{row['solve_s']:.2f}", f"{row['cpu_s']:.2f}",
                        f"{row['zeros']:.4f}", str(row["nonzeros"]), f"{row['gap']:.1e}", f"{row['passes']:.0f}"])


# ---- genes ------------------------------------------------------------------------------------------


def _cells(rows):
    """{(set, method): rows in the order of the splits}"""
    cells = {}
    for row in sorted(rows, key=lambda row: row["split"]):
        cells.setdefault((row["set"], row["method"]), []).append(row)
    return cells


def _mean(cell, key):
    return float(np.mean([row[key] for row in cell]))


def _paired(cell, base):
    """Mean of the differences in accuracy, and its standard error."""
    apart = np.array([a["accuracy"] - b["accuracy"] for a, b in zip(cell, base)])
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else float("nan")


def _methods(rows):
    return list(dict.fromkeys(row["method"] for row in rows))


def _sets(rows):
    return [name for name in SETS if any(row["set"] == name for row in rows)]


def _gene_claims(rows):
    cells, sets = _cells(rows), _sets(rows)
    for method in _methods(rows):
        if method == BASE:
            continue
        apart = {name: _paired(cells[name, method], cells[name, BASE]) for name in sets}
        behind = [name for name in sets if apart[name][0] < -apart[name][1]]
        ahead = [name for name in sets if apart[name][0] > 0]
        more = [name for name in sets if _mean(cells[name, method], "genes") > _mean(cells[name, BASE], "genes")]
        yield _claim(f"{method}: accuracy no more than a standard error below {BASE}'s on every set", not behind,
                     "below on " + ", ".join(behind) if behind else "on none")
        yield _claim(f"{method}: above it on half of the sets", 2 * len(ahead) >= len(sets),
                     f"{len(ahead)} of {len(sets)}: {', '.join(ahead)}")
        yield _claim(f"{method}: no more genes", not more, "more on " + ", ".join(more) if more else "on none")


def _gene_table(rows):
    cells = _cells(rows)
    splits = 1 + max(row["split"] for row in rows)
    yield f"{splits} random 80/20 splits of every set; seconds are medians, two trainings at a time."
    yield ""
    yield "| set | method | accuracy % | against l1-logistic | genes | s a training |"
    yield "|---|---|---|---|---|---|"
    for (name, method), cell in sorted(cells.items(), key=lambda item: SETS.index(item[0][0])):
        mean, error = _paired(cell, cells[name, BASE])
        apart = "" if method == BASE else f"{100 * mean:+.1f} ± {100 * error:.1f}"
        yield _row([name, method, f"{100 * _mean(cell, 'accuracy'):.1f}", apart, f"{_mean(cell, 'genes'):.1f}",
                    "" if method == BASE else f"{np.median([row['seconds'] for row in cell]):.2f}"])


def _draw_genes(axis, rows, key, scale, label):
    cells, sets, methods = _cells(rows), _sets(rows), _methods(rows)
    width = 0.8 / len(methods)
    for k, method in enumerate(methods):
        at = np.arange(len(sets)) + (k - (len(methods) - 1) / 2) * width
        axis.bar(at, [scale * _mean(cells[name, method], key) for name in sets], width * 0.9, label=method,
                 color=SOFT if method == BASE else COLOURS[k - 1])
    axis.set_xticks(np.arange(len(sets)), sets)
    axis.set_ylabel(label)
    axis.grid(axis="x", visible=False)


def _picture(rows, path):
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    _draw_genes(axes[0], rows, "accuracy", 100, "accuracy on test rows, %")
    _draw_genes(axes[1], rows, "genes", 1, "genes")
    axes[0].set_ylim(0, 101)
    axes[1].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def write(folder, found):
    """results.md, .json, .png; the claims that were missed."""
    lines, claims = ["# spred: lassos and genes", "", "What the columns are: `scripts/study-spred --help`.", ""], []
    for name, claim, table in (("lassos", _lasso_claims, _lasso_table), ("genes", _gene_claims, _gene_table)):
        if found.get(name):
            claims += claim(found[name])
            lines += [f"## {name.capitalize()}", "", *claim(found[name]), "", *table(found[name]), ""]
    with open(os.path.join(folder, "results.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines))
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as f:
        json.dump(found, f)
    if found.get("genes"):
        _picture(found["genes"], os.path.join(folder, "results.png"))
    return [claim for claim in claims if claim.startswith("- MISSED")]
