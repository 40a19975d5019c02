# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark's findings as Markdown, JSON and a picture."""
import json
import os

from problems import ROWS


def _seconds(value):
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"


def fastest(peers, key, names=None):
    """The peer with the least seconds at `key` (default, reached), None when there is none."""
    done = [p for p in peers if p[key] and (names is None or p["id"] in names)]
    return min(done, key=lambda p: p[key]["seconds"]) if done else None


def speedup(found):
    return found["one_rank"]["seconds"] / found["ours"]["seconds"]


def _gain(found):
    """Runs of a few hundredths of a second are differences of two noisy times: no ratio of those is told."""
    short = min(found["one_rank"]["seconds"], found["ours"]["seconds"]) < 0.05
    return "–" if short else f"{speedup(found):.2f}×"


def sweep_speedup(found):
    """Seconds in sweeps over X at 1 rank over those of the slower of 2; None in results without phases."""
    if "phases" not in found["ours"] or "phases" not in found["one_rank"]:
        return None
    return found["one_rank"]["phases"]["sweep"][1] / max(found["ours"]["phases"]["sweep"][1], 1e-9)


def _conditions(found):
    """What the row is held to: words, and whether it is met (None: nothing to compare with)."""
    ours = found["ours"]["seconds"]
    if found["floor"]:
        rival = fastest(found["peers"], "reached", found["against"])
        who = "any" if len(found["against"]) > 2 else " and ".join(found["against"])
        yield f"{found['floor']}× {who}", None if rival is None else rival["reached"]["seconds"] >= found["floor"] * ours
    if found.get("default_floor"):
        rival = fastest(found["peers"], "default", found["against"])
        floor = found["default_floor"]
        yield (f"{floor}× {' and '.join(found['against'])} at default",
               None if rival is None else rival["default"]["seconds"] >= floor * ours)
    if found.get("concave"):
        done = [peer["default"] for peer in found["peers"] if peer["default"]]
        better, of, skipped = _as_good(found, done[0]) if done else (0, 0, 0)
        where = f"{better} of {of} λ" + (f", {skipped} skipped or unfinished by it" if skipped else "")
        yield f"objective within 0.1 % or better at 90 % of the λ ({where})", better >= 0.9 * of if of else None
    if found["beat_default"]:
        rival = fastest(found["peers"], "default", found["beat_default"])
        who = "any" if len(found["beat_default"]) > 2 else " and ".join(found["beat_default"])
        yield f"no slower than {who} at default", None if rival is None else rival["default"]["seconds"] >= ours
    if found["most_s"]:
        yield f"under {found['most_s']:g} s", ours < found["most_s"]
    if found["most_worth"]:
        yield f"{found['most_worth']} passes' worth of time", found["worth"] <= found["most_worth"]
    if found["speedup"]:
        yield f"1 → 2 ranks {found['speedup']:g}×", speedup(found) >= found["speedup"]
    if found.get("sweep_speedup") and sweep_speedup(found) is not None:
        yield f"its sweeps {found['sweep_speedup']:g}×", sweep_speedup(found) >= found["sweep_speedup"]


def _as_good(found, run):
    """At how many lambdas bevel's objective is at most 0.1 % above that of a peer's run, of how many that the
    peer has an answer for, and how many those leave out."""
    pairs = [pair for pair in zip(found["ours"]["objective"], run["objective"]) if pair[1] is not None]
    skipped = len(run["objective"]) - len(pairs)
    return sum(mine <= 1.001 * theirs for mine, theirs in pairs), len(pairs), skipped


def _held_to(found):
    verdict = {None: "no rival", True: "met", False: "**missed**"}
    return "; ".join(f"{words}: {verdict[met]}" for words, met in _conditions(found))


def _rival(peer, key, ours):
    if peer is None:
        return "none"
    run = peer[key]
    gap = f", gap {run['gap']:.0e}" if key == "default" else ""
    return f"{peer['peer']} {_seconds(run['seconds'])}{gap} → **{run['seconds'] / ours:.1f}×**"


def _summary(rows):
    lines = ["| problem | bevel, 2 ranks | gap | passes over X (time in passes) | share of read bandwidth | 1 → 2 ranks "
             "| fastest peer at the gap asked of it | fastest at a default tolerance | held to |",
             "|---|---|---|---|---|---|---|---|---|"]
    for found in rows:
        ours, seconds = found["ours"], found["ours"]["seconds"]
        lines.append("| " + " | ".join([
            found["title"], _seconds(seconds), f"{ours['gap']:.0e}", f"{ours['passes']:.1f} ({found['worth']:.0f})",
            f"{found['share']:.0%}", _gain(found),
            f"≤ {found['target']:.0e}: {_rival(fastest(found['peers'], 'reached'), 'reached', seconds)}",
            _rival(fastest(found["peers"], "default"), "default", seconds), _held_to(found)]) + " |")
    return lines


def _details(found):
    word = "residual" if found.get("concave") else "gap"
    lines = ["", f"**{found['title']}** ({found['name']}): n {found['n']}, p {found['p']}, {found['family']}, "
             f"support {found['ours']['support']} at the last λ; bevel {found['ours']['certified']} of "
             f"{found['ours']['n_lambda']} certified", "",
             f"| who | at its default tolerance | measured {word} | {word} ≤ {found['target']:.0e} | tolerance | over bevel |",
             "|---|---|---|---|---|---|"]
    for peer in found["peers"]:
        default, reached = peer["default"], peer["reached"]
        lines.append("| " + " | ".join([
            peer["peer"],
            _seconds(default["seconds"]) if default else "–",
            f"{default['gap']:.1e}" if default else "",
            _seconds(reached["seconds"]) if reached else f"not reached: {peer['why']}",
            f"{reached['tol']:.0e}" if reached else "",
            f"{reached['seconds'] / found['ours']['seconds']:.1f}×" if reached else ""]) + " |")
    if found["speedup"]:
        lines += ["", "Profiles of the whole process at 1 and at 2 ranks:", ""]
        lines += [f"    {line}" for side in ("one_rank", "ours") for line in found[side]["profile"]]
    return lines


