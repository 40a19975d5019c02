# SPDX-License-Identifier: BSD-3-Clause
"""How bevel's plots look, and saving them."""
import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

from colours import ALARM, COLOURS, FAINT, INK, RULE, SOFT  # noqa: E402, F401

plt.rcParams.update({
    "font.size": 9, "font.family": "DejaVu Sans", "text.color": INK, "axes.labelcolor": INK,
    "axes.edgecolor": SOFT, "axes.linewidth": 0.8, "axes.spines.top": False,
    "axes.spines.right": False, "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.grid": True, "grid.color": RULE, "grid.linewidth": 0.7,
    "axes.axisbelow": True, "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "svg.fonttype": "none", "svg.hashsalt": "bevel",
})


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def save(figure, stem):
    os.makedirs(os.path.dirname(stem) or ".", exist_ok=True)
    figure.savefig(stem + ".png", dpi=120, metadata={"Software": None})
    figure.savefig(stem + ".svg", metadata={"Date": None})
    plt.close(figure)
