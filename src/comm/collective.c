/* SPDX-License-Identifier: BSD-3-Clause */
/* The collectives: cut into pieces of at most bvl_max_count() elements, counted and timed. A
 * communicator of one rank never reaches MPI. */
#include <stddef.h>
#include <string.h>

#include "base/beat.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/phase.h"
#include "comm/comm.h"

const char *bvl_message_name(bvl_message kind)
{
  static const char *const name[BVL_N_MESSAGES] = {"allreduce", "reduce",  "reduce_scatter",
                                                   "exscan",    "bcast",   "allgather",
                                                   "gather",    "exchange"};
  return name[kind];
}

bvl_traffic bvl_traffic_add(const bvl_traffic *a, const bvl_traffic *b, int sign)
{
  bvl_traffic sum = *a;
  sum.reductions += sign * b->reductions;
  sum.reduction_bytes += sign * b->reduction_bytes;
  sum.others += sign * b->others;
  sum.other_bytes += sign * b->other_bytes;
  sum.seconds += sign * b->seconds;
  for (int k = 0; k < BVL_N_MESSAGES; k++) {
    sum.kind[k].messages += sign * b->kind[k].messages;
    sum.kind[k].bytes += sign * b->kind[k].bytes;
  }
  return sum;
}

/* A collective between its begin and its end. */
typedef struct call {
  bvl_phase before;
  double begin_s;
} call;

static call begin_call(bvl_message kind)
{
  bvl_beat_collective((int)kind);
  const bvl_phase before = bvl_phase_enter(BVL_PHASE_WAIT);
  return (call){before, bvl_now_s()};
}

static bvl_status end_call(const bvl_comm *comm, call this_call, bvl_message kind, int64_t bytes,
                           int code)
{
  static const char *const name[BVL_N_MESSAGES] = {
      "MPI_Allreduce", "MPI_Reduce",     "MPI_Reduce_scatter", "MPI_Exscan",
      "MPI_Bcast",     "MPI_Allgatherv", "MPI_Gatherv",        "MPI_Sendrecv"};
  bvl_traffic *traffic = comm->traffic;
  *(kind < BVL_BCAST ? &traffic->reductions : &traffic->others) += 1;
  *(kind < BVL_BCAST ? &traffic->reduction_bytes : &traffic->other_bytes) += bytes;
  traffic->kind[kind].messages++;
  traffic->kind[kind].bytes += bytes;
  traffic->seconds += bvl_now_s() - this_call.begin_s;
  bvl_phase_leave(this_call.before);
  return bvl_mpi_check(code, name[kind]);
}

/* root < 0: every rank gets the result. */
static bvl_status reduce(const bvl_comm *comm, int root, char *values, int64_t n, int64_t bytes,
                         MPI_Datatype type, MPI_Op op)
{
  bvl_status status = BVL_OK;
  if (comm->size == 1) return BVL_OK;
  for (int64_t done = 0; done < n && status == BVL_OK;) {
    int64_t piece = bvl_lesser(n - done, bvl_max_count());
    int count = (int)piece; /* at most bvl_max_count() */
    char *at = values + done * bytes;
    const call c = begin_call(root < 0 ? BVL_ALLREDUCE : BVL_REDUCE);
    int code;
    if (root < 0)
      code = MPI_Allreduce(MPI_IN_PLACE, at, count, type, op, comm->mpi);
    else if (comm->rank == root)
      code = MPI_Reduce(MPI_IN_PLACE, at, count, type, op, root, comm->mpi);
    else
      code = MPI_Reduce(at, NULL, count, type, op, root, comm->mpi);
    status = end_call(comm, c, root < 0 ? BVL_ALLREDUCE : BVL_REDUCE, piece * bytes, code);
    done += piece;
  }
  return status;
}

bvl_status bvl_sum(const bvl_comm *comm, double *values, int64_t n)
{
  return reduce(comm, -1, (char *)values, n, sizeof *values, MPI_DOUBLE, MPI_SUM);
}

