# SPDX-License-Identifier: BSD-3-Clause
"""Penalties that are not convex, for scripts/check: profiles on t = |b_j| or ||b_g||, lw = lambda
times the block's weight. numpy only.

    value(lw, t)        P(t)
    slope(lw, t)        P'(t), t > 0
    at_zero(lw, h)      the largest norm of the gradient that lets a block stay at 0: P'(0+); for lq,
                        whose P'(0+) is infinite, h times the largest t that the prox
                        argmin h/2 (x - t)^2 + P(x) brings to 0
    entry(c, h)         the lw at which at_zero is c
    least(lw, h)        the smallest nonzero t a local minimum can have; 0 where any may
"""
import numpy as np


class Profile:
    curved = False  # does h matter?

    def __init__(self, parameter):
        self.c = parameter

    def least(self, lw, h):
        return np.zeros_like(lw * h)

    def at_zero(self, lw, h):
        return lw * self.unit + 0 * h

    def entry(self, c, h):
        return c / self.unit


class Mcp(Profile):
    name, default, unit = "gamma", 3.0, 1.0

    def value(self, lw, t):
        return np.where(t <= self.c * lw, lw * t - t**2 / (2 * self.c), self.c * lw**2 / 2)

    def slope(self, lw, t):
        return np.maximum(lw - t / self.c, 0)


class Scad(Profile):
    name, default, unit = "gamma", 3.7, 1.0

    def value(self, lw, t):
        a = self.c
        middle = (2 * a * lw * t - t**2 - lw**2) / (2 * (a - 1))
        return np.where(t <= lw, lw * t, np.where(t <= a * lw, middle, lw**2 * (a + 1) / 2))

    def slope(self, lw, t):
        return np.where(t <= lw, lw, np.maximum(self.c * lw - t, 0) / (self.c - 1))


class Tl1(Profile):
    name, default = "tl1_a", 1.0
    unit = property(lambda self: (self.c + 1) / self.c)

    def value(self, lw, t):
        return lw * (self.c + 1) * t / (self.c + t)

    def slope(self, lw, t):
        return lw * self.c * (self.c + 1) / (self.c + t) ** 2


class Log(Profile):
    name, default = "log_eps", 1.0
    unit = property(lambda self: 1 / self.c)

    def value(self, lw, t):
        return lw * np.log1p(t / self.c)

    def slope(self, lw, t):
        return lw / (self.c + t)


class Lq(Profile):
    name, default, curved = "q", 0.5, True

    def value(self, lw, t):
        return lw * t**self.c

    def slope(self, lw, t):
        return lw * self.c * np.where(t > 0, t, 1.0) ** (self.c - 1)

    def at_zero(self, lw, h):
        q, mu = self.c, lw / np.where(h > 0, h, 1.0)
        return h * (2 - q) / (2 * (1 - q)) * (2 * mu * (1 - q)) ** (1 / (2 - q))

    def entry(self, c, h):
        q, positive = self.c, np.where(h > 0, h, 1.0)
        lw = h * (2 * (1 - q) * (c / positive) / (2 - q)) ** (2 - q) / (2 * (1 - q))
        return np.where(h > 0, lw, np.where(c > 0, np.inf, 0.0))

    def least(self, lw, h):
        return (lw * self.c * (1 - self.c) / np.where(h > 0, h, np.inf)) ** (1 / (2 - self.c))


class Lpq(Lq):
    """lw ||b_g||_p^q, p = 2/k1, q = 2/(k1 + k2): along b_g it is an lq of the norm at level lw times
    (||b_g||_p / ||b_g||_2)^q. A group of zeros is always stationary, and for p < 1 a zero inside a
    group; for p = 1 up to the kink's height."""

    def __init__(self, k1, k2):
        super().__init__(2 / (k1 + k2))
        self.p = 2 / k1


class L1L2:
    """lambda (sum_i omega_i ||b_i|| - alpha ||b||) of a group's columns (omega_i = 1, all times the group's
    weight), or of all columns' groups (whole)."""

    curved = False

    def __init__(self, alpha, whole):
        self.alpha, self.whole = alpha, whole


KINDS = {"mcp": Mcp, "scad": Scad, "tl1": Tl1, "log": Log, "lq": Lq}


