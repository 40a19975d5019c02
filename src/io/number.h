/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers in text, whatever the locale. */
#ifndef BVL_IO_NUMBER_H
#define BVL_IO_NUMBER_H

#include <stdint.h>

typedef enum bvl_number_kind {
  BVL_NUMBER_FINITE,
  BVL_NUMBER_NAN,       /* the word nan, any case */
  BVL_NUMBER_INFINITE,  /* the words inf, infinity */
  BVL_NUMBER_TOO_LARGE, /* digits of a number no double is near to, as 1e400 */
  BVL_NUMBER_NONE       /* not a number */
} bvl_number_kind;

/** The double nearest to the decimal number that begins at `text`: [+-] digits with at most one
 * point among or around them, then perhaps e [+-] digits. No leading blanks. `*past` is behind its
 * last character. Reads up to the first character that is no part of a number, which must be there:
 * the text has to end in one (a line's end, a NUL). Not collective. */
bvl_number_kind bvl_number(const char *text, const char **past, double *out);

/** An integer of decimal digits alone, at least one. @return 0, or -1 when there are none or it is
 * above 2^62. */
int bvl_number_index(const char *text, const char **past, int64_t *out);

#endif
