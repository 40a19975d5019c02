# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/check needs where a row has K predictors: several gaussian responses, or the classes
of a multinomial family. Predictors and residuals are n x K, coefficients p x K, and a block of the
penalty has all K coefficients of its columns. numpy only."""
import numpy as np

EPS = np.finfo(float).eps


class Multi:
    """Goes before Problem in a class's bases, which has X, w, center, scale, block, weight, ..."""

    def plan_outputs(self):
        self.coupled = self.family_name == "multinomial"
        if self.coupled:
            labels = self.y.astype(np.int64)
            self.K = int(labels.max()) + 1
            self.y = np.eye(self.K)[labels]
        else:
            self.K = self.y.shape[1]

    def row_loss(self, eta):
        if not self.coupled:
            return 0.5 * np.sum((self.y - eta) ** 2, axis=1)
        behind = eta - np.sum(eta * self.y, axis=1, keepdims=True)  # 0 at the label
        top = behind.max(axis=1)
        others = np.sum(np.where(self.y > 0, 0.0, np.exp(behind - top[:, None])), axis=1)
        return np.where(top > 0, top + np.log(np.exp(-top) + others), np.log1p(others))

    def mean_of(self, eta):
        if not self.coupled:
            return eta
        e = np.exp(eta - eta.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def mean_loss(self, eta):
        return np.sum(self.w * self.row_loss(eta)) / self.n

    def residual(self, eta):
        return self.w[:, None] * (self.y - self.mean_of(eta))

    def block_norm(self, b):
        inside = self.block >= 0
        return np.sqrt(np.bincount(self.block[inside], np.sum(b[inside] ** 2, axis=1), self.n_blocks))

    def null_fit(self):
        self.plan_outputs()
        columns = [np.ones((self.n, 1))] if self.intercept else []
        if len(self.free):
            columns.append((self.X.take(self.free) - self.center[self.free]) / self.scale[self.free])
        self.Z = np.hstack(columns) if columns else np.zeros((self.n, 0))
        self.null_eta, self.null_coef = self.refit(np.zeros((self.n, self.K)))
        self.null_loss, self.saturated = self.mean_loss(self.null_eta), 0.0
        self.null_half = self.null_loss
        self.lambda_max = self.smallest_null(self.adjoint(self.residual(self.null_eta)))

    def hessian(self, eta):
        """Of n times the mean loss in the coefficients of Z, unknown (k, a) at k m + a."""
        m = self.Z.shape[1]
        mu, out = self.mean_of(eta), np.zeros((self.K, m, self.K, m))
        for k in range(self.K):
            for l in range(self.K):
                h = mu[:, k] * ((k == l) - mu[:, l]) if self.coupled else np.full(self.n, float(k == l))
                out[k, :, l, :] = self.Z.T @ ((self.w * h)[:, None] * self.Z)
        return out.reshape(self.K * m, self.K * m)

    def refit(self, eta):
        """Newton over the intercepts and the unpenalised columns, from eta; the moves are m x K."""
        move = np.zeros((self.Z.shape[1], self.K))
        loss = self.mean_loss(eta)
        for _ in range(100 if move.size else 0):
            gradient = (self.Z.T @ self.residual(eta)).T.ravel()
            step = np.linalg.lstsq(self.hessian(eta), gradient, rcond=1e-12)[0].reshape(self.K, -1).T
            for _ in range(40):  # halve until the loss does not rise (rounding apart)
                tried = eta + self.Z @ step
                new = self.mean_loss(tried)
                if new <= loss + 4 * EPS * (abs(loss) + 1):
                    break
                step = 0.5 * step
            eta, loss, move = tried, new, move + step
            if np.abs(step).max() <= 4 * EPS * (1 + np.abs(move).max()):
                break
        return eta, move

    def penalty_value(self, lam, b):
        live = self.penalised_blocks()
        t, omega = self.block_norm(b)[live], self.weight[live]
        return lam * np.sum(omega * (self.linear * t + self.ridge * 0.5 * t**2))

    def stationarity(self, lam, b, v, r, eta):
        worst = list(np.abs(r.sum(axis=0)) / self.n) if self.intercept else [0.0]
        worst += list(np.sqrt(np.sum(v[self.free] ** 2, axis=1)))
        t, live = self.block_norm(b), self.penalised_blocks()
        lw = lam * self.weight
        inside = np.flatnonzero(self.block >= 0)
        own = self.block[inside]
        with np.errstate(invalid="ignore", divide="ignore"):
            per_t = np.where(t[own] > 0, lw[own] * (self.linear / t[own] + self.ridge), 0.0)
        off = np.zeros((self.p, self.K))
        off[inside] = per_t[:, None] * b[inside] - v[inside]
        off = self.block_norm(off)[live]
        off = np.where(t[live] == 0, np.maximum(off - lw[live] * self.linear, 0), off)
        return max(worst + [np.max(off, initial=0.0)])

    def dual(self, lam, b, eta, v, move):
        """The best dual value that theta = y - mean(eta) gives, eta refitted, v its x~'(w theta)/n."""
        theta = self.y - self.mean_of(eta)
        live = self.penalised_blocks()
        norm, room = self.block_norm(v)[live], lam * self.weight[live]
        limit = np.min(np.where(norm > 0, room * self.linear / np.where(norm > 0, norm, 1), np.inf), initial=np.inf)
        scales = [(min(1.0, limit), 0.0)]
        if not self.coupled and self.ridge == 0:
            square = np.sum(self.w[:, None] * theta**2)
            best = np.sum(self.w[:, None] * theta * self.y) / square if square > 0 else 0.0
            scales = [(np.clip(best, -limit, limit), 0.0)]
        if self.ridge > 0:
            over = np.maximum(norm - room * self.linear, 0)
            scales.append((1.0, np.sum(over**2 / (2 * room * self.ridge))))
        slack = 0.0
        if self.Z.shape[1]:  # as in scripts/check
            slack = np.sum(10 * (1 + np.abs(move)) * np.abs(self.Z.T @ (self.w[:, None] * theta))) / self.n
        values = []
        for s, omega in scales:
            if self.coupled:
                m = (1 - s) * self.y + s * self.mean_of(eta)
                terms = -np.sum(np.where(m > 0, m * np.log(np.where(m > 0, m, 1.0)), 0.0), axis=1)
            else:
                terms = np.sum(s * theta * self.y - 0.5 * (s * theta) ** 2, axis=1)
            values.append(np.sum(self.w * terms) / self.n - omega - abs(s) * slack)
        return max(values)

    def rounding(self, eta, size, r):
        """Absolute errors of objective and gradient, as `Checker.rounding` derives them."""
        d_eta = 8 * EPS * size
        terms = self.w * (self.row_loss(eta) + np.sum(np.abs(self.y * eta) + np.abs(self.y), axis=1))
        if not self.coupled:
            terms = terms + self.w * np.sum(self.y**2, axis=1)
        d_objective = (np.sum(np.abs(r) * d_eta) + np.sum(8 * EPS * terms)) / self.n
        square = np.sum((self.w[:, None] * d_eta) ** 2 + (8 * EPS * r) ** 2)
        return d_objective, self.norm.max(initial=1.0) * np.sqrt(square / self.n)
