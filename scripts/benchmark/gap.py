# SPDX-License-Identifier: BSD-3-Clause
"""The duality gap of given coefficients, by numpy alone: one function for bevel and for the peers.

    F(b) = (1/n) sum loss(y_i, x_i'b) + lambda Pen(b)   no intercept, weights 1
    D(t) = (1/n) sum c(y_i, y_i - t_i)                  t feasible: the penalty's dual norm of
                                                        X't/n is at most lambda
t is the residual y - mean(x'b), shrunk until it is feasible; gaussian: times the best feasible
number. What is returned is (F - D) over half the null deviance (null = no column, eta = 0): an upper
bound on how far b is from the optimum, whoever computed it. Penalties that are not convex have no D:
for them it is the largest violation of stationarity, over lambda (column by column |x_j't/n - P'(|b_j|)
sign b_j|; at zero what |x_j't/n| has above the most that leaves a zero where it is: lambda, and for lq,
of infinite slope there, the most that the prox along the column brings to zero; for lq also what a
nonzero lacks to the least size a minimum along its column can have, times the column's curvature).
"""
import numpy as np


class Lasso:
    def value(self, B):
        return np.abs(B).sum(axis=0)

    def dual_norm(self, V):
        return np.abs(V).max(axis=0)


class GroupLasso:
    """Groups of `size` consecutive columns with K coefficients each, weighed by sqrt(size)."""

    def __init__(self, size, K):
        self.size, self.weight = size * K, np.sqrt(size)

    def _norms(self, B):
        return np.sqrt((B.reshape(-1, self.size, B.shape[1]) ** 2).sum(axis=1))

    def value(self, B):
        return self.weight * self._norms(B).sum(axis=0)

    def dual_norm(self, V):
        return self._norms(V).max(axis=0) / self.weight


class Mcp:
    """lambda t - t^2 / (2 gamma) up to t = gamma lambda, constant beyond."""

    def __init__(self, gamma):
        self.gamma = gamma

    def total(self, B, lambdas):
        t, knee = np.abs(B), self.gamma * lambdas
        return np.where(t <= knee, lambdas * t - t**2 / (2 * self.gamma), lambdas * knee / 2).sum(axis=0)

    def slope(self, t, lambdas):
        return np.maximum(lambdas - t / self.gamma, 0.0)

    def at_zero(self, _h, lambdas):
        return lambdas

    def least(self, _h, _lambdas):
        return 0.0


class Scad:
    """Slope lambda up to t = lambda, falling to 0 at t = gamma lambda."""

    def __init__(self, gamma):
        self.gamma = gamma

    def total(self, B, lambdas):
        t, a = np.abs(B), self.gamma
        bent = (2 * a * lambdas * t - t**2 - lambdas**2) / (2 * (a - 1))
        flat = lambdas**2 * (a + 1) / 2 + 0 * t
        return np.where(t <= lambdas, lambdas * t, np.where(t <= a * lambdas, bent, flat)).sum(axis=0)

    def slope(self, t, lambdas):
        a = self.gamma
        return np.where(t <= lambdas, lambdas + 0 * t, np.maximum(a * lambdas - t, 0.0) / (a - 1))

    def at_zero(self, _h, lambdas):
        return lambdas

    def least(self, _h, _lambdas):
        return 0.0


class Lq:
    """lambda t^q, q < 1. h (p x 1): curvature of the loss along each column."""

    def __init__(self, q):
        self.q = q

    def total(self, B, lambdas):
        return lambdas * (np.abs(B) ** self.q).sum(axis=0)

    def slope(self, t, lambdas):
        return lambdas * self.q * np.where(t > 0.0, t, 1.0) ** (self.q - 1)

    def at_zero(self, h, lambdas):
        """h times the largest c whose prox, argmin h/2 (x - c)^2 + lambda |x|^q, is zero."""
        q = self.q
        return h * (2 - q) / (2 * (1 - q)) * (2 * (1 - q) * lambdas / h) ** (1 / (2 - q))

    def least(self, h, lambdas):
        """Where the curvatures of loss and penalty cancel: below it there is no minimum."""
        return (lambdas * self.q * (1 - self.q) / h) ** (1 / (2 - self.q))


CONCAVE = {"mcp": Mcp(3.0), "scad": Scad(3.7), "lq": Lq(0.5)}


def _entropy(m):
    """m log m, 0 at 0; a rounding error below 0 counts as 0."""
    m = np.maximum(m, 0.0)
    return m * np.log(np.where(m > 0.0, m, 1.0))


