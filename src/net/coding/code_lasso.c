/* SPDX-License-Identifier: BSD-3-Clause */
/* Coordinate descent on the Gram, K multiply-adds for a coordinate that moves. */
#include "net/coding/code_lasso.h"

#include <math.h>
#include <string.h>

#include "base/lapack.h"

enum { MOST_SWEEPS = 200, MOST_ROUNDS = 200 };
/* Violation over lambda that is as good as none. */
#define EXACT 1e-12
/* Beside a Gram of atoms in the unit ball. */
#define RIDGE 1e-11

static double soft(double z, double by)
{
  return z > by ? z - by : z < -by ? z + by : 0.0;
}

/* One pass over all atoms, or over those in use; the largest move. */
static double sweep(int64_t K, const double *G, double lambda, int used_alone, double *c, double *r)
{
  double most = 0.0;
  for (int64_t j = 0; j < K; j++) {
    const double *g = G + j * K;
    if ((used_alone && c[j] == 0.0) || !(g[j] > 0.0)) continue;
    const double next = soft(r[j] + g[j] * c[j], lambda) / g[j], step = next - c[j];
    if (step == 0.0) continue;
    c[j] = next;
    for (int64_t l = 0; l < K; l++) r[l] -= step * g[l];
    most = fmax(most, fabs(step));
  }
  return most;
}

static void descend(int64_t K, const double *G, double lambda, double tol, double *c, double *r)
{
  for (int done = 0; done < MOST_SWEEPS; done++) {
    if (sweep(K, G, lambda, 0, c, r) <= tol) return;
    while (++done < MOST_SWEEPS && sweep(K, G, lambda, 1, c, r) > tol) {
    }
  }
}

double bvl_code_violation(int64_t K, const double *G, double lambda, const double *c,
                          const double *r)
{
  double most = 0.0;
  for (int64_t j = 0; j < K; j++) {
    if (!(G[j * K + j] > 0.0)) continue;
    const double off = c[j] != 0.0 ? fabs(r[j] - copysign(lambda, c[j])) : fabs(r[j]) - lambda;
    most = fmax(most, off);
  }
  return most / lambda;
}

/* Fills the Gram of the support (lower triangle, leading dimension K, `ridge` more on the diagonal)
 * and what stationarity lacks there; the size of the support. */
static int64_t take_support(int64_t K, const double *G, double lambda, double ridge,
                            const double *c, const double *r, double *A, double *b)
{
  int64_t m = 0;
  for (int64_t j = 0; j < K; j++) {
    if (c[j] == 0.0) continue;
    int64_t i = 0;
    for (int64_t l = 0; l <= j; l++)
      if (c[l] != 0.0) A[i++ * K + m] = G[j * K + l];
    A[m * K + m] += ridge;
    b[m++] = r[j] - copysign(lambda, c[j]);
  }
  return m;
}

/* From c towards the stationary point with its support and signs, as far as the signs stay: the
 * first atom to lose its own is out. r follows. The way is downhill, also that of the ridge which
 * atoms that depend on each other need. 1 when one went out. */
static int solve_support(int64_t K, const double *G, double lambda, double *c, double *r,
                         double *scratch)
{
  double *A = scratch, *b = scratch + K * K, share = 1.0;
  int64_t m = take_support(K, G, lambda, 0.0, c, r, A, b), out = -1;
  if (m == 0) return 0;
  if (bvl_cholesky_solve(m, A, K, b) != 0) {
    take_support(K, G, lambda, RIDGE, c, r, A, b);
    if (bvl_cholesky_solve(m, A, K, b) != 0) return 0;
  }
  m = 0;
  for (int64_t j = 0; j < K; j++) { /* b is the move from c */
    if (c[j] == 0.0) continue;
    const double move = b[m++];
    if ((c[j] + move) * c[j] > 0.0 || !(-c[j] / move < share)) continue;
    share = -c[j] / move;
    out = j;
  }
  m = 0;
  for (int64_t j = 0; j < K; j++) {
    if (c[j] == 0.0) continue;
    const double move = b[m++], step = j == out ? -c[j] : share * move;
    c[j] += step;
    for (int64_t l = 0; l < K; l++) r[l] -= step * G[j * K + l];
  }
  return out >= 0;
}

double bvl_code_lasso(int64_t K, const double *G, double lambda, double tol, double *c, double *r,
                      double *scratch)
{
  for (int64_t j = 0; j < K; j++) {
    if (!(G[j * K + j] > 0.0)) c[j] = 0.0;
    if (c[j] == 0.0) continue;
    for (int64_t l = 0; l < K; l++) r[l] -= c[j] * G[j * K + l];
  }
  for (int round = 0; round < MOST_ROUNDS; round++) {
    descend(K, G, lambda, tol, c, r);
    if (scratch == NULL) break;
    while (solve_support(K, G, lambda, c, r, scratch)) {
    } /* descent in between would bring back what went out */
    if (bvl_code_violation(K, G, lambda, c, r) <= EXACT) break;
  }
  return bvl_code_violation(K, G, lambda, c, r);
}
