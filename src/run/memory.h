/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory a rank will need, and how much it may have. */
#ifndef BVL_RUN_MEMORY_H
#define BVL_RUN_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "bevel/path.h"
#include "bevel/source.h"
#include "comm/comm.h"

/** What decides a path's memory. */
typedef struct bvl_memory_shape {
  int64_t n, p, nnz;
  bvl_format format;
  bvl_dtype dtype; /* as stored in memory */
  bvl_solver solver;
  int64_t n_lambda;
  int grid_rows, grid_cols;
  bvl_gram gram;
  int grouped;       /* a group penalty: the group engine's matrices come on top */
  int whole;         /* all columns are one block: they are in every working set */
  int rounded;       /* sweeps are screened by an 8-bit copy of X */
  int64_t responses; /* coefficients a column, 0 = 1; classes are not known beforehand: 10 */
  int coupled;       /* which are of classes: the class engine's matrices come on top */
  int bounded;       /* coefficients have bounds */
  int64_t n_free;    /* unpenalised columns */
  int folded; /* a second problem on the same X, and a number a row and lambda (predictions) or less
               */
  int streamed;         /* dense X is not held: ... */
  int64_t stream_bytes; /* ... what a rank may keep of it */
  int64_t n_factors;    /* of a column, for solvers on a surrogate; 0 = 2 */
  int64_t most_df;      /* the path ends at more nonzero coefficients than this; 0 = not known */
  int weighted;         /* the loss is not quadratic */
  int concave;          /* the penalty is not convex */
  int unpolished;       /* a surrogate's own answer, no certified engine after it */
  int only_x;           /* X is read, and no path made */
} bvl_memory_shape;

/** Bytes the largest rank is expected to hold at its peak; of all ranks together. Within 20% of
 * what is measured (PSS) from about 100 MB on where most_df is known or all columns become active.
 * Not collective; pure functions. */
int64_t bvl_memory_estimate(const bvl_memory_shape *shape);
int64_t bvl_memory_estimate_all(const bvl_memory_shape *shape);

/** Bytes this node may use: the tightest cgroup limit (version 2 or 1) this process is under, or
 * the physical memory. Not collective. */
int64_t bvl_memory_machine(void);

/** Bytes a rank may have: `limit`, which is for all ranks of a node together as a batch system
 * counts them, or for 0 the node's memory, divided by the ranks on it. The least over all ranks.
 * Collective. */
bvl_status bvl_memory_allowed(const bvl_comm *comm, int64_t limit, int64_t *allowed);

/** The limit that leaves each rank of comm `bytes`, whoever else is on its node; it may differ from
 * rank to rank. Collective. */
bvl_status bvl_memory_limit_of(const bvl_comm *comm, int64_t bytes, int64_t *limit);

/** Refuses an estimate above what bvl_memory_allowed said. @return BVL_ERR_NOMEM with both figures.
 * Not collective. */
bvl_status bvl_memory_refuse(const bvl_comm *comm, int64_t estimate, int64_t allowed);

/** As above of what bvl_memory_allowed says of the limit. Collective. @return BVL_ERR_NOMEM with
 * both figures, the same on every rank. */
bvl_status bvl_memory_check(const bvl_comm *comm, int64_t estimate, int64_t limit);

/** Working set columns whose Gram and factor one rank may hold: those that take a tenth of the
 * least any rank may have (`limit` as above), 8000 at most. Collective; the same on every rank. */
bvl_status bvl_memory_gram_limit(const bvl_comm *comm, int64_t limit, int64_t *columns);

/** The least that bvl_memory_estimate can be with X streamed. A pure function. */
int64_t bvl_memory_least_streamed(const bvl_memory_shape *shape);

/** What a rank may keep of a streamed X out of `allowed` bytes when all else takes `others` (an
 * estimate of it streamed, with stream_bytes 0); less than 0 when that is too little to stream at
 * all. A pure function. */
int64_t bvl_memory_for_stream(const bvl_memory_shape *shape, int64_t others, int64_t allowed);

/** "3.2 GiB": writes at most `size` bytes. Not collective. */
void bvl_memory_words(int64_t bytes, char *out, size_t size);

#endif
