# SPDX-License-Identifier: BSD-3-Clause
"""The page of a network: how training went, what is left of each layer, its weights, what the first layer sees."""
import network_views
import numpy as np
import plotly.graph_objects as go
from colours import COLOURS

from report_page import provenance, words
from report_page.page import Figure, Page, Section, said
from report_page.style import figure, shown_name

N_BINS = 81
N_TOP = 20  # inputs named where there is no picture
DIVERGING = [[0, "#2f5d8a"], [0.5, "#ffffff"], [1, "#b5482f"]]
RISING = [[0, "#f4f7f8"], [0.35, "#9cc3cf"], [0.7, "#1f6f8b"], [1, "#0d2f3b"]]


def weights_of(network):
    return {k: layer.weight for k, layer in enumerate(network.layers) if layer.weight is not None}


def columns_of(history):
    """A table as arrays, also where pandas made a DataFrame of it."""
    return {str(name): np.asarray(history[name], dtype=float) for name in history}


def history_figures(network):
    history = columns_of(network.history)
    longest = max((len(v) for v in history.values()), default=0)
    epoch = history.get("epoch", np.arange(1.0, longest + 1))
    out = []
    groups = (("loss", "Loss", ("train_loss", "test_loss"), True), ("accuracy", "Accuracy",
              ("train_accuracy", "test_accuracy"), False), ("nonzeros", "Nonzero weights", ("nonzeros",), False),
              ("l1", "ℓ1 norm of the weights", ("l1",), False))
    for name, title, rows, logarithmic in groups:
        rows = [row for row in rows if row in history and np.isfinite(history[row]).any()]
        if not rows:
            continue
        fig = figure("epoch", "", legend=len(rows) > 1)
        for k, row in enumerate(rows):
            values = history[row]
            fig.add_trace(go.Scatter(x=epoch[:len(values)], y=values, mode="lines+markers" if longest < 40 else "lines",
                                     name=row.split("_")[0], marker={"size": 5},
                                     line={"color": (COLOURS[1], COLOURS[0])[k] if len(rows) > 1 else COLOURS[0],
                                           "width": 2}, hovertemplate=f"epoch %{{x}}<br>{row} %{{y:.5g}}<extra></extra>"))
        if logarithmic and all((history[row][np.isfinite(history[row])] > 0).all() for row in rows):
            fig.update_yaxes(type="log", exponentformat="power")
        if name == "nonzeros":
            fig.update_yaxes(rangemode="tozero")
        out.append(Figure(f"history-{name}", fig, title))
    return out


def sparsity_figure(network):
    weights = weights_of(network)
    names = [f"{k}: {' × '.join(map(str, w.shape))}" for k, w in weights.items()]
    alive = np.array([np.count_nonzero(w) for w in weights.values()])
    size = np.array([w.size for w in weights.values()])
    fig = figure("% of the weights that are not zero", "")
    fig.add_trace(go.Bar(y=names, x=100 * alive / size, customdata=np.column_stack([alive, size]), orientation="h",
                         marker={"color": COLOURS[0]}, name="left", width=0.6,
                         text=[f"{a:,} of {s:,}" for a, s in zip(alive, size)], textposition="auto",
                         hovertemplate="%{y}<br>%{customdata[0]:,} of %{customdata[1]:,}<extra></extra>"))
    fig.update_xaxes(range=[0, 100])
    fig.update_yaxes(autorange="reversed", showgrid=False)
    return Figure("sparsity", fig, f"Layers: {alive.sum():,} of {size.sum():,} weights are left",
                  "Of the layers as stored: what was cut whole is no longer in the file.", 90 + 56 * len(names))


def histogram_figure(network):
    values = np.concatenate([w.ravel() for w in weights_of(network).values()]).astype(float)
    alive = values[values != 0]
    limit = float(np.quantile(np.abs(alive), 0.999)) * 1.05 if len(alive) else 1.0
    counts, edges = np.histogram(np.clip(alive, -limit, limit), bins=N_BINS, range=(-limit, limit))
    fig = figure("weight", "how many")
    fig.add_trace(go.Bar(x=(edges[:-1] + edges[1:]) / 2, y=counts, marker={"color": COLOURS[1]}, name="weights",
                         hovertemplate="about %{x:.3g}: %{y:,}<extra></extra>"))
    fig.update_layout(bargap=0)
    fig.update_yaxes(type="log", exponentformat="power", dtick=1)
    zero = 100 * (1 - len(alive) / max(len(values), 1))
    return Figure("weights", fig, "Nonzero weights", f"{zero:.3g}% of the stored weights are zero. The outermost of a "
                  "thousand stand at the ends.")


