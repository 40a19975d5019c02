/* SPDX-License-Identifier: BSD-3-Clause */
/** @file bevel/status.h
 * What calls come to, and the library's version. */
#ifndef BEVEL_STATUS_H
#define BEVEL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/** What a call came to. The order matters: when ranks disagree, the largest value is everyone's
 * answer (bvl_agree), so graver things stand lower. */
typedef enum bvl_status {
  BVL_OK = 0,
  BVL_ERR_USAGE,       /**< a request that cannot be met: an option's value, an unsupported pair */
  BVL_ERR_INPUT,       /**< data refused; bvl_last_error() names dataset, row and column */
  BVL_ERR_IO,          /**< a file that cannot be opened, read or written */
  BVL_ERR_INTERRUPTED, /**< the monitor asked to stop; what was asked to be saved is saved */
  BVL_ERR_DISK,        /**< no room left where a file is written */
  BVL_ERR_NOMEM,       /**< memory refused, or an estimate above the limit */
  BVL_ERR_MPI,         /**< an MPI call failed; ranks may disagree, only MPI_Abort is left */
  BVL_ERR_INTERNAL     /**< a broken invariant: a bug in bevel */
} bvl_status;

/** What the last failing call on this rank had to say: at most 255 bytes, one line, with the
 * offending values ("ld 3 < n_local 5"). Not collective; after a failed bvl_agree it is the same
 * text on every rank. Owned by the library, valid until the next failing call of this thread. */
const char *bvl_last_error(void);

/** The status' name in words, for messages ("bad input"). Not collective; a static string. */
const char *bvl_status_text(bvl_status status);

/** The library's version, "major.minor.patch". Not collective; a static string. */
const char *bvl_version(void);

#ifdef __cplusplus
}
#endif
#endif
