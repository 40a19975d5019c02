# SPDX-License-Identifier: BSD-3-Clause
"""bevel_results and scripts/export against h5py alone.

    results.py SOURCE PATH.h5 CLASSES.h5 FOLDER   (FOLDER: exports of both, and lib/networks.py's files)
"""
import csv
import sys

import h5py
import numpy as np

source, path, classes, folder = sys.argv[1:]
sys.path.insert(0, f"{source}/scripts")
sys.dont_write_bytecode = True
import bevel_results  # noqa: E402

for file, K in ((path, 1), (classes, 3)):
    r = bevel_results.open(file)
    with h5py.File(file, "r") as f:
        g = f["coef"]
        shape = tuple(g.attrs["shape"])
        dense = np.zeros(shape)
        for k in range(shape[1]):
            begin, end = g["indptr"][k], g["indptr"][k + 1]
            dense[g["indices"][begin:end], k] = g["data"][begin:end]
        intercept, grid, n = f["intercept"][:].reshape(shape[1], K), f["lambda"][:], f.attrs["n"]
    assert r.kind == "path" and r.outputs == K and r.p == shape[0] // K and r.attributes["n"] == n
    assert np.array_equal(r.coef.toarray(), dense) and np.array_equal(r.lambda_, grid)
    for k in range(shape[1]):
        assert np.array_equal(r.dense(k).ravel(), dense[:, k])
        assert set(r.support(k)) == set(np.flatnonzero(dense[:, k]) // K)
    b0, b = r.at((grid[2] + 3 * grid[3]) / 4)
    assert np.allclose(b.ravel(), (dense[:, 2] + 3 * dense[:, 3]) / 4, rtol=1e-12, atol=1e-15)
    assert np.allclose(b0, (intercept[2] + 3 * intercept[3]) / 4, rtol=1e-12)
    assert np.array_equal(r.at(0.0)[1].ravel(), dense[:, -1]) and np.array_equal(r.at(grid[1])[1].ravel(), dense[:, 1])
    plain = bevel_results.Columns(r.coef.data, r.coef.indices, r.coef.indptr, shape)
    assert np.array_equal(plain.toarray(), dense)
    assert len(r.frame()["coefficient"]) == np.count_nonzero(dense) and len(r.summary()["df"]) == shape[1]

    name = f"{folder}/out{K}"
    back, back0 = np.zeros(shape), np.zeros((shape[1], K))
    for row in csv.DictReader(open(f"{name}.csv", newline="")):
        response, k = int(row.get("response") or 0), int(row["k"])
        assert float(row["lambda"]) == grid[k]
        if row["feature"] == "(Intercept)":
            back0[k, response] = float(row["coefficient"])
        else:
            back[r.names().index(row["feature"]) * K + response, k] = float(row["coefficient"])
    assert np.array_equal(back, dense) and np.array_equal(back0, intercept)
    stored = np.load(f"{name}.npz")
    assert np.array_equal(stored["lambda"], grid) and np.array_equal(stored["data"], r.coef.data)
    try:
        import scipy.sparse
        assert np.array_equal(scipy.sparse.load_npz(f"{name}.npz").toarray(), dense)
    except ImportError:
        pass

network = bevel_results.open(f"{folder}/genes.h5")
assert network.kind == "network" and [layer.weight.shape for layer in network.layers] == [(4, 10), (3, 4)]
assert network.layers[0].activation == "tanh" and list(network.kept) == list(range(0, 50, 5))
assert list(network.history["train_loss"]) == [2, 1, 0.5] and network.feature_names[49] == "gene 49"
assert network.parameters() == 40 + 4 + 12 + 3
front = bevel_results.open(f"{folder}/front.h5")
kept = front.nondominated()
assert front.kind == "front" and len(kept) > 0
for k in range(len(front.loss)):
    beaten = any((front.loss[i] <= front.loss[k]) & (front.l1[i] <= front.l1[k]) &
                 ((front.loss[i] < front.loss[k]) | (front.l1[i] < front.l1[k])) for i in range(len(front.loss)))
    assert not (beaten and k in kept)
trained, searched = (bevel_results.open(f"{folder}/{name}.h5") for name in ("trained", "searched"))
assert trained.parameters() == trained.attributes["parameters"] == 27
assert trained.nonzeros() == trained.attributes["parameters_left"] and len(trained.history["epoch"]) == 4
l1 = [sum(np.abs(a).sum(dtype=float) for layer in point.layers for a in (layer.weight, layer.bias))
      for point in searched.points]
assert len(l1) == 4 and np.allclose(l1, searched.l1, rtol=1e-6)  # the file's weights are float32
assert len(searched.summary()["loss"]) == 4 and list(searched.points[0].kept) == [0, 1, 2, 3]
study = bevel_results.open(f"{folder}/study.h5")
with h5py.File(f"{folder}/study.h5") as f:
    assert study.kind == "study" and list(study.label) == [v.decode() for v in f["summary/label"][:]]
    assert list(study.status) == [0, 0, 2, 2] and study.best_task == np.argmin(f["summary/best"][:2])
    assert [None if task is None else task.kind for task in study.tasks] == ["path", "path", None, None]
    for k in range(2):
        task, g = study.tasks[k], f[f"tasks/{k}"]
        assert np.array_equal(task.coef.data, g["coef/data"][:]) and np.array_equal(task.lambda_, g["lambda"][:])
        assert task.attributes["penalty"] == study.penalty[k] and np.nanmin(task.ebic) == study.best[k]
assert len(study.summary()["seconds"]) == 4 and "cannot open" in study.message[3]
try:
    bevel_results.open(f"{folder}/data.h5")
except ValueError as why:
    assert "neither a path" in str(why)
else:
    sys.exit("a data file opened as a result")