def profile_of(penalty, options):
    """None for the convex ones."""
    if penalty == "lpq":
        return Lpq(options.number("k1", 2), options.number("k2", 1))
    if penalty in ("l1-l2", "group-l1-l2"):
        alpha = options.number("alpha", 0.5)
        return L1L2(0.5 if np.isnan(alpha) else alpha, penalty == "group-l1-l2")
    kind = KINDS.get(penalty.removeprefix("group-"))
    if kind is None:
        return None
    parameter = options.number(kind.name, kind.default)
    return kind(kind.default if np.isnan(parameter) else parameter)


class NonConvex:
    """What a Problem with a profile does otherwise. Goes before it in a class's bases."""

    def curvature_bound(self, eta):
        """h of every block: the largest absolute row sum of X~_g' diag(h) X~_g / n, at the bound of the
        loss's curvature, at eta where there is none."""
        bound = self.family.curvature_bound
        weight = self.w * (bound if np.isfinite(bound) else self.family.curvature(eta))
        h = np.zeros(self.n_blocks)
        live = self.penalised_blocks()
        order = np.argsort(self.block, kind="stable")
        ends = np.searchsorted(self.block[order], np.append(live, self.n_blocks))
        chunk, chunks = [], []
        for i, g in enumerate(live):
            columns = order[ends[i] : np.searchsorted(self.block[order], g + 1)]
            chunk.append((g, columns))
            if sum(len(c) for _, c in chunk) >= 512 or i == len(live) - 1:
                chunks.append(chunk)
                chunk = []
        for chunk in chunks:
            columns = np.concatenate([c for _, c in chunk])
            x = (self.X.take(columns) - self.center[columns]) / self.scale[columns]
            at = 0
            for g, c in chunk:
                part = x[:, at : at + len(c)]
                h[g] = np.abs(part.T @ (weight[:, None] * part)).sum(axis=0).max() / self.n
                at += len(c)
        return h

    def blocks_h(self, eta):
        if not self.profile.curved:
            return np.ones(self.n_blocks)
        if np.isinf(self.family.curvature_bound):
            return self.curvature_bound(eta)
        if not hasattr(self, "fixed_h"):
            self.fixed_h = self.curvature_bound(eta)
        return self.fixed_h

    def along(self, b):
        """(||b_g||_p / ||b_g||_2)^q of every block for lpq, 1 where b_g = 0 and for all others."""
        out = np.ones(self.n_blocks)
        if isinstance(self.profile, Lpq):
            norm, inside = self.block_norm(b), np.flatnonzero((self.block >= 0) & (b != 0))
            share = np.abs(b[inside]) / norm[self.block[inside]]
            total = np.bincount(self.block[inside], share**self.profile.p, self.n_blocks)
            out[total > 0] = total[total > 0] ** (self.profile.c / self.profile.p)
        return out

    def smallest_null(self, v):
        live = self.penalised_blocks()
        norm, h = self.block_norm(v)[live], self.blocks_h(self.null_eta)[live]
        level = self.weight[live] * self.along(v)[live]
        return float(np.max(self.profile.entry(norm, h) / level, initial=0.0))

    def stationarity_inside(self, lam, b, v):
        """lpq: of every block, over its nonzeros and for p = 1 the zeros beside them."""
        p, q = self.profile.p, self.profile.c
        inside = np.flatnonzero(self.block >= 0)
        g, size = self.block[inside], np.abs(b[inside])
        total = np.bincount(g, np.where(size > 0, size, 0.0) ** p, self.n_blocks)
        level = np.zeros(self.n_blocks)
        level[total > 0] = lam * self.weight[total > 0] * q / p * total[total > 0] ** (q / p - 1)
        with np.errstate(divide="ignore"):
            pull = level[g] * p * np.where(size > 0, size, 1.0) ** (p - 1) * np.sign(b[inside])
        idle = np.maximum(np.abs(v[inside]) - level[g], 0) if p == 1 else np.zeros(len(inside))
        off = np.where(size > 0, pull - v[inside], idle)
        return np.sqrt(np.bincount(g, np.where(total[g] > 0, off**2, 0.0), self.n_blocks))

    def penalty_value(self, lam, b):
        live = self.penalised_blocks()
        if isinstance(self.profile, Lpq):
            lw = (lam * self.weight * self.along(b))[live]
            return float(np.sum(self.profile.value(lw, self.block_norm(b)[live])))
        return float(np.sum(self.profile.value(lam * self.weight[live], self.block_norm(b)[live])))

    def stationarity(self, lam, b, v, r, eta):
        """d-stationarity; for lq a zero must be the fixed point of the prox at h, and what is not zero
        large enough to be a local minimum: what it lacks counts h times."""
        worst = [abs(r.sum()) / self.n] if self.intercept else [0.0]
        worst += list(np.abs(v[self.free]))
        live, inside = self.penalised_blocks(), np.flatnonzero(self.block >= 0)
        if isinstance(self.profile, Lpq) and lam > 0:
            return max(worst + [np.max(self.stationarity_inside(lam, b, v)[live], initial=0.0)])
        t, lw, h = self.block_norm(b), lam * self.weight, self.blocks_h(eta)
        off = np.zeros(self.p)
        t_of, lw_of = t[self.block[inside]], lw[self.block[inside]]
        with np.errstate(invalid="ignore", divide="ignore"):
            pull = np.where(t_of > 0, self.profile.slope(lw_of, t_of) * b[inside] / t_of, 0.0)
        off[inside] = pull - v[inside]
        size = self.block_norm(off)[live]
        t, lw, h = t[live], lw[live], h[live]
        if lam == 0:
            return max(worst + [np.max(size, initial=0.0)])
        at_zero = np.maximum(size - self.profile.at_zero(lw, h), 0)
        off_zero = np.maximum(size, h * np.maximum(self.profile.least(lw, h) - t, 0))
        return max(worst + [np.max(np.where(t == 0, at_zero, off_zero), initial=0.0)])

    def dual(self, *_):
        return np.nan


