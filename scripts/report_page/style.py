# SPDX-License-Identifier: BSD-3-Clause
"""How the figures look, and the axis of lambda: logarithmic, large values on the left."""
import html

import numpy as np
import plotly.graph_objects as go
from colours import FAINT, INK, RULE, SOFT

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif'
FLOOR = 1e-17  # what a logarithmic axis shows of 0


def shown_name(name):
    """A name for plotly, which takes a few HTML tags in text for tags."""
    return html.escape(str(name))


def figure(x_title="", y_title="", legend=False):
    fig = go.Figure()
    axis = {"gridcolor": RULE, "linecolor": SOFT, "zerolinecolor": FAINT, "zerolinewidth": 1, "ticks": "outside",
            "ticklen": 4, "tickcolor": FAINT, "automargin": True, "title": {"standoff": 8}}
    fig.update_layout(
        template="none", paper_bgcolor="#fff", plot_bgcolor="#fff", font={"family": FONT, "size": 12, "color": INK},
        margin={"l": 56, "r": 16, "t": 12, "b": 44}, hovermode="closest", showlegend=legend,
        hoverlabel={"bgcolor": "#fff", "bordercolor": SOFT, "font": {"color": INK, "family": FONT}},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 11}})
    fig.update_xaxes(**axis)
    fig.update_yaxes(**axis)
    fig.update_xaxes(title_text=x_title)
    fig.update_yaxes(title_text=y_title)
    return fig


def lambda_figure(lam, y_title="", legend=False):
    """With the axis of these lambdas."""
    fig = figure("λ", y_title, legend)
    high, low = np.log10(lam.max()), np.log10(lam.min())
    pad = 0.02 * (high - low) or 0.3
    digits = (1, 1.5, 2, 3, 4, 5, 7) if high - low < 0.8 else (1, 2, 5) if high - low < 2.2 else (1,)
    ticks = [d * 10.0**e for e in range(int(np.floor(low)) - 1, int(np.ceil(high)) + 1) for d in digits]
    ticks = [t for t in ticks if low - pad <= np.log10(t) <= high + pad]
    fig.update_xaxes(type="log", range=[high + pad, low - pad], tickvals=ticks, ticktext=[f"{t:.4g}" for t in ticks])
    return fig


def marks(n):
    """Points where there are too few to make a line."""
    return "lines" if n > 3 else "lines+markers"


def floored(values):
    """For a logarithmic axis: what is below FLOOR at it, NaN kept."""
    return np.where(np.isnan(values), np.nan, np.maximum(values, FLOOR))
