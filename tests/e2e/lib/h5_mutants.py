# SPDX-License-Identifier: BSD-3-Clause
"""h5_mutants.py FOLDER CHECK COUNT SEED COMMAND...: damages data files that others wrote, COUNT times each
kind, and has them fitted by COMMAND (the driver run_paths, under mpirun where there are several ranks).
Every mutant must be refused with a message that names the file or a dataset, or give a result that is
true of the numbers h5py reads from it (scripts/check, CHECK). A crash, a hang, another exit, ranks that
disagree, or a result that is not true, fails. Prints one line a kind."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np

N, P = 40, 9
NAMES = [b"gene %d" % j for j in range(P)]
REFUSED, NOMEM = (1, 2, 3), 6  # statuses: usage, bad input, file error; out of memory
SECONDS = 60  # for a list of mutants, and half a second each


# ---- the files ---------------------------------------------------------------------------------


def numbers(seed=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, P))
    X[rng.uniform(size=(N, P)) < 0.6] = 0
    X[0] = 1  # no empty column
    return X, X[:, 0] - 2 * X[:, 3] + rng.normal(size=N)


def dense(f, **how):
    X, y = numbers()
    f.create_dataset("X", data=X, **how)
    f["y"] = y
    f["weights"] = 1.0 + np.arange(N) % 3
    f["offset"] = 0.1 * (np.arange(N) % 4)
    f["penalty_factor"] = 1.0 + (np.arange(P) % 2)
    f["feature_names"] = np.array([f"gene {j}" for j in range(P)], dtype=h5py.string_dtype())
    f.attrs["family"] = "gaussian"


def chunked(f):
    dense(f, chunks=(8, 4), compression="gzip", shuffle=True)


def anndata(f, encoding):
    X, y = numbers()
    by = X.T if encoding == "csc_matrix" else X
    g = f.create_group("X")
    g.attrs["encoding-type"] = encoding
    g.attrs["encoding-version"] = "0.1.0"
    g.attrs["shape"] = np.array([N, P])
    g["data"] = by[by != 0]
    g["indices"] = np.nonzero(by)[1].astype(np.int32)
    g["indptr"] = np.concatenate([[0], np.cumsum((by != 0).sum(1))]).astype(np.int32)
    f.attrs["encoding-type"] = "anndata"
    obs, var = f.create_group("obs"), f.create_group("var")
    obs.attrs["_index"] = var.attrs["_index"] = "_index"
    obs["_index"] = np.array([f"cell {i}" for i in range(N)], dtype=h5py.string_dtype())
    var["_index"] = np.array([f"gene {j}" for j in range(P)], dtype=h5py.string_dtype())
    label = obs.create_group("label")
    label.attrs["encoding-type"] = "categorical"
    label["codes"] = (y > np.median(y)).astype(np.int8)
    label["categories"] = np.array(["no", "yes"], dtype=h5py.string_dtype())


LABELS = "\t/obs/label\tbinomial"
KINDS = {
    "dense": (dense, ""),
    "chunked": (chunked, ""),
    "csc": (lambda f: anndata(f, "csc_matrix"), LABELS),
    "csr": (lambda f: anndata(f, "csr_matrix"), LABELS),
}


# ---- damage to bytes ---------------------------------------------------------------------------


def spots(path):
    """Bytes that are not numbers of a dataset: what the library itself reads."""
    with open(path, "rb") as stream:
        keep = np.ones(len(stream.read()), bool)

    def leave_out(_, node):
        if isinstance(node, h5py.Dataset) and node.chunks is None and node.id.get_offset() is not None:
            begin = node.id.get_offset()
            keep[begin:begin + node.id.get_storage_size()] = False

    with h5py.File(path, "r") as f:
        f.visititems(leave_out)
    return np.flatnonzero(keep)


def damage_bytes(path, rng):
    where = spots(path)
    data = bytearray(open(path, "rb").read())
    used = [k for k in where if data[k] != 0]
    kind = rng.integers(7)
    pool = used if rng.uniform() < 0.7 else (where if rng.uniform() < 0.8 else range(len(data)))
    at = int(rng.choice(pool))
    if kind <= 1:
        for k in rng.choice(pool, size=1 + rng.integers(3)):
            data[k] ^= 1 << rng.integers(8)
    elif kind == 2:
        data[at] = int(rng.integers(256))
    elif kind == 3:
        width = int(rng.choice([1, 2, 4, 8]))
        evil = [b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\x01" + b"\0" * 7, at.to_bytes(8, "little")]
        data[at:at + width] = evil[rng.integers(len(evil))][:width]
    elif kind == 4:  # a page is gone
        size = int(rng.choice([64, 512, 1024]))
        begin = at // size * size
        data[begin:begin + size] = bytes(len(data[begin:begin + size]))
    elif kind == 5:
        del data[at:]
    else:  # a block has moved
        data[at:at] = bytes(rng.integers(256, size=1 + rng.integers(16), dtype=np.uint8))
    with open(path, "wb") as stream:
        stream.write(data)


# ---- damage to objects -------------------------------------------------------------------------


def put(f, name, values, **how):
    attrs = dict(f[name].attrs)
    del f[name]
    f.create_dataset(name, data=values, **how)
    for key, value in attrs.items():
        f[name].attrs[key] = value


def datasets(f):
    names = []
    f.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
    return sorted(names)


def other_type(f, name, rng):
    values = f[name][()]
    if values.dtype.kind == "O":
        put(f, name, np.arange(len(values)))
        return
    types = ["f4", "f2", "i1", "u8", "i8", ">f8", ">i4", "?", "S3", "c16", h5py.string_dtype(),
             np.dtype([("a", "f8"), ("b", "i4")])]
    to = types[rng.integers(len(types))]
    made = np.zeros(values.shape, to)
    if isinstance(to, str):
        made = values.astype(to)
    elif to == h5py.string_dtype():
        made = values.astype(str).astype(object)
    put(f, name, made, **({"dtype": to} if to == h5py.string_dtype() else {}))


def other_shape(f, name, rng):
    v = f[name][()]
    how = rng.integers(6)
    put(f, name, [v[:-1], np.concatenate([v, v[:1]]), v.T if v.ndim > 1 else v[:, None], v[:0],
                  np.stack([v, v]), v.flat[0]][how],
        **({"dtype": h5py.string_dtype()} if v.dtype.kind == "O" else {}))


def other_value(f, name, rng):
    values = f[name][()]
    k = int(rng.integers(values.size))
    if values.dtype.kind == "O":
        values.flat[k] = str(rng.choice(["", "gene 0", "\xff", "x" * 300]))
    elif values.dtype.kind in "iu":
        big = np.iinfo(values.dtype).max
        values.flat[k] = rng.choice([-1, 0, 1, 2, N, P, N - 1, values.size, big, -big])
    else:
        values.flat[k] = rng.choice([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e308, 1e-320, 7.5])
    f[name][...] = values


def swapped(f, name, rng):
    values = f[name][()]
    if values.ndim == 1 and values.dtype.kind != "O":
        a, b = rng.integers(values.size, size=2)
        values[[a, b]] = values[[b, a]]
        f[name][...] = values
    else:
        other_value(f, name, rng)


def other_attribute(f, rng):
    owners = [f] + [f[name] for name in sorted(set(n for n in ("X", "var", "obs", "obs/label") if n in f))]
    owners = [o for o in owners if len(o.attrs)]
    if not owners:
        return
    owner = owners[rng.integers(len(owners))]
    key = str(rng.choice(sorted(owner.attrs)))
    values = ["csc_matrix", "csr_matrix", "", "gaussian", "poisson", "no such", 3, 2.5, [N, P], [P, N], [N, P + 1],
              [N - 1, P], [-N, P], [2**62, 2**62], [N], [N, P, 1], [float(N), float(P)], ["a", "b"], h5py.Empty("f8")]
    del owner.attrs[key]
    if rng.uniform() < 0.85:
        owner.attrs[key] = values[rng.integers(len(values))]


def damage_objects(path, rng):
    with h5py.File(path, "r+") as f:
        names = datasets(f)
        name = str(rng.choice(names))
        groups = sorted(set(os.path.dirname(n) for n in names) - {""})
        thing = name if not groups or rng.uniform() < 0.8 else str(rng.choice(groups))
        kind = rng.integers(12)
        if kind == 0:
            del f[thing]
        elif kind == 1:
            f.move(thing, thing + "x")
        elif kind == 2:  # a link into nothing, or a loop
            del f[thing]
            f[thing] = [h5py.SoftLink("/nowhere"), h5py.SoftLink("/" + thing),
                        h5py.ExternalLink("nowhere.h5", "/X")][rng.integers(3)]
        elif kind == 3:  # something else stands there
            target = str(rng.choice(names))
            if target != thing and not target.startswith(thing + "/"):
                del f[thing]
                f[thing] = f[target]
        elif kind == 4:
            other_type(f, name, rng)
        elif kind == 5:
            other_shape(f, name, rng)
        elif kind <= 7:
            other_value(f, name, rng)
        elif kind <= 9:
            sparse = [n for n in ("X/indptr", "X/indices") if n in f]
            swapped(f, str(rng.choice(sparse)) if sparse else name, rng)
        else:
            other_attribute(f, rng)


# ---- judging -----------------------------------------------------------------------------------


def in_child(function, seconds=60):
    """function() -> text, in a fork: h5py may die of a mutant as well. None when it did."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            import resource
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.write(writer, function().encode()[:4000] or b"\n")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read().decode()
    os.waitpid(child, 0)
    return said.strip() if said else None