class Difference(NonConvex):
    """The same for L1L2. Pieces are what can be zero by itself: columns, or groups where all columns are
    one block; each has its block, its omega and that block's weight."""

    def pieces(self):
        inside = np.flatnonzero(self.block >= 0)
        if self.profile.whole:
            omega = self.weight[self.block[inside]]
            return inside, self.block[inside], np.zeros(len(inside), int), omega, np.ones(1)
        return inside, np.arange(len(inside)), self.block[inside], np.ones(len(inside)), self.weight

    def piece_norms(self, values):
        """Of every column inside: its piece's norm, its block's norm."""
        inside, piece, block, _, _ = self.pieces()
        square = values[inside] ** 2
        of_piece, of_block = np.bincount(piece, square), np.bincount(block, square)
        return np.sqrt(of_piece[piece]), np.sqrt(of_block[block])

    def smallest_null(self, v):
        _, _, block, omega, weight = self.pieces()
        norm, _ = self.piece_norms(v)
        return float(np.max(norm / (weight[block] * (omega - self.profile.alpha)), initial=0.0))

    def penalty_value(self, lam, b):
        inside, piece, block, omega, weight = self.pieces()
        norm, whole = self.piece_norms(b)
        total = 0.0
        for g in np.unique(block):
            here = block == g
            _, first = np.unique(piece[here], return_index=True)
            linear = np.sum(omega[here][first] * norm[here][first])
            total += weight[g] * (linear - self.profile.alpha * whole[here][0])
        return float(lam * total)

    def stationarity(self, lam, b, v, r, eta):
        """In a block that is not zero its pieces' residuals together; of a block of zeros the largest
        excess of a piece over lambda weight (omega - alpha)."""
        worst = [abs(r.sum()) / self.n] if self.intercept else [0.0]
        worst += list(np.abs(v[self.free]))
        inside, piece, block, omega, weight = self.pieces()
        if not len(inside):
            return max(worst)
        lw, alpha = lam * weight[block], self.profile.alpha
        norm, whole = self.piece_norms(b)
        pull, _ = self.piece_norms(v)
        moving = norm > 0
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(moving, lw * (omega / norm - alpha / whole) * b[inside], 0.0)
        size = np.bincount(piece)[piece]  # a zero piece's excess is one figure for all its columns
        excess = np.maximum(pull - lw * (omega - alpha * (whole == 0)), 0)
        off = np.where(moving, (slope - v[inside]) ** 2, excess**2 / size)
        together = np.sqrt(np.bincount(block, off))[block]
        return max(worst + [np.max(np.where(whole > 0, together, excess), initial=0.0)])
