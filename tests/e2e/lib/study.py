#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a study's file must be.

    study.py summary OUT.h5 JSON|- TASKS FAILED   the table says what stands in /tasks
    study.py task OUT.h5 K FILE.h5                task K as a file of its own
    study.py same ALONE.h5 K OUT.h5 ...           task K of each is that result
    study.py resumed JSON OUT.h5 WHOLE.h5         something was taken over, and OUT's tasks from the
                                                  second on are WHOLE's
    study.py same_prediction P Q
"""
import json
import math
import sys

import h5py
import numpy as np


def task(study, k, out):
    with h5py.File(study, "r") as f, h5py.File(out, "w") as to:
        group = f[f"tasks/{k}"]
        for name in group:
            group.copy(name, to)
        for name, value in group.attrs.items():
            to.attrs[name] = value


def words(column):
    return [value.decode().rstrip("\0") for value in column[:]]


def summary(study, line, tasks, failed):
    with h5py.File(study, "r") as f:
        table = f["summary"]
        assert all(len(table[name]) == int(tasks) for name in table), "lengths"
        status = table["status"][:]
        assert (status == 2).sum() == int(failed), status
        label = words(table["label"])
        assert len(set(label)) == len(label), label
        for k in range(int(tasks)):
            if status[k] == 2:
                assert f"tasks/{k}" not in f and "bad.h5" in words(table["message"])[k]
                continue
            group = f[f"tasks/{k}"]
            good = group["status"][:] == 0
            assert table["converged"][k] == good.sum() and (status[k] == 0) == good.all()
            assert table["lambdas"][k] == len(good)
            if "dual_gap" in group and not np.isnan(group["dual_gap"][:]).all():
                assert table["worst_gap"][k] == np.nanmax(group["dual_gap"][:])
            penalty = group.attrs["penalty"]
            assert words(table["penalty"])[k] == (penalty.decode() if isinstance(penalty, bytes) else penalty)
            if "cvm" in group:
                best = np.nanargmin(group["cvm"][:])
                assert math.isclose(table["best"][k], group["cvm"][best], rel_tol=1e-12)
            else:
                values = group["ebic"][:]
                unknown = group.attrs["criteria_df"] in ("unknown", b"unknown")
                assert np.isnan(values).all() == unknown
                if unknown:
                    assert np.isnan(table["best"][k]) and np.isnan(table["best_lambda"][k])
                    continue
                best = np.nanargmin(values)
                assert table["best"][k] == values[best] and group["lambda_ebic"][0] == group["lambda"][best]
            assert table["best_lambda"][k] == group["lambda"][best]
            assert table["best_df"][k] == group["df"][best]
        if len(set(words(table["data"]))) == 1 and not np.isnan(table["best"][:]).any():
            assert f.attrs["best_task"] == np.argmin(table["best"][:])
        else:
            assert f.attrs["best_task"] == -1
    if line != "-":
        with open(line) as text:
            said = json.loads(text.read())
        assert (said["tasks"], said["failed"]) == (int(tasks), int(failed)), said
        assert [row["what"] for row in said["rows"]] == label


def dense(group):
    """p x L."""
    coef = group["coef"]
    out = np.zeros(coef.attrs["shape"])
    data, indices, indptr = (coef[name][:] for name in ("data", "indices", "indptr"))
    for k in range(out.shape[1]):
        here = slice(indptr[k], indptr[k + 1])
        out[indices[here], k] = data[here]
    return out


def assert_same(a, b, objective, coef):
    assert np.array_equal(a["lambda"][:], b["lambda"][:])
    u, v = a["objective"][:], b["objective"][:]
    assert np.all(np.abs(u - v) <= objective * np.abs(v)), np.max(np.abs(u - v) / np.abs(v))
    u, v = dense(a), dense(b)
    assert np.abs(u - v).max() <= coef * np.abs(v).max(), np.abs(u - v).max() / np.abs(v).max()


def same(alone, k, *studies):
    """At one rank count the same, at another as close as any path: design's 1e-10 and 1e-6."""
    with h5py.File(alone, "r") as b:
        for study in studies:
            with h5py.File(study, "r") as a:
                assert_same(a[f"tasks/{k}"], b, 1e-10, 1e-6)


def resumed(line, out, whole):
    with open(line) as text:
        said = json.loads(text.read())
    assert 1 <= said["resumed"] < said["tasks"] and said["failed"] == 0, said["resumed"]
    with h5py.File(out, "r") as f, h5py.File(whole, "r") as w:
        tasks = len(f["tasks"])
        inside = [int(f[f"tasks/{k}"].attrs["resumed_from"]) for k in range(tasks)]
        for k in range(1, tasks):
            assert_same(f[f"tasks/{k}"], w[f"tasks/{k - 1}"], 1e-8, 1e-3)  # certified to 1e-8
    assert max(inside) >= 0, "no task went on inside"
    print(f"{said['resumed']} of {tasks} tasks taken over; resumed_from {inside}")


def same_prediction(p, q):
    with h5py.File(p, "r") as a, h5py.File(q, "r") as b:
        assert np.array_equal(a["prediction"][:], b["prediction"][:])


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
