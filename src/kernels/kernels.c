/* SPDX-License-Identifier: BSD-3-Clause */
/* Which set of kernels runs: the CPU and the environment are asked once. */
#include "kernels/sets.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const bvl_kernels *bvl_kernels_ref(void)
{
  return &bvl_kernels_set_ref;
}

const bvl_kernels *bvl_kernels_avx2(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
  if (bvl_kernels_set_avx2.name != NULL && __builtin_cpu_supports("avx2") &&
      __builtin_cpu_supports("fma"))
    return &bvl_kernels_set_avx2;
#endif
  return NULL;
}

const bvl_kernels *bvl_kernels_avx512(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
  if (bvl_kernels_set_avx512.name != NULL && bvl_kernels_avx2() != NULL &&
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
    return &bvl_kernels_set_avx512;
#endif
  return NULL;
}

/* The widest set there is, or a narrower one by name. */
static const bvl_kernels *choose(const char *asked)
{
  const bvl_kernels *set = bvl_kernels_avx512();
  if (asked != NULL && strcmp(asked, "ref") == 0) return bvl_kernels_ref();
  if (set == NULL || (asked != NULL && strcmp(asked, "avx2") == 0)) set = bvl_kernels_avx2();
  return set != NULL ? set : bvl_kernels_ref();
}

const bvl_kernels *bvl_kernels_get(void)
{
  static _Atomic(const bvl_kernels *) chosen; /* threads that race all store the same answer */
  const bvl_kernels *set = atomic_load_explicit(&chosen, memory_order_acquire);
  if (set != NULL) return set;
  set = choose(getenv("BVL_KERNELS"));
  atomic_store_explicit(&chosen, set, memory_order_release);
  return set;
}
