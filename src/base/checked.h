/* SPDX-License-Identifier: BSD-3-Clause */
/* Integers and allocations that cannot overflow silently. Counts and indices are int64_t
 * everywhere; `int` exists only at the MPI, BLAS and LAPACK border and gets there by bvl_to_int. */
#ifndef BVL_BASE_CHECKED_H
#define BVL_BASE_CHECKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/** v as an int. Not collective. @return BVL_ERR_USAGE if it does not fit (problem too large). */
bvl_status bvl_to_int(int64_t v, int *out);

/** Zeroed array of `count` elements of `size` bytes; count = 0 gives a valid, freeable pointer.
 * Not collective. @return BVL_ERR_NOMEM with the byte count in the message. */
bvl_status bvl_alloc_bytes(int64_t count, size_t size, void *out_pointer);

/** Typed form: BVL_TRY(BVL_ALLOC(&buffer, n)); the caller frees it with free(). */
#define BVL_ALLOC(pointer, count) bvl_alloc_bytes((count), sizeof **(pointer), (void *)(pointer))

/** Grows an array to at least `count` elements, keeping what it held; the new part is zero.
 * `*capacity` is the number of elements it has room for. Not collective. */
bvl_status bvl_grow_bytes(int64_t count, size_t size, int64_t *capacity, void *inout_pointer);
#define BVL_GROW(pointer, capacity, count)                                                         \
  bvl_grow_bytes((count), sizeof **(pointer), (capacity), (void *)(pointer))

/** One of several arrays that hold as many elements each. */
typedef struct bvl_grown {
  void *pointer; /* to the array */
  size_t size;   /* of an element */
} bvl_grown;
#define BVL_GROWN(pointer) ((bvl_grown){(pointer), sizeof **(pointer)})

/** Grows all of them as BVL_GROW does one; *capacity is what each has room for, and stays where one
 * fails. Not collective. BVL_TRY(BVL_GROW_ALL(&capacity, n, BVL_GROWN(&a), BVL_GROWN(&b))) */
bvl_status bvl_grow_all(int64_t *capacity, int64_t count, size_t n_arrays, const bvl_grown *arrays);
#define BVL_GROW_ALL(capacity, count, ...)                                                         \
  bvl_grow_all((capacity), (count), sizeof((bvl_grown[]){__VA_ARGS__}) / sizeof(bvl_grown),        \
               (bvl_grown[]){__VA_ARGS__})

static inline int64_t bvl_lesser(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static inline int64_t bvl_greater(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/** The k-th of `parts` nearly equal cuts of n: floor(k n / parts), without overflow for n < 2^53
 * and parts < 2^31 (the quotient and the remainder are scaled apart). */
static inline int64_t bvl_cut(int64_t n, int64_t parts, int64_t k)
{
  return (n / parts) * k + (n % parts) * k / parts;
}

#endif
