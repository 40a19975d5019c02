# SPDX-License-Identifier: BSD-3-Clause
"""Titles, figures and sentences of a page."""
import os

import numpy as np

PENALTIES = {"lasso": "Lasso", "enet": "Elastic net", "group-lasso": "Group lasso",
             "sparse-group-lasso": "Sparse group lasso", "mcp": "MCP", "scad": "SCAD", "tl1": "Transformed ℓ1",
             "log": "Log penalty", "lq": "ℓq", "lpq": "ℓp,q", "l1-l2": "ℓ1 − ℓ2", "hoyer-square": "Hoyer-Square",
             "group-hs": "Group-HS", "none": "No penalty"}
FAMILIES = {"gaussian": "linear", "binomial": "logistic", "poisson": "Poisson", "multinomial": "multinomial"}
STATUS = {1: "the budget was spent before the tolerance was met", 2: "diverged, the last good iterate is kept",
          3: "not attempted"}


def number(value, digits=4):
    """12345 -> 12,345; 0.00001234 -> 1.234e-5."""
    value = float(value)
    if not np.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    shown = f"{value:.{digits}g}"
    return shown.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def penalty(result):
    word = str(result.attributes.get("penalty", ""))
    group = word.startswith("group-") and word not in PENALTIES
    known = PENALTIES.get(word) or PENALTIES.get(word[6:] if group else word, word)
    return f"Group {known}" if group else known


def family(result):
    word = str(result.attributes.get("family", ""))
    return FAMILIES.get(word, word)


def source(result):
    return os.path.basename(str(result.attributes.get("data", result.file)))


def rows_and_columns(result):
    a = result.attributes
    return f"{number(a['n'])} rows × {number(a['p'])} columns" if "n" in a and "p" in a else ""


def ranks(result):
    many = result.attributes.get("ranks", 1)
    return f"on {many} rank" + ("s" if many != 1 else "")


def elapsed(result):
    """The sum of the seconds of all lambdas or points."""
    total = float(np.nansum(result.arrays.get("seconds", np.array([np.nan]))))
    return f"{total:.3g} s" if total > 0 else ""


def finished(result):
    """The day and minute it ended."""
    end = str(result.attributes.get("end_time", ""))
    return end[:16].replace("T", " ") + " UTC" if end.endswith("Z") else end


def runs(which):
    """Numbers that follow one another as (first, last)."""
    out = []
    for k in which:
        if out and k == out[-1][1] + 1:
            out[-1][1] = int(k)
        else:
            out.append([int(k), int(k)])
    return out


def not_converged(result):
    """A sentence for every stretch of lambdas with one status other than 0."""
    out = []
    lam, status = result.lambda_, result.status
    for code in sorted(set(status.tolist()) - {0}):
        for first, last in runs(np.flatnonzero(status == code)):
            here = f"λ = {number(lam[first])}" if last == first else \
                f"{last - first + 1} λ’s from {number(lam[first])} to {number(lam[last])}"
            worst = [f"{name} up to {number(np.nanmax(values[first:last + 1]), 2)}"
                     for name, values in (("gap", result.dual_gap), ("residual", result.kkt_residual))
                     if code != 3 and np.isfinite(values[first:last + 1]).any()]
            reason = why_not_attempted(result) if code == 3 else f" ({', '.join(worst)})" if worst else ""
            out.append(f"<b>{here}</b>: {STATUS.get(code, f'status {code}')}{reason}.")
    return out


def why_not_attempted(result):
    limit = result.attributes.get("dfmax", -1)
    if limit is not None and limit >= 0 and (result.df > limit).any():
        return f", because --dfmax {limit:.0f} ended the path above"
    return ", because the run was over before"


def certified(result):
    """What holds where every status is 0."""
    tol = float(result.attributes.get("tol", 1e-8))
    convex = np.isfinite(result.dual_gap).any()
    n = len(result.status)
    many = f"All {n} λ’s are" if n > 1 else "The answer is"
    if convex:
        return (f"{many} certified: duality gap ≤ {number(np.nanmax(result.dual_gap), 2)} (asked for: {number(tol)}), "
                f"stationarity violated by ≤ {number(np.nanmax(result.kkt_residual), 2)} λ.")
    return (f"{many} stationary to {number(np.nanmax(result.kkt_residual), 2)} λ (asked for: {number(100 * tol)}). "
            "The penalty is not convex: there is no duality gap, and no proof that a point is the global one.")
