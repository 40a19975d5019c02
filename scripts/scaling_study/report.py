# SPDX-License-Identifier: BSD-3-Clause
"""The scaling study's findings as Markdown, JSON and a picture."""
import json
import os

import model
import traffic

COLOURS = {"sweep": "#2e6f9e", "gram": "#7fb069", "local": "#e6aa4f", "inner": "#c03a2b", "comm": "#6c5b7b"}
WIDER = 1000  # times the columns of strong scaling in the extrapolation `wide`
WORDS = {"sweep": "sweeps over X", "gram": "Gram", "local": "screening, certificates, columns",
         "inner": "Newton steps (rank 0)", "comm": "messages"}


def _ms(seconds):
    return f"{1e3 * seconds:.0f}" if seconds >= 0.0995 else f"{1e3 * seconds:.1f}"


def _run_lines(results):
    lines = ["| series | ranks | n × p | path | sweeps | messages a λ | bytes a λ: rank 0, most of a rank | as predicted "
             "| objectives off by |", "|---|---|---|---|---|---|---|---|---|"]
    for row in results["runs"]:
        if row["series"] == "reference":
            continue
        timed = row["ranks"] <= results["cores"]
        per = row["lambdas"]
        sent = f"{row['bytes'][0] / per:.0f}, {max(row['bytes']) / per:.0f}" if row["ranks"] > 1 else "0"
        lines.append("| " + " | ".join([
            f"{row['series']}, {row['kind']}", str(row["ranks"]), f"{row['n']} × {row['p']}",
            f"{_ms(row['solve_s'])} ms" if timed else "not timed", f"{_ms(row['phases']['sweep'][1])} ms" if timed else "",
            f"{row['messages'] / per:.1f}", sent, "to the byte" if not row["failures"] else "**no**", f"{row['apart']:.0e}"]) + " |")
    return lines


def _kind_lines(results):
    shown = [row for row in results["runs"] if row["series"] == "strong" and row["ranks"] > 1]
    kinds = list(dict.fromkeys(kind for row in shown for kind in row["kinds"]))
    lines = ["", "By kind, rank 0, the whole path (messages: bytes):", "", f"| X | ranks | {' | '.join(kinds)} |",
             "|---|---|" + "---|" * len(kinds)]
    for row in shown:
        cells = ["{}: {}".format(*row["kinds"].get(kind, (0, 0))) for kind in kinds]
        lines.append(f"| {row['kind']} | {row['ranks']} | {' | '.join(cells)} |")
    return lines


def _compared_lines(results):
    lines = ["", "## Model against measurement", "",
             "Milliseconds, model → measured: the slower rank's, for messages the least time a rank spent in them. The model "
             "takes from the run of one rank what Gram, local work and Newton steps took there (so these agree at 1 rank by "
             "construction), from this machine its read bandwidth, latency and inverse bandwidth, and predicts the rest:", ""]
    lines += [f"- {machine['said']}" for machine in results["here"]]
    lines += ["", f"| series | ranks | {' | '.join(WORDS[name] for name in model.PHASES)} | sum | path |",
              "|---|---|" + "---|" * (len(model.PHASES) + 2)]
    for row in results["compared"]:
        cells = [f"{_ms(row['model'][name])} → {_ms(row['measured'][name])}" for name in model.PHASES]
        lines.append(f"| {row['series']}, {row['kind']} | {row['ranks']} | {' | '.join(cells)} | "
                     f"{_ms(sum(row['model'].values()))} | {_ms(row['solve_s'])} |")
    return lines


def _extrapolated_lines(results):
    lines = ["", "## Extrapolation", "",
             "**None of this was run.** The model at rank counts and on machines that are not here; strong: the data above; "
             "weak: as many columns a rank as above, with the batches of the widest X that was run; wide: the data above "
             f"{WIDER} times as wide, with the batches as they were.", ""]
    lines += [f"- {machine['name']}: {machine['said']}" for machine in results["clusters"]]
    lines += ["", f"| extrapolated | machine | ranks | p | {' | '.join(WORDS[name] for name in model.PHASES)} | path, ms |",
              "|---|---|---|---|" + "---|" * (len(model.PHASES) + 1)]
    shown = [row for row in results["extrapolated"]
             if row["ranks"] in ((64, 1024) if row["series"] == "wide" else (1, 64, 1024))]
    for row in sorted(shown, key=lambda row: (row["series"], row["kind"], row["machine"] == "Ethernet", row["ranks"])):
        cells = [_ms(row["model"][name]) for name in model.PHASES]
        lines.append(f"| {row['series']}, {row['kind']} | {row['machine']} | {row['ranks']} | {row['p']} | "
                     f"{' | '.join(cells)} | **{_ms(sum(row['model'].values()))}** |")
    return lines