def load_check(path):
    sys.path.insert(0, os.path.dirname(path))
    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_loader("check", importlib.machinery.SourceFileLoader("check", path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def has(f, name):
    """What `name in f` says where it can: that also asks how much room the object's index takes, which damage may
    hide from who reads all of it truly."""
    try:
        return f[name] is not None
    except KeyError:
        if isinstance(f.get(name, getlink=True), h5py.HardLink):
            raise
        return False


def unsaid(result, data):
    """Things in the data that the result must know of."""
    for name in ("weights", "offset", "penalty_factor"):
        if has(data, name) and not check.text(result.attrs.get(name, "")):
            return f"/{name} is there and was not used"
    names = "feature_names" if has(data, "feature_names") else "var/_index" if has(data, "var") else None
    if names is None:
        return ""
    if names == "var/_index" and "_index" in data["var"].attrs:
        names = "var/" + check.text(data["var"].attrs["_index"])
    try:
        here = list(data[names][:]) if has(data, names) else None
    except RuntimeError:  # what another order of opening hides: held to what was written
        here = NAMES
    if here is None:
        return ""
    if "feature_names" not in result:
        return f"/{names} is there, and no names are in the result"
    return "" if here == list(result["feature_names"][:]) else f"/{names}: other names in the result"


def has_nothing_to_fit(path):
    """lambda_max is 0 or rounding: no column is penalised, one row has all the weight, or the null model
    is exact. The numbers of such a path mean nothing, the check's no more than bevel's."""
    with h5py.File(path, "r") as f:
        v = f["penalty_factor"][:] if "penalty_factor" in f else np.ones(1)
        w = f["weights"][:].ravel() if "weights" in f else np.ones(N)
        rest = f["y"][:].ravel() - (f["offset"][:].ravel() if "offset" in f else 0) if "y" in f else np.arange(2)
        return (not (np.isfinite(v) & (v > 0)).any() or w.max() / 2 > (1 - 1e-12) * (w / 2).sum()
                or np.ptp(rest) <= 1e-12 * np.abs(rest).max())


def true_of(path):
    with contextlib.redirect_stderr(sys.stdout), np.errstate(all="ignore"):
        code = check.main([path + ".result", path])
    if code != 0 and not has_nothing_to_fit(path):
        return "not true: "
    with h5py.File(path + ".result", "r") as result, h5py.File(path, "r") as data:
        return unsaid(result, data)


def judge_result(path):
    """'' when all is true."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            lie = true_of(path)
        except Exception as error:
            return f"h5py: {type(error).__name__}: {error}"
    return lie + said.getvalue() if lie else ""


def judge(path, status, message):
    if status in REFUSED:
        words = ("/X", "/y", "/obs", "/var", "weights", "offset", "penalty_factor", "names", "family")
        named = os.path.basename(path) in message or any(word in message for word in words)
        return "" if named and len(message) > 12 else f"refused without saying what: {message}"
    if status == NOMEM and in_child(lambda: is_huge(path)) == "1":
        return ""
    if status != 0:
        return f"status {status}: {message}"
    found = in_child(lambda: judge_result(path))
    return "h5py died of it" if found is None else found


# ---- running -----------------------------------------------------------------------------------


def run_list(folder, command, lines):
    """{path: (status, message)}; None in place of a status where the run died or hung."""
    came_to = {}
    while lines:
        listed = os.path.join(folder, "list")
        with open(listed, "w") as stream:
            stream.writelines(line + "\n" for line in lines)
        try:
            run = subprocess.run(command + [listed], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 stdin=subprocess.DEVNULL, timeout=SECONDS + len(lines) / 2)
            out, end = run.stdout, f"exit {run.returncode}: {run.stderr.decode(errors='replace')[-300:]}"
        except subprocess.TimeoutExpired as late:
            out, end = late.stdout or b"", "hangs"
        done = out.decode(errors="replace").splitlines()
        for line in done:
            parts = line.split("\t", 2)
            if len(parts) == 3:
                came_to[parts[0]] = (int(parts[1]), parts[2])
            elif parts[0] in [other.split("\t")[0] for other in lines]:
                came_to[parts[0]] = (None, end)
        left = [line for line in lines if line.split("\t")[0] not in came_to]
        if len(left) == len(lines):
            sys.exit(f"h5_mutants: the driver does nothing: {end}")
        lines = left
    return came_to


def damage(original, path, kind, seed, m):
    shutil.copy(original, path)
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind), m])
    if m > 0:
        (damage_bytes if m % 2 else damage_objects)(path, rng)


def run_kind(folder, command, kind, count, seed):
    make, extra = KINDS[kind]
    original = os.path.join(folder, f"{kind}.h5")
    with h5py.File(original, "w") as f:
        make(f)
    paths = [os.path.join(folder, f"{kind}_{m}.h5") for m in range(count + 1)]
    for m, path in enumerate(paths):  # the first is as it was
        damage(original, path, kind, seed, m)
    came_to = run_list(folder, command, [path + extra for path in paths])
    bad, refused, accepted, died = 0, 0, 0, 0
    for m, path in enumerate(paths):
        status, message = came_to[path]
        said = f"died: {message}" if status is None else judge(path, status, message)
        refused += status in REFUSED
        accepted += status == 0
        died += status in REFUSED and "HDF5 could not read it" in message
        if said or (m == 0 and status != 0):
            bad += 1
            print(f"h5_mutants: {os.path.basename(path)}: {said or message}")
        elif not os.environ.get("BEVEL_KEEP_MUTANTS"):
            for name in (path, path + ".result"):
                if os.path.exists(name):
                    os.remove(name)
    print(f"h5_mutants: {kind}: {count} mutants, {refused} refused ({died} of a child's death), "
          f"{accepted} fitted truly" + (f", {bad} BAD" if bad else ""))
    return bad == 0 and accepted > count // 20 and refused > count // 4


if __name__ == "__main__":
    FOLDER, CHECK, COUNT, SEED, *COMMAND = sys.argv[1:]
    check = load_check(CHECK)
    good = [run_kind(FOLDER, COMMAND, kind, int(COUNT), int(SEED)) for kind in KINDS]
    sys.exit(0 if all(good) else 1)
