# SPDX-License-Identifier: BSD-3-Clause
"""For scripts/check: information criteria along a path, from the losses that check has found, and relaxed fits."""
from math import lgamma, log

import numpy as np


def known(problem, options):
    """Are the nonzeros the degrees of freedom?"""
    raw = options.text("solver", "auto") in ("sgd", "momentum", "adam", "lbfgs", "varpro", "admm")
    if raw and not options.number("polish", 1):
        return False
    grouped = problem.penalty in ("group-lasso", "sparse-group-lasso", "lpq", "l1-l2", "group-l1-l2")
    grouped = grouped or problem.penalty.startswith("group-")
    return problem.K == 1 and not grouped and not (problem.penalty == "enet" and problem.ridge > 0)


def values(checker, k, n, gamma):
    """aic, bic, ebic at lambda k, and how far rounding of the loss may move them."""
    problem = checker.problem
    loss, rounding = checker.loss[k]
    loss -= problem.saturated
    columns, _ = checker.column(k)
    df = len(columns) + problem.intercept
    live = np.count_nonzero(problem.block >= 0)
    chosen = min(max(len(columns) - len(problem.free), 0), live)
    gaussian = problem.family_name == "gaussian"
    fit = n * log(2 * loss) if gaussian and loss > 0 else 2 * n * loss
    # half the null deviance times 1 - dev_ratio: an ulp of 1 - dev_ratio is one of the null deviance
    rounding = rounding + 1e-13 * problem.null_half
    slack = n * rounding / loss if gaussian and loss > 0 else 2 * n * rounding
    bic = fit + log(n) * df
    choices = lgamma(live + 1) - lgamma(chosen + 1) - lgamma(live - chosen + 1)
    return (fit + 2 * df, bic, bic + 2 * gamma * choices), slack + 1e-12 * live * max(log(live + 2), 1)


def lies(checker):
    out = []
    result, problem = checker.result, checker.problem
    if "aic" not in result:
        return out
    names = ("aic", "bic", "ebic")
    stored = np.array([result[name][:] for name in names])
    gamma = checker.options.number("ebic_gamma", 1)
    n = np.count_nonzero(problem.w > 0)
    fair = known(problem, checker.options)
    for k in range(len(checker.lam)):
        if not fair or checker.status[k] > 1 or k not in checker.loss:
            if not np.all(np.isnan(stored[:, k])):
                out.append(f"lambda[{k}]: an information criterion where there is none")
            continue
        mine, slack = values(checker, k, n, gamma)
        for name, have, want in zip(names, stored[:, k], mine):
            if not abs(have - want) <= slack + 1e-9 * abs(want):
                out.append(f"lambda[{k}]: {name} {have:.15g}, should be {want:.15g}")
    for name, row in zip(names, stored):
        choice = result["lambda_" + name][0]
        best = np.nan
        if np.any(np.isfinite(row)):
            best = np.max(checker.lam[row == np.nanmin(row)])
        if not (choice == best or np.isnan(choice) and np.isnan(best)):
            out.append(f"/lambda_{name} is {choice:.17g}, the least {name} is at {best:.17g}")
    return out


def relaxed_point(checker, group, k):
    """dev_ratio and the largest |x~_j'r / n| over the support and the intercept, of the relaxed fit at
    lambda k, and their rounding."""
    problem = checker.problem
    here = slice(group["coef/indptr"][k], group["coef/indptr"][k + 1])
    columns, values = group["coef/indices"][here].astype(np.int64), group["coef/data"][here]
    intercept = group["intercept"][k]
    eta, size = problem.X.forward(columns, problem.center[columns], values[:, None])
    base = intercept - problem.y_mean + problem.center[columns] @ values
    eta, size = eta[:, 0] + problem.offset + base, size[:, 0] + np.abs(problem.offset) + abs(intercept)
    r = problem.residual(eta)
    d_loss, d_gradient = checker.rounding(k, eta, size, r)
    inside = (problem.X.take(columns) - problem.center[columns]) / problem.scale[columns]
    gradient = np.max(np.abs(inside.T @ r), initial=abs(r.sum()) if problem.intercept else 0.0) / problem.n
    unit = max(problem.null_half, 1e-300)
    dev_ratio = 1 - (problem.mean_loss(eta) - problem.saturated) / unit
    return columns, dev_ratio, d_loss / unit, gradient, d_gradient


def relaxed_lies(checker):
    if "relaxed" not in checker.result:
        return []
    out, group, problem = [], checker.result["relaxed"], checker.problem
    names = ("intercept", "dev_ratio", "kkt_residual", "df", "status", "coef/indptr", "coef/indices", "coef/data")
    group = {name: group[name][:] for name in names}
    unit = problem.lambda_max if problem.lambda_max > 0 else 1.0
    rows = np.count_nonzero(problem.w > 0)
    for k in range(len(checker.lam)):
        where = f"relaxed fit of lambda[{k}]"
        support, _ = checker.column(k)
        stored = group["coef/indptr"][k + 1] - group["coef/indptr"][k]
        left_out = checker.status[k] == 3 or len(support) + problem.intercept > rows
        if left_out != (group["status"][k] == 3):
            out.append(f"{where}: status {group['status'][k]}, {len(support)} columns for {rows} rows")
            continue
        if group["status"][k] > 1:
            if stored or not np.isnan(group["intercept"][k]) or not np.isnan(group["dev_ratio"][k]):
                out.append(f"{where}: status {group['status'][k]} with a coefficient or a figure")
            continue
        columns, dev_ratio, d_dev, gradient, d_gradient = relaxed_point(checker, group, k)
        if not np.array_equal(columns, support) or group["df"][k] != len(support):
            out.append(f"{where}: not on the support")
        if not abs(group["dev_ratio"][k] - dev_ratio) <= 1e-8 + d_dev:
            out.append(f"{where}: dev_ratio {group['dev_ratio'][k]:.12g}, should be {dev_ratio:.12g}")
        limit = 100 * checker.tol if group["status"][k] == 0 else np.inf
        if gradient / unit > min(limit, 1.05 * group["kkt_residual"][k] + 0.01 * checker.tol) + d_gradient / unit:
            out.append(f"{where}: kkt_residual {group['kkt_residual'][k]:.3g}, is {gradient / unit:.3g}")
        if checker.status[k] == 0 and dev_ratio < checker.dev_ratio[k] - 1e-7 - d_dev:
            out.append(f"{where}: fits worse than what it relaxes")
    return out