bvl_status bvl_sum_i64(const bvl_comm *comm, int64_t *values, int64_t n)
{
  return reduce(comm, -1, (char *)values, n, sizeof *values, MPI_INT64_T, MPI_SUM);
}

bvl_status bvl_max(const bvl_comm *comm, double *values, int64_t n)
{
  return reduce(comm, -1, (char *)values, n, sizeof *values, MPI_DOUBLE, MPI_MAX);
}

bvl_status bvl_max_i64(const bvl_comm *comm, int64_t *values, int64_t n)
{
  return reduce(comm, -1, (char *)values, n, sizeof *values, MPI_INT64_T, MPI_MAX);
}

bvl_status bvl_sum_to(const bvl_comm *comm, int root, double *values, int64_t n)
{
  return reduce(comm, root, (char *)values, n, sizeof *values, MPI_DOUBLE, MPI_SUM);
}

static bvl_status broadcast(const bvl_comm *comm, int root, char *values, int64_t n, int64_t bytes,
                            MPI_Datatype type)
{
  bvl_status status = BVL_OK;
  if (comm->size == 1) return BVL_OK;
  for (int64_t done = 0; done < n && status == BVL_OK;) {
    int64_t piece = bvl_lesser(n - done, bvl_max_count());
    const call c = begin_call(BVL_BCAST);
    int code = MPI_Bcast(values + done * bytes, (int)piece, type, root, comm->mpi);
    status = end_call(comm, c, BVL_BCAST, piece * bytes, code);
    done += piece;
  }
  return status;
}

bvl_status bvl_bcast(const bvl_comm *comm, int root, double *values, int64_t n)
{
  return broadcast(comm, root, (char *)values, n, sizeof *values, MPI_DOUBLE);
}

bvl_status bvl_bcast_i64(const bvl_comm *comm, int root, int64_t *values, int64_t n)
{
  return broadcast(comm, root, (char *)values, n, sizeof *values, MPI_INT64_T);
}

bvl_status bvl_bcast_bytes(const bvl_comm *comm, int root, void *bytes, int64_t n)
{
  return broadcast(comm, root, bytes, n, 1, MPI_BYTE);
}

bvl_status bvl_offsets(const bvl_comm *comm, int64_t n, int64_t *first, int64_t *total)
{
  int64_t below = 0;
  int64_t sum = n;
  bvl_status status = BVL_OK;
  if (first != NULL && comm->size > 1) {
    const call c = begin_call(BVL_EXSCAN);
    int code = MPI_Exscan(&n, &below, 1, MPI_INT64_T, MPI_SUM, comm->mpi);
    status = end_call(comm, c, BVL_EXSCAN, sizeof n, code);
    if (comm->rank == 0) below = 0; /* MPI leaves it undefined there */
  }
  if (status == BVL_OK && total != NULL) status = bvl_sum_i64(comm, &sum, 1);
  if (first != NULL) *first = below;
  if (total != NULL) *total = sum;
  return status;
}

static int64_t sum_counts(const int64_t *counts, int n)
{
  int64_t total = 0;
  for (int r = 0; r < n; r++) total += counts[r];
  return total;
}

/* Copies a piece to its place; either pointer may be NULL when there is nothing. */
static void place(char *all, int64_t first, const void *piece, int64_t count, int64_t bytes)
{
  if (count > 0) memcpy(all + first * bytes, piece, (size_t)(count * bytes));
}

/* comm->work <- counts and displacements as MPI wants them; their sum is within the limit. */
static void fill_work(const bvl_comm *comm, const int64_t *counts)
{
  int first = 0;
  for (int r = 0; r < comm->size; r++) {
    comm->work[r] = (int)counts[r];
    comm->work[comm->size + r] = first;
    first += (int)counts[r];
  }
}

