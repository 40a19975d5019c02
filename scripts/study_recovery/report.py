# SPDX-License-Identifier: BSD-3-Clause
"""The recovery study's claims, tables and picture, from its rows."""
import json
import os

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from groups import RATIO  # noqa: E402

SAME = 1e-8  # D = 2 against the group lasso, relative
AS_GOOD = 1e-3  # an objective against the gates'
METHOD_COLOURS = {"group lasso": "#606c76", "D = 2": "#111111", "D = 3": "#1f6f8b", "D = 4": "#c2642d"}
POWER_COLOURS = {"1": "#606c76", "0.9": "#8b5a9f", "2/3": "#1f6f8b", "1/2": "#c2642d"}


def _by(rows, key):
    cells = {}
    for row in rows:
        cells.setdefault(row[key], []).append(row)
    return cells


def _mean(rows, key):
    return float(np.mean([row[key] for row in rows]))


def _claim(words, met, figures):
    return f"- {'MET' if met else 'MISSED'}: {words} ({figures})"


def _objectives(rows):
    """seeds x lambdas"""
    return np.array([row["objective"] for row in rows])


def _group_claims(rows):
    of = _by(rows, "method")
    lasso, gates = _objectives(of["group lasso"]), _objectives(of["D = 2, gates"])
    gap = np.max(lasso / np.array([row["bound"] for row in of["group lasso"]]) - 1)
    apart = np.max(np.abs(gates / lasso - 1))
    yield _claim("the group lasso's objective is the smallest there is to 1e-8, at every λ", gap <= SAME,
                 f"at most {gap:.1e} above its dual")
    yield _claim("D = 2's objective is the group lasso's to 1e-8, at every λ", apart <= SAME, f"at most {apart:.1e} apart")
    two = _mean(of["group lasso"], "rmse")
    for depth in (3, 4):
        ways = {name: _mean(cell, "rmse") for name, cell in of.items() if name.startswith(f"D = {depth}")}
        wins = min(sum(a["rmse"] < b["rmse"] for a, b in zip(of[name], of["group lasso"])) for name in ways)
        yield _claim(f"D = {depth} beats D = 2 in test RMSE at the best λ, however it is solved", max(ways.values()) < two,
                     f"{min(ways.values()):.3f} to {max(ways.values()):.3f} against {two:.3f}, in at least {wins} of "
                     f"{len(of['group lasso'])} seeds")


def _group_table(rows):
    of = _by(rows, "method")
    yield "| method | test RMSE | support | TPR | FPR | against gates | open λs |"
    yield "|---|---|---|---|---|---|---|"
    for name, cell in of.items():
        against = ""
        if name.startswith("D") and not name.endswith("gates"):
            gates = _objectives(of[name.split(",")[0] + ", gates"])
            against = f"{100 * np.mean(_objectives(cell) <= gates * (1 + AS_GOOD)):.0f}"
        yield "| " + " | ".join([name, f"{_mean(cell, 'rmse'):.4f}", f"{_mean(cell, 'support'):.1f}",
                                 f"{_mean(cell, 'tpr'):.2f}", f"{_mean(cell, 'fpr'):.3f}", against,
                                 str(sum(row["open"] for row in cell))]) + " |"
    yield f"| least squares on the true groups | {_mean(rows, 'oracle'):.4f} | 35 | 1 | 0 | | |"


def _curve(rows):
    """Counts of rows and the share found at each."""
    at = _by(rows, "rows")
    return list(at), [_mean(cell, "found") for cell in at.values()]


def _half(rows):
    """Where the share crosses one half for the first time; above all counts when it does not."""
    counts, shares = _curve(rows)
    if shares[0] >= 0.5:
        return counts[0]
    for (m, a), (n, b) in zip(zip(counts, shares), list(zip(counts, shares))[1:]):
        if a < 0.5 <= b:
            return m + (n - m) * (0.5 - a) / (b - a)
    return float("inf")


