# SPDX-License-Identifier: BSD-3-Clause
"""The page of a study: what each task came to, in figures and as a table that sorts; the criterion along the
parameter that is crossed and along λ; seconds; what failed and why."""
import os
import re

import numpy as np
import plotly.graph_objects as go
from colours import ALARM, COLOURS, FAINT
from study_grid import all_crossed, lines

from report_page import provenance, words
from report_page.page import Figure, Page, Section, Table, said
from report_page.style import figure, lambda_figure, marks, shown_name

STATES = ("converged", "not all converged", "failed")
N_ROWS = 2000  # of the table


def short(label):
    """Without the folder of the data."""
    return re.sub(r"data=\S*/", "data=", label)


class Grid:
    """A study's tasks by what their criteria may be compared with: data set and criterion."""

    def __init__(self, study):
        self.study, self.table = study, study.arrays
        self.done = study.status < 2
        self.labels = [short(label) for label in study.label]
        self.groups = list(dict.fromkeys((study.data[k], study.criterion[k]) for k in np.flatnonzero(self.done)))
        self.colour_by = "data" if len(set(study.data[self.done])) > 1 else "penalty"
        self.colours = {value: COLOURS[c % len(COLOURS)] for c, value in
                        enumerate(dict.fromkeys(self.table[self.colour_by]))}

    def value_name(self):
        names = {criterion for _, criterion in self.groups}
        return names.pop() if len(names) == 1 else "criterion"

    def behind(self):
        """How far each task's criterion is from the best of its group."""
        out = np.full(len(self.done), np.nan)
        for data, criterion in self.groups:
            here = self.done & (self.study.data == data) & (self.study.criterion == criterion)
            if np.isfinite(self.study.best[here]).any():
                best = (np.nanmax if "auc" in criterion else np.nanmin)(self.study.best[here])
                out[here] = np.abs(self.study.best[here] - best)
        return out

    def sets(self):
        """(name, colour, tasks) of each data set or penalty that has results."""
        column = self.table[self.colour_by]
        names = {value: os.path.basename(value) for value in self.colours}
        return [(names[value], self.colours[value], np.flatnonzero(self.done & (column == value)))
                for value in self.colours if (self.done & (column == value)).any()]


def task_figure(grid):
    """A point a task. Criteria of several data sets do not compare: there, how far from the best."""
    study, apart = grid.study, len(grid.groups) > 1
    values = grid.behind() if apart else study.best
    what = f"{grid.value_name()}, apart from the best of the same data" if apart else grid.value_name()
    fig = figure(what, "task", legend=len(grid.sets()) > 1)
    for name, colour, tasks in grid.sets():
        fig.add_trace(go.Scatter(
            x=values[tasks], y=tasks, mode="markers", name=shown_name(name), marker={"size": 9, "color": colour},
            customdata=np.column_stack([[shown_name(grid.labels[k]) for k in tasks], study.best[tasks],
                                        study.best_lambda[tasks], study.best_df[tasks]]),
            hovertemplate=f"<b>%{{y}}: %{{customdata[0]}}</b><br>{shown_name(grid.value_name())} %{{customdata[1]:.6g}}<br>"
            "λ = %{customdata[2]:.5g}<br>%{customdata[3]} nonzero<extra></extra>"))
    if study.best_task is not None:
        fig.add_trace(go.Scatter(x=[values[study.best_task]], y=[study.best_task], mode="markers", hoverinfo="skip",
                                 name="best", marker={"size": 17, "color": ALARM, "symbol": "circle-open", "line": {"width": 2}}))
    n = len(study.status)
    fig.update_yaxes(range=[n - 0.5, -0.5], dtick=1 if n <= 30 else None)
    without = int((grid.done & np.isnan(study.best)).sum())
    note = f"{without} more have none: no λ of theirs has it." if without else ""
    return Figure("tasks", fig, "Criterion of each task", note, int(np.clip(150 + 16 * n, 260, 900)), wide=True)