/* Beyond the limit every rank broadcasts its piece in turn. */
static bvl_status gather_all(const bvl_comm *comm, const void *mine, const int64_t *counts,
                             char *all, int64_t bytes, MPI_Datatype type)
{
  int64_t total = sum_counts(counts, comm->size);
  int64_t own = counts[comm->rank];
  if (comm->size == 1) {
    place(all, 0, mine, own, bytes);
    return BVL_OK;
  }
  if (total == 0) return BVL_OK;
  if (total <= bvl_max_count()) {
    fill_work(comm, counts);
    const call c = begin_call(BVL_ALLGATHER);
    int code = MPI_Allgatherv(mine, (int)own, type, all, comm->work, comm->work + comm->size, type,
                              comm->mpi);
    return end_call(comm, c, BVL_ALLGATHER, own * bytes, code);
  }
  bvl_status status = BVL_OK;
  int64_t first = 0;
  place(all, sum_counts(counts, comm->rank), mine, own, bytes);
  for (int r = 0; r < comm->size && status == BVL_OK; r++) {
    status = broadcast(comm, r, all + first * bytes, counts[r], bytes, type);
    first += counts[r];
  }
  return status;
}

/* Beyond the limit each piece is reduced to its owner in turn. */
bvl_status bvl_sum_scatter(const bvl_comm *comm, double *values, const int64_t *counts,
                           double *mine)
{
  const int64_t total = sum_counts(counts, comm->size);
  const int64_t own = counts[comm->rank];
  if (comm->size > 1 && total > 0 && total <= bvl_max_count()) {
    fill_work(comm, counts);
    const call c = begin_call(BVL_REDUCE_SCATTER);
    int code = MPI_Reduce_scatter(values, mine, comm->work, MPI_DOUBLE, MPI_SUM, comm->mpi);
    return end_call(comm, c, BVL_REDUCE_SCATTER, total * (int64_t)sizeof *values, code);
  }
  bvl_status status = BVL_OK;
  double *piece = values;
  for (int r = 0; r < comm->size && status == BVL_OK; piece += counts[r++])
    status = bvl_sum_to(comm, r, piece, counts[r]);
  place((char *)mine, 0, values + sum_counts(counts, comm->rank), own, sizeof *mine);
  return status;
}

bvl_status bvl_gather_all(const bvl_comm *comm, const double *mine, const int64_t *counts,
                          double *all)
{
  return gather_all(comm, mine, counts, (char *)all, sizeof *mine, MPI_DOUBLE);
}

bvl_status bvl_gather_all_f32(const bvl_comm *comm, const float *mine, const int64_t *counts,
                              float *all)
{
  return gather_all(comm, mine, counts, (char *)all, sizeof *mine, MPI_FLOAT);
}

bvl_status bvl_gather_all_i64(const bvl_comm *comm, const int64_t *mine, const int64_t *counts,
                              int64_t *all)
{
  return gather_all(comm, mine, counts, (char *)all, sizeof *mine, MPI_INT64_T);
}

/* n_send elements to one rank and n_recv from another, in pieces; each pair knows from its n how
 * many. Nothing is sent for n = 0. */
static int transfer(const bvl_comm *comm, const char *send, int64_t n_send, int to, char *recv,
                    int64_t n_recv, int from, int64_t bytes, MPI_Datatype type)
{
  int code = MPI_SUCCESS;
  for (int64_t done = 0; code == MPI_SUCCESS && done < bvl_greater(n_send, n_recv);) {
    int64_t out = bvl_greater(0, bvl_lesser(n_send - done, bvl_max_count()));
    int64_t in = bvl_greater(0, bvl_lesser(n_recv - done, bvl_max_count()));
    code = MPI_Sendrecv(out > 0 ? send + done * bytes : NULL, (int)out, type,
                        out > 0 ? to : MPI_PROC_NULL, 0, in > 0 ? recv + done * bytes : NULL,
                        (int)in, type, in > 0 ? from : MPI_PROC_NULL, 0, comm->mpi,
                        MPI_STATUS_IGNORE);
    done += bvl_max_count();
  }
  return code;
}

