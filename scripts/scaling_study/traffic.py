# SPDX-License-Identifier: BSD-3-Clause
"""What a certified path sends, to the byte: one formula of the problem's shape and of the path's batches.

For lasso and elastic net of a gaussian response by the batched engine, dense or sparse X, no bounds, Gram on
rank 0, on the 1 x P grid that such a path gets. Vectors are of 8-byte numbers, n rows, P ranks, rank r holding
the rows s_r = cut(n, r + 1) - cut(n, r) of the working set. Bytes are a rank's payload, the same on every rank
but in gathers and exchanges. An *agreement* is an allreduce of one number.

  setting up        36 agreements, 4 more for an 8-bit copy of X (see is_rounded); allreduce of n (predictor of the null fit), 1 (lambda_max), P (working set);
                    allgather of s_r (its residuals); one of 3 before the first batch (is a stop wanted?)
  each batch        k lambdas, on w columns, d = w + intercept unknowns:
    poll, screen    allreduce of 3 and of as many counts as lambdas were offered
    widen           twice: the columns that screening wants, and those that the certificate finds missing (the
                    second only when there are any); below
    solve           allreduce of w (warm start); 3 agreements; reduce of new x w + w + 1 (Gram and the intercept's
                    products; 3 agreements more) and of d (X'y) where W changed; bcast of k (d + 2) answers
    certify         8 agreements, 10 with the copy, one more when k is larger than ever; allgather of k s_r residuals; allreduce of
                    8 k sums, 2 k maxima, 2 k dual values; bcast of k certificates of 8; allreduce of 1 (which
                    lambda is violated first)
    finish          for each lambda accepted an agreement and an allreduce of 1 (intercept); after the batch an
                    allreduce of SURVEY if it was surveyed
    prune           allreduce of w; 1 agreement; bcast of a byte for each unknown and one; 2 agreements if any left
  a widening        4 agreements, allreduce of P; and by c_r > 0 columns, c in all:
                    4 agreements; allgather of 3 c_r shapes, of 1 count, of c_r places;
                    dense: exchange of (n - s_r) c_r;
                    sparse: 1 agreement; exchange of 3 (P - 1) c_r headers and 2 e_r: the e_r stored entries that
                    leave the rank
A path of one rank sends nothing. What the formula takes from the run is what --profile tells of each batch: how
many lambdas were offered, solved, accepted, and columns before, added by screening and by the certificate, left.

As a program: `traffic.py [--no-intercept] [--sparse] < LINES` holds every --json line of a run with --profile to
the formula and exits with 1 when a count differs.
"""
import json
import sys

LONGEST = 1 << 27  # numbers that one MPI call is given: beyond it a reduction or broadcast is cut
SURVEY = 99  # sums over all columns, for the time left
KINDS = ("allreduce", "reduce", "reduce_scatter", "exscan", "bcast", "allgather", "gather", "exchange")


def cut(n, parts, k):
    """The k-th of `parts` nearly equal cuts of n."""
    return n * k // parts


