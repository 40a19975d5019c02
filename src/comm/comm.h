/* SPDX-License-Identifier: BSD-3-Clause */
/* Collectives as bevel uses them: counted, chunked at BVL_MAX_COUNT, failing with a bvl_status.
 * Every function below is collective over `comm` unless it says otherwise. */
#ifndef BVL_COMM_COMM_H
#define BVL_COMM_COMM_H

#include <stdint.h>

#include <mpi.h>

#include "base/status.h"

/** Kinds of collectives: reductions, then others. */
typedef enum bvl_message {
  BVL_ALLREDUCE,
  BVL_REDUCE,
  BVL_REDUCE_SCATTER,
  BVL_EXSCAN,
  BVL_BCAST,
  BVL_ALLGATHER,
  BVL_GATHER,
  BVL_EXCHANGE, /* pairwise, one to each other rank */
  BVL_N_MESSAGES
} bvl_message;

typedef struct bvl_tally {
  int64_t messages;
  int64_t bytes;
} bvl_tally;

/** Messages and bytes, counted once per MPI collective that really leaves the rank (a communicator
 * of one rank sends nothing). `bytes` is the payload this rank hands to the collective. */
typedef struct bvl_traffic {
  int64_t reductions; /* the sums of `kind` over reductions ... */
  int64_t reduction_bytes;
  int64_t others; /* ... and over the rest */
  int64_t other_bytes;
  double seconds;
  bvl_tally kind[BVL_N_MESSAGES];
} bvl_traffic;

/** "allreduce" ... Not collective. */
const char *bvl_message_name(bvl_message kind);
/** a + sign b, in everything. Not collective. */
bvl_traffic bvl_traffic_add(const bvl_traffic *a, const bvl_traffic *b, int sign);

/** A communicator with its rank, size and the counters it adds to. */
typedef struct bvl_comm {
  MPI_Comm mpi;         /* owned: freed by bvl_comm_free */
  int rank;             /* in mpi */
  int size;             /* of mpi; 0 = nothing here (a zeroed or freed bvl_comm) */
  int *work;            /* 2 * size counts and displacements for the v-collectives, owned */
  bvl_traffic *traffic; /* borrowed, never NULL; several bvl_comm may share one */
} bvl_comm;

/** Makes `*out` a duplicate of `mpi` with MPI_ERRORS_RETURN set. @return BVL_ERR_MPI. */
bvl_status bvl_comm_dup(MPI_Comm mpi, bvl_traffic *traffic, bvl_comm *out);
/** Splits off a sub-communicator (MPI_Comm_split). */
bvl_status bvl_comm_split(const bvl_comm *comm, int color, int key, bvl_comm *out);
/** Frees it; accepts a zeroed or freed one. Not collective in effect for size 1. */
void bvl_comm_free(bvl_comm *comm);

/** Elements that one MPI or BLAS call may be given: BVL_MAX_COUNT of the environment (equal on all
 * ranks), which tests lower so as to cross it. Not collective. */
int64_t bvl_max_count(void);

/** Turns an MPI return code into a bvl_status with MPI's own words. Not collective. */
bvl_status bvl_mpi_check(int code, const char *call);
#define BVL_MPI(call) bvl_mpi_check((call), #call)

/** One rank's failure is everyone's: the largest status over the ranks, with the message of the
 * lowest rank that has it. One small allreduce; a broadcast more only on failure. */
bvl_status bvl_agree(const bvl_comm *comm, bvl_status local);

/** BVL_ERR_USAGE naming `what` unless `value` is equal on all ranks. */
bvl_status bvl_check_same(const bvl_comm *comm, int64_t value, const char *what);

/** values[0..n) <- sum / max over the ranks, in place, the same on every rank. n equal on all. */
bvl_status bvl_sum(const bvl_comm *comm, double *values, int64_t n);
bvl_status bvl_sum_i64(const bvl_comm *comm, int64_t *values, int64_t n);
bvl_status bvl_max(const bvl_comm *comm, double *values, int64_t n); /* no NaN */
bvl_status bvl_max_i64(const bvl_comm *comm, int64_t *values, int64_t n);
/** As bvl_sum, but only rank `root` gets the result; the others' values are left undefined. */
bvl_status bvl_sum_to(const bvl_comm *comm, int root, double *values, int64_t n);

/** Rank r gets in `mine` the sum over the ranks of the r-th piece of `values` (pieces of counts[r]
 * >= 0, in rank order, counts equal on all ranks). `values` is left undefined; no overlap. */
bvl_status bvl_sum_scatter(const bvl_comm *comm, double *values, const int64_t *counts,
                           double *mine);

bvl_status bvl_bcast(const bvl_comm *comm, int root, double *values, int64_t n);
bvl_status bvl_bcast_i64(const bvl_comm *comm, int root, int64_t *values, int64_t n);
bvl_status bvl_bcast_bytes(const bvl_comm *comm, int root, void *bytes, int64_t n);

/** first <- sum of n over the lower ranks; total <- over all. Either may be NULL, on all ranks. */
bvl_status bvl_offsets(const bvl_comm *comm, int64_t n, int64_t *first, int64_t *total);

/** Concatenates the ranks' pieces, in rank order, on every rank. counts[size] elements each, equal
 * on all ranks; `mine` has counts[rank]; `all` has their sum and may not overlap `mine`. */
bvl_status bvl_gather_all(const bvl_comm *comm, const double *mine, const int64_t *counts,
                          double *all);
bvl_status bvl_gather_all_f32(const bvl_comm *comm, const float *mine, const int64_t *counts,
                              float *all);
bvl_status bvl_gather_all_i64(const bvl_comm *comm, const int64_t *mine, const int64_t *counts,
                              int64_t *all);
/** As bvl_gather_all, on rank `root` only (`all` is NULL elsewhere). */
bvl_status bvl_gather_to(const bvl_comm *comm, int root, const double *mine, const int64_t *counts,
                         double *all);
bvl_status bvl_gather_to_i64(const bvl_comm *comm, int root, const int64_t *mine,
                             const int64_t *counts, int64_t *all);

/** Every rank sends send_counts[r] doubles to rank r, packed in rank order, and gets
 * recv_counts[r] from it, packed in rank order. send and recv may not overlap. Pairs of ranks that
 * have nothing for each other send nothing. */
bvl_status bvl_exchange(const bvl_comm *comm, const double *send, const int64_t *send_counts,
                        double *recv, const int64_t *recv_counts);
bvl_status bvl_exchange_f32(const bvl_comm *comm, const float *send, const int64_t *send_counts,
                            float *recv, const int64_t *recv_counts);

#endif
