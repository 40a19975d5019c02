/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of a study: /tasks/<k>/ is task k's whole result file, its root attributes the group's;
 * /summary/<column> has an entry a task; attributes of the root say how it was made. */
#ifndef BVL_IO_STUDY_FILE_H
#define BVL_IO_STUDY_FILE_H

#include "comm/comm.h"
#include "io/io.h"

enum { BVL_STUDY_LABEL_BYTES = 256 };

typedef enum bvl_study_status {
  BVL_STUDY_CONVERGED, /* all that was asked for */
  BVL_STUDY_UNCONVERGED,
  BVL_STUDY_FAILED, /* no result; message says why */
} bvl_study_status;

/** What a task came to: a row of the summary. Plain data. NaN = does not apply. */
typedef struct bvl_study_row {
  int64_t status; /* bvl_study_status */
  int64_t resumed;
  int64_t ranks;
  int64_t n, p, lambdas, converged, support, best_df, seed;
  uint64_t fingerprint; /* of the data */
  double alpha, gamma, q, tl1_a, log_eps, k1, k2;
  double predicted; /* cost, in seconds of one rank of an ordinary machine */
  double seconds;
  double worst_gap, worst_kkt;
  double best;        /* least cvm (auc: largest) or extended BIC along the path */
  double best_lambda; /* where that is */
  double lambda_1se;
  char label[BVL_STUDY_LABEL_BYTES];
  char message[BVL_STUDY_LABEL_BYTES];
  char data[BVL_STUDY_LABEL_BYTES];
  char family[32], penalty[32], solver[32], criterion[32];
} bvl_study_row;

/** Writes PATH (aside and renamed) by rank 0 from the task files; files[k] is ignored for a failed
 * task. Collective; rows and files are rank 0's. plan: an attribute, NULL = none.
 * @return BVL_ERR_IO, BVL_ERR_DISK. */
bvl_status bvl_study_write(const bvl_comm *comm, const char *path, const bvl_study_row *rows,
                           char *const *files, int64_t n_tasks, int64_t best, const char *plan,
                           const bvl_origin *origin);

/** Is PATH the file of a study? By one process, quietly. */
int bvl_study_is(const char *path);
/** The task that the summary calls the best. By one process. @return BVL_ERR_USAGE when there is
 * none: several data sets or criteria, or no result. */
bvl_status bvl_study_best(const char *path, int64_t *task);

#endif
