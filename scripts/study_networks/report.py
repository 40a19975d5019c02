# SPDX-License-Identifier: BSD-3-Clause
"""The study's claims, tables and picture, from its rows."""
import json
import os

import matplotlib

matplotlib.use("Agg")
import numpy as np  # noqa: E402

from plot_network import Network  # noqa: E402
from plot_style import SOFT, plt  # noqa: E402
from pruning import ARCHITECTURES, TRIES  # noqa: E402

WITHIN = 0.007  # of the dense network's accuracy
GOALS = (("lenet300", "hoyer-square", 0.95), ("lenet300", "group-hs", 0.97), ("lenet300", "spred", 0.90),
         ("lenet5", "hoyer-square", 0.97))
FASTER = 1.7  # by a second rank
SCALED = (("lenet5", 100), ("lenet300", 500))
SOURCE = ("LYM52/COMP6248-Reproducibility-Challenge---DeepHoyer, MNIST with 60,000 images to learn from and 10,000 to "
          "try, 250 + 100 epochs, cut at a share of the deviation; not the table of DeepHoyer's paper "
          "(Yang, Wen, Li, ICLR 2020, arXiv 1908.09979)")
# accuracy %, pruned %: LeNet-300-100, LeNet-5
PUBLISHED = {"dense": ((98.44, 34.69), (99.40, 32.01)), "l1": ((96.21, 97.97), (98.59, 99.53)),
             "hoyer": ((97.10, 98.75), (97.32, 99.58)), "hoyer-square": ((97.99, 96.28), (99.17, 98.59)),
             "tl1": ((98.24, 96.91), (99.16, 98.95)), "group lasso": ((97.78, 93.81), (98.65, 99.40)),
             "group-hs": ((97.80, 98.64), (97.33, 99.74))}
BESIDE = {"dense": "dense", "spred": "l1", "hoyer-square": "hoyer-square", "group-hs": "group-hs"}


def _cells(rows):
    cells = {}
    for row in rows:
        cells.setdefault((row["arch"], row["name"]), []).append(row)
    return cells


def _mean(rows, key):
    values = [row[key] for row in rows]
    return float(np.mean(values)) if None not in values else None


def _percent(value, digits=2):
    return "" if value is None else f"{100 * value:.{digits}f}"


def _claim(words, met, figures):
    return f"- {'MET' if met else 'MISSED'}: {words} ({figures})"


# ---- pruning ----


def _pruned_claims(cells):
    for arch, name, goal in GOALS:
        if (arch, name) not in cells or (arch, "dense") not in cells:
            continue
        dense, mine = _mean(cells[arch, "dense"], "accuracy"), _mean(cells[arch, name], "accuracy")
        gone = _mean(cells[arch, name], "gone")
        yield _claim(f"{ARCHITECTURES[arch]}, {name}: at least {goal:.0%} of the parameters gone within 0.7 points of dense",
                     gone >= goal and mine >= dense - WITHIN,
                     f"{_percent(gone)} %, {_percent(mine)} % against {_percent(dense)} %; seeds: {len(cells[arch, name])}")


def _removed(cell):
    """Kept of a row's inputs and units over all of them, means."""
    return np.mean([row["kept"] for row in cell], axis=0)


def _structure_claims(cells):
    for arch, what in (("lenet300", "inputs and units"), ("lenet5", "filters")):
        if (arch, "group-hs") not in cells or (arch, "dense") not in cells:
            continue
        kept, whole = _removed(cells[arch, "group-hs"]), _removed(cells[arch, "dense"])
        of = slice(0, -1) if arch == "lenet300" else slice(1, 3)
        yield _claim(f"{ARCHITECTURES[arch]}, group-hs removes {what}", bool(np.all(kept[of] < whole[of])),
                     ", ".join(f"{a:.0f} of {b:.0f}" for a, b in zip(kept[of], whole[of])))


