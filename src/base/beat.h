/* SPDX-License-Identifier: BSD-3-Clause */
/* A sign of life of this process, where a watchdog (comm/watchdog.h) can see it: a counter that
 * moves whenever something was got done, and what is being done. A beat is one relaxed store of a
 * number that nobody else writes; they stand where phases change, where collectives begin and where
 * long local loops ask whether they are still wanted, so never in a kernel. */
#ifndef BVL_BASE_BEAT_H
#define BVL_BASE_BEAT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/phase.h"

typedef struct bvl_beat {
  _Atomic uint64_t count;
  _Atomic uint64_t collectives; /* begun so far */
  _Atomic int message;          /* kind of the last one */
  _Atomic int phase;
  _Atomic int pid;
  _Atomic int over;       /* nothing more is to be expected */
  _Atomic uint64_t looks; /* of the watchdog that runs here */
  char padding[64];       /* beats of neighbours share no cache line */
} bvl_beat;

/** This process's: its own, unless a watchdog has given it a place in shared memory. */
extern bvl_beat *bvl_beat_here;
/** NULL: its own again. What stood in the old place is taken along. Not collective. */
void bvl_beat_move(bvl_beat *to);

static inline void bvl_beat_tick(void)
{
  _Atomic uint64_t *count = &bvl_beat_here->count;
  atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

static inline void bvl_beat_phase(bvl_phase phase)
{
  atomic_store_explicit(&bvl_beat_here->phase, (int)phase, memory_order_relaxed);
  bvl_beat_tick();
}

static inline void bvl_beat_collective(int message)
{
  _Atomic uint64_t *begun = &bvl_beat_here->collectives;
  atomic_store_explicit(&bvl_beat_here->message, message, memory_order_relaxed);
  atomic_store_explicit(begun, atomic_load_explicit(begun, memory_order_relaxed) + 1,
                        memory_order_relaxed);
}

#endif
