/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of stability selection, for the files of run/ that share it. */
#ifndef BVL_RUN_STABILITY_JOB_H
#define BVL_RUN_STABILITY_JOB_H

#include "run/beside.h"
#include "run/stability.h"

/** How often each of this rank's variables was selected at each lambda. Variables that never were
 * take no room: the others have a slot. */
typedef struct bvl_selections {
  int64_t n_lambda;
  int64_t n;       /* this rank's variables */
  int64_t longest; /* columns of the largest of them */
  int64_t *begin;  /* n + 1, owned: local columns begin[v] .. of variable v */
  int64_t *of;     /* p_local, owned: the variable of a local column, -1 = none (unpenalised) */
  int64_t *slot;   /* n, owned; -1 = never selected */
  int64_t n_slots, room;
  int64_t *variable; /* n_slots, owned */
  double *count;     /* n_slots x n_lambda, owned: subsamples that selected it */
  double *any;       /* n_slots, owned: that selected it at any lambda */
  int64_t *place;    /* p, owned: local column of an input column, -1 = another rank's */
  int64_t *stamp;    /* n, owned scratch */
} bvl_selections;

typedef struct bvl_stability_job {
  const bvl_stability_options *options; /* borrowed */
  bvl_stability_outcome *outcome;       /* borrowed */
  bvl_beside beside;                    /* the subsample in work, and what all share */
  double *label;                        /* rank 0 with strata: n, owned */
  unsigned char *taken; /* n: is a row in the subsample that was drawn last? replicated, owned */
  double *factor;       /* p, owned: its penalty factors; NULL unless they are random */
  bvl_selections counts;
  double *selected;   /* subsamples: -1 = not solved yet, else how many it selected; owned */
  double *unfinished; /* subsamples: lambdas that did not converge; owned */
  double *points;     /* subsamples: lambdas attempted; owned */
} bvl_stability_job;

/** job->taken <- the rows of subsample b. Collective. */
bvl_status bvl_stability_draw(bvl_stability_job *stability, const bvl_job *job, int64_t b);

/** What is counted, from the job's problem; n_lambda later. Collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_selections_create(const bvl_job *job, bvl_selections *counts);
void bvl_selections_free(bvl_selections *counts);
/** Adds the supports along a path at lambdas (column q of it is column at[q] here), from the
 * largest lambda on until more than `limit` variables have entered (0 = never): then what was
 * selected one lambda before stands. *selected: variables that entered; -1, and nothing is added,
 * when lambdas before that were not attempted. Collective. */
bvl_status bvl_selections_add(bvl_selections *counts, const bvl_job *job, const bvl_path *path,
                              const int64_t *at, int64_t limit, int64_t *selected);

/** What a checkpoint says of variable v: counts at n_lambda lambdas. Not collective. @return
 * BVL_ERR_NOMEM. */
bvl_status bvl_selections_set(bvl_selections *counts, int64_t v, double any, const double *count);

/** The steps of bvl_job_steps that are about files; context is the bvl_stability_job. */
void bvl_stability_identify(void *context, FILE *text);
bvl_status bvl_stability_save(void *context, bvl_job *job, const bvl_store *store);
bvl_status bvl_stability_restore(void *context, bvl_job *job, const bvl_store *store);
bvl_status bvl_stability_write(void *context, bvl_job *job);
/** Room for the counts and what is known of the subsamples, once. Collective. */
bvl_status bvl_stability_allocate(bvl_stability_job *stability, const bvl_job *job);

#endif
