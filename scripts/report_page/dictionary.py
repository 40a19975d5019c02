# SPDX-License-Identifier: BSD-3-Clause
"""The page of a dictionary: its atoms, how often each is used, how the objective fell."""
import network_views
import numpy as np
import plotly.graph_objects as go
from colours import COLOURS

from report_page import network, provenance, words
from report_page.page import Figure, Page, Section
from report_page.style import figure


def atoms_figure(result):
    """As pictures where the columns are one, else K x p as a map; the most used first."""
    order = np.argsort(-result.usage(), kind="stable")
    atoms = result.dictionary[order]
    limit = float(np.nanmax(np.abs(atoms), initial=0)) or 1.0
    pictures = [network_views.picture(atom, np.array([atoms.shape[1]]), result.feature_names is not None)
                for atom in atoms]
    if pictures[0] is not None:
        shown = network_views.tiles(np.array(pictures))
        return Figure("atoms", network.image_figure(shown, network.DIVERGING, limit), f"{len(atoms)} atoms",
                      "The most used first; blue is negative, red positive.", 560, wide=True)
    return Figure("atoms", network.image_figure(atoms, network.DIVERGING, limit), f"{len(atoms)} atoms",
                  "A row an atom, the most used first; a column a column of X.", 420, wide=True)


def usage_figure(result):
    usage = np.sort(result.usage())[::-1]
    fig = figure("atom, the most used first", "% of the rows")
    fig.add_trace(go.Bar(x=np.arange(len(usage)), y=100 * usage / max(result.n, 1), marker={"color": COLOURS[0]},
                         name="usage", hovertemplate="%{y:.3g}% of the rows<extra></extra>"))
    return Figure("usage", fig, "Rows that use each atom")


def objective_figure(result):
    values = np.asarray(result.history["objective"], dtype=float)
    fig = figure("round", "")
    fig.add_trace(go.Scatter(x=np.arange(1, len(values) + 1), y=values, mode="lines+markers",
                             line={"color": COLOURS[2], "width": 2}, name="objective",
                             hovertemplate="round %{x}<br>%{y:.6g}<extra></extra>"))
    return Figure("objective", fig, "Objective")


def page(result, data, settings):
    a = result.attributes
    K, p = result.dictionary.shape
    out = Page(f"Dictionary of {K} atoms: {words.source(result)}", network.lede(result))
    out.facts = [(words.number(K), "atoms"), (words.number(a.get("lambda", np.nan)), "λ"),
                 (words.number(float(np.ravel(result.objective)[0])), "objective"),
                 (words.number(result.usage().sum() / max(result.n, 1), 3), "atoms in a row’s code, on average")]
    if int(np.ravel(result.status)[0]) != 0:
        out.warnings = [f"<b>Not stationary to the tolerance</b> {words.number(a.get('tol', np.nan))}: residual of the "
                        f"dictionary {words.number(float(np.ravel(result.dictionary_residual)[0]), 2)}, of the codes "
                        f"{words.number(float(np.ravel(result.kkt_residual)[0]), 2)}."]
    else:
        out.good = f"Stationary to {words.number(float(np.ravel(result.dictionary_residual)[0]), 2)}."
    parts = [atoms_figure(result), usage_figure(result)]
    if "objective" in result.history:
        parts.append(objective_figure(result))
    out.sections = [Section("Atoms", parts), provenance.section(result)]
    return out
