/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel dictionary: a dictionary of the rows of X, and their sparse codes in it. */
#ifndef BVL_RUN_DICTIONARY_H
#define BVL_RUN_DICTIONARY_H

#include "io/io.h"
#include "net/coding/dictionary.h"
#include "optim/optim.h"

typedef enum bvl_dictionary_solver {
  BVL_DICTIONARY_ALTERNATE, /* exact codes and passes over the atoms in turns */
  BVL_DICTIONARY_LBFGS,     /* smooth factors of codes and dictionary */
  BVL_DICTIONARY_ADAM       /* the same on minibatches */
} bvl_dictionary_solver;

typedef struct bvl_dictionary_run {
  const char *data;
  const char *output;
  bvl_data_names names; /* x alone is used */
  bvl_dictionary_options options;
  bvl_dictionary_solver solver;
  bvl_optim_options optim; /* epochs, step, schedule of Adam */
  int64_t batch;           /* Adam: rows a minibatch */
  int64_t max_iter;        /* rounds, or L-BFGS's iterations */
  double tol;              /* converged: the objective falls by less than this share of itself in a
                              round (L-BFGS: in 5 iterations) */
  double max_seconds;
  int collective_io;
  int64_t memory_limit;
  const char *checkpoint; /* of an alternation; NULL = none */
  double checkpoint_every_s;
  int resume;
  const char *command_line;
} bvl_dictionary_run;

/** 100 atoms, alternate, at most 1000 rounds to 1e-6; Adam 0.01 for 50 epochs of batches of 256. */
void bvl_dictionary_run_init(bvl_dictionary_run *run);

typedef struct bvl_dictionary_outcome {
  int64_t n, p;
  double objective;
  double zeros; /* share of the codes that are 0 */
  double dictionary_zeros;
  double kkt;      /* of the codes, relative to lambda */
  double residual; /* of the dictionary: the largest move of an atom in one more pass */
  int64_t rounds;
  int converged;
  double load_s, solve_s, write_s;
  bvl_traffic traffic;
} bvl_dictionary_outcome;

/** Collective over comm. @return BVL_OK (look at `converged`), BVL_ERR_INTERRUPTED, or why not; the
 * same on every rank. */
bvl_status bvl_run_dictionary(MPI_Comm comm, const bvl_dictionary_run *run,
                              const bvl_monitor *monitor, bvl_dictionary_outcome *outcome);

#endif