def _transition_claims(rows):
    of = _by(rows, "q")
    one = _half(of["1"])
    for q in ("2/3", "1/2"):
        half = _half(of[q])
        yield _claim(f"ℓ_{q} recovers at fewer rows than ℓ1", half < one, f"rows for half: {half:.0f} against {one:.0f}")


def _transition_table(rows):
    of = _by(rows, "q")
    counts = _curve(rows)[0]
    yield "| q | " + " | ".join(map(str, counts)) + " | rows for half | lower |"
    yield "|" + "---|" * (len(counts) + 3)
    for q, cell in of.items():
        failed = [row for row in cell if not row["found"]]
        lower = sum(row["penalty"] < 1 - 1e-6 for row in failed)
        yield "| " + " | ".join([q, *(f"{share:.2f}" for share in _curve(cell)[1]), f"{_half(cell):.0f}",
                                 f"{lower} of {len(failed)}"]) + " |"


def _better(row):
    """auto's objective over the surrogate's, less 1, at each lambda."""
    return np.array(row["auto"]) / np.array(row["surrogate"]) - 1


def _as_good(row):
    return int(np.sum(_better(row) <= AS_GOOD))


def _start_claims(rows):
    counts, n = [_as_good(row) for row in rows], len(rows[0]["auto"])
    cases = {}
    for row, count in zip(rows, counts):
        cases.setdefault((row["family"], row["rho"], row["penalty"]), []).append(count / n)
    least = min(np.mean(shares) for shares in cases.values())
    yield _claim("`auto` is within 0.1 % of L-BFGS on the factors or below at 90 % of the λs in every case", least >= 0.9,
                 f"{sum(counts)} of {n * len(rows)} on {len(rows)} paths; {100 * least:.0f} % in the worst of {len(cases)} cases, "
                 f"{min(counts)} of {n} on the worst path")


def _start_table(rows):
    yield "| data | ρ | penalty | as good | least | worst | mean | seconds, auto | seconds, L-BFGS | open λs |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    cells = {}
    for row in rows:
        cells.setdefault((row["family"], row["rho"], row["penalty"]), []).append(row)
    for (family, rho, name), cell in cells.items():
        counts, n = [_as_good(row) for row in cell], len(cell[0]["auto"])
        apart = 100 * np.array([_better(row) for row in cell])
        seconds = np.mean([row["seconds"] for row in cell], axis=0)
        yield (f"| {family} | {rho:g} | {name} | {sum(counts)} of {n * len(cell)} | {min(counts)} of {n} | {apart.max():.2f} | "
               f"{apart.mean():.2f} | {seconds[0]:.2f} | {seconds[1]:.2f} | {sum(row['open'] for row in cell)} |")


def _stationary_claims(rows):
    total, lies = sum(row["lambdas"] for row in rows), sum(len(row["lies"]) for row in rows)
    fine, certified = sum(row["stationary"] for row in rows), sum(row["certified"] for row in rows)
    yield _claim("every answer of `auto` is d-stationary to 1e-6 λ and certified", fine == certified == total,
                 f"{fine} of {total} by scripts/check's formulas, {certified} certified, worst {max(row['worst'] for row in rows):.1e}")
    yield _claim("scripts/check finds nothing else in these results", lies == 0, f"{lies} complaints")


def _stationary_table(rows):
    families = list(_by(rows, "family"))
    yield "| penalty | " + " | ".join(f"{family}, certified | worst" for family in families) + " |"
    yield "|" + "---|" * (2 * len(families) + 1)
    for name, cell in _by(rows, "penalty").items():
        yield f"| {name} | " + " | ".join(f"{row['certified']} of {row['lambdas']} | {row['worst']:.1e}" for row in cell) + " |"


def _finish(axis, x, y):
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#e6eaee")
    axis.legend(fontsize=7, frameon=False)


