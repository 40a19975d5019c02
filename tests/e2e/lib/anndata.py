# SPDX-License-Identifier: BSD-3-Clause
"""anndata.py H5AD PLAIN: one problem as an .h5ad (sparse by rows, label in a categorical column of /obs,
names in /var) and as a plain dense file."""
import sys

import h5py
import numpy as np

rng = np.random.default_rng(5)
n, p = 60, 90
X = np.where(rng.random((n, p)) < 0.3, rng.poisson(3, (n, p)), 0).astype(np.float32)
label = (X[:, :3] @ [1.0, -1.0, 0.5] + rng.normal(size=n) > 0).astype(np.int8)
names = [f"ENSG{j:05d}" for j in range(p)]
with h5py.File(sys.argv[1], "w") as f:
    f.attrs["encoding-type"] = "anndata"
    g = f.create_group("X")
    g.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": np.array([n, p])})
    row, col = np.nonzero(X)
    g.create_dataset("data", data=X[row, col], compression="gzip")
    g.create_dataset("indices", data=col.astype(np.int32), compression="gzip")
    g["indptr"] = np.r_[0, np.cumsum(np.bincount(row, minlength=n))].astype(np.int32)
    var = f.create_group("var")
    var.attrs["_index"] = "_index"
    var["_index"] = names
    cell = f.create_group("obs/condition")
    cell.attrs["encoding-type"] = "categorical"
    cell["codes"], cell["categories"] = label, ["healthy", "sick"]
with h5py.File(sys.argv[2], "w") as f:
    f["X"], f["y"], f["feature_names"] = X, label, names
