/* SPDX-License-Identifier: BSD-3-Clause */
/* lpq: lw ||b||_p^q of a group, p = 2/k1 <= 1 and q = 2/(k1 + k2) < p. A group of zeros is a strict
 * local minimum always. In a group that is not zero the penalty of one column, the others held, is
 * about level |b_j|^p near b_j: a kink of that height for p = 1, below a strict local minimum at 0.
 * There is no prox: the solvers on a surrogate alone know it. */
#ifndef BVL_PENALTY_LPQ_H
#define BVL_PENALTY_LPQ_H

#include "penalty/penalty.h"

double bvl_lpq_value(const bvl_penalty *pen, double lw, int64_t m, const double *b);

/** The level above, of every column of b != 0. */
double bvl_lpq_level(const bvl_penalty *pen, double lw, int64_t m, const double *b);

/** Distance of -g to the stationarity of b's nonzeros and, for p = 1, of zeros beside them. 0 for a
 * group of zeros. */
double bvl_lpq_distance(const bvl_penalty *pen, double lw, int64_t m, const double *b,
                        const double *g);

/** ||z||_p^q / ||z||_2^q, z != 0: along z the penalty is this times lw t^q. */
double bvl_lpq_along(const bvl_penalty *pen, int64_t m, const double *z);

/** k1 and k2 of `given` into out, which becomes group-lq or group-lasso where that is what it
 * amounts to. @return BVL_ERR_USAGE with the admissible values. */
bvl_status bvl_lpq_init(const bvl_penalty_parameters *given, bvl_penalty *out);

#endif
