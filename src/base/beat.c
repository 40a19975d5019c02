/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/beat.h"

#include <stddef.h>

static bvl_beat own;
bvl_beat *bvl_beat_here = &own;

void bvl_beat_move(bvl_beat *to)
{
  const bvl_beat *from = bvl_beat_here;
  if (to == NULL) to = &own;
  atomic_store(&to->count, atomic_load(&from->count));
  atomic_store(&to->collectives, atomic_load(&from->collectives));
  atomic_store(&to->message, atomic_load(&from->message));
  atomic_store(&to->phase, atomic_load(&from->phase));
  bvl_beat_here = to;
}