def _depth_claim(cells):
    if ("lenet300", "spred") not in cells or ("lenet300", "depth 3") not in cells:
        return
    two, three = cells["lenet300", "spred"], cells["lenet300", "depth 3"]
    more = np.array([b["accuracy"] - a["accuracy"] for a, b in zip(two, three)])
    error = np.std(more, ddof=1) / np.sqrt(len(more)) if len(more) > 1 else 0.0
    yield _claim("depth 3 is at least as sparse as depth 2 and as accurate, to the standard error over the seeds",
                 more.mean() >= -error and _mean(three, "gone") >= _mean(two, "gone"),
                 f"{_percent(_mean(three, 'gone'))} % gone, depth 2 {_percent(_mean(two, 'gone'))} %; accuracy "
                 f"{100 * more.mean():+.2f} +- {100 * error:.2f} points")


def _pruning_table(cells):
    yield "| network | penalty | accuracy | before | cut | gone | left | kept | kB | forward | published: accuracy, gone |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for (arch, name), cell in cells.items():
        dense = cells.get((arch, "dense"), cell)
        there = PUBLISHED.get(BESIDE.get(name))
        there = there[list(ARCHITECTURES).index(arch)] if there else None
        yield "| " + " | ".join([
            ARCHITECTURES[arch], name, _percent(_mean(cell, "accuracy")), _percent(_mean(cell, "before")),
            _percent(_mean(cell, "cut")), _percent(_mean(cell, "gone")), f"{_mean(cell, 'left'):,.0f}",
            "-".join(f"{v:.0f}" for v in _removed(cell)), f"{_mean(cell, 'stored_bytes') / 1e3:.0f}",
            f"{_mean(cell, 'work') / _mean(dense, 'work'):.3f}",
            f"{there[0]:.2f}, {there[1]:.2f}" if there else ""]) + " |"


def _recipes(cells):
    yield "| network | penalty | `bevel train --scale max --test-fraction 0.2 --seed S --arch` | seeds: accuracy, gone | s |"
    yield "|---|---|---|---|---|"
    for (arch, name), cell in cells.items():
        seeds = "; ".join(f"{_percent(row['accuracy'])}, {_percent(row['gone'])}" for row in cell)
        yield f"| {ARCHITECTURES[arch]} | {name} | `{arch} {cell[0]['words']}` | {seeds} | {_mean(cell, 'seconds'):.0f} |"


def _published():
    yield "| penalty | LeNet-300-100: accuracy, pruned | LeNet-5 |"
    yield "|---|---|---|"
    for name, (mlp, cnn) in PUBLISHED.items():
        yield f"| {name} | {mlp[0]:.2f}, {mlp[1]:.2f} | {cnn[0]:.2f}, {cnn[1]:.2f} |"


def _pruning(rows):
    cells = _cells(rows)
    seeds = sorted({len(cell) for cell in cells.values()})
    claims = [*_pruned_claims(cells), *_structure_claims(cells), *_depth_claim(cells)]
    lines = ["", "## Pruning", "", *claims, "", f"Means of {' or '.join(map(str, seeds))} seeds, in % but for counts:", "", *_pruning_table(cells), "",
             "Each by", "", *_recipes(cells), "", f"All published there, in %: {SOURCE}. bevel learns from 8,000 images, "
             "so its dense networks stand lower; what compares is the distance from them.", "", *_published(), "", TRIES]
    return lines


# ---- speed ----


