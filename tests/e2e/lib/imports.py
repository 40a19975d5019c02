# SPDX-License-Identifier: BSD-3-Clause
"""Foreign files, and whether what bevel made of them is what other readers make of them.

    imports.py write FOLDER                   data.csv, gaps.csv, iris.csv, data.libsvm
    imports.py words IRIS.h5 FOLDER           words.csv: kinds of iris, quoted, some of them missing
    imports.py words DATA.h5 words.csv        imports.py predicted PREDICTION.h5 SAID
    imports.py csv DATA.h5 FILE.csv Y [mean]  imports.py libsvm DATA.h5 FILE   imports.py plink DATA.h5 PREFIX PHENOTYPES Y
"""
import csv
import sys

import h5py
import numpy as np

rng = np.random.default_rng(3)


def write(folder):
    x = rng.normal(size=(90, 7)).round(6)
    y = x @ np.array([1.5, 0, -2, 0, 0, 0.7, 0]) + rng.normal(size=90).round(3)
    for name, gaps in (("data", 0), ("gaps", 1)):
        with open(f"{folder}/{name}.csv", "w", newline="") as f:
            out = csv.writer(f, quoting=csv.QUOTE_NONNUMERIC)
            out.writerow(["id", *[f"gene, {j}" for j in range(7)], "out\ncome"])
            for i in range(90):
                row = [f"row \"{i}\"\nof 90", *x[i], y[i]]
                if gaps and i % 9 == 4:
                    row[1 + i % 7] = "NA"
                out.writerow(row)
    with open(f"{folder}/data.libsvm", "w") as f:
        for i in range(120):
            used = np.flatnonzero(rng.random(40) < 0.2) + 1
            values = rng.normal(size=len(used))
            label = 1 if values[used < 9].sum() + rng.normal() > 0 else -1
            f.write(" ".join([f"{label:+d}", *[f"{j}:{v!r}" for j, v in zip(used, values.tolist())]]) + "\n")


def same(what, a, b):
    if a.shape != b.shape or not np.array_equal(a, b):
        sys.exit(f"{what}: {a.shape} {a.dtype} is not {b.shape} {b.dtype}")


def check_csv(f, file, response, gaps):
    with open(file, newline="") as lines:
        head, *rows = list(csv.reader(lines))
    keep = [k for k, name in enumerate(head) if name not in ("id", response)]
    x = np.array([[np.nan if row[k] == "NA" else float(row[k]) for k in keep] for row in rows])
    if gaps:
        means = np.nanmean(x, axis=0)
        missing = np.isnan(x)
        x[missing] = np.broadcast_to(means, x.shape)[missing]
        if np.abs(f["X"][:] - x).max() > 1e-14 * np.abs(x).max():  # sums in another order
            sys.exit("means")
        same("what is there", f["X"][:][~missing], x[~missing])
    else:
        same("X", f["X"][:], x)
    same("y", f["y"][:], np.array([float(row[head.index(response)]) for row in rows]))
    same("names", f["feature_names"].asstr()[:], np.array([head[k] for k in keep], dtype=object))


def check_libsvm(f, file):
    indptr, indices, data, labels = [0], [], [], []
    for line in open(file):
        label, *entries = line.split()
        labels.append(float(label))
        indices += [int(e.split(":")[0]) - 1 for e in entries]
        data += [float(e.split(":")[1]) for e in entries]
        indptr.append(len(data))
    for name, wanted in (("data", data), ("indices", indices), ("indptr", indptr)):
        same(name, f[f"X/{name}"][:], np.array(wanted))
    same("shape", np.array(f["X"].attrs["shape"]), np.array([len(labels), max(indices) + 1]))
    same("y", f["y"][:], (np.array(labels) > 0).astype(float))
    if f.attrs["family"] != "binomial":
        sys.exit("family")


def check_plink(f, prefix, phenotypes, column):
    fam = [line.split()[:2] for line in open(f"{prefix}.fam")]
    bim = [line.split() for line in open(f"{prefix}.bim")]
    raw = np.fromfile(f"{prefix}.bed", dtype=np.uint8)[3:].reshape(len(bim), -1)
    bits = np.unpackbits(raw, axis=1, bitorder="little").reshape(len(bim), -1, 2)[:, :len(fam)]
    same("X", f["X"][:], np.array([2, -1, 1, 0], dtype=np.int8)[bits[..., 0] + 2 * bits[..., 1]].T)
    head, *rows = [line.split() for line in open(phenotypes)]
    value = {tuple(row[:2]): float(row[head.index(column)]) for row in rows}
    same("y", f["y"][:], np.array([value[tuple(ids)] for ids in fam]))
    same("names", f["feature_names"].asstr()[:], np.array([line[1] for line in bim], dtype=object))
    same("samples", f["sample_names"].asstr()[:], np.array([ids[1] for ids in fam], dtype=object))


NAMES = ['Iris "setosa"', "versicolor, blue", "Virginica"]


def write_words(iris, folder):
    with h5py.File(iris, "r") as f:
        x, y = f["X"][:], f["y"][:].astype(int)
    with open(f"{folder}/words.csv", "w", newline="") as lines:
        out = csv.writer(lines)
        out.writerow(["a", "b", "c", "d", "kind"])
        for i, (row, k) in enumerate(zip(x, y)):
            out.writerow([*row, ("", "NA", "?")[k] if i % 40 == 4 else NAMES[k]])


def check_words(f, file):
    with open(file, newline="") as lines:
        _, *rows = list(csv.reader(lines))
    rows = [row for row in rows if row[-1] in NAMES]
    names = sorted({row[-1] for row in rows}, key=str.encode)
    same("names", f["y/categories"].asstr()[:], np.array(names, dtype=object))
    same("y", f["y/codes"][:], np.array([names.index(row[-1]) for row in rows], dtype=np.int32))
    same("X", f["X"][:], np.array([[float(v) for v in row[:-1]] for row in rows]))
    if f.attrs["family"] != "multinomial":
        sys.exit("family")


def check_predicted(f, said):
    names, classes = f.attrs["class_names"].split("\n"), f["prediction"][:]
    if names != sorted(NAMES, key=str.encode):
        sys.exit(f"names: {names}")
    wanted = f"{len(classes)} rows: " + ", ".join(f"{name} {np.sum(classes == k)}" for k, name in enumerate(names))
    if wanted not in open(said).read():
        sys.exit(f"wanted {wanted}, said {open(said).read()}")


what, file, *rest = sys.argv[1:]
if what == "write":
    write(file)
elif what == "words" and not rest[0].endswith(".csv"):
    write_words(file, *rest)
else:
    with h5py.File(file, "r") as f:
        if what == "csv":
            check_csv(f, rest[0], rest[1].replace("\\n", "\n"), len(rest) > 2)
        else:
            {"words": check_words, "predicted": check_predicted, "libsvm": check_libsvm, "plink": check_plink}[what](f, *rest)
