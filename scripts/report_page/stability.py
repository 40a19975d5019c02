# SPDX-License-Identifier: BSD-3-Clause
"""The page of stability selection: how often subsamples select each column along the path, what is stable, the
bound on how many of these are false; and the path on all rows."""
import numpy as np
import plotly.graph_objects as go
from colours import COLOURS, FAINT, INK

from report_page import path, provenance, words
from report_page.page import Figure, Page, Section, Table
from report_page.style import figure, lambda_figure, marks, shown_name

N_ROWS = 40  # of the table


def shares(result, drawn):
    """Columns that are ever selected, the most often first, and their shares (columns x L, as drawn)."""
    chosen = result.probability
    used, place = np.unique(chosen.indices, return_inverse=True)
    dense = np.zeros((len(used), result.n_lambda))
    dense[place, np.repeat(np.arange(result.n_lambda), np.diff(chosen.indptr))] = chosen.data
    order = np.argsort(-dense.max(axis=1, initial=0), kind="stable")
    return used[order], dense[order][:, drawn.order]


def share_figure(drawn, settings):
    result = drawn.result
    used, share = shares(result, drawn)
    stable = np.isin(used, result.stable)
    shown = min(len(used), max(settings.columns, int(stable.sum())))
    fig = lambda_figure(drawn.lam, "share of the subsamples", legend=True)
    names, coloured = result.names(), iter(range(len(used)))
    colour = {row: next(coloured) for row in np.flatnonzero(stable)}
    for row in range(shown - 1, -1, -1):
        place = colour.get(row)
        fig.add_trace(go.Scatter(
            x=drawn.lam, y=share[row], mode=marks(len(drawn.lam)), name=shown_name(names[used[row]]), legendrank=row,
            line={"color": FAINT if place is None else COLOURS[place % len(COLOURS)], "width": 1 if place is None else 2},
            showlegend=place is not None and place < path.N_NAMED,
            hovertemplate="<b>%{fullData.name}</b><br>λ = %{x:.5g}<br>%{y:.3f} of the subsamples<extra></extra>"))
    fig.add_hline(y=float(result.attributes["threshold"]), line={"color": INK, "width": 1.2, "dash": "dash"})
    fig.update_yaxes(range=[-0.02, 1.05])
    more = len(used) - shown
    note = f"The {shown} selected most often; {more} more are left out (--columns)." if more else \
        f"All {shown} columns that any subsample selects."
    return Figure("stability", fig, "Selection probability", f"{note} Above the line, in colours: stable.", 430, wide=True)


def selected_figure(result):
    """How many each subsample selected."""
    values, counts = np.unique(result.subsample_selected[np.isfinite(result.subsample_selected)], return_counts=True)
    fig = figure("variables that a subsample selects", "subsamples")
    fig.add_trace(go.Bar(x=values, y=counts, marker={"color": COLOURS[1]}, name="subsamples",
                         hovertemplate="%{x} selected: %{y} subsamples<extra></extra>"))
    return Figure("selected", fig, "Size of the selections")


def stable_table(result):
    order = sorted(result.stable, key=lambda j: -result.max_probability[j])
    names = result.names()
    rows = [[names[j], f"{result.max_probability[j]:.3f}", f"{result.any_probability[j]:.3f}"] for j in order[:N_ROWS]]
    more = len(order) - len(rows)
    return Table(["column", "largest share at a λ", "share at any λ"], rows, "Stable columns",
                 f"{more} more are in the file." if more else "")


def facts(result):
    a = result.attributes
    out = [(words.number(len(result.stable)), f"stable columns: in {float(a['threshold']):g} of the subsamples"),
           (words.number(a["subsamples_solved"]), "subsamples"),
           (words.number(a["selected_mean"]), "variables selected, on average"),
           (words.number(a["pfer_bound"], 3), "false ones among the stable, expected at most")]
    if np.isfinite(a.get("pfer_bound_unimodal", np.nan)):
        out.append((words.number(a["pfer_bound_unimodal"], 3), "the same where counts are unimodal"))
    return out


def page(result, data, settings):
    out = Page(path.title(result, "regression, stability selection"), path.lede(result), facts(result))
    out.warnings = words.not_converged(result)
    out.good = "" if out.warnings else words.certified(result)
    missing = int(result.attributes.get("subsamples", 0)) - int(result.attributes["subsamples_solved"])
    if missing > 0:
        out.warnings.append(f"<b>{missing} subsamples</b> were not solved.")
    drawn = path.Drawn(result)
    parts = [share_figure(drawn, settings)] if len(drawn.lam) else []
    out.sections = [Section("Stability selection", [*parts, stable_table(result), selected_figure(result)]),
                    path.section(drawn, "The path on all rows", settings), provenance.section(result)]
    return out