class Sent:
    """Messages and bytes of every rank, by kind."""

    def __init__(self, ranks):
        self.counts = [{kind: [0, 0] for kind in KINDS} for _ in range(ranks)]
        self.log = []  # (kind, messages, bytes): a rank's payload, in gathers and exchanges that of all ranks

    def post(self, kind, numbers, size=8):
        """A reduction or broadcast of so many numbers, the same on every rank."""
        self.log.append((kind, -(-numbers // LONGEST), numbers * size))
        for count in self.counts:
            count[kind][0] += -(-numbers // LONGEST)
            count[kind][1] += numbers * size

    def agree(self, times):
        for _ in range(times):
            self.post("allreduce", 1)

    def post_each(self, kind, numbers):
        """A gather or exchange: rank r gives numbers[r]."""
        self.log.append((kind, 1, 8 * sum(numbers)))
        for count, mine in zip(self.counts, numbers):
            count[kind][0] += 1
            count[kind][1] += 8 * mine


def _widen(sent, new, ranks, sparse):
    """One widening by `new` columns, but for what depends on whose they are."""
    sent.agree(2)
    sent.agree(2)
    sent.post("allreduce", ranks)
    if new == 0:
        return
    sent.post_each("allgather", [0] * ranks)  # shapes: bytes in _widen_bytes
    sent.agree(2)
    sent.post_each("allgather", [1] * ranks)
    sent.agree(1)
    sent.post_each("exchange", [0] * ranks)  # columns, or their headers
    if sparse:
        sent.agree(1)
        sent.post_each("exchange", [0] * ranks)
    sent.post_each("allgather", [0] * ranks)  # places
    sent.agree(1)


def _widen_bytes(sent, n, rows, batch, sparse):
    """What the columns of a batch's widenings weigh, rank by rank."""
    ranks = len(rows)
    for r, count in enumerate(sent.counts):
        mine, entries = batch["joined"][r], batch["entries_sent"][r]
        moved = 3 * (ranks - 1) * mine + 2 * entries if sparse else (n - rows[r]) * mine
        count["allgather"][1] += 8 * 4 * mine
        count["exchange"][1] += 8 * moved
        sent.log += [("allgather", 0, 8 * 4 * mine), ("exchange", 0, 8 * moved)]


def is_rounded(n, lambdas, sparse):
    """Do the sweeps read an 8-bit copy of X? As bvl_rounded_pays has it, memory allowing."""
    return not sparse and n <= 32768 and lambdas > 8


def predict(n, ranks, batches, sparse=False, intercept=True):
    """What a path of these batches sends: .counts holds {kind: [messages, bytes]} of every rank."""
    sent = Sent(ranks)
    if ranks == 1:
        return sent
    rows = [cut(n, ranks, r + 1) - cut(n, ranks, r) for r in range(ranks)]
    shift = int(intercept)
    rounded = is_rounded(n, sum(batch["finished"] for batch in batches), sparse)
    sent.agree(36 + 4 * rounded)
    for numbers in (n, 1, ranks, 3):
        sent.post("allreduce", numbers)
    sent.post_each("allgather", rows)
    known = 0  # unknowns whose Gram is there
    pulled = None  # unknowns whose X'y is there; None: anew
    widest = 1
    for batch in batches:
        k, w = batch["lambdas"], batch["before"] + batch["screened"]
        d = w + shift
        sent.post("allreduce", 3)
        sent.post("allreduce", batch["offered"])
        _widen(sent, batch["screened"], ranks, sparse)
        sent.post("allreduce", w)
        sent.agree(2)
        if known != d:
            old = max(known - shift, 0)
            sent.agree(3)
            sent.post("reduce", (w - old) * w + 1 + w)
            known = d
        if pulled != d:
            sent.post("reduce", d)
            pulled = d
        sent.agree(1)
        sent.post("bcast", k * (d + 2))
        sent.agree(8 + 2 * rounded)
        sent.post_each("allgather", [k * s for s in rows])
        if k > widest:
            sent.agree(1)
            widest = k
        for numbers in (8 * k, 2 * k, 2 * k):
            sent.post("allreduce", numbers)
        sent.post("bcast", 8 * k)
        sent.post("allreduce", 1)
        for _ in range(batch["finished"]):
            sent.agree(1)
            sent.post("allreduce", 1)
        if batch["surveyed"]:
            sent.post("allreduce", SURVEY)
        if batch["violators"] > 0:
            _widen(sent, batch["violators"], ranks, sparse)
        _widen_bytes(sent, n, rows, batch, sparse)
        w += batch["violators"]
        sent.post("allreduce", w)
        sent.agree(1)
        sent.post("bcast", w + shift + 1, size=1)
        if batch["after"] < w:
            sent.agree(2)
            known = batch["after"] + shift if known == w + shift else 0
            pulled = None
    return sent


def differences(said, sparse=False, intercept=True):
    """Where a run's --json line (with --profile) and the formula part; empty when nowhere."""
    profile = said["profile"]
    if sum(batch["finished"] for batch in profile["batches"]) != said["lambdas"]:
        return ["the batches are not the whole path: another engine had a part"]
    if said["grid"] != f"1x{said['ranks']}":
        return [f"grid {said['grid']}: the formula is for 1x{said['ranks']}"]
    found = []
    wanted = predict(said["n"], said["ranks"], profile["batches"], sparse, intercept).counts
    for r, (rank, expected) in enumerate(zip(profile["ranks"], wanted)):
        for kind in KINDS:
            if rank["path_sent"][kind] != expected[kind]:
                found.append(f"{said['ranks']} ranks, rank {r}, {kind}: counted [messages, bytes] "
                             f"{rank['path_sent'][kind]}, predicted {expected[kind]}")
    return found


def main(words):
    unknown = set(words) - {"--sparse", "--no-intercept"}
    if unknown:
        sys.exit(f"traffic: unknown: {' '.join(sorted(unknown))}")
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    found = [text for said in lines for text in differences(said, "--sparse" in words, "--no-intercept" not in words)]
    print("\n".join(found) if found else f"traffic: {len(lines)} runs as predicted")
    sys.exit(1 if found or not lines else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
