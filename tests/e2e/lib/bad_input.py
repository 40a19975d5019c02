# SPDX-License-Identifier: BSD-3-Clause
"""bad_input.py FOLDER: makes data files that must be refused and prints, one a line and separated by
tabs: the file, flags for bevel path, and words that the message must have."""
import os
import struct
import sys

import h5py
import numpy as np

N, P = 30, 12
folder = sys.argv[1]


def good(f):
    rng = np.random.default_rng(1)
    f["X"] = rng.normal(size=(N, P))
    f["y"] = rng.normal(size=N)
    f.attrs["family"] = "gaussian"


def replace(f, name, values, **attrs):
    if name in f:
        del f[name]
    f[name] = values
    for key, value in attrs.items():
        f[name].attrs[key] = value


def case(name, change, words, flags=""):
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path, "w") as f:
        good(f)
        change(f)
    print(path, flags or "-", words, sep="\t")


def raw(name, make, words, flags=""):
    path = os.path.join(folder, name + ".h5")
    make(path)
    print(path, flags or "-", words, sep="\t")


def set_at(name, index, value, start=None):
    def change(f):
        values = np.ones(N) if start is None and name not in f else (f[name][:] if start is None else start())
        values[index] = value
        replace(f, name, values)
    return change


def sparse(kind="csc_matrix", **overrides):
    """3 entries a column (row), with parts of it overridden: functions of the good value."""
    def change(f):
        n_major, n_minor = (P, N) if kind == "csc_matrix" else (N, P)
        parts = {"indptr": np.arange(n_major + 1) * 3,
                 "indices": np.concatenate([[j % 4, 4 + j % 3, 8 + j % 4] for j in range(n_major)]),
                 "data": np.arange(1.0, 3 * n_major + 1)}
        attrs = {"encoding-type": kind, "encoding-version": "0.1.0", "shape": np.array([N, P])}
        del f["X"]
        g = f.create_group("X")
        for key, value in {**parts, **attrs}.items():
            value = overrides[key.replace("-", "_")](value) if key.replace("-", "_") in overrides else value
            if value is None:
                continue
            if key in parts:
                g[key] = value
            else:
                g.attrs[key] = value
    return change


def put(index, value):
    def change(values):
        values = values.copy()
        values[index] = value
        return values
    return change


def factor(values):
    return lambda f: replace(f, "penalty_factor", values)


