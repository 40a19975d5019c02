/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of a streamed design, for streamed.c, which walks, and streamed_cache.c. */
#ifndef BVL_DATA_STREAMED_STORE_H
#define BVL_DATA_STREAMED_STORE_H

#include "data/streamed.h"

enum { BVL_STREAMED_RUN = 64 }; /* columns taken ahead when they are asked for one by one */

struct bvl_streamed {
  bvl_source source; /* a copy; its context is the caller's */
  int64_t n_local, p_local, row0;
  int64_t *input; /* p_local: input column of each local column, owned */
  int64_t *order; /* p_local: local columns in the file's order, owned; NULL = as they are */
  int64_t *place; /* p_local: the inverse of order, owned; NULL = as they are */
  int64_t strip;  /* elements `raw` has room for */
  void *raw;      /* source's elements, row-major, owned */
  void *block;    /* X's elements, column-major, owned */
  int64_t *asked; /* p_local: input columns of one read, owned */
  int64_t *list;  /* p_local: columns of a walk over some, in the file's order, owned */
  double *low;    /* p_local, owned */
  double *high;   /* p_local, owned */
  /* the cache */
  int64_t capacity;    /* columns */
  int64_t used;        /* slots that were ever taken */
  int64_t n_free;      /* of these, empty again */
  int64_t *free_slots; /* capacity, owned */
  char *columns;       /* capacity x n_local, owned; pages never written cost nothing */
  int32_t *slot;       /* p_local, -1 = not there, owned */
  int64_t *column_of;  /* capacity, owned */
  int64_t *last_use;   /* capacity: the clock's, owned */
  int64_t *missing;    /* p_local scratch, owned */
  int64_t clock;       /* fetches so far */
  int64_t last_single; /* column asked for alone, last */
  void *zeros;         /* n_local elements, owned */
  int64_t elements_read;
  bvl_status status; /* the first failure */
};

#endif
