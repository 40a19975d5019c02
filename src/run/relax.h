/* SPDX-License-Identifier: BSD-3-Clause */
/* Relaxed fits (Meinshausen, CSDA 2007; as glmnet's relax = TRUE): for every lambda of the path the
 * unpenalised fit on its support. A relaxed solution is gamma times the penalised one and 1 - gamma
 * times that: predict mixes. Consecutive lambdas of one support share a fit. Families gaussian (one
 * response), binomial and poisson. Per fit: Newton's method on the support (model/refit.h). */
#ifndef BVL_RUN_RELAX_H
#define BVL_RUN_RELAX_H

#include "run/job.h"

typedef struct bvl_relaxed bvl_relaxed;

/** Refuses what has no relaxed fit. Not collective. @return BVL_ERR_USAGE. */
bvl_status bvl_relax_check(const bvl_job *job);

/** Fits all lambdas of job->path. Collective. */
bvl_status bvl_relax_solve(bvl_job *job, bvl_relaxed **out);
void bvl_relax_free(bvl_relaxed **relaxed);

/** /relaxed/coef (p x L, the support of /coef, csc), /relaxed/intercept, /relaxed/dev_ratio,
 * /relaxed/df, /relaxed/kkt_residual (largest |x~_j'r / n| on the support over lambda_max),
 * /relaxed/status (L): 0 = that is at most 100 tol, 1 = it is not, 2 = no finite fit (separated
 * classes), 3 = not attempted (the lambda was not, or there are more unknowns than rows that
 * weigh); 2 and 3: NaN and an empty column. Collective. */
bvl_status bvl_relax_write(const bvl_relaxed *relaxed, bvl_job *job);

/** Fits made, and lambdas without one (status 1 or 2; status 3). Not collective. */
void bvl_relax_count(const bvl_relaxed *relaxed, bvl_run_outcome *outcome);

#endif