def _draw_groups(error, size, rows):
    for name, cell in _by(rows, "method").items():
        if name.endswith(("1 start", "2 starts")):
            continue
        style = dict(color=METHOD_COLOURS[name.split(",")[0]], linestyle=":" if "gates" in name else "-", linewidth=1.4,
                     label=name)
        curve = np.mean([row["curve"] for row in cell], axis=0)
        place = RATIO ** np.linspace(0, 1, len(curve))
        error.plot(place, curve, **style)
        size.plot(place, np.mean([row["selected"] for row in cell], axis=0), **style)
    error.axhline(_mean(rows, "oracle"), color="#a8405f", linewidth=1, label="true groups")
    size.axhline(7, color="#a8405f", linewidth=1, label="true groups")
    error.set_ylim(0.9, 4)
    for axis, title in ((error, "test RMSE"), (size, "groups selected")):
        axis.set_xscale("log")
        axis.invert_xaxis()
        _finish(axis, "λ / λ_max", title)


def _draw_transition(axis, rows):
    for q, cell in _by(rows, "q").items():
        axis.plot(*_curve(cell), color=POWER_COLOURS[q], marker="o", markersize=3.5, linewidth=1.4, label=f"q = {q}")
    _finish(axis, "rows", "share of trials recovered")


def _draw_starts(axis, rows):
    """One line a path: where auto's objective is against L-BFGS's."""
    colours = dict(zip(_by(rows, "penalty"), ("#c2642d", "#1f6f8b", "#8b5a9f")))
    for name, cell in _by(rows, "penalty").items():
        for i, row in enumerate(cell):
            axis.plot(0.1 ** np.linspace(0, 1, len(row["auto"])), 100 * _better(row), color=colours[name], linewidth=0.7,
                      alpha=0.7, label=name if i == 0 else None)
    axis.axhline(100 * AS_GOOD, color="#111111", linewidth=0.8, linestyle=":")
    axis.set_xscale("log")
    axis.invert_xaxis()
    _finish(axis, "λ / λ_max", "objective over L-BFGS's, %")


def _picture(path, found):
    panels = 2 * ("groups" in found) + ("transition" in found) + ("starts" in found)
    if panels == 0:
        return
    figure, axes = plt.subplots(1, panels, figsize=(4.4 * panels, 3.4), squeeze=False, layout="constrained")
    if "groups" in found:
        _draw_groups(*axes[0, :2], found["groups"])
    if "transition" in found:
        _draw_transition(axes[0, 2 * ("groups" in found)], found["transition"])
    if "starts" in found:
        _draw_starts(axes[0, -1], found["starts"])
    figure.savefig(path, dpi=130)
    plt.close(figure)


def write(folder, found):
    """Returns how many claims were missed."""
    lines, claims = ["# Recovery", "", "What the columns are: `scripts/study-recovery --help`."], []
    if "groups" in found:
        mine = list(_group_claims(found["groups"]))
        seeds = len(_by(found["groups"], "seed"))
        lines += ["", f"## Groups, {seeds} seeds", "", *mine, "", *_group_table(found["groups"])]
        claims += mine
    if "transition" in found:
        mine = list(_transition_claims(found["transition"]))
        trials = len(_by(found["transition"], "trial"))
        lines += ["", f"## Transition, {trials} trials: share recovered by rows", "", *mine, "",
                  *_transition_table(found["transition"])]
        claims += mine
    if "starts" in found:
        mine = list(_start_claims(found["starts"]))
        seeds = len(_by(found["starts"], "seed"))
        lines += ["", f"## Starts, {seeds} seeds", "", *mine, "", *_start_table(found["starts"])]
        claims += mine
    if "stationary" in found:
        mine = list(_stationary_claims(found["stationary"]))
        lines += ["", "## Stationary", "", *mine, "", *_stationary_table(found["stationary"])]
        claims += mine
    with open(os.path.join(folder, "results.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as f:
        json.dump(found, f)
    _picture(os.path.join(folder, "results.png"), found)
    return sum(claim.startswith("- MISSED") for claim in claims)
