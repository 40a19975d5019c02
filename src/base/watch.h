/* SPDX-License-Identifier: BSD-3-Clause */
/* A way out of loops that one rank runs alone and that may be long: what they work for may have
 * become unwanted meanwhile. Whoever is told so leaves with what there is, not solved, and the next
 * poll that all ranks take part in acts on the reason. */
#ifndef BVL_BASE_WATCH_H
#define BVL_BASE_WATCH_H

#include <stddef.h>

#include "base/beat.h"

typedef struct bvl_watch {
  int (*is_over)(
      void *context); /* cheap: asked at every step; once true it stays so; NULL: never */
  void *context;
} bvl_watch;

/** Also a sign of life. @param watch  NULL = never over. */
static inline int bvl_watch_is_over(const bvl_watch *watch)
{
  bvl_beat_tick();
  return watch != NULL && watch->is_over != NULL && watch->is_over(watch->context);
}

#endif
