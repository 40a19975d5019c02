# SPDX-License-Identifier: BSD-3-Clause
"""The page of a path: coefficients, support, certificate, deviance and cost of every lambda.

Of columns only those that are ever nonzero, and of these the largest by default, are in the page, each
with the points where it is nonzero or about to be: its size is that of the support, not of X.
"""
import numpy as np
import plotly.graph_objects as go
from colours import ALARM, COLOURS, FAINT

from report_page import provenance, words
from report_page.page import Figure, Page, Section, Table, said
from report_page.style import floored, lambda_figure, marks, shown_name

N_NAMED = 10  # in colours and in the legend
N_RESPONSES = 6  # with a figure each
N_ROWS = 15  # of the table of largest coefficients


class Drawn:
    """A path in descending lambda without lambda = 0, which no logarithmic axis has; standardised."""

    def __init__(self, result):
        self.order = np.argsort(-result.lambda_, kind="stable")
        self.order = self.order[result.lambda_[self.order] > 0]
        self.left_out = result.n_lambda - len(self.order)
        self.lam = result.lambda_[self.order]
        self.status = result.status[self.order]
        self.result = result
        self.names = result.names()
        coef = result.coef
        self.used, place = np.unique(coef.indices, return_inverse=True)
        dense = np.zeros((len(self.used), result.n_lambda))
        dense[place, np.repeat(np.arange(result.n_lambda), np.diff(coef.indptr))] = coef.data
        dense[:, ~result.attempted] = np.nan
        self.raw = dense[:, self.order]
        scale = result.arrays.get("scale", np.ones(result.p))
        self.coef = self.raw * scale[self.used // result.outputs][:, None]
        self.size = np.nanmax(np.abs(self.coef), axis=1, initial=0.0)

    def vector(self, name):
        """Of one number a lambda; NaN where it was not attempted."""
        values = self.result.arrays.get(name)
        values = np.full(self.result.n_lambda, np.nan) if values is None else values.astype(float)
        return np.where(self.status == 3, np.nan, values[self.order])

    def largest(self, response, count):
        """Rows of coef of that response, by falling size; and how many more there are."""
        rows = np.flatnonzero((self.used % self.result.outputs == response) & (self.size > 0))
        rows = rows[np.argsort(-self.size[rows], kind="stable")]
        return rows[:count], max(0, len(rows) - count)


def around_zero(values):
    """Where a coefficient is nonzero, or next to that."""
    alive = (values != 0) & np.isfinite(values)
    near = alive.copy()
    near[:-1] |= alive[1:]
    near[1:] |= alive[:-1]
    return near & np.isfinite(values)


def coefficient_figure(drawn, rows):
    """A line a coefficient, the largest in colours and on top."""
    fig = lambda_figure(drawn.lam, "coefficient × scale", legend=True)
    hover = ("<b>%{fullData.name}</b><br>λ = %{x:.5g}<br>%{y:.5g} standardised<br>%{customdata:.5g} on the input’s "
             "scale<extra></extra>")
    for place in range(len(rows) - 1, -1, -1):
        row, named = rows[place], place < N_NAMED
        near = around_zero(drawn.coef[row])
        fig.add_trace(go.Scatter(
            x=drawn.lam[near], y=drawn.coef[row][near], customdata=drawn.raw[row][near],
            name=shown_name(drawn.names[drawn.used[row] // drawn.result.outputs]), mode=marks(len(drawn.lam)),
            line={"color": COLOURS[place % len(COLOURS)] if named else FAINT, "width": 2 if named else 1},
            showlegend=bool(named), legendrank=place, hovertemplate=hover))
    return fig


def coefficient_figures(drawn, count):
    K = drawn.result.outputs
    out = []
    for k in range(min(K, N_RESPONSES)):
        rows, more = drawn.largest(k, count)
        note = f"The {len(rows)} largest of {len(rows) + more} that are ever nonzero; {more} smaller ones are left out " \
               "(--columns)." if more else f"All {len(rows)} that are ever nonzero."
        title = "Coefficients" if K == 1 else f"Coefficients of {response_name(drawn.result, k)}"
        out.append(Figure(f"coefficients-{k}" if K > 1 else "coefficients", coefficient_figure(drawn, rows), title,
                          f"{note} A line’s name and values: point at it.", 430 if K == 1 else 360, wide=K == 1))
    if K > N_RESPONSES:
        out.append(f'<p class="note">{K - N_RESPONSES} more of {K} responses are not drawn.</p>')
    return out


def response_name(result, k):
    names = result.class_names
    return names[k] if names and k < len(names) else f"response {k}"


def support_figure(drawn):
    fig = lambda_figure(drawn.lam, "")
    fig.add_trace(go.Scatter(x=drawn.lam, y=drawn.vector("df"), mode=marks(len(drawn.lam)), fill="tozeroy", name="df",
                             line={"color": COLOURS[0], "width": 2, "shape": "linear"},
                             fillcolor="rgba(31,111,139,0.10)",
                             hovertemplate="λ = %{x:.5g}<br>%{y} nonzero<extra></extra>"))
    fig.update_yaxes(rangemode="tozero")
    return Figure("support", fig, "Nonzero coefficients")


def deviance_figure(drawn):
    fig = lambda_figure(drawn.lam)
    fig.add_trace(go.Scatter(x=drawn.lam, y=drawn.vector("dev_ratio"), mode=marks(len(drawn.lam)), name="dev_ratio",
                             line={"color": COLOURS[2], "width": 2},
                             hovertemplate="λ = %{x:.5g}<br>%{y:.4f} explained<extra></extra>"))
    fig.update_yaxes(rangemode="tozero")
    return Figure("deviance", fig, "Share of the deviance explained", "dev_ratio, of the rows that were fitted.")


def certificate_figure(drawn):
    tol = float(drawn.result.attributes.get("tol", 1e-8))
    fig = lambda_figure(drawn.lam, legend=True)
    fig.update_yaxes(type="log", exponentformat="power", dtick=2)
    late = (drawn.status == 1) | (drawn.status == 2)
    for name, label, colour, limit in (("dual_gap", "gap / ½ null deviance", COLOURS[0], tol),
                                       ("kkt_residual", "residual / λ", COLOURS[4], 100 * tol)):
        values = drawn.vector(name)
        if not np.isfinite(values).any():
            continue
        fig.add_trace(go.Scatter(x=drawn.lam, y=floored(values), customdata=values, mode="markers", name=label,
                                 marker={"color": colour, "size": 5},
                                 hovertemplate=f"λ = %{{x:.5g}}<br>{label}: %{{customdata:.3g}}<extra></extra>"))
        fig.add_trace(go.Scatter(x=drawn.lam[[0, -1]], y=[limit, limit], mode="lines", name=f"asked for: {limit:.0e}",
                                 line={"color": colour, "width": 1.3, "dash": "dash"}, hoverinfo="name"))
        if late.any():
            fig.add_trace(go.Scatter(x=drawn.lam[late], y=floored(values)[late], mode="markers", name="not converged",
                                     marker={"color": ALARM, "size": 9, "symbol": "circle-open"}, hoverinfo="skip",
                                     showlegend=name == "kkt_residual"))
    return Figure("certificate", fig, "Certificate", "Recomputed from fresh residuals; below its line is done.")


def criteria_figures(drawn):
    """AIC, BIC and EBIC, where the path has them, each above its least."""
    fig = lambda_figure(drawn.lam, "above its least", legend=True)
    for name, colour in (("aic", COLOURS[1]), ("bic", COLOURS[0]), ("ebic", COLOURS[3])):
        values = drawn.vector(name)
        if not np.isfinite(values).any():
            continue
        best = int(np.nanargmin(values))
        fig.add_trace(go.Scatter(x=drawn.lam, y=values - np.nanmin(values), customdata=values, mode=marks(len(drawn.lam)),
                                 name=name.upper(), line={"color": colour, "width": 2},
                                 hovertemplate=f"λ = %{{x:.5g}}<br>{name.upper()} %{{customdata:.6g}}<extra></extra>"))
        fig.add_trace(go.Scatter(x=drawn.lam[[best]], y=[0], mode="markers", showlegend=False, name=f"least {name}",
                                 marker={"color": colour, "size": 9}, hovertemplate=f"{name.upper()} is least at λ = "
                                 f"%{{x:.5g}}: {words.number(drawn.vector('df')[best])} nonzero<extra></extra>"))
    return [Figure("criteria", fig, "Information criteria", "A dot where it is least.")] if fig.data else []


def seconds_figure(drawn):
    fig = lambda_figure(drawn.lam, "milliseconds")
    fig.add_trace(go.Scatter(x=drawn.lam, y=1e3 * drawn.vector("seconds"), mode="markers", name="seconds",
                             marker={"color": COLOURS[1], "size": 5},
                             hovertemplate="λ = %{x:.5g}<br>%{y:.4g} ms<extra></extra>"))
    fig.update_yaxes(rangemode="tozero")
    return Figure("seconds", fig, "Time of each λ")


def iterations_figure(drawn):
    fig = lambda_figure(drawn.lam)
    fig.add_trace(go.Scatter(x=drawn.lam, y=drawn.vector("iterations"), mode="markers", name="iterations",
                             marker={"color": COLOURS[3], "size": 5},
                             hovertemplate="λ = %{x:.5g}<br>%{y} iterations<extra></extra>"))
    fig.update_yaxes(rangemode="tozero")
    return Figure("iterations", fig, "Iterations of each λ")


def largest_table(result, k, called):
    """The largest coefficients at the k-th lambda."""
    raw = result.dense(k).reshape(result.p, -1)
    scale = result.arrays.get("scale", np.ones(result.p))
    scaled = raw * scale[:, None]
    size = np.abs(scaled).max(axis=1)
    top = [j for j in np.argsort(-size, kind="stable")[:N_ROWS] if size[j] > 0]
    names = result.names()
    if result.outputs == 1:
        head = ["column", "coefficient", "× scale"]
        rows = [[names[j], words.number(raw[j, 0]), words.number(scaled[j, 0])] for j in top]
    else:
        few = min(result.outputs, N_RESPONSES)
        head = ["column"] + [response_name(result, r) for r in range(few)]
        rows = [[names[j]] + [words.number(v, 3) for v in scaled[j, :few]] for j in top]
    more = int((size > 0).sum()) - len(top)
    note = f"{more} more have smaller ones." if more > 0 else ""
    if result.outputs > 1:
        note = "On the standardised scale. " + note
    return Table(head, rows, f"Largest coefficients at {called}", note)


def facts(result):
    done = np.flatnonzero(result.attempted)
    out = [(f"{np.count_nonzero(result.converged)} of {result.n_lambda}", "λ’s certified")]
    if len(done):
        out.append((words.number(result.df[done].max()), "nonzero coefficients, at most"))
        out.append((f"{np.nanmax(result.dev_ratio[done]):.3f}", "of the deviance explained, at most"))
    if words.elapsed(result):
        out.append((words.elapsed(result), words.ranks(result)))
    if "passes" in result.attributes:
        out.append((f"{result.attributes['passes']:.3g}", "passes over X"))
    return out


def lede(result):
    pieces = [said(words.rows_and_columns(result))]
    grid = result.lambda_
    pieces.append(f"λ from {words.number(grid.max())} to {words.number(grid.min())}" if len(grid) > 1
                  else f"λ = {words.number(grid[0])}")
    pieces.append(said(words.finished(result)))
    return " · ".join(piece for piece in pieces if piece)


def title(result, what):
    return f"{words.penalty(result)} {words.family(result)} {what}: {words.source(result)}"


def section(drawn, title, settings):
    """What a path and a cross-validation both show."""
    if not len(drawn.lam):
        return Section(title, ["<p>There is no λ above 0 to draw against.</p>"])
    note = "λ = 0 is not on the logarithmic axis." if drawn.left_out else ""
    return Section(title, [*coefficient_figures(drawn, settings.columns), support_figure(drawn), deviance_figure(drawn),
                           *criteria_figures(drawn), certificate_figure(drawn), seconds_figure(drawn),
                           iterations_figure(drawn)], note)


def page(result, data, settings):
    out = Page(title(result, "path" if result.n_lambda > 1 else "fit"), lede(result), facts(result))
    out.warnings = words.not_converged(result)
    out.good = "" if out.warnings else words.certified(result)
    out.sections = [section(Drawn(result), "Path", settings)]
    done = np.flatnonzero(result.attempted)
    if len(done):
        last = done[np.argmin(result.lambda_[done])]
        table = largest_table(result, last, f"λ = {words.number(result.lambda_[last])}, the smallest")
        out.sections[0].parts.append(table)
    out.sections.append(provenance.section(result))
    return out
