# SPDX-License-Identifier: BSD-3-Clause
"""The page of a front: loss against the norm of the weights, coloured by accuracy, and its points in a table."""
import numpy as np
import plotly.graph_objects as go
from colours import COLOURS, FAINT

from report_page import network, provenance, words
from report_page.page import Figure, Page, Section, Table
from report_page.style import figure

N_ROWS = 60
NORMS = {"l1": "ℓ1 norm of the weights", "group": "sum of the group norms"}


def norm_of(front):
    return NORMS.get(str(front.attributes.get("norm", "l1")), "norm of the weights")


def accuracy_of(front):
    """(name, values) of the test rows where there are any, else of the training rows; or None."""
    for name in ("test_accuracy", "train_accuracy"):
        values = front.arrays.get(name)
        if values is not None and np.isfinite(values).any():
            return name, values
    return None


def front_figure(front):
    order = np.argsort(front.l1, kind="stable")
    best = np.isin(np.arange(len(front.l1)), front.nondominated())[order]
    accuracy = accuracy_of(front)
    marker = {"size": 10, "color": COLOURS[0], "line": {"width": 1, "color": "#fff"}}
    if accuracy is not None:
        marker.update(color=accuracy[1][order], colorscale="Viridis", showscale=True, colorbar={
            "title": {"text": accuracy[0].replace("_", " "), "side": "right"}, "thickness": 10, "outlinewidth": 0,
            "tickformat": ".2f"})
    nonzeros = front.arrays.get("nonzeros", np.full(len(front.l1), np.nan)).astype(float)
    shown = np.column_stack([order, nonzeros[order], np.full(len(order), np.nan) if accuracy is None
                             else accuracy[1][order]])
    fig = figure(norm_of(front), "loss")
    fig.add_trace(go.Scatter(x=front.l1[order][best], y=front.loss[order][best], mode="lines", hoverinfo="skip",
                             line={"color": FAINT, "width": 2}, name="not dominated"))
    fig.add_trace(go.Scatter(x=front.l1[order], y=front.loss[order], mode="markers", marker=marker, customdata=shown,
                             name="points", hovertemplate="point %{customdata[0]}<br>norm %{x:.5g}<br>loss %{y:.5g}<br>"
                             "%{customdata[1]} nonzero<br>accuracy %{customdata[2]:.4f}<extra></extra>"))
    fig.update_xaxes(rangemode="tozero")
    beaten = len(best) - int(best.sum())
    note = f"{int(best.sum())} points that no other beats" + (f", {beaten} that another one does." if beaten else ".")
    return Figure("front", fig, "Loss against norm", note, 440, wide=True)


def against_norm(front, names, title, name):
    fig = figure(norm_of(front), "", legend=len(names) > 1)
    order = np.argsort(front.l1, kind="stable")
    for k, one in enumerate(names):
        fig.add_trace(go.Scatter(x=front.l1[order], y=front.arrays[one][order], mode="lines+markers",
                                 name=one.replace("_", " "), line={"color": COLOURS[k], "width": 2}, marker={"size": 5},
                                 hovertemplate="norm %{x:.5g}<br>%{y:.5g}<extra></extra>"))
    if len(names) == 1:
        fig.update_yaxes(rangemode="tozero")
    return Figure(name, fig, title)


def more_figures(front):
    seen = [name for name in ("train_accuracy", "test_accuracy")
            if name in front.arrays and np.isfinite(front.arrays[name]).any()]
    out = [against_norm(front, seen, "Accuracy", "accuracy")] if seen else []
    for name, title in (("nonzeros", "Nonzero weights"), ("seconds", "Seconds of each point")):
        if name in front.arrays:
            out.append(against_norm(front, [name], title, name))
    return out


def points_table(front):
    names = [name for name in ("l1", "loss", "train_accuracy", "test_accuracy", "nonzeros", "lambda", "kkt_residual",
                               "status", "seconds")
             if name in front.arrays and not (front.arrays[name].dtype.kind == "f" and np.isnan(front.arrays[name]).all())]
    order = np.argsort(front.l1, kind="stable")[:N_ROWS]
    rows = [[str(k)] + [words.number(front.arrays[name][k]) for name in names] for k in order]
    more = len(front.l1) - len(rows)
    return Table(["point"] + [name.replace("_", " ") for name in names], rows, "",
                 f"{more} more are in the file." if more > 0 else "", wide=True)


def page(result, data, settings):
    n = len(result.l1)
    out = Page(f"Front of {n} networks: {words.source(result)}", network.lede(result))
    out.facts = [(words.number(n), "points"), (words.number(len(result.nondominated())), "that no other beats")]
    accuracy = accuracy_of(result)
    if accuracy is not None:
        out.facts.append((f"{100 * np.nanmax(accuracy[1]):.2f}%", f"{accuracy[0].replace('_', ' ')}, at best"))
    if "seconds" in result.arrays:
        out.facts.append((words.elapsed(result), f"{result.attributes.get('method', '')}"))
    status = result.arrays.get("status")
    late = [] if status is None else np.flatnonzero(status != 0)
    if len(late):
        shown = ", ".join(f"{a}–{b}" if b > a else str(a) for a, b in words.runs(late))
        out.warnings.append(f"<b>{len(late)} of {n} points</b> are not stationary to the tolerance: {shown}.")
    elif status is not None:
        out.good = f"All {n} points are stationary to the tolerance."
    out.sections = [Section("Front", [front_figure(result), *more_figures(result)])]
    table = points_table(result)
    out.sections.append(Section("Points", [table]))
    out.sections.append(provenance.section(result))
    return out
