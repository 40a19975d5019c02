/* SPDX-License-Identifier: BSD-3-Clause */
/* How the support of a lasso path will grow, told from its first few lambdas: state evolution.
 *
 * For a random design with independent standardised columns the lasso at lambda behaves, column by
 * column, like soft thresholding of coefficient + noise (Donoho, Maleki, Montanari 2009; Bayati,
 * Montanari 2012, theorem 1.5): with Z standard normal and theta > 0
 *
 *   tau^2    = (noise + sum_j E (eta(b_j + tau Z; theta tau) - b_j)^2) / n
 *   df       = sum_j P(|b_j + tau Z| > theta tau)
 *   lambda   = theta tau (1 - df / n)
 *
 * eta is the soft threshold, noise the variance that no coefficient explains; most b_j are 0. That
 * gives df(lambda) for the whole grid once the few b_j and the noise are known. Both come from a
 * survey of one solution: its support, and the columns that stand out of X'r although they are not
 * in it.
 *
 * An elastic net's l2 part, `ridge` times its l1 part lambda, shrinks what passes by
 * s = 1 / (1 + ridge theta tau): eta becomes s eta, and df in the last line s df.
 *
 * Correlated columns stand out together. How many columns' worth of squared correlation one unit of
 * explained variance brings is measured (`multiplicity`, below; 1 for independent columns, 9 for
 * neighbours correlated by 0.9), what stands out is divided by it, and so, more mildly, is the
 * number of columns that noise alone can bring in.
 *
 * Everything is in units of v = X'r/n of standardised columns; for a generalised linear model
 * coefficients are multiplied by the curvature of the null fit. Nothing here is collective. */
#ifndef BVL_PATH_FORECAST_H
#define BVL_PATH_FORECAST_H

#include <stdint.h>

enum { BVL_FORECAST_BINS = 48 };

/** What is known of the response: the same on every rank. */
typedef struct bvl_response_facts {
  int64_t n;        /**< rows */
  int64_t p;        /**< columns */
  int bounded;      /**< residuals vanish as classes come apart: a binomial family */
  double variance;  /**< of the null residual, per row */
  double left;      /**< of the residual when the support found so far is fitted without penalty */
  double curvature; /**< of the loss at the null fit */
  double level;     /**< share of lambda that is the l1 part's: alpha */
} bvl_response_facts;

/** Sums over columns; doubles only: it is reduced as one array. Bin k holds sizes from s r^k to
 * s r^(k+1) with s the size that noise alone hardly reaches. */
typedef struct bvl_survey {
  double stood_out;                  /**< energy above noise at the null fit */
  double stand_out;                  /**< the same now, of columns outside the support */
  double doubtful;                   /**< energy of the support's columns that may be noise */
  double support[BVL_FORECAST_BINS]; /**< columns of the support, the others, by size */
  double outside[BVL_FORECAST_BINS]; /**< columns that stand out and are not in the support */
} bvl_survey;

/** What a forecast starts from. */
typedef struct bvl_forecast {
  int64_t n, p;
  int bounded;
  double noise;                    /**< variance per row that no coefficient explains */
  double ridge;                    /**< l2 part of the penalty over its l1 part, 0: lasso */
  double multiplicity;             /**< >= 1 */
  int64_t n_atoms;                 /**< sizes of nonzero coefficients ... */
  double size[BVL_FORECAST_BINS];  /**< ... ascending */
  double count[BVL_FORECAST_BINS]; /**< ... and how many of each; need not be whole */
} bvl_forecast;

/** Energy above noise of v (length p_local) at the null fit. */
double bvl_survey_null(const bvl_response_facts *facts, int64_t p_local, const double *v);

/** Adds this rank's columns, all but stood_out.
 *
 * @param[in] beta   p_local coefficients at lambda.
 * @param[in] v      p_local: X'r/n there.
 * @param[in] slope  p_local: dv/dlambda there, or NULL: facts->left is then the residual's variance
 *                   at lambda itself.
 */
void bvl_survey_add(const bvl_response_facts *facts, double lambda, int64_t p_local,
                    const double *beta, const double *v, const double *slope, bvl_survey *survey);

/** The forecast that a whole survey asks for. */
void bvl_survey_read(const bvl_response_facts *facts, const bvl_survey *survey, bvl_forecast *out);

/** df[k], the expected support at lambda[k] > 0, descending. About 0.1 ms whatever the data's size.
 */
void bvl_forecast_df(const bvl_forecast *forecast, int64_t n_lambda, const double *lambda,
                     double *df);

/** Fills df from entry `now` on with what is expected when `found` was the support there: moves the
 * forecast, bvl_forecast_df's expected, along log lambda. Only where noise has begun to bring
 * columns in: on the plateau before, a column more or less says nothing of lambda. */
void bvl_forecast_adjust(const bvl_forecast *forecast, int64_t n_lambda, const double *lambda,
                         const double *expected, int64_t now, double found, double *df);

#endif