def along_figures(grid):
    """The criterion along each parameter that is crossed; what has none of them: dotted, at its level."""
    study, apart = grid.study, len(grid.groups) > 1
    values = grid.behind() if apart else study.best
    names = all_crossed(grid.table, grid.done)
    of_name = {name: [(label, tasks) for label, tasks in lines(grid.table, grid.done, name)
                      if len(np.unique(grid.table[name][tasks].astype(float))) > 1 and np.isfinite(values[tasks]).any()]
               for name in names}
    rest = np.isfinite(values)
    for tasks in (tasks for found in of_name.values() for _, tasks in found):
        rest[tasks] = False
    out = []
    for name in (name for name in names if of_name[name]):
        fig = figure(name.replace("_", " "), "apart from the best" if apart else grid.value_name(), legend=True)
        span = np.concatenate([grid.table[name][tasks].astype(float) for _, tasks in of_name[name]])
        for c, (label, tasks) in enumerate(of_name[name] + lines(grid.table, rest, name)):
            level = c >= len(of_name[name])
            fig.add_trace(go.Scatter(
                x=[span.min(), span.max()] if level else grid.table[name][tasks].astype(float),
                y=np.repeat(values[tasks[0]], 2) if level else values[tasks], name=shown_name(label),
                mode="lines" if level else "lines+markers", customdata=np.repeat(tasks[0], 2) if level else tasks,
                line={"color": COLOURS[c % len(COLOURS)], "dash": "dot" if level else "solid"},
                hovertemplate="<b>%{fullData.name}</b><br>%{x:.5g}: %{y:.6g}<br>task %{customdata}<extra></extra>"))
        out.append(Figure(f"along-{name}", fig, f"Along {name.replace('_', ' ')}"))
    return out


def curve_of(study, k):
    """(lambda, criterion there) of a task, or None."""
    task = study.tasks[k]
    name = "cvm" if task is not None and task.kind == "cv" else "ebic"
    values = getattr(task, "arrays", {}).get(name)
    if values is None or values.shape != task.lambda_.shape:
        return None
    known = np.isfinite(values) & (task.lambda_ > 0)
    return (task.lambda_[known], values[known]) if known.any() else None


def curves_figure(grid, settings):
    """The criterion along λ of the best tasks; None where several data sets or criteria do not compare."""
    study = grid.study
    order = np.argsort(np.where(grid.done, grid.behind(), np.nan), kind="stable")
    curves = [(k, curve) for k in order for curve in [curve_of(study, k)] if curve is not None]
    if len(grid.groups) != 1 or not curves:
        return None
    shown = curves[:settings.columns]
    fig = lambda_figure(np.concatenate([curve[0] for _, curve in shown]), grid.value_name())
    for k, (lam, values) in shown[::-1]:
        best = k == study.best_task
        fig.add_trace(go.Scatter(
            x=lam, y=values, mode=marks(len(lam)), name=shown_name(f"{k}: {grid.labels[k]}"),
            line={"color": ALARM if best else grid.colours[grid.table[grid.colour_by][k]], "width": 2.5 if best else 1},
            hovertemplate="<b>%{fullData.name}</b><br>λ = %{x:.5g}<br>%{y:.6g}<extra></extra>"))
    more = len(curves) - len(shown)
    return Figure("curves", fig, "Criterion along λ", f"The best {len(shown)}; {more} more are left out (--columns)."
                  if more else "The best task in red." if study.best_task is not None else "", 430, wide=True)


def seconds_figure(grid):
    study = grid.study
    colour = [FAINT if state == 2 else COLOURS[0] for state in study.status]
    fig = figure("task", "seconds")
    fig.add_trace(go.Bar(
        x=np.arange(len(study.seconds)), y=study.seconds, marker={"color": colour}, name="seconds",
        customdata=np.column_stack([[shown_name(label) for label in grid.labels], study.ranks, study.predicted]),
        hovertemplate="<b>%{x}: %{customdata[0]}</b><br>%{y:.3g} s on %{customdata[1]} ranks<br>"
        "predicted: %{customdata[2]:.3g} s of one rank<extra></extra>"))
    return Figure("seconds", fig, "Seconds of each task",
                  "Of its group of ranks" + ("; grey: failed." if (study.status == 2).any() else "."))


def support_figure(grid):
    study = grid.study
    fig = figure("coefficients other than 0 there", grid.value_name() if len(grid.groups) == 1 else
                 "apart from the best", legend=len(grid.sets()) > 1)
    values = study.best if len(grid.groups) == 1 else grid.behind()
    for name, colour, tasks in grid.sets():
        fig.add_trace(go.Scatter(
            x=study.best_df[tasks], y=values[tasks], mode="markers", name=shown_name(name),
            marker={"size": 8, "color": colour}, customdata=[shown_name(f"{k}: {grid.labels[k]}") for k in tasks],
            hovertemplate="<b>%{customdata}</b><br>%{x} nonzero<br>%{y:.6g}<extra></extra>"))
    return Figure("support", fig, "Criterion against support")


