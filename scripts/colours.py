# SPDX-License-Identifier: BSD-3-Clause
"""The colours of bevel's pictures, of matplotlib's (plot_style.py) and of plotly's (report_page)."""
INK, SOFT, FAINT, RULE = "#22303c", "#8a97a3", "#c9d1d8", "#e6eaee"
ALARM = "#c2452d"
COLOURS = ["#1f6f8b", "#c2642d", "#4c8a4a", "#8b5a9f", "#b8902a",
           "#3b5fa8", "#a8405f", "#4aa39a", "#7a6a4f", "#606c76"]
