/* SPDX-License-Identifier: BSD-3-Clause */
/* Further paths on a job's X, one after another, each with weights of its own: a fold of a
 * cross-validation is the rows at weight 1 that are not left out, a subsample its own rows.
 *
 * X is read once and shared. A piece has its own means, deviations and null fit (as glmnet
 * standardises inside each fold's fit) and the certificate of every lambda: it equals a path on a
 * file with those weights, at the lambdas that the job's own path came to. A checkpoint holds the
 * path of the piece in work beside the job's, its arrays under the prefix.
 *
 * Order of use: load (the data file is open), prepare (the job's path is solved), then for every
 * piece its factors, solve, what is wanted of it, end; free. */
#ifndef BVL_RUN_BESIDE_H
#define BVL_RUN_BESIDE_H

#include "run/job.h"

typedef struct bvl_beside {
  const char *prefix; /* of a piece's arrays in the checkpoint: "fold" */
  bvl_job *job;       /* borrowed */
  /* this rank's block rows, in input order, owned */
  double *y;                    /* n_local x responses */
  double *w;                    /* NULL = ones */
  double *offset;               /* NULL = none */
  double *factor;               /* n_local: the next piece's weights are these times w */
  const double *penalty_factor; /* p: the next piece's, borrowed; NULL = the job's */
  double start_s;               /* when solving began, bvl_now_s */
  int64_t n_lambda;             /* of all pieces: what the job's path came to */
  double *lambda;               /* n_lambda, owned */
  int64_t *at;                  /* n_lambda, owned: their places in the job's path */
  int64_t dfmax;                /* of a piece, where it has one start; -1 = none */
  int64_t now;                  /* the piece in work, -1 = none */
  int64_t taken;                /* the piece whose path a checkpoint holds, -1 = none */
  bvl_problem *problem;         /* of the piece in work, owned */
  bvl_path *path;               /* owned */
} bvl_beside;

/** Rows row0 .. of a vector of the data ("y": width columns), NULL where there is none. Collective:
 * the data file is open. */
bvl_status bvl_beside_read_rows(const bvl_job *job, const char *what, int64_t width, int64_t row0,
                                int64_t count, double **out);

/** A zeroed one with its prefix: y, w, offset; factor all 1. Collective. */
bvl_status bvl_beside_load(bvl_beside *beside, bvl_job *job);
/** The lambdas. solve_s: how long the job's path took, which counts against --max-seconds.
 * Collective. */
bvl_status bvl_beside_prepare(bvl_beside *beside, double solve_s);

/** Solves piece `which` with the factors as they are, from the checkpoint where that holds it.
 * Errors of the data begin with "WHO: " (who "without fold 2"). Collective. */
bvl_status bvl_beside_solve(bvl_beside *beside, int64_t which, const char *who);
/** Lambdas of the piece in work that are not certified. Not collective. */
int64_t bvl_beside_unfinished(const bvl_beside *beside);
/** Forgets the piece in work; its passes over X are the job's. Not collective. */
void bvl_beside_end(bvl_beside *beside);

/** Which piece is in work and its path, into the job's checkpoint, and back: the path itself is
 * taken up by bvl_beside_solve. Collective. */
bvl_status bvl_beside_save(const bvl_beside *beside, const bvl_store *store);
bvl_status bvl_beside_restore(bvl_beside *beside, const bvl_store *store);

void bvl_beside_free(bvl_beside *beside);

#endif
