# SPDX-License-Identifier: BSD-3-Clause
"""What a page asks of the data file: the response, and what its classes are called."""
import os

import h5py
import numpy as np


class Data:
    """y (n, or n x m) and class_names (or None) of the dataset that the result names."""

    def __init__(self, file, result):
        name = str(result.attributes.get("y", "/y"))
        with h5py.File(file, "r") as f:
            node = f[name]
            if isinstance(node, h5py.Group):  # a categorical of an AnnData file
                self.y = node["codes"][()].astype(float)
            else:
                self.y = node[()].astype(float)
            if self.y.ndim == 2 and self.y.shape[1] == 1:
                self.y = self.y[:, 0]
            self.class_names = names_of(f, node)
        self.file = file


def names_of(f, node):
    names = f.attrs.get("class_names")
    if isinstance(node, h5py.Group) and isinstance(node.get("categories"), h5py.Dataset):
        names = node["categories"][()]
    if names is None:
        return None
    return [v.decode() if isinstance(v, bytes) else str(v) for v in np.ravel(names)]


def class_names(result, data):
    """What the classes are called: by the result, else by the data; None where neither says."""
    names = result.attributes.get("class_names")
    if names is not None:
        return str(names).split("\n")
    return data.class_names if data is not None else None


def find(file, result):
    """(Data, or None; why not). Without a file given, the one the result says it was fitted to."""
    told = file is not None
    file = file if told else str(result.attributes.get("data", ""))
    if not told and not os.path.exists(file):
        return None, f"the data file {file} is not here: give it as the second argument"
    try:
        data = Data(file, result)
    except (OSError, KeyError) as error:
        if told:
            raise
        return None, f"{file}: {error}"
    n = int(result.attributes.get("n", len(data.y)))
    if len(data.y) != n:
        if told:
            raise ValueError(f"{file}: {len(data.y)} rows, the result is of {n}")
        return None, f"{file} has {len(data.y)} rows now, the result is of {n}"
    return data, ""