def image_figure(values, colours, limit=None, hover="%{z:.4g}<extra></extra>"):
    fig = figure()
    fig.add_trace(go.Heatmap(z=values, colorscale=colours, zmin=-limit if limit else None, zmax=limit, showscale=True,
                             hovertemplate=hover, hoverongaps=False,
                             colorbar={"thickness": 10, "len": 0.9, "outlinewidth": 0, "tickfont": {"size": 10}}))
    fig.update_xaxes(visible=False, constrain="domain")
    fig.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")
    fig.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8})
    return fig


def filters_figure(filters):
    tiles = network_views.tiles(filters.mean(axis=1))
    alive = sum(bool(f.any()) for f in filters)
    return Figure("first-layer", image_figure(tiles, DIVERGING, float(np.nanmax(np.abs(tiles))) or 1.0),
                  "Filters of the first layer", f"{alive} of {len(filters)} are alive; the mean over their channels.", 360)


def inputs_figure(strength, names):
    top = np.argsort(-strength, kind="stable")[:N_TOP]
    top = top[strength[top] > 0]
    fig = figure("Σ |w|", "")
    fig.add_trace(go.Bar(y=[shown_name(names[j] if names else f"input {j}") for j in top], x=strength[top],
                         orientation="h", marker={"color": COLOURS[2]}, name="strength",
                         hovertemplate="%{y}: %{x:.4g}<extra></extra>"))
    fig.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return Figure("first-layer", fig, "Inputs that send on most",
                  f"{np.count_nonzero(strength):,} of {len(strength):,} inputs are used.", 100 + 20 * max(len(top), 3))


def first_layer_figure(network):
    weights = weights_of(network)
    first = weights.get(0)
    if first is None or first.ndim == 4:
        return filters_figure(next(iter(weights.values())) if first is None else first)
    strength = network_views.strength(first, network.kept, len(network.center))
    image = network_views.picture(strength, network.attributes["input_shape"], network.feature_names is not None)
    if image is None:
        return inputs_figure(strength, network.feature_names)
    return Figure("first-layer", image_figure(image, RISING, hover="row %{y}, column %{x}: %{z:.4g}<extra></extra>"),
                  "What the first layer looks at", f"Σ |w| of each input; {np.count_nonzero(strength):,} of "
                  f"{len(strength):,} inputs are used.", 360)


def shape_of(network):
    shape = np.ravel(network.attributes["input_shape"])
    return "-".join([str(int(np.prod(shape)))] + [str(len(w)) for w in weights_of(network).values()])


def facts(network):
    a, out = network.attributes, []
    for name, called in (("test_accuracy", "accuracy on the test rows"), ("train_accuracy", "on the training rows")):
        if np.isfinite(a.get(name, np.nan)):
            out.append((f"{100 * a[name]:.2f}%", called))
    alive, before = network.nonzeros(), a.get("parameters")
    out.append((words.number(alive), "parameters that are not zero"))
    if before:
        out.append((f"{100 * (1 - alive / float(np.ravel(before)[0])):.3g}%", f"of {words.number(before)} cut"))
    history = columns_of(network.history)
    if "seconds" in history:
        seconds = history["seconds"]  # since the beginning
        out.append((f"{np.nanmax(seconds, initial=0):.3g} s", f"{len(seconds)} epochs {words.ranks(network)}"))
    return out


def lede(result):
    return " · ".join(piece for piece in (said(words.rows_and_columns(result)),
                                          said(words.finished(result))) if piece)


def page(result, data, settings):
    penalty = words.penalty(result)
    under = f", {penalty}" if penalty and result.attributes.get("penalty") != "none" else ""
    out = Page(f"Network {shape_of(result)}{under}: {words.source(result)}", lede(result), facts(result))
    if result.attributes.get("diverged"):
        out.warnings.append("<b>Training diverged</b>: the network of the last good epoch is kept.")
    dead = int(result.attributes.get("blocks_dead", 0))
    if dead:
        out.warnings.append(f"{dead:,} of {int(result.attributes['blocks']):,} groups of factors are zero and stay there.")
    trained = history_figures(result)
    out.sections = [Section("Training", trained)] if trained else []
    out.sections += [Section("Weights", [first_layer_figure(result), sparsity_figure(result), histogram_figure(result)]),
                     provenance.section(result)]
    return out
