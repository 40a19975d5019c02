/* SPDX-License-Identifier: BSD-3-Clause */
/* Sparse coding: a dictionary of K atoms and sparse codes of n samples of p numbers,
 *
 *   minimise  (1/n) sum_i [ 1/2 ||x_i - D c_i||^2 + lambda |c_i|_1 ] + lambda_D |D|_1,
 *             ||d_k|| <= 1.
 *
 * Norms are bounded rather than penalised by a ridge: it is what Olshausen and Field's successors
 * and scikit-learn solve, and lambda then means the same whatever the scale of the atoms. Samples
 * are cut over the ranks; a rank holds the codes of its samples and all of the dictionary. Mairal,
 * Bach, Ponce, Sapiro, JMLR 11 (2010).
 *
 * Two engines: alternation (below) of exact codes with passes over the atoms, and smooth factors
 * under an optimizer (dictionary_factors.h). Both end in exact codes. */
#ifndef BVL_NET_DICTIONARY_H
#define BVL_NET_DICTIONARY_H

#include <stdint.h>

#include "bevel/monitor.h"
#include "comm/comm.h"

typedef struct bvl_dictionary_options {
  int64_t atoms;            /* K >= 1 */
  double lambda;            /* > 0 */
  double lambda_dictionary; /* >= 0 */
  uint64_t seed;
} bvl_dictionary_options;

/** What is known of a point, over all ranks. */
typedef struct bvl_dictionary_point {
  double objective;
  double nonzeros; /* of the codes */
  double seconds;  /* since the run began */
} bvl_dictionary_point;

/** When to end. The deadline (on bvl_now_s's clock) is rank 0's. */
typedef struct bvl_dictionary_limits {
  int64_t max_iter;
  double tol; /* alternation: least relative decrease of the objective in one round */
  double deadline_s;
  const bvl_monitor *monitor; /* NULL = nobody asks */
  /* Alternation, between rounds: every so often, and before it stops; NULL = never. Collective. */
  bvl_status (*save)(void *context);
  void *context;
  double save_every_s;
} bvl_dictionary_limits;

typedef struct bvl_dictionary {
  const bvl_comm *comm; /* borrowed */
  bvl_dictionary_options options;
  int64_t n;          /* global */
  int64_t p;          /* length of a sample */
  int64_t n_local;    /* samples of this rank */
  const double *X;    /* p x n_local, a sample a column, borrowed */
  const int64_t *row; /* n_local: the samples' global numbers, borrowed */
  double *D;          /* p x K, an atom a column, replicated, owned */
  double *C;          /* K x n_local, a sample's codes a column, owned */
  double *G;          /* K x K: D'D, owned */
  double *R;          /* K x n_local: D'(x - Dc), owned */
  double *square;     /* n_local: ||x||^2, owned */
  double *moments;    /* K x K: CC'/n, then p x K: XC'/n, then riders; summed over ranks, owned */
  double *scratch;    /* of the codes' linear solves, owned */
  int64_t *order;     /* n: samples to make atoms of, owned */
  int64_t n_taken;    /* of order */
  double kkt;         /* largest violation of the codes' stationarity over lambda, exact codes */
  double residual;    /* largest move of an atom that a pass over them would make */
  bvl_dictionary_point *history; /* n_history, owned */
  int64_t n_history;
  int64_t history_capacity;
  double start_s; /* of the run, which may have been interrupted */
} bvl_dictionary;

/** Atoms are samples drawn by the seed (normal numbers where there are too few), of norm 1; codes
 * are 0. Collective; two small reductions and one of p K. @return BVL_ERR_NOMEM, BVL_ERR_USAGE
 * (numbers beyond BLAS). */
bvl_status bvl_dictionary_create(const bvl_comm *comm, const bvl_dictionary_options *options,
                                 int64_t n, int64_t p, int64_t n_local, const double *X,
                                 const int64_t *row, bvl_dictionary **out);
void bvl_dictionary_destroy(bvl_dictionary **self);

/** Rounds of codes and atoms until a limit (those of the history count), from what D and C are; an
 * atom that no sample uses becomes a sample (lambda_D = 0). A round: one allreduce of K^2 + p K + 6
 * doubles. The objective never rises. *converged, *wants: BVL_WANT_*, equal on all ranks.
 * Collective. */
bvl_status bvl_dictionary_alternate(bvl_dictionary *self, const bvl_dictionary_limits *limits,
                                    int *converged, int *wants);

/** Writes an alternation into a checkpoint and takes it up again, on any number of ranks. A rank's
 * samples are the rows row0 .. row0 + n_local - 1 in some order, row[i] among them. Collective.
 * @return what the store does; BVL_ERR_INPUT for another dictionary's. */
bvl_status bvl_dictionary_save(const bvl_dictionary *self, const bvl_store *store);
bvl_status bvl_dictionary_restore(bvl_dictionary *self, const bvl_store *store);

/** Exact codes for D as it is: C, kkt, residual, and the objective as the history's last entry.
 * Collective: one allreduce as above and a small one. */
bvl_status bvl_dictionary_finish(bvl_dictionary *self);

/** Codes of this rank's samples for D, from C; exact: to machine precision, else to what rounds
 * need. Not collective. */
void bvl_dictionary_code(bvl_dictionary *self, int exact);

/** Adds to the history. Not collective. @return BVL_ERR_NOMEM. */
bvl_status bvl_dictionary_note(bvl_dictionary *self, double objective, double nonzeros);

/** rank 0 with its clock, all with their monitor: what is wanted. Not collective. */
int bvl_dictionary_wants(const bvl_dictionary *self, const bvl_dictionary_limits *limits);

/** One pass over the atoms in place, each at its minimum given the others: A (K x K), B (p x K) are
 * the moments, move (p) scratch. Returns the largest move of an atom. Not collective. */
double bvl_dictionary_pass(int64_t p, int64_t K, double lambda, const double *A, const double *B,
                           double *D, double *move);

#endif