def grouped(f, **more):
    replace(f, "groups", np.repeat(np.arange(P // 3), 3))
    for name, values in more.items():
        replace(f, name, values)


# files that are no data at all
raw("missing", lambda path: None, "cannot open")
raw("empty", lambda path: open(path, "w").close(), "empty")
raw("text", lambda path: open(path, "w").write("1,2,3\n" * 400), "HDF5")
raw("folder", os.mkdir, "directory")


def truncated(path):
    with h5py.File(path, "w") as f:
        good(f)
    size = os.path.getsize(path)
    with open(path, "r+b") as f:
        f.truncate(size * 2 // 3)


raw("truncated", truncated, "truncated|cannot open|cannot read")

# X
case("no_x", lambda f: f.__delitem__("X"), "/X")
case("x_flat", lambda f: replace(f, "X", np.ones(N)), "/X.*dimension")
case("x_text", lambda f: replace(f, "X", np.full((N, P), b"a")), "/X")
case("x_empty", lambda f: replace(f, "X", np.ones((0, P))), "/X.*empty")
case("x_nan", set_at("X", (7, 3), np.nan), "/X: row 7, column 3.*NaN")
case("x_inf", set_at("X", (29, 11), -np.inf), "/X: row 29, column 11")
case("x_nan_f32", lambda f: replace(f, "X", put((0, 5), np.nan)(np.ones((N, P), np.float32))),
     "/X: row 0, column 5")
case("x_filter", lambda f: (f.__delitem__("X"), f.create_dataset("X", data=np.ones((N, P)), chunks=(N, P),
                                                                 compression="lzf")), "/X.*(filter|lzf)")


def tampered(old, new, **how):
    """A file in whose bytes `old`, which is there once, is `new`."""
    def make(path):
        with h5py.File(path, "w") as f:
            good(f)
            f.__delitem__("X")
            f.create_dataset("X", data=np.ones((N, P)), **how)
        data = open(path, "rb").read()
        assert data.count(old) == 1, data.count(old)
        with open(path, "wb") as out:
            out.write(data.replace(old, new))
    return make


# the shape of chunks (with the element's size behind it) that hold fewer numbers
raw("x_chunk", tampered(struct.pack("<III", 6, 4, 8), struct.pack("<III", 7, 4, 8), chunks=(6, 4), compression="gzip"),
    "/X: a chunk holds 192 bytes, one of its shape 224")
# a big-endian float64, the only one, that has no bytes
raw("x_no_bytes", tampered(b"\x11\x21\x3f\0" + struct.pack("<I", 8), b"\x11\x21\x3f\0" + struct.pack("<I", 0), dtype=">f8"),
    "/X: elements of an unknown format")


def long_name(path):
    """A class whose name is said to be of 4 GB."""
    with h5py.File(path, "w") as f:
        good(f)
        f.__delitem__("y")
        label = f.create_group("y")
        label.attrs["encoding-type"] = "categorical"
        label["codes"] = (np.arange(N) % 2).astype(np.int8)
        label["categories"] = np.array(["no", "yes"], dtype=h5py.string_dtype())
        at = label["categories"].id.get_offset()
    with open(path, "r+b") as out:
        out.seek(at)
        out.write(b"\xff" * 4)


raw("y_long_name", long_name, "/y/categories", "--family binomial")
case("missing_not_int8", lambda f: f["X"].attrs.__setitem__("missing", np.int8(-9)), "/X.*missing")
case("other_x", lambda f: None, "/layers/raw", "--x /layers/raw")

# sparse X
case("sparse_kind", sparse(encoding_type=lambda v: "coo_matrix"), "coo_matrix")
case("sparse_no_kind", sparse(encoding_type=lambda v: None), "encoding-type")
case("sparse_no_shape", sparse(shape=lambda v: None), "shape")
case("sparse_shape", sparse(shape=lambda v: np.array([N, P + 1])), "indptr")
case("sparse_no_data", sparse(data=lambda v: None), "/X/data")
case("sparse_unsorted", sparse(indices=put([0, 1], [9, 2])), "/X/indices.*column 0.*(ascend|sort|after)")
case("sparse_duplicate", sparse(indices=put(4, 1)), "/X/indices.*column 1")
case("sparse_beyond", sparse(indices=put(8, N)), "/X/indices.*column 2")
case("sparse_negative", sparse(indices=put(0, -1)), "/X/indices.*column 0")
case("sparse_nan", sparse(data=put(5, np.nan)), "row 9, column 1")
case("sparse_inf", sparse("csr_matrix", data=put(5, np.inf)), "row 1, column 9")
case("csr_duplicate", sparse("csr_matrix", indices=put(4, 1)), "/X/indices.*row 1")
case("csr_beyond", sparse("csr_matrix", indices=put(8, P)), "/X/indices.*row 2")
case("indptr_falls", sparse(indptr=put(2, 1)), "/X/indptr")
case("indptr_first", sparse(indptr=put(0, 1)), "/X/indptr")
case("indptr_last", sparse(indptr=put(P, 99)), "/X/indptr")
case("indptr_short", sparse(indptr=lambda v: v[:-1]), "/X/indptr")
case("indices_short", sparse(indices=lambda v: v[:-1]), "/X/indices|/X/data")

# y and the vectors over rows
case("no_y", lambda f: f.__delitem__("y"), "/y")
case("y_short", lambda f: replace(f, "y", np.ones(N - 1)), "/y.*29")
case("y_nan", set_at("y", 5, np.nan), "/y: row 5")
case("y_text", lambda f: replace(f, "y", np.full(N, b"a")), "/y")
case("y_wide", lambda f: replace(f, "y", np.ones((N, 2))), "/y has 2 columns", "--family binomial")
case("y_wide_nan", lambda f: replace(f, "y", put((5, 1), np.nan)(np.ones((N, 2)))), "/y: row 5")
case("label_two", set_at("y", 6, 2.0, lambda: np.arange(N) % 2.0), "y: row 6", "--family binomial")
case("label_negative", set_at("y", 8, -1.0, lambda: np.arange(float(N))), "y: row 8", "--family poisson")
case("all_zero", lambda f: replace(f, "y", np.zeros(N)), "y", "--family binomial")
case("all_one", lambda f: replace(f, "y", np.ones(N)), "y", "--family binomial")
case("no_count", lambda f: replace(f, "y", np.zeros(N)), "y", "--family poisson")
case("weight_negative", set_at("weights", 4, -0.5), "/weights: row 4")
case("weight_nan", set_at("weights", 2, np.nan), "/weights: row 2")
case("weights_short", lambda f: replace(f, "weights", np.ones(N - 2)), "/weights.*28")
case("weights_zero", lambda f: replace(f, "weights", np.zeros(N)), "weights")
case("weights_named", lambda f: None, "/w2", "--weights /w2")
case("offset_inf", set_at("offset", 11, np.inf), "/offset: row 11")
case("offset_short", lambda f: replace(f, "offset", np.zeros(3)), "/offset")

# vectors over columns
case("factor_short", factor(np.ones(P + 1)), "/penalty_factor.*13")
case("factor_negative", factor(put(3, -1.0)(np.ones(P))), "/penalty_factor: column 3")
case("factor_nan", factor(put(9, np.nan)(np.ones(P))), "/penalty_factor: column 9")
group = "--penalty group-lasso"
case("no_groups", lambda f: None, "/groups", group)
case("groups_short", lambda f: replace(f, "groups", np.zeros(P - 1, int)), "/groups.*11", group)
case("groups_real", lambda f: replace(f, "groups", np.linspace(0, 1, P)), "/groups", group)
case("group_weights_count", lambda f: grouped(f, group_weights=np.ones(3)), "/group_weights", group)
case("group_weight_negative", lambda f: grouped(f, group_weights=put(2, -1.0)(np.ones(4))),
     "/group_weights: group 2", group)
case("group_factor", lambda f: grouped(f, penalty_factor=put(7, 0.5)(np.ones(P))),
     "/penalty_factor: column 7", group)