# bevel's phases in the order they are shown; reading, standardising and writing are not the path's
PHASES = ("sweep", "screen", "columns", "gram", "inner", "wait", "other")


def _phase_lines(ordered):
    """1 -> 2 ranks, phase by phase: where the time of the path went."""
    ordered = [found for found in ordered if sweep_speedup(found) is not None]
    if not ordered:
        return []
    lines = ["", "**1 → 2 ranks, by phase**: seconds at 1 rank → at 2 ranks, the least and the most of the two. `wait` is "
             "time inside collectives: rank 1 waits there while rank 0 solves (`inner`).", "",
             f"| problem | whole path | {' | '.join(PHASES)} |", "|---|---|" + "---|" * len(PHASES)]
    for found in ordered:
        cells = [f"{found['title']}", f"{found['one_rank']['seconds']:.3f} → {found['ours']['seconds']:.3f} "
                 f"({_gain(found)})"]
        for name in PHASES:
            one, two = found["one_rank"]["phases"][name][1], found["ours"]["phases"][name]
            gain = f" ({sweep_speedup(found):.2f}×)" if name == "sweep" else ""
            cells.append(f"{one:.3f} → {two[0]:.3f}–{two[1]:.3f}{gain}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def markdown(rows):
    """rows: findings by name, and under "machine" the lines of the rows about it."""
    ordered = [rows[name] for name in ROWS if name in rows]
    lines = ["# bevel against its peers", "",
             "Made by `scripts/bench`. bevel: the whole process under `mpirun -n 2` less the same command with "
             "`--nlambda 1`. Peers: the solve alone, from data in memory, on 2 threads (glmnet and scikit-learn "
             "have one). Same numbers, same λ (100 unless said), no intercept; bevel at its default tolerance 1e-8. Every gap is "
             "measured by the bench, as the largest over the path, relative to half the null deviance. MCP, SCAD and ℓq have no gap: "
             "theirs is the largest violation of stationarity, over λ; objectives are compared with the peer's at its default.", ""]
    for machine in dict.fromkeys(found["machine"] for found in ordered):
        names = [found["name"] for found in ordered if found["machine"] == machine]
        lines += [f"Machine: {machine} ({', '.join(names)})", ""]
    for versions in dict.fromkeys(found["versions"] for found in ordered):
        lines += [f"Versions: {versions}", ""]
    if ordered:
        lines += _summary(ordered) + _phase_lines(ordered)
    for found in ordered:
        lines += _details(found)
    if rows.get("machine"):
        lines += ["", "| what | ranks | measured | reference | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(map(str, r))} |" for r in rows["machine"]]
    return "\n".join(lines) + "\n"


def label_seconds(axis):
    """A logarithmic axis labelled at 1, and where a decade is wide also at 2 and 5: nothing runs together."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    least, most = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if most < 300 * least else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _panel(axis, found):
    ours = found["ours"]["seconds"]
    names = ["bevel"] + [peer["peer"] for peer in found["peers"]]
    axis.axvline(ours, color="#c03a2b", lw=0.8, alpha=0.6)
    axis.plot(ours, 0, "o", color="#c03a2b", ms=7)
    for k, peer in enumerate(found["peers"], 1):
        default, reached = peer["default"], peer["reached"]
        if default and reached:
            axis.plot([default["seconds"], reached["seconds"]], [k, k], color="#7f8c8d", lw=1)
        if reached:
            axis.plot(reached["seconds"], k, "o", color="#34495e", ms=6)
            axis.annotate(f"{reached['seconds'] / ours:.1f}×", (reached["seconds"], k), xytext=(6, 0),
                          textcoords="offset points", va="center", fontsize=7)
        if default and default is not reached:
            axis.plot(default["seconds"], k, "o", mfc="white", mec="#34495e", ms=5)
        if not reached:
            end = default["seconds"] if default else ours
            late = "not in time" if "more than" in (peer.get("why") or "") else "not run"
            axis.annotate("not reached" if default else late, (end, k), xytext=(6, 0),
                          textcoords="offset points", va="center", fontsize=7, color="#7f8c8d")
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xscale("log")
    axis.margins(x=0.2)
    label_seconds(axis.xaxis)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title(f"{found['title']}\nbevel gap {found['ours']['gap']:.0e}, peers ≤ {found['target']:.0e}", fontsize=8)


def picture(rows, path):
    """Seconds of everybody, a panel a problem."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ordered = [rows[name] for name in ROWS if name in rows]
    n_columns = min(3, len(ordered))
    n_rows = -(-len(ordered) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(4.6 * n_columns, 2.2 * n_rows + 0.3), squeeze=False)
    for axis, found in zip(axes.flat, ordered):
        _panel(axis, found)
    for axis in list(axes.flat)[len(ordered):]:
        axis.axis("off")
    figure.supxlabel("seconds, 2 ranks or threads (filled: to the gap in the title, with the time over bevel's; "
                     "hollow: at the default tolerance, a larger gap)", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write(folder, rows):
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump(rows, f, indent=1)
        f.write("\n")
    with open(os.path.join(folder, "results.md"), "w") as f:
        f.write(markdown(rows))
    if any(name in rows for name in ROWS):
        picture(rows, os.path.join(folder, "results.png"))
