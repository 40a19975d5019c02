/* SPDX-License-Identifier: BSD-3-Clause */
/* Decimal text to the nearest double. Nearly every number has at most 19 digits w and a power of
 * ten that 64 bits hold: then w, 10^|k| and one multiplication or division are all there is to it.
 * - w <= 2^53, |k| <= 22: both are doubles, and the result is rounded once (Clinger 1990).
 * - w < 2^64, |k| <= 27 where long double has 64 bits: both are exact, the result is rounded to 64
 *   bits and then to 53. The second rounding errs only where the first ends exactly between two
 *   doubles: that is seen in its low bits, and left to strtod with all that is longer. */
#include "io/number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  EXACT_DIGITS = 19,
  EXACT_POWER = 22,
  LONG_POWER = 27,
  MOST_CHARACTERS = 1200, /* what a double's digits and those behind it can matter to strtod */
  FAR_POWER = 100000      /* beyond any double, whatever the digits */
};

static const double power10[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#if LDBL_MANT_DIG == 64
static const long double long_power10[LONG_POWER + 1] = {
    1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
    1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
    1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};

/* 1 and *out, or 0 where two roundings could differ from one. */
static int round_long(uint64_t digits, int64_t power, double *out)
{
  if (power < -LONG_POWER || power > LONG_POWER) return 0;
  long double value = (long double)digits;
  value = power < 0 ? value / long_power10[-power] : value * long_power10[power];
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits); /* the significand comes first */
  if ((bits & 0x7ff) == 0x400) return 0;
  *out = (double)value;
  return 1;
}
#else
static int round_long(uint64_t digits, int64_t power, double *out)
{
  (void)digits;
  (void)power;
  (void)out;
  return 0;
}
#endif

/* strtod, with the point as the locale in force wants it. */
static bvl_number_kind round_any(const char *text, const char *end, double *out)
{
  char copy[MOST_CHARACTERS + 8];
  const char *point = localeconv()->decimal_point;
  size_t length = (size_t)(end - text), n = 0;
  if (length > MOST_CHARACTERS || strlen(point) > 4) return BVL_NUMBER_NONE;
  for (size_t k = 0; k < length; k++) {
    if (text[k] != '.') {
      copy[n++] = text[k];
    } else {
      memcpy(copy + n, point, strlen(point));
      n += strlen(point);
    }
  }
  copy[n] = '\0';
  *out = strtod(copy, NULL);
  return isfinite(*out) ? BVL_NUMBER_FINITE : BVL_NUMBER_TOO_LARGE;
}

/* Length of `word` (small letters) at text in any case, 0 when something else is there. */
static size_t begins(const char *text, const char *word)
{
  size_t n = 0;
  while (word[n] != '\0' && (text[n] | 0x20) == word[n]) n++;
  return word[n] == '\0' ? n : 0;
}

static bvl_number_kind take_word(const char *text, const char **past, double *out)
{
  size_t n = begins(text, "nan");
  if (n > 0) {
    *out = NAN;
    *past = text + n;
    return BVL_NUMBER_NAN;
  }
  n = begins(text, "infinity");
  if (n == 0) n = begins(text, "inf");
  if (n == 0) return BVL_NUMBER_NONE;
  *out = INFINITY;
  *past = text + n;
  return BVL_NUMBER_INFINITE;
}

static inline int is_digit(char c)
{
  return (unsigned)(c - '0') < 10;
}

/* An exponent at *at; leaves it where it is when there are no digits behind the e. */
static int64_t take_power(const char **at)
{
  const char *c = *at + 1;
  int64_t power = 0;
  const int negative = *c == '-';
  if (*c == '-' || *c == '+') c++;
  if (!is_digit(*c)) return 0;
  for (; is_digit(*c); c++)
    if (power < FAR_POWER) power = 10 * power + (*c - '0');
  *at = c;
  return negative ? -power : power;
}

bvl_number_kind bvl_number(const char *text, const char **past, double *out)
{
  const char *c = text;
  uint64_t digits = 0;
  int64_t n_digits = 0, power = 0;
  const int negative = *c == '-';
  *past = text;
  if (*c == '-' || *c == '+') c++;
  const char *first = c;
  for (; is_digit(*c); c++) digits = 10 * digits + (uint64_t)(*c - '0');
  n_digits = c - first;
  if (*c == '.') {
    const char *point = c++;
    for (; is_digit(*c); c++) digits = 10 * digits + (uint64_t)(*c - '0');
    power = point + 1 - c;
    n_digits -= power;
  }
  if (n_digits == 0) return take_word(first, past, out);
  if (*c == 'e' || *c == 'E') power += take_power(&c);
  *past = c;
  if (n_digits > EXACT_DIGITS) return round_any(text, c, out); /* `digits` may have overflowed */
  double value;
  if (digits <= UINT64_C(1) << 53 && power >= -EXACT_POWER && power <= EXACT_POWER)
    value = power < 0 ? (double)digits / power10[-power] : (double)digits * power10[power];
  else if (!round_long(digits, power, &value))
    return round_any(text, c, out);
  *out = negative ? -value : value;
  return BVL_NUMBER_FINITE;
}

int bvl_number_index(const char *text, const char **past, int64_t *out)
{
  const char *c = text;
  uint64_t value = 0;
  for (; is_digit(*c) && c - text < EXACT_DIGITS; c++) value = 10 * value + (uint64_t)(*c - '0');
  *past = c;
  *out = (int64_t)value;
  return c == text || is_digit(*c) || value > UINT64_C(1) << 62 ? -1 : 0;
}
