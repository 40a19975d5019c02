/* SPDX-License-Identifier: BSD-3-Clause */
/* What `bevel simulate` draws: a table of recipes (the benchmark's problems by name), and the plan
 * that a recipe and the caller's own wishes make together. */
#ifndef BVL_RUN_RECIPE_H
#define BVL_RUN_RECIPE_H

#include "run/run.h"

typedef enum bvl_sim_design {
  BVL_SIM_FILTER,  /* AR(1) along the row: x_j = rho x_{j-1} + sqrt(1 - rho^2) z_j; with density
                      below 1 independent N(0,1) at that share of the places */
  BVL_SIM_WORDS,   /* 100 words a row, with replacement, word k (from 0) with probability
                      proportional to (k + 1)^-0.9; a word drawn twice stands once, with a
                      log-normal value exp(N(0,1)); rows scaled to length 1 */
  BVL_SIM_SENSING, /* independent N(0, 1/p) */
} bvl_sim_design;

typedef enum bvl_sim_response {
  BVL_SIM_FAMILY, /* as the family says: gaussian adds noise of variance Var(x'beta) / snr, the
                     others toss at a predictor of moderate size, multinomial at one a class */
  BVL_SIM_MEDIAN, /* 1 where the predictor with noise of variance Var(x'beta) / snr is above its
                     median over the rows, else 0 */
  BVL_SIM_FAINT,  /* gaussian noise of standard deviation 0.01 */
} bvl_sim_response;

enum {
  BVL_SIM_WORDS_A_ROW = 100,
  BVL_SIM_TENTH = -1 /* bvl_recipe.active: every column N(0,1) with probability 0.1, else 0 */
};

/** A row of the table. A number that is NaN (rho, snr, density) or negative (active) is not the
 * caller's to choose. */
typedef struct bvl_recipe {
  const char *name; /* NULL: what holds without a recipe */
  const char *about;
  bvl_sim_design design;
  bvl_sim_response response;
  const char *family;
  int64_t n, p; /* 0: the caller must say */
  int64_t group_size;
  int64_t active;
  double rho, snr, density;
  int64_t responses; /* all with the same active columns */
} bvl_recipe;

/** The table, ended by a row whose `about` is NULL; its first row has no name. */
const bvl_recipe *bvl_recipe_all(void);

/** The recipe that `asked` names with what it asks for put in, checked. Not collective.
 * @return BVL_ERR_USAGE for an unknown recipe (the list in the message), a number out of range, or
 *         one that the recipe leaves no room for. */
bvl_status bvl_recipe_plan(const bvl_simulate_options *asked, bvl_recipe *plan);

#endif
