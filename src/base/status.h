/* SPDX-License-Identifier: BSD-3-Clause */
/* The three error channels of src/: bvl_status for misuse and environment, BVL_ASSERT for our own
 * bugs (debug builds only), outcomes in results. Nothing in src/ prints, exits or aborts in a
 * release build. */
#ifndef BVL_BASE_STATUS_H
#define BVL_BASE_STATUS_H

#include "bevel/status.h"

#define BVL_MESSAGE_BYTES 256

/** Stores a message for bvl_last_error() and hands back `status`:
 *     return bvl_fail(BVL_ERR_INPUT, "%s: row %" PRId64 " is NaN", name, row); */
bvl_status bvl_fail(bvl_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Jumps to the function's one exit label when `call` fails. Needs `bvl_status status` in scope. */
#define BVL_TRY(call)                                                                              \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status != BVL_OK) goto cleanup;                                                            \
  } while (0)

#ifdef NDEBUG
#define BVL_ASSERT(condition) ((void)0)
#else
/** Prints rank, file and line and calls MPI_Abort: a lone rank must not leave the others waiting.
 */
_Noreturn void bvl_assert_failed(const char *condition, const char *file, int line);
#define BVL_ASSERT(condition)                                                                      \
  ((condition) ? (void)0 : bvl_assert_failed(#condition, __FILE__, __LINE__))
#endif

#endif
