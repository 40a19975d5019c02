# SPDX-License-Identifier: BSD-3-Clause
"""For stability.sh: what bevel stability says, recomputed from files.

    stability.py subsamples DATA RESULT NAME   NAME.0, NAME.1 ...: DATA with the other rows at weight 0; prints the lambdas
    stability.py counts DATA RESULT PATH...    /probability ... are what the paths PATH (subsample by subsample) select
    stability.py rows DATA RESULT              sizes, complementary pairs, strata of /subsample_rows
    stability.py same A B                      the same draws, counts, stable set and bounds
"""
import sys

import h5py
import numpy as np


def attr(f, name):
    value = f.attrs[name]
    return value.decode() if isinstance(value, bytes) else value


def matrix(group):
    """An AnnData csc group, dense."""
    out = np.zeros(tuple(group.attrs["shape"]))
    data, indices, indptr = (group[k][:] for k in ("data", "indices", "indptr"))
    for q in range(len(indptr) - 1):
        here = slice(indptr[q], indptr[q + 1])
        out[indices[here], q] = data[here]
    return out


def rows_of(r):
    return r["subsample_rows"][:].reshape(int(attr(r, "subsamples")), -1)


def make_subsamples(data, result, stem):
    with h5py.File(result, "r") as r:
        rows = rows_of(r)
        print(",".join(repr(float(v)) for v in r["lambda"][:]))
    for b, mine in enumerate(rows):
        with h5py.File(data, "r") as f, h5py.File(f"{stem}.{b}", "w") as o:
            for what in f:
                if what != "weights":
                    f.copy(what, o)
            for what, value in f.attrs.items():
                o.attrs[what] = value
            w = f["weights"][:].astype(float) if "weights" in f else np.ones(len(f["y"]))
            out = np.zeros(len(w))
            out[mine] = w[mine]
            o["weights"] = out


def selections(data, result, paths):
    """B x p x L: is column j, or any of its group, in the support? Lambdas from the largest down, and
    from where more than the limit has entered the set before stands."""
    with h5py.File(result, "r") as r, h5py.File(data, "r") as f:
        limit, p = int(attr(r, "selected_limit")), int(attr(r, "p"))
        grouped = attr(r, "variables_are") == "groups"
        groups = f["groups"][:] if grouped else np.arange(p)
        factor = f["penalty_factor"][:] if "penalty_factor" in f else np.ones(p)
        lam = r["lambda"][:]
    assert np.all(np.diff(lam) < 0)
    ids, member = np.unique(groups, return_inverse=True)
    out = []
    for path in paths:
        with h5py.File(path, "r") as g:
            in_it = matrix(g["coef"]) != 0
        in_it = in_it.reshape(p, -1, in_it.shape[1]).any(1) & (factor > 0)[:, None]
        by_group = np.zeros((len(ids), in_it.shape[1]), dtype=bool)
        np.logical_or.at(by_group, member, in_it)
        entered = np.maximum.accumulate(by_group, axis=1).sum(0)
        if limit > 0 and (entered > limit).any():
            cut = np.argmax(entered > limit)
            by_group[:, cut:] = by_group[:, cut - 1:cut] if cut > 0 else False
        out.append(by_group)
    return np.array(out), member


def check_counts(data, result, paths):
    by_group, member = selections(data, result, paths)
    with h5py.File(result, "r") as r:
        B, threshold = len(paths), attr(r, "threshold")
        assert attr(r, "subsamples") == attr(r, "subsamples_solved") == B
        share = by_group.mean(0)
        there = matrix(r["probability"])
        assert np.allclose(there, share[member], atol=1e-12), np.abs(there - share[member]).max()
        assert np.allclose(r["max_probability"][:], share.max(1)[member], atol=1e-12)
        assert np.allclose(r["any_probability"][:], by_group.any(2).mean(0)[member], atol=1e-12)
        chosen = by_group.any(2).sum(1)
        assert np.array_equal(r["subsample_selected"][:], chosen), (r["subsample_selected"][:], chosen)
        stable = share.max(1) >= threshold - 1e-9
        assert np.array_equal(r["stable"][:], np.flatnonzero(stable[member]))
        assert attr(r, "stable_variables") == stable.sum()
        q = attr(r, "selected_limit") or chosen.mean()
        p = attr(r, "variables")
        assert abs(attr(r, "selected_mean") - chosen.mean()) <= 1e-12 * chosen.mean()
        t = np.ceil(threshold * B - 1e-9) / B if attr(r, "complementary") else threshold
        bound = q * q / ((2 * t - 1) * p)
        if attr(r, "subsample_size") == len(h5py.File(data, "r")["y"]) // 2:
            assert abs(attr(r, "pfer_bound") - bound) <= 1e-12 * bound, (attr(r, "pfer_bound"), bound)
        else:
            assert np.isnan(attr(r, "pfer_bound")) and np.isnan(attr(r, "pfer_bound_unimodal"))
        print(f"{B} subsamples, {stable.sum()} of {len(share)} stable, {chosen.mean():.1f} each")


def check_rows(data, result):
    with h5py.File(data, "r") as f, h5py.File(result, "r") as r:
        rows, y = rows_of(r), f["y"][:]
        n, m = len(y), int(np.floor(len(y) * attr(r, "fraction")))
        pairs, strata = attr(r, "complementary"), attr(r, "stratify")
    assert rows.shape[1] == m
    for mine in rows:
        assert len(np.unique(mine)) == m and mine.min() >= 0 and mine.max() < n
        if strata:
            for label in np.unique(y):
                assert abs(np.sum(y[mine] == label) - m * np.mean(y == label)) <= 1, label
    assert len({tuple(mine) for mine in rows}) == len(rows), "a subsample was drawn twice"
    if pairs:
        for a, b in zip(rows[::2], rows[1::2]):
            assert len(np.intersect1d(a, b)) == 0
    # every row is as likely as another: binomial, 5 deviations of the most unlikely of n
    times = np.bincount(rows.ravel(), minlength=n)
    share = m / n
    draws = len(rows)
    assert np.abs(times - draws * share).max() <= 5 * np.sqrt(draws * share * (1 - share)) + 1, times


def check_same(a, b):
    with h5py.File(a, "r") as u, h5py.File(b, "r") as v:
        for name in ("lambda", "max_probability", "any_probability", "stable", "subsample_rows",
                     "subsample_selected"):
            if name != "lambda":
                assert np.array_equal(u[name][:], v[name][:]), name
            else:
                assert np.allclose(u[name][:], v[name][:], rtol=1e-12)
        assert np.array_equal(matrix(u["probability"]), matrix(v["probability"]))
        for name in ("threshold", "selected_limit", "selected_mean", "pfer_bound",
                     "pfer_bound_unimodal", "stable_variables", "subsample_lambdas"):
            assert np.array_equal(attr(u, name), attr(v, name), equal_nan=True), name


if __name__ == "__main__":
    verb, *args = sys.argv[1:]
    if verb == "counts":
        check_counts(args[0], args[1], args[2:])
    else:
        {"subsamples": make_subsamples, "rows": check_rows, "same": check_same}[verb](*args)
