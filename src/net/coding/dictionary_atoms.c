/* SPDX-License-Identifier: BSD-3-Clause */
/* A pass over the atoms for given moments of the codes: atom k alone minimises
 *
 *     A_kk ||d||^2 / 2 - d'(b_k - sum_{l != k} A_kl d_l) + lambda |d|_1,  ||d|| <= 1,
 *
 * by soft-thresholding and then shrinking into the ball: with lambda's kink and the ball's
 * multiplier nu the optimum is soft(z) / (1 + nu). */
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "net/coding/dictionary.h"

/* z <- the atom at its minimum. */
static void shrink(int64_t p, double by, double *z)
{
  double square = 0.0;
  for (int64_t j = 0; j < p; j++) {
    z[j] = copysign(fmax(fabs(z[j]) - by, 0.0), z[j]);
    square += z[j] * z[j];
  }
  if (square <= 1.0) return;
  for (int64_t j = 0; j < p; j++) z[j] /= sqrt(square);
}

double bvl_dictionary_pass(int64_t p, int64_t K, double lambda, const double *A, const double *B,
                           double *D, double *move)
{
  double most = 0.0;
  for (int64_t k = 0; k < K; k++) {
    const double a = A[k * K + k];
    double *d = D + k * p, moved = 0.0;
    if (!(a > 0.0)) { /* nobody uses it */
      if (lambda > 0.0) memset(d, 0, (size_t)p * sizeof *d);
      continue;
    }
    memcpy(move, B + k * p, (size_t)p * sizeof *move);
    cblas_dgemv(CblasColMajor, CblasNoTrans, (int)p, (int)K, -1.0, D, (int)p, A + k * K, 1, 1.0,
                move, 1);
    for (int64_t j = 0; j < p; j++) move[j] = d[j] + move[j] / a;
    shrink(p, lambda / a, move);
    for (int64_t j = 0; j < p; j++) moved += (move[j] - d[j]) * (move[j] - d[j]);
    memcpy(d, move, (size_t)p * sizeof *d);
    most = fmax(most, sqrt(moved));
  }
  return most;
}
