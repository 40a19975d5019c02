# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/check says of a dictionary: by numpy alone, objective, atoms' norms, and stationarity of every code and
of every atom given the others, from dictionary, codes and data."""
import numpy as np

ROWS = 4096  # at a time
TOLERANCE = 1e-10  # of the objective, against the mean of ||x||^2 / 2: a residual's square is a sum of p terms
CODES = 1e-9  # an exact code's KKT residual over lambda: rounding of D'(x - Dc) against lambda


def dense_codes(group, begin, end):
    ptr = group["indptr"][begin : end + 1]
    out = np.zeros((end - begin, int(np.ravel(group.attrs["shape"])[1])))
    rows = np.repeat(np.arange(end - begin), np.diff(ptr))
    out[rows, group["indices"][ptr[0] : ptr[-1]]] = group["data"][ptr[0] : ptr[-1]]
    return out


def violation(codes, correlation, lam):
    """Distance of the correlation from lam's subdifferential of |c|, the largest."""
    used = codes != 0
    off = np.where(used, np.abs(correlation - lam * np.sign(codes)), np.abs(correlation) - lam)
    return max(0.0, off.max())


def filled(raw, dataset):
    block = raw.astype(float)
    code = dataset.attrs.get("missing") if raw.dtype == np.int8 else None
    return block if code is None else np.where(raw == np.ravel(code)[0], np.nan, block)


def atom_moves(A, B, D, lam):
    """What one pass over the atoms, each at its minimum given the others, would move them by."""
    D, most = D.copy(), 0.0
    for k in range(len(D)):
        if A[k, k] > 0:
            z = D[k] + (B[k] - A[k] @ D) / A[k, k]
            z = np.sign(z) * np.maximum(np.abs(z) - lam / A[k, k], 0)
            z /= max(1.0, np.linalg.norm(z))
            most, D[k] = max(most, np.linalg.norm(z - D[k])), z
    return most


def lies(result, data):
    attrs = result.attrs
    text = attrs["x"].decode() if isinstance(attrs["x"], bytes) else attrs["x"]
    X, D, group = data[text], result["dictionary"][:], result["codes"]
    lam, lam_dictionary, n = float(attrs["lambda"]), float(attrs["lambda_dictionary"]), len(X)
    said, value, scale, worst, nonzeros = [], 0.0, 0.0, 0.0, 0
    A, B = np.zeros((len(D), len(D))), np.zeros(D.shape)
    if tuple(np.ravel(group.attrs["shape"])) != (n, len(D)):
        return [f"codes: {np.ravel(group.attrs['shape'])}, wanted {(n, len(D))}"], ""
    mean = None
    if X.dtype == np.int8 and "missing" in X.attrs:
        mean = np.nanmean(filled(X[:], X), axis=0)
    for a in range(0, n, ROWS):
        x = filled(X[a : a + ROWS], X)
        if mean is not None:
            x = np.where(np.isnan(x), mean, x)
        c = dense_codes(group, a, a + len(x))
        residual = x - c @ D
        value += (0.5 * (residual**2).sum() + lam * np.abs(c).sum()) / n
        scale += 0.5 * (x**2).sum() / n
        worst = max(worst, violation(c, residual @ D.T, lam) / lam)
        nonzeros += np.count_nonzero(c)
        A += c.T @ c / n
        B += c.T @ x / n
    value += lam_dictionary * np.abs(D).sum()
    moved = atom_moves(A, B, D, lam_dictionary)
    stored = float(result["objective"][0])
    if not abs(stored - value) <= TOLERANCE * scale:
        said.append(f"objective {stored:.17g}, is {value:.17g}")
    if not worst <= CODES:
        said.append(f"codes: a violation of {worst:.3g} lambda")
    if not worst <= 1.05 * float(result["kkt_residual"][0]) + 1e-2 * CODES:
        said.append(f"kkt_residual {result['kkt_residual'][0]:.3g}, is {worst:.3g}")
    if not abs(moved - float(result["dictionary_residual"][0])) <= 1e-6 * (1 + moved):
        said.append(f"dictionary_residual {result['dictionary_residual'][0]:.3g}, is {moved:.3g}")
    norms = np.linalg.norm(D, axis=1)
    if not norms.max() <= 1 + 1e-12:
        said.append(f"an atom of norm {norms.max():.17g}")
    if nonzeros != int(result["history/nonzeros"][-1]):
        said.append(f"history/nonzeros ends in {result['history/nonzeros'][-1]:.0f}, are {nonzeros}")
    words = (f"{len(D)} atoms, objective {value:.8g}, {1 - nonzeros / (n * len(D)):.2%} of the codes 0, "
             f"worst kkt {worst:.2e}, atoms move by {moved:.1e}")
    return said, words