def task_row(grid, k):
    study = grid.study
    failed, known = study.status[k] == 2, np.isfinite(study.best[k])
    best = " (best)" if k == study.best_task else ""
    cells = [f"{k} {grid.labels[k]}{best}", STATES[min(max(int(study.status[k]), 0), 2)]]
    if failed:
        return cells + ["–"] * 6 + [words.number(study.seconds[k]), str(study.ranks[k])]
    return cells + [words.number(study.best[k], 6), words.number(study.best_lambda[k]),
                    words.number(study.best_df[k]) if known else "–", f"{study.converged[k]} of {study.lambdas[k]}",
                    words.number(study.worst_gap[k], 2), words.number(study.worst_kkt[k], 2),
                    words.number(study.seconds[k]), str(study.ranks[k])]


def task_table(grid):
    study = grid.study
    rows = [task_row(grid, k) for k in range(min(len(study.status), N_ROWS))]
    more = len(study.status) - len(rows)
    return Table(["task", "state", grid.value_name(), "at λ", "nonzero", "λ’s converged", "worst gap",
                  "residual", "seconds", "ranks"], rows, "",
                 "Press a head to sort." + (f" {more} more are in the file." if more > 0 else ""), wide=True)


def numbers(tasks):
    """3, 5–8."""
    return ", ".join(f"{a}–{b}" if b > a else str(a) for a, b in words.runs(tasks))


def failures(study):
    """A row a message."""
    which = {}
    for k in np.flatnonzero(study.status == 2):
        which.setdefault(study.message[k] or "no reason given", []).append(k)
    rows = [[numbers(tasks), message] for message, tasks in which.items()]
    return Section("What failed", [Table([], rows, wide=True)]) if rows else None


def facts(study):
    counts = [int((study.status == state).sum()) for state in (1, 2)]
    out = [(words.number(len(study.status)), "tasks")]
    if study.best_task is not None:
        out.append((words.number(study.best[study.best_task], 5), f"{study.criterion[study.best_task]}, at best"))
        out.append((words.number(study.best_df[study.best_task]), "coefficients there"))
    if len(set(study.data)) > 1:
        out.append((words.number(len(set(study.data))), "data sets"))
    out += [(words.number(many), what) for many, what in zip(counts, ("not wholly converged", "failed")) if many]
    out.append((words.elapsed(study), f"of all tasks, {words.ranks(study)}"))
    return out


def verdict(page, study):
    """In words: what is best, and what is wrong."""
    n = len(study.status)
    for state, what in ((2, "failed"), (1, "did not converge wholly")):
        which = np.flatnonzero(study.status == state)
        if len(which):
            page.warnings.append(f"<b>{len(which)} of {n} tasks</b> {what}: {numbers(which)}.")
    if study.best_task is not None:
        k = study.best_task
        page.good = (f"Best: task {k}, <b>{said(short(study.label[k]))}</b>, {said(study.criterion[k])} "
                     f"{words.number(study.best[k], 6)} at λ = {words.number(study.best_lambda[k])}.")
    elif not page.warnings:
        page.good = f"All {n} tasks converged. Their criteria are of several kinds or data sets: none is the best."


def page(result, data, settings):
    kinds = {task.kind for task in result.tasks if task is not None}
    what = "cross-validations" if kinds == {"cv"} else "paths" if kinds == {"path"} else "tasks"
    sets = list(dict.fromkeys(os.path.basename(name) for name in result.data))
    shown = ", ".join(sets[:5]) + (f" and {len(sets) - 5} more" if len(sets) > 5 else "")
    out = Page(f"Study of {len(result.status)} {what}: {words.source(result)}",
               " · ".join([said(shown), said(words.finished(result))]), facts(result))
    verdict(out, result)
    grid = Grid(result)
    if grid.done.any():
        curves = curves_figure(grid, settings)
        out.sections.append(Section("Results", [task_figure(grid), *along_figures(grid), *([curves] if curves else []),
                                                support_figure(grid), seconds_figure(grid)]))
    out.sections += [section for section in (Section("Tasks", [task_table(grid)]), failures(result)) if section]
    out.sections.append(provenance.section(result))
    return out
