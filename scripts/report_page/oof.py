# SPDX-License-Identifier: BSD-3-Clause
"""Predictions of every row by the path that left it out, at lambda.min: ROC and calibration of two classes,
confusion of several, predicted against observed of numbers. Weights are not looked at.
"""
import numpy as np
import plotly.graph_objects as go
from colours import COLOURS, FAINT, SOFT

from report_page.page import Figure, Section, said
from report_page.style import figure

N_POINTS = 3000  # of a scatter
N_BINS = 10


def at_lambda_min(result):
    """n x K predictors at lambda.min, and how it is called. None where they were not kept."""
    eta, K, L = result.arrays.get("oof"), result.outputs, result.n_lambda
    if eta is None:
        return None
    eta = eta.reshape(len(eta), -1)
    if eta.shape[1] == K:  # too many numbers for every lambda: lambda.min's alone
        return eta
    at = int(np.argmin(np.abs(result.lambda_ - result.lambda_min)))
    return eta.reshape(len(eta), K, L)[:, :, at]


def roc(y, score):
    """False and true positive rates by falling threshold, and the area (ties half)."""
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # of each distinct score
    true = np.append(0, np.cumsum(y[order])[last]) / y.sum()
    false = np.append(0, np.cumsum(1 - y[order])[last]) / (1 - y).sum()
    return false, true, float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))


def calibration(y, p):
    """Mean prediction, share of ones and count of bins of equally many rows."""
    bins = [b for b in np.array_split(np.argsort(p, kind="stable"), min(N_BINS, len(p))) if len(b)]
    return [np.array([f(b) for b in bins]) for f in (lambda b: p[b].mean(), lambda b: y[b].mean(), len)]


def diagonal(fig, low, high):
    fig.add_trace(go.Scatter(x=[low, high], y=[low, high], mode="lines", line={"color": SOFT, "width": 1, "dash": "dot"},
                             hoverinfo="skip", name="diagonal"))


def two_classes(y, eta, names):
    p = 1 / (1 + np.exp(-eta))
    one = names[1] if names and len(names) > 1 else "class 1"
    parts = []
    if set(np.unique(y)) == {0.0, 1.0}:
        false, true, area = roc(y, eta)
        fig = figure("share of the others taken for it", f"share of {said(one)} found")
        diagonal(fig, 0, 1)
        fig.add_trace(go.Scatter(x=false, y=true, mode="lines", fill="tozeroy", fillcolor="rgba(31,111,139,0.10)",
                                 line={"color": COLOURS[0], "width": 2.2, "shape": "linear"}, name="ROC",
                                 hovertemplate="%{x:.3f} taken wrongly<br>%{y:.3f} found<extra></extra>"))
        fig.update_xaxes(range=[-0.02, 1.02])
        fig.update_yaxes(range=[-0.02, 1.02])
        wrong = np.count_nonzero((eta > 0) != (y > 0.5))
        parts.append(Figure("roc", fig, f"ROC of {one}: area {area:.3f}",
                            f"{wrong} of {len(y)} rows are on the wrong side of ½."))
    mean, share, count = calibration(y, p)
    fig = figure(f"predicted probability of {said(one)}", "observed share")
    diagonal(fig, 0, 1)
    fig.add_trace(go.Scatter(x=mean, y=share, customdata=count, mode="lines+markers", name="calibration",
                             line={"color": FAINT, "width": 1}, marker={"color": COLOURS[0], "size": 9},
                             hovertemplate="predicted %{x:.3f}<br>observed %{y:.3f}<br>%{customdata} rows<extra></extra>"))
    fig.update_xaxes(range=[-0.02, 1.02])
    fig.update_yaxes(range=[-0.05, 1.05])
    return parts + [Figure("calibration", fig, "Calibration", f"{len(mean)} bins of equally many rows; on the diagonal a "
                           "predicted probability is what happens.")]


def several_classes(y, eta, names):
    K = eta.shape[1]
    called = [said(names[k]) if names and k < len(names) else f"class {k}" for k in range(K)]
    guess = np.argmax(eta, axis=1)
    counts = np.zeros((K, K), dtype=int)
    np.add.at(counts, (y.astype(int), guess), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    fig = figure("predicted", "is")
    fig.add_trace(go.Heatmap(z=share, x=called, y=called, customdata=counts, text=counts, texttemplate="%{text}",
                             zmin=0, zmax=1, showscale=False, colorscale=[[0, "#ffffff"], [1, COLOURS[0]]], xgap=2, ygap=2,
                             hovertemplate="%{y} taken for %{x}: %{customdata} rows<extra></extra>"))
    fig.update_yaxes(autorange="reversed", showgrid=False)
    fig.update_xaxes(showgrid=False)
    right = int(np.trace(counts))
    return [Figure("confusion", fig, f"Classes of the rows left out: {100 * right / len(y):.3g}% right",
                   f"{right} of {len(y)} rows; numbers of rows, coloured by their share of the class.",
                   320 + 12 * min(K, 20), wide=K > 12)]


def against(y, prediction, name, called):
    """Predicted against observed numbers."""
    some = np.arange(len(y)) if len(y) <= N_POINTS else np.unique(np.linspace(0, len(y) - 1, N_POINTS).astype(int))
    explained = 1 - np.mean((y - prediction) ** 2) / max(np.var(y), 1e-300)
    fig = figure("predicted", "observed")
    ends = [float(min(y.min(), prediction.min())), float(max(y.max(), prediction.max()))]
    diagonal(fig, *ends)
    fig.add_trace(go.Scatter(x=prediction[some], y=y[some], customdata=some, mode="markers", name="rows",
                             marker={"color": COLOURS[0], "size": 6, "opacity": 0.65},
                             hovertemplate="row %{customdata}<br>predicted %{x:.5g}<br>observed %{y:.5g}<extra></extra>"))
    left = f" {len(some)} of {len(y)} rows are drawn." if len(some) < len(y) else ""
    return Figure(name, fig, f"{called}: R² {explained:.3f}", f"At λ.min, of rows left out.{left}")


def figures(result, data):
    eta, y, family = at_lambda_min(result), data.y, result.attributes.get("family", "gaussian")
    if eta is None:
        return ["<p>The predictions were not kept.</p>"]
    names = result.class_names
    if family == "binomial":
        return two_classes(y, eta[:, 0], names)
    if family == "multinomial":
        return several_classes(y, eta, names)
    y = y.reshape(len(y), -1)
    mean = np.exp(eta) if family == "poisson" else eta
    many = eta.shape[1] > 1
    return [against(y[:, k], mean[:, k], f"predicted-{k}" if many else "predicted",
                    f"Response {k}" if many else "Predicted and observed") for k in range(min(eta.shape[1], 6))]


def section(result, data, settings):
    note = "Each row predicted at λ.min by the fold that did not see it."
    if data is None:
        return Section("Predictions of the rows left out",
                       [f"<p>Not drawn: they need the response, and {said(settings.no_data)}.</p>"], note)
    return Section("Predictions of the rows left out", figures(result, data), note)
