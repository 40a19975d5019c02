# SPDX-License-Identifier: BSD-3-Clause
"""Genotypes as a PLINK .bed: minor allele frequencies from 0.05 to 0.5, neighbours correlated in
blocks, some calls missing; a phenotype of a few hundred variants in the .fam."""
import numpy as np

BLOCK = 20      # variants in linkage disequilibrium
AT_ONCE = 2000  # variants, a multiple of BLOCK
SAMPLE = np.sort(np.random.default_rng(0).standard_normal(100000))
NORMAL = (np.arange(0.5, len(SAMPLE)) / len(SAMPLE), SAMPLE)  # its distribution function


def haplotypes(rng, n, n_variants):
    """n x n_variants of 0 and 1: a latent normal shared by a block, cut at its frequency."""
    frequency = rng.uniform(0.05, 0.5, n_variants)
    shared = rng.standard_normal((n, n_variants // BLOCK), dtype=np.float32)
    own = rng.standard_normal((n, n_variants), dtype=np.float32)
    latent = 0.8 * np.repeat(shared, BLOCK, axis=1) + 0.6 * own
    cut = np.interp(frequency, *NORMAL).astype(np.float32)
    return (latent < cut).astype(np.int8)


def write(prefix, n, p, seed=1, missing=0.01, n_causal=300):
    """prefix.bed, .bim and .fam with n samples and p variants."""
    rng = np.random.default_rng(seed)
    codes = np.array([3, 2, 0, 1], dtype=np.uint8)  # by copies of A1: 0, 1, 2, and missing
    causal = np.sort(rng.choice(p, min(n_causal, p), replace=False))
    score = np.zeros(n)
    with open(prefix + ".bed", "wb") as bed:
        bed.write(bytes([0x6c, 0x1b, 0x01]))
        for first in range(0, p, AT_ONCE):
            width = min(AT_ONCE, p - first)
            whole = -(-width // BLOCK) * BLOCK
            x = (haplotypes(rng, n, whole) + haplotypes(rng, n, whole))[:, :width]
            for j in causal[(causal >= first) & (causal < first + width)]:
                score += rng.standard_normal() * (x[:, j - first] - x[:, j - first].mean())
            x[rng.random((n, width), dtype=np.float32) < missing] = 3
            packed = np.zeros((-(-n // 4) * 4, width), dtype=np.uint8)
            packed[:n] = codes[x]
            quads = packed.reshape(-1, 4, width)
            four = quads[:, 0] | quads[:, 1] << 2 | quads[:, 2] << 4 | quads[:, 3] << 6
            bed.write(np.ascontiguousarray(four.T).tobytes())
    y = score + score.std() * rng.standard_normal(n)
    with open(prefix + ".bim", "w", encoding="ascii") as bim:
        bim.writelines(f"{1 + j * 22 // p}\trs{j}\t0\t{j + 1}\tA\tG\n" for j in range(p))
    with open(prefix + ".fam", "w", encoding="ascii") as fam:
        fam.writelines(f"f{i} s{i} 0 0 1 {value:.6f}\n" for i, value in enumerate(y))
