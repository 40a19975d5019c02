# SPDX-License-Identifier: BSD-3-Clause
"""What a study crosses: which parameters its tasks differ in, and which of them are a line along one. `table`: an
array a column of /summary, an entry a task; `done`: which of them have a result. For plots and reports."""
import os

import numpy as np

PARAMETERS = ("alpha", "gamma", "q", "tl1_a", "log_eps", "k1", "k2", "seed")


def series(table, done, name):
    """{all but this parameter: the tasks that differ in it alone}."""
    out = {}
    for k in np.flatnonzero(done):
        rest = tuple((p, float(table[p][k])) for p in PARAMETERS if p != name and not np.isnan(float(table[p][k])))
        out.setdefault((table["data"][k], table["penalty"][k], table["solver"][k], rest), []).append(k)
    return out


def crossed(table, done):
    """The parameter that at least three quarters of the tasks differ in from another task alone, or None."""
    share = {name: sum(len(at) for at in series(table, done, name).values() if len(at) > 1) / done.sum()
             for name in PARAMETERS}
    name = max(share, key=share.get)
    return name if share[name] >= 0.75 else None


def all_crossed(table, done):
    """Every parameter that some tasks differ in from another task alone."""
    return [name for name in PARAMETERS
            if any(len(set(table[name][at].astype(float))) > 1 for at in series(table, done, name).values())]


def shown(key, keys):
    """What tells a series from the others."""
    data, penalty, _, rest = key
    values = [f"{p}={v:g}" for p, v in rest
              if len({dict(k[3]).get(p) for k in keys if k[1] == penalty}) > 1]
    files = [os.path.basename(data)] if len({k[0] for k in keys}) > 1 else []
    return ", ".join([penalty] + values + files)


def lines(table, done, name):
    """(what tells it from the others, its tasks by rising `name`) of every series."""
    found = series(table, done, name)
    return [(shown(key, found), np.array(at)[np.argsort(table[name][at].astype(float), kind="stable")])
            for key, at in found.items()]