/* Beyond the limit the root takes in the pieces one rank after the other. */
static bvl_status gather_to(const bvl_comm *comm, int root, const void *mine, const int64_t *counts,
                            char *all, int64_t bytes, MPI_Datatype type)
{
  int64_t total = sum_counts(counts, comm->size);
  int64_t own = counts[comm->rank];
  if (comm->size == 1) {
    place(all, 0, mine, own, bytes);
    return BVL_OK;
  }
  if (total == 0) return BVL_OK;
  const call c = begin_call(BVL_GATHER);
  int code = MPI_SUCCESS;
  if (total <= bvl_max_count()) {
    fill_work(comm, counts);
    code = MPI_Gatherv(mine, (int)own, type, all, comm->work, comm->work + comm->size, type, root,
                       comm->mpi);
  } else if (comm->rank != root) {
    code = transfer(comm, mine, own, root, NULL, 0, root, bytes, type);
  } else {
    int64_t first = 0;
    place(all, sum_counts(counts, root), mine, own, bytes);
    for (int r = 0; r < comm->size && code == MPI_SUCCESS; r++) {
      if (r != root)
        code = transfer(comm, NULL, 0, r, all + first * bytes, counts[r], r, bytes, type);
      first += counts[r];
    }
  }
  return end_call(comm, c, BVL_GATHER, own * bytes, code);
}

bvl_status bvl_gather_to(const bvl_comm *comm, int root, const double *mine, const int64_t *counts,
                         double *all)
{
  return gather_to(comm, root, mine, counts, (char *)all, sizeof *mine, MPI_DOUBLE);
}

bvl_status bvl_gather_to_i64(const bvl_comm *comm, int root, const int64_t *mine,
                             const int64_t *counts, int64_t *all)
{
  return gather_to(comm, root, mine, counts, (char *)all, sizeof *mine, MPI_INT64_T);
}

/* Pairwise, so that only the two ends of a message need to know that it is long: an alltoallv would
 * need another reduction before it to agree on the number of rounds. In step s every rank sends to
 * the one s above and receives from the one s below. */
static bvl_status exchange(const bvl_comm *comm, const char *send, const int64_t *send_counts,
                           char *recv, const int64_t *recv_counts, int64_t bytes, MPI_Datatype type)
{
  int rank = comm->rank;
  int size = comm->size;
  place(recv, sum_counts(recv_counts, rank),
        send != NULL ? send + sum_counts(send_counts, rank) * bytes : NULL, recv_counts[rank],
        bytes);
  if (size == 1) return BVL_OK;
  const call c = begin_call(BVL_EXCHANGE);
  int code = MPI_SUCCESS;
  for (int step = 1; step < size && code == MPI_SUCCESS; step++) {
    int to = (rank + step) % size;
    int from = (rank - step + size) % size;
    const char *out = send_counts[to] > 0 ? send + sum_counts(send_counts, to) * bytes : NULL;
    char *in = recv_counts[from] > 0 ? recv + sum_counts(recv_counts, from) * bytes : NULL;
    code = transfer(comm, out, send_counts[to], to, in, recv_counts[from], from, bytes, type);
  }
  int64_t sent = sum_counts(send_counts, size) - send_counts[rank];
  return end_call(comm, c, BVL_EXCHANGE, sent * bytes, code);
}

bvl_status bvl_exchange(const bvl_comm *comm, const double *send, const int64_t *send_counts,
                        double *recv, const int64_t *recv_counts)
{
  return exchange(comm, (const char *)send, send_counts, (char *)recv, recv_counts, sizeof *send,
                  MPI_DOUBLE);
}

bvl_status bvl_exchange_f32(const bvl_comm *comm, const float *send, const int64_t *send_counts,
                            float *recv, const int64_t *recv_counts)
{
  return exchange(comm, (const char *)send, send_counts, (char *)recv, recv_counts, sizeof *send,
                  MPI_FLOAT);
}