class Gaussian:
    most_curved = 1.0

    def loss(self, y, eta):
        return 0.5 * (y - eta) ** 2

    def mean(self, eta):
        return eta

    def conjugate(self, y, theta):
        return theta * y - 0.5 * theta**2

    def half_null_deviance(self, y):
        return 0.5 * np.mean(y**2)

    def shrink(self, y, theta, most):
        best = (theta * y).sum(axis=0) / np.maximum((theta**2).sum(axis=0), 1e-300)
        return np.clip(best, -most, most)


class Binomial:
    most_curved = 0.25

    def loss(self, y, eta):
        return np.logaddexp(0.0, eta) - y * eta

    def mean(self, eta):
        small = np.exp(-np.abs(eta))
        return np.where(eta >= 0, 1.0, small) / (1.0 + small)

    def conjugate(self, y, theta):
        m = y - theta
        return -_entropy(m) - _entropy(1.0 - m)

    def half_null_deviance(self, y):
        return np.log(2.0) + np.mean(_entropy(y) + _entropy(1.0 - y))

    def shrink(self, y, theta, most):
        return np.minimum(1.0, most)


class Poisson:
    def loss(self, y, eta):
        return np.exp(eta) - y * eta

    def mean(self, eta):
        return np.exp(eta)

    def conjugate(self, y, theta):
        m = y - theta
        return m - _entropy(m)

    def half_null_deviance(self, y):
        return np.mean(1.0 - y + _entropy(y))

    def shrink(self, y, theta, most):
        return np.minimum(1.0, most)


FAMILIES = {"gaussian": Gaussian(), "binomial": Binomial(), "poisson": Poisson()}


def _predict(X, B):
    used = np.flatnonzero(np.any(B != 0.0, axis=1))
    return X[:, used] @ B[used] if len(used) else np.zeros((X.shape[0], B.shape[1]))


def objectives(X, y, B, lambdas, family, name):
    """F at each lambda under a penalty of CONCAVE."""
    loss = FAMILIES[family].loss(y[:, None], _predict(X, B))
    return loss.mean(axis=0) + CONCAVE[name].total(B, lambdas)


def residuals(X, y, B, lambdas, family, name):
    """The largest violation of stationarity over lambda at each lambda, under a penalty of CONCAVE; X dense, no
    column of it zero."""
    pen, t = CONCAVE[name], np.abs(B)
    theta = y[:, None] - FAMILIES[family].mean(_predict(X, B))
    V = np.asarray(X.T @ theta) / len(y)
    h = FAMILIES[family].most_curved * np.einsum("ij,ij->j", X, X)[:, None] / len(y)
    active = np.abs(V - pen.slope(t, lambdas) * np.sign(B))
    active = np.maximum(active, h * np.maximum(pen.least(h, lambdas) - t, 0.0))
    worst = np.where(B != 0.0, active, np.maximum(np.abs(V) - pen.at_zero(h, lambdas), 0.0)).max(axis=0) / lambdas
    return np.where(np.isfinite(worst), worst, np.inf)


def penalty(group_size, K):
    return Lasso() if group_size * K == 1 else GroupLasso(group_size, K)


def relative_gaps(X, y, B, lambdas, family, group_size=1):
    """X n x p (dense or scipy's csc), y n, B p x L dense, lambdas L; the gap at each lambda. NaN or Inf
    among the coefficients counts as an infinite gap. y n x K: several responses, B pK x L, row j K + k; the
    K coefficients of a column are in one block, and the loss is summed over the responses."""
    n, K, L = len(y), y.size // len(y), B.shape[1]
    fam, pen = FAMILIES[family], penalty(group_size, K)
    wide = B.reshape(-1, K * L)
    used = np.flatnonzero(np.any(wide != 0.0, axis=1))
    with np.errstate(over="ignore", invalid="ignore"):
        eta = (X[:, used] @ wide[used] if len(used) else np.zeros((n, K * L))).reshape(n * K, L)
        y = y.reshape(-1, 1)
        theta = y - fam.mean(eta)
        largest = pen.dual_norm((np.asarray(X.T @ theta.reshape(n, K * L)) / n).reshape(-1, L))
        most = np.where(largest > 0.0, lambdas / np.maximum(largest, 1e-300), np.inf)
        primal = K * np.mean(fam.loss(y, eta), axis=0) + lambdas * pen.value(B)
        dual = K * np.mean(fam.conjugate(y, fam.shrink(y, theta, most) * theta), axis=0)
        gap = (primal - dual) / (K * fam.half_null_deviance(y))
    return np.where(np.isfinite(gap), gap, np.inf)
