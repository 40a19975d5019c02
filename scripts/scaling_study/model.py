# SPDX-License-Identifier: BSD-3-Clause
"""Seconds of a path on P ranks from alpha (latency), beta (seconds a byte on the wire) and gamma (seconds a
byte read, a flop done), and from what one rank took on the same data:

    sweep   passes over X x bytes of X / (P read), dense; what one rank took / P, sparse (a gather, not a stream)
    gram    what one rank took / P
    local   screening, certificates, columns joining the working set: what one rank took / P
    inner   factor and Newton steps on rank 0 while the others wait: what one rank took
    comm    every message of traffic.predict, by the usual costs of b bytes in L = ceil(log2 P) steps:
              allreduce   min(L (alpha + b beta), 2 L alpha + 2 b beta (P - 1) / P)
              bcast       min(L (alpha + b beta), (L + P - 1) alpha + 2 b beta (P - 1) / P), reduce alike
              allgather   min(L, P - 1) alpha + b beta (P - 1) / P, b of all ranks together
              exchange    (P - 1) alpha + b beta / P, b of all ranks together

On another machine gram of dense X and inner go by its flops, the rest by its read bandwidth. No imbalance, no
contention, columns that join spread evenly over the ranks.
"""
import dataclasses
import math

import traffic

PHASES = ("sweep", "gram", "local", "inner", "comm")


@dataclasses.dataclass
class Machine:
    name: str
    alpha: float  # seconds a message
    beta: float  # seconds a byte
    read: float  # bytes a second that a rank reads when all read
    flops: float  # flops a second of a rank in dgemm
    said: str


CLUSTERS = (
    Machine("InfiniBand", 1.5e-6, 1 / 12.5e9, 6e9, 40e9,
            "100 Gb/s InfiniBand: 1.5 µs, 12.5 GB/s a rank; 6 GB/s of memory and 40 Gflop/s a rank (64 on a node)"),
    Machine("Ethernet", 25e-6, 1 / 1.25e9, 6e9, 40e9,
            "10 Gb/s Ethernet: 25 µs, 1.25 GB/s a rank; the same nodes"),
)


@dataclasses.dataclass
class Work:
    """A path on given data: its shape, its batches, and what one rank of this machine took."""
    n: int
    p: int
    nnz: int  # 0 = dense
    passes: float  # bytes of X that sweeps read, over bytes of X
    batches: list
    took: dict  # seconds by phase of PHASES, without comm; sweep of sparse X only

    @property
    def x_bytes(self):
        return 12 * self.nnz + 8 * self.p if self.nnz else 8 * self.n * self.p

    def gram_flops(self):
        """New columns with all, twice n a pair; the first time half of them."""
        total = 0.0
        for k, batch in enumerate(self.batches):
            w = batch["before"] + batch["screened"]
            new = w - (self.batches[k - 1]["before"] + self.batches[k - 1]["screened"] if k else 0)
            total += 2.0 * self.n * max(new, 0) * w / (2 if new == w else 1)
        return total

    def wider(self, times):
        """The same batches on an X so many times as wide."""
        took = dict(self.took, sweep=self.took["sweep"] * times, local=self.took["local"] * times)
        return Work(self.n, int(self.p * times), int(self.nnz * times), self.passes, self.batches, took)


def cost(kind, messages, size, ranks, machine):
    steps, most = math.ceil(math.log2(ranks)), (ranks - 1) / ranks
    alpha, wire = machine.alpha, size * machine.beta
    if kind == "allreduce":
        return min(steps * (messages * alpha + wire), 2 * steps * messages * alpha + 2 * wire * most)
    if kind in ("bcast", "reduce"):
        return min(steps * (messages * alpha + wire), (steps + ranks - 1) * messages * alpha + 2 * wire * most)
    if kind == "allgather":
        return min(steps, ranks - 1) * messages * alpha + wire * most
    return (ranks - 1) * messages * alpha + wire / ranks  # exchange


def _even(batches, ranks):
    """The batches with the columns that join, and their entries, spread evenly over so many ranks."""
    out = []
    for batch in batches:
        measured = len(batch["joined"])
        new, leaving = batch["screened"] + batch["violators"], sum(batch["entries_sent"])
        entries = leaving * measured / (measured - 1) if measured > 1 else 0.0
        out.append(dict(batch, joined=[new / ranks] * ranks, entries_sent=[entries * (ranks - 1) / ranks**2] * ranks))
    return out


def seconds(work, machine, here, ranks):
    """{phase: seconds}; `here` is the machine that work.took was measured on."""
    slower_read, slower_flops = here.read / machine.read, here.flops / machine.flops
    sweep = work.took["sweep"] * slower_read if work.nnz else work.passes * work.x_bytes / machine.read
    out = dict(
        sweep=sweep / ranks,
        gram=work.took["gram"] * (slower_read if work.nnz else slower_flops) / ranks,
        local=work.took["local"] * slower_read / ranks,
        inner=work.took["inner"] * slower_flops, comm=0.0)
    if ranks > 1:
        log = traffic.predict(work.n, ranks, _even(work.batches, ranks), sparse=work.nnz > 0, intercept=False).log
        out["comm"] = sum(cost(*message, ranks, machine) for message in log)
    return out
