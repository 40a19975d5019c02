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


def lead(found):
    """Seconds of the fastest named peer at the row's gap over bevel's; None when there is none."""
    rival = fastest(found["peers"], "reached", found["against"])
    return None if rival is None else rival["reached"]["seconds"] / found["ours"]["seconds"]


def _floor(found):
    """What the row is held to, in words, and whether it is met (None: nothing to compare with)."""
    if found["most_s"]:
        return f"under {found['most_s']:g} s", found["ours"]["seconds"] < found["most_s"]
    if not found["floor"]:
        return "", None
    ratio = lead(found)
    who = "any" if len(found["against"]) > 2 else " and ".join(found["against"])
    words, met = f"{found['floor']}× {who}", None if ratio is None else ratio >= found["floor"]
    default = fastest(found["peers"], "default", found["beat_default"])
    if default is not None:
        words += ", no slower than at the default tolerance"
        met = met and default["default"]["seconds"] >= found["ours"]["seconds"]
    return words, met


def _rival(peer, key, ours):
    if peer is None:
        return "none"
    run = peer[key]
    gap = f", gap {run['gap']:.0e}" if key == "default" else ""
    return f"{peer['peer']} {_seconds(run['seconds'])}{gap} → **{run['seconds'] / ours:.1f}×**"


def _summary(rows):
    lines = ["| problem (2 ranks, all at most 1e-8) | bevel | gap | passes over X | of the read bandwidth | 1 → 2 ranks "
             "| fastest peer at the gap asked of it | fastest at a default tolerance | held to |",
             "|---|---|---|---|---|---|---|---|---|"]
    for found in rows:
        ours, text, met = found["ours"], *_floor(found)
        speedup = found["one_rank"]["seconds"] / ours["seconds"] if found["one_rank"] else float("nan")
        verdict = "" if met is None else (" met" if met else " **missed**")
        lines.append(
            f"| {found['title']} | {_seconds(ours['seconds'])} | {ours['gap']:.0e} | {ours['passes']:.1f} "
            f"({found['worth']:.0f} passes' worth of time) | {found['share']:.0%} | {speedup:.2f}× "
            f"| ≤ {found['target']:.0e}: {_rival(fastest(found['peers'], 'reached'), 'reached', ours['seconds'])} "
            f"| {_rival(fastest(found['peers'], 'default'), 'default', ours['seconds'])} | {text}{verdict} |")
    return lines


def _details(found):
    lines = ["", f"**{found['title']}** ({found['name']}): n {found['n']}, p {found['p']}, {found['family']}, "
             f"support {found['ours']['support']} at the last λ; bevel {found['ours']['certified']} of "
             f"{found['ours']['n_lambda']} certified", "",
             "| who | at its default tolerance | measured gap | gap ≤ " f"{found['target']:.0e} | tolerance | over bevel |",
             "|---|---|---|---|---|---|"]
    for peer in found["peers"]:
        default, reached = peer["default"], peer["reached"]
        lines.append("| " + " | ".join([
            peer["peer"],
            _seconds(default["seconds"]) if default else "not run",
            f"{default['gap']:.1e}" if default else "",
            _seconds(reached["seconds"]) if reached else f"not reached: {peer['why']}",
            f"{reached['tol']:.0e}" if reached else "",
            f"{reached['seconds'] / found['ours']['seconds']:.1f}×" if reached else ""]) + " |")
    return lines


def markdown(rows, extra):
    """rows: findings by name; extra: lines of the rows about the machine."""
    ordered = [rows[name] for name in ROWS if name in rows]
    lines = ["# bevel against its peers", "",
             "Made by `scripts/bench`. bevel: the whole process under `mpirun -n 2` less the same command with "
             "`--nlambda 1`. Peers: the solve alone, from data in memory, on 2 threads (glmnet and scikit-learn "
             "have one). Same numbers, same 100 λ, no intercept. Every gap is measured by the bench, as the "
             "largest over the path, relative to half the null deviance.", ""]
    for machine in dict.fromkeys(found["machine"] for found in ordered):
        names = [found["name"] for found in ordered if found["machine"] == machine]
        lines += [f"Machine: {machine} ({', '.join(names)})", ""]
    for versions in dict.fromkeys(found["versions"] for found in ordered):
        lines += [f"Versions: {versions}", ""]
    if ordered:
        lines += _summary(ordered)
    for found in ordered:
        lines += _details(found)
    if extra:
        lines += ["", "| what | ranks | measured | reference | |", "|---|---|---|---|---|"]
        lines += [f"| {' | '.join(map(str, r))} |" for r in extra]
    return "\n".join(lines) + "\n"


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
            axis.annotate("not reached" if default else "not run", (end, k), xytext=(6, 0),
                          textcoords="offset points", va="center", fontsize=7, color="#7f8c8d")
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xscale("log")
    axis.margins(x=0.2)
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


def write(folder, rows, extra):
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump(rows, f, indent=1)
        f.write("\n")
    with open(os.path.join(folder, "results.md"), "w") as f:
        f.write(markdown(rows, extra))
    if rows:
        picture(rows, os.path.join(folder, "results.png"))
