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

const bvl_kernels *bvl_kernels_get(void)
{
  static _Atomic(const bvl_kernels *) chosen; /* threads that race all store the same answer */
  const bvl_kernels *set = atomic_load_explicit(&chosen, memory_order_acquire);
  if (set != NULL) return set;
  const char *asked = getenv("BVL_KERNELS");
  set = bvl_kernels_avx2();
  if (set == NULL || (asked != NULL && strcmp(asked, "ref") == 0)) set = bvl_kernels_ref();
  atomic_store_explicit(&chosen, set, memory_order_release);
  return set;
}