def markdown(results):
    lines = ["# How a path scales with ranks", "",
             "Made by `scripts/scaling`. Lasso paths of a gaussian response, 100 λ to 0.01 λ_max, no intercept, X "
             f"as it is, Gram on rank 0, each certified to 1e-8. {results['date']}, {results['machine']}. *As predicted*: messages and "
             "bytes of every kind and every rank are what `scaling_study/traffic.py` derives. *Off by*: largest relative "
             "difference from the objectives of one rank on the same data. More ranks than cores are not timed.", "",
             "## Runs", ""]
    lines += _run_lines(results) + _kind_lines(results) + _compared_lines(results) + _extrapolated_lines(results)
    return "\n".join(lines) + "\n"


# ---- the picture -------------------------------------------------------------------------------


def _time_panel(axis, results, series, kind, machine):
    """The model's seconds by phase, stacked over ranks; what was measured here as points."""
    rows = [r for r in results["extrapolated"] if (r["series"], r["kind"], r["machine"]) == (series, kind, machine)]
    places = range(len(rows))
    below = [0.0] * len(rows)
    for name in model.PHASES:
        heights = [1e3 * row["model"][name] for row in rows]
        axis.bar(places, heights, bottom=below, width=0.75, color=COLOURS[name], label=WORDS[name])
        below = [b + h for b, h in zip(below, heights)]
    here = [r for r in results["compared"] if (r["series"], r["kind"]) == (series, kind)]
    at = [row["ranks"] for row in rows]
    places_here = [at.index(r["ranks"]) for r in here]
    measured = [1e3 * r["solve_s"] for r in here]
    axis.plot(places_here, measured, "D", color="black", mfc="white", ms=6, label="measured here", zorder=3)
    axis.plot(places_here, [1e3 * sum(r["model"].values()) for r in here], "x", color="black", ms=7, mew=2,
              label="model of here", zorder=4)
    axis.set_xticks(list(places), [str(ranks) for ranks in at], fontsize=8)
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(0, 1.1 * max(below + measured))
    axis.set_title(f"{series} scaling, {kind} X\nextrapolated: {machine}", fontsize=9)
    axis.set_xlabel("ranks", fontsize=8)
    axis.set_ylabel("ms a path", fontsize=8)


def _bytes_panel(axis, results, kind):
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    rows = [r for r in results["runs"] if r["kind"] == kind and r["series"] == "strong" and r["ranks"] > 1]
    kinds = list(dict.fromkeys(k for row in rows for k in row["kinds"]))
    heights = {k: [r["kinds"].get(k, (0, 0))[1] / r["lambdas"] for r in rows] for k in kinds}
    below, lift = 0.0, 0
    for k in sorted(kinds, key=lambda name: heights[name][-1]):
        colour = f"C{traffic.KINDS.index(k)}"
        axis.plot([r["ranks"] for r in rows], heights[k], "o-", ms=4, color=colour)
        lift = lift + 8 if heights[k][-1] < 1.3 * below else 0  # names that would run together
        below = heights[k][-1]
        axis.annotate(k, (rows[-1]["ranks"], below), xytext=(6, lift), textcoords="offset points", va="center", fontsize=8,
                      color=colour)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xlim(rows[0]["ranks"] / 1.15, rows[-1]["ranks"] * 1.15 * (rows[-1]["ranks"] / rows[0]["ranks"]) ** 0.25)
    axis.set_xticks([r["ranks"] for r in rows], [str(r["ranks"]) for r in rows], fontsize=8)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}" if v < 1e3 else f"{v / 1e3:g} k"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="y", labelsize=8)
    axis.set_title(f"bytes a λ of rank 0, {kind} X\ncounted, and predicted to the byte", fontsize=9)
    axis.set_xlabel("ranks", fontsize=8)


def picture(results, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kinds = list(dict.fromkeys(row["kind"] for row in results["extrapolated"]))
    figure, axes = plt.subplots(len(kinds), 3, figsize=(13, 3.5 * len(kinds) + 0.5), squeeze=False)
    machine = results["clusters"][0]["name"]
    for line, kind in zip(axes, kinds):
        _bytes_panel(line[0], results, kind)
        _time_panel(line[1], results, "strong", kind, machine)
        _time_panel(line[2], results, "weak", kind, machine)
    handles, labels = axes[0][1].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _lines_of_json(results):
    """A line for each run, comparison and extrapolation."""
    parts = []
    for key, value in results.items():
        items = ",\n  ".join(json.dumps(item) for item in value) if isinstance(value, list) else None
        parts.append(f' "{key}": ' + (json.dumps(value) if items is None else f"[\n  {items}\n ]"))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def write(folder, results):
    with open(os.path.join(folder, "results.json"), "w") as f:
        f.write(_lines_of_json(results))
    with open(os.path.join(folder, "results.md"), "w") as f:
        f.write(markdown(results))
    picture(results, os.path.join(folder, "results.png"))
