# SPDX-License-Identifier: BSD-3-Clause
"""The page of a cross-validation: its curve, what it chooses, predictions of the rows left out, and the path
on all rows."""
import numpy as np
import plotly.graph_objects as go
from colours import COLOURS, FAINT, INK

from report_page import oof, path, provenance, words
from report_page.page import Figure, Page, Section, Table
from report_page.style import lambda_figure, marks

MEASURES = {"deviance": "deviance", "mse": "mean squared error", "mae": "mean absolute error",
            "class": "misclassification", "auc": "area under the ROC curve"}


def measure(result):
    word = str(result.attributes.get("type_measure", "error"))
    if word == "deviance" and result.attributes.get("family") == "gaussian":
        word = "mse"
    return MEASURES.get(word, word)


def nearest(result, lam):
    """The lambda of the path that a choice is."""
    return int(np.argmin(np.abs(result.lambda_ - lam)))


def choices(result):
    """(lambda.min, its number) and (lambda.1se, ...), of those there are."""
    named = (("λ.min", getattr(result, "lambda_min", np.nan)), ("λ.1se", getattr(result, "lambda_1se", np.nan)))
    return [(name, nearest(result, lam)) for name, lam in named if np.isfinite(lam)]


def curve_figure(drawn):
    result = drawn.result
    fig = lambda_figure(drawn.lam, measure(result), legend=True)
    mean, error = drawn.vector("cvm"), drawn.vector("cvsd")
    seen = np.isfinite(mean)
    folds = result.arrays.get("fold_measure")
    for k in range(0 if folds is None else folds.shape[1]):
        fig.add_trace(go.Scatter(x=drawn.lam, y=folds[drawn.order, k], mode="lines", name=f"fold {k}",
                                 line={"color": FAINT, "width": 1}, legendgroup="folds", showlegend=k == 0,
                                 hovertemplate=f"fold {k}<br>λ = %{{x:.5g}}<br>%{{y:.5g}}<extra></extra>"))
    if folds is not None and folds.shape[1]:
        fig.data[0].name = f"{folds.shape[1]} folds, each"
    for name, values, filled in (("lower", mean - error, None), ("± a standard error", mean + error, "tonexty")):
        fig.add_trace(go.Scatter(x=drawn.lam[seen], y=values[seen], mode="lines", name=name, fill=filled,
                                 fillcolor="rgba(31,111,139,0.16)", line={"width": 0}, hoverinfo="skip",
                                 showlegend=filled is not None))
    fig.add_trace(go.Scatter(x=drawn.lam, y=mean, mode=marks(len(drawn.lam)), name="mean",
                             line={"color": COLOURS[0], "width": 2.4},
                             customdata=np.column_stack([error, drawn.vector("df")]),
                             hovertemplate="λ = %{x:.5g}<br>%{y:.5g} ± %{customdata[0]:.3g}<br>%{customdata[1]} nonzero"
                                           "<extra></extra>"))
    for (name, k), dash in zip(choices(result), ("dash", "dot")):
        lam = float(result.lambda_[k])
        if lam <= 0:
            continue
        fig.add_vline(x=lam, line={"color": INK, "width": 1.2, "dash": dash})
        # lambda.min is the one to the right, its name beyond it where there is room
        beyond = name == "λ.min" and k < 0.9 * result.n_lambda
        fig.add_annotation(x=float(np.log10(lam)), y=1.0 if beyond or name == "λ.1se" else 0.92, yref="paper", text=name,
                           showarrow=False, yanchor="top", xanchor="left" if beyond else "right",
                           xshift=4 if beyond else -4)
    visible = np.concatenate([mean - error, mean + error])
    low, high = np.nanmin(visible), np.nanmax(visible)
    fig.update_yaxes(range=[low - 0.08 * (high - low), high + 0.25 * (high - low)])
    return fig


def choice_table(result):
    head = ["", "λ", measure(result), "± se", "nonzero", "dev_ratio"]
    rows = [[name] + [words.number(v) for v in (result.lambda_[k], result.cvm[k], result.cvsd[k], result.df[k],
                                                 result.dev_ratio[k])] for name, k in choices(result)]
    return Table(head, rows, "What is chosen", "λ.min has the least mean error; λ.1se is the largest λ within a "
                 "standard error of it: fewer columns, as good as one can tell.")


def facts(result):
    out = []
    for name, k in choices(result):
        out.append((f"{result.cvm[k]:.4g}", f"{measure(result)} at {name}, ± {result.cvsd[k]:.2g}"))
        out.append((words.number(result.df[k]), f"nonzero coefficients at {name}"))
    out.append((words.number(result.attributes.get("folds", 0)), f"folds, {result.attributes.get('fold_kind', '')}"))
    return out + path.facts(result)[:1]


def page(result, data, settings):
    out = Page(path.title(result, "regression, cross-validated"), path.lede(result), facts(result))
    out.warnings = words.not_converged(result)
    out.good = "" if out.warnings else words.certified(result)
    unfinished = int(result.attributes.get("fold_lambdas_unfinished", 0))
    if unfinished:
        out.warnings.append(f"<b>{unfinished} of {int(result.attributes['fold_lambdas'])} λ’s of the folds</b> did not "
                            "converge.")
    chosen = choices(result)
    drawn = path.Drawn(result)
    parts = [choice_table(result)]
    if chosen:
        parts.append(path.largest_table(result, chosen[-1][1], chosen[-1][0]))
    if len(drawn.lam):
        parts.insert(0, Figure("cv", curve_figure(drawn), "Error of the rows left out",
                               "Mean over folds and a standard error on either side.", 430, wide=True))
    out.sections = [Section("Cross-validation", parts), oof.section(result, data, settings)]
    out.sections += [path.section(drawn, "The path on all rows", settings), provenance.section(result)]
    return out