def _speed(rows):
    lines, claims = [], []
    for row in rows:
        name = f"{ARCHITECTURES[row['arch']]}, batch {row['batch']}"
        torch = row["torch"]
        if torch is not None:
            claims.append(_claim(f"{name}: an epoch at 2 ranks is not slower than PyTorch's on 2 threads", row["two"] <= torch,
                                 f"{row['two']:.3f} s against {torch:.3f} s"))
        if (row["arch"], row["batch"]) in SCALED:
            claims.append(_claim(f"{name}: 2 ranks are at least {FASTER} times as fast as 1", row["one"] / row["two"] >= FASTER,
                                 f"{row['one'] / row['two']:.2f}"))
        lines.append(f"| {ARCHITECTURES[row['arch']]} | {row['batch']} | {row['one']:.4f} | {row['two']:.4f} | "
                     f"{row['one'] / row['two']:.2f} | " + (f"{torch:.4f} | {torch / row['two']:.2f} | {row['torch_how']} |"
                                                            if torch is not None else "| | |"))
    version = next((row["torch_version"] for row in rows if row["torch"] is not None), "none")
    blas = "threaded" if rows[0]["threaded"] else "serial: there was no other"
    return ["", "## Speed", "", *claims, "", f"Seconds of an epoch of 10,000 images, Adam; PyTorch {version}, OpenBLAS {blas}:",
            "", "| network | batch | 1 rank | 2 ranks | times | PyTorch, 2 threads | over 2 ranks | its fastest layout |",
            "|---|---|---|---|---|---|---|---|", *lines]


# ---- the picture ----


def _draw_points(axis, rows, arch):
    place = list(ARCHITECTURES).index(arch)
    for (kind, name), cell in _cells(rows).items():
        if kind != arch:
            continue
        axis.plot([row["left"] for row in cell], [100 * row["accuracy"] for row in cell], "o", label=name, markersize=5)
    total = next(row["parameters"] for row in rows if row["arch"] == arch)
    axis.plot([total * (1 - p[place][1] / 100) for p in PUBLISHED.values()], [p[place][0] for p in PUBLISHED.values()], "x",
              color=SOFT, label="published, 60,000 images")
    axis.set_xscale("log")
    axis.set_xlabel("parameters left")
    axis.set_title(f"{ARCHITECTURES[arch]}: test accuracy %")
    axis.legend(frameon=False, fontsize=7)


def _picture(folder, rows):
    """Accuracy by parameters left, and the first layers of networks of the first seed."""
    first = min(row["seed"] for row in rows)
    present = [arch for arch in ARCHITECTURES if any(row["arch"] == arch for row in rows)]
    wanted = [(arch, name) for arch, name in (("lenet300", "dense"), ("lenet300", "hoyer-square"), ("lenet300", "group-hs"),
                                              ("lenet5", "group-hs"))
              if os.path.exists(os.path.join(folder, f"{arch}-{name}-{first}.h5"))]
    columns = max(len(present), len(wanted), 1)
    figure = plt.figure(figsize=(3.6 * columns, 6.4), layout="constrained")
    grid = figure.add_gridspec(2, 2 * columns)
    for k, arch in enumerate(present):
        width = 2 * columns // len(present)
        _draw_points(figure.add_subplot(grid[0, k * width:(k + 1) * width]), rows, arch)
    for k, (arch, name) in enumerate(wanted):
        axis = figure.add_subplot(grid[1, 2 * k:2 * k + 2])
        Network(os.path.join(folder, f"{arch}-{name}-{first}.h5")).draw_first_layer(axis)
        axis.set_title(f"{ARCHITECTURES[arch]}, {name}")
    figure.savefig(os.path.join(folder, "results.png"), dpi=110)
    plt.close(figure)


def write(folder, found):
    """Returns how many claims are missed."""
    lines = ["# Networks on MNIST", "", "`scripts/study-networks --keep`; `--help` says what the columns are."]
    if found.get("note"):
        lines += ["", found["note"]]
    if found.get("pruning"):
        lines += _pruning(found["pruning"])
        _picture(folder, found["pruning"])
    if found.get("speed"):
        lines += _speed(found["speed"])
    with open(os.path.join(folder, "results.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, "results.json"), "w", encoding="utf-8") as f:
        json.dump(found, f, indent=1)
    return sum(line.startswith("- MISSED") for line in lines)
