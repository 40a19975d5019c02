/* SPDX-License-Identifier: BSD-3-Clause */
/* Where this process's wall time goes: one phase at a time, exclusive, switched where the kind of
 * work changes. A switch reads a monotonic clock twice and nothing else, so it is always on.
 *
 *   const bvl_phase before = bvl_phase_enter(BVL_PHASE_GRAM);
 *   ...
 *   bvl_phase_leave(before);
 *
 * What is entered inside ends the outer phase until it is left. A phase that a failure leaves open
 * ends when its caller's does. Nothing here is collective. */
#ifndef BVL_BASE_PHASE_H
#define BVL_BASE_PHASE_H

#include <stdint.h>

typedef enum bvl_phase {
  BVL_PHASE_OTHER,       /* what no other phase names */
  BVL_PHASE_READ,        /* data from the file, laid out in memory */
  BVL_PHASE_STANDARDIZE, /* column statistics, the null fit */
  BVL_PHASE_SWEEP,       /* X'R over all columns, to certify or to find lambda_max */
  BVL_PHASE_SCREEN,      /* screening, residuals, certificates, bookkeeping */
  BVL_PHASE_COLUMNS,     /* columns joining and leaving the working set */
  BVL_PHASE_GRAM,        /* Gram matrices of the working set, second moments of all columns */
  BVL_PHASE_INNER,       /* factor and Newton steps */
  BVL_PHASE_WAIT,        /* inside collectives: messages, and waiting for other ranks */
  BVL_PHASE_WRITE,       /* results and checkpoints */
  BVL_N_PHASES
} bvl_phase;

/** Seconds in each phase, and how often it was entered. */
typedef struct bvl_phases {
  double seconds[BVL_N_PHASES];
  int64_t entered[BVL_N_PHASES];
} bvl_phases;

/** "read", "sweep" ... */
const char *bvl_phase_name(bvl_phase phase);

/** Begins a phase; returns the one it interrupts, for bvl_phase_leave. */
bvl_phase bvl_phase_enter(bvl_phase phase);
void bvl_phase_leave(bvl_phase before);

/** What has passed in this thread up to now; the same less what had passed at `start`. */
bvl_phases bvl_phases_now(void);
bvl_phases bvl_phases_since(const bvl_phases *start);

#endif
