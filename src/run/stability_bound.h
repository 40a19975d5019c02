/* SPDX-License-Identifier: BSD-3-Clause */
/* How many variables that nothing speaks for a stable set holds at most, on average.
 *
 * Of p variables a procedure on half the rows selects q on average. The stable set are those that
 * at least the share `threshold` of the subsamples selects; V counts the ones in it whose chance of
 * being selected on one half is at most q / p. With no condition (Meinshausen and Buehlmann,
 * JRSSB 2010, Theorem 1, for noise that is exchangeable; Shah and Samworth, JRSSB 2013, Theorem 1,
 * for complementary pairs, without that)
 *
 *     E[V] <= q^2 / ((2 threshold - 1) p),       threshold > 1/2,
 *
 * and when the share of B pairs that select a variable twice is unimodal (Theorem 2), with theta =
 * q / p and the threshold a multiple of 1 / (2B),
 *
 *     E[V] <= C q^2 / p,   C = 1 / (2 (2 threshold - 1 - 1/(2B)))         up to 3/4,
 *                          C = 4 (1 - threshold + 1/(2B)) / (1 + 1/B)    above,
 *
 * for theta <= 1/sqrt(3) and threshold > min(1/2 + theta^2, 1/2 + 1/(2B) + 3/4 theta^2). The names
 * and what follows from two of the three numbers are those of R's stabs. Pure functions. */
#ifndef BVL_RUN_STABILITY_BOUND_H
#define BVL_RUN_STABILITY_BOUND_H

#include <stdint.h>

typedef enum bvl_assumption {
  BVL_ASSUME_NONE,
  BVL_ASSUME_UNIMODAL /* complementary pairs alone */
} bvl_assumption;

/** "none" ... */
const char *bvl_assumption_name(bvl_assumption assumption);

/** The bound on E[V]: the better of what the assumption gives and of what holds without, at the
 * threshold rounded up to a multiple of 1 / (2 pairs), which is the same stable set (pairs 0: as it
 * is, and without assumption). INFINITY for a threshold of at most 1/2. */
double bvl_stability_pfer(bvl_assumption assumption, int64_t pairs, double p, double q,
                          double threshold);

/** The least threshold whose bound is at most pfer (with pairs a multiple of 1 / (2 pairs)); NaN:
 * not even 1. */
double bvl_stability_threshold(bvl_assumption assumption, int64_t pairs, double p, double q,
                               double pfer);

/** The largest whole q <= p whose bound is at most pfer; 0: not even 1. */
int64_t bvl_stability_selected(bvl_assumption assumption, int64_t pairs, double p, double threshold,
                               double pfer);

#endif
