/* SPDX-License-Identifier: BSD-3-Clause */
/* From a flag's text to its value in the settings, refusing the impossible. */
#include "flag_table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Place of `value` among words a|b|c, -1 when it is none of them. */
static int word_index(const char *words, const char *value)
{
  size_t length = strlen(value);
  for (int k = 0; length > 0; k++) {
    size_t word = strcspn(words, "|");
    if (word == length && strncmp(words, value, length) == 0) return k;
    if (words[word] == '\0') break;
    words += word + 1;
  }
  return -1;
}

static int parse_real(const char *text, double *out)
{
  char *end = NULL;
  if (isspace((unsigned char)text[0])) return -1;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && isfinite(*out) ? 0 : -1;
}

static int parse_integer(const char *text, int64_t *out)
{
  char *end = NULL;
  errno = 0;
  if (isspace((unsigned char)text[0])) return -1;
  *out = strtoll(text, &end, 10);
  return end != text && *end == '\0' && errno == 0 ? 0 : -1;
}

static int parse_bytes(const char *text, int64_t *out)
{
  static const char suffix[] = "KMGT";
  char *end = NULL;
  double value = isdigit((unsigned char)text[0]) ? strtod(text, &end) : NAN;
  if (!isfinite(value)) return -1;
  const char *unit = *end != '\0' ? strchr(suffix, toupper((unsigned char)*end)) : NULL;
  if (*end != '\0' && (unit == NULL || end[1] != '\0')) return -1;
  if (unit != NULL) value = ldexp(value, 10 * (int)(unit - suffix + 1));
  if (!(value < 0x1p62)) return -1;
  *out = (int64_t)value;
  return 0;
}

static int parse_grid(const char *text, settings *s)
{
  char *end = NULL;
  if (!isdigit((unsigned char)text[0])) return -1;
  long rows = strtol(text, &end, 10);
  if (*end != 'x' || !isdigit((unsigned char)end[1])) return -1;
  long cols = strtol(end + 1, &end, 10);
  if (*end != '\0' || rows < 1 || cols < 1 || rows > 1 << 20 || cols > 1 << 20) return -1;
  s->run.grid_rows = (int)rows;
  s->run.grid_cols = (int)cols;
  s->train.network.grid_rows = (int)rows;
  s->train.network.grid_cols = (int)cols;
  return 0;
}

static int parse_reals(const char *text, const flag *f, settings *s)
{
  size_t n = 1;
  for (const char *c = text; *c != '\0'; c++) n += *c == ',';
  double *values = malloc(n * sizeof *values);
  char *copy = strdup(text), *rest = copy;
  int bad = values == NULL || copy == NULL;
  for (size_t k = 0; !bad && k < n; k++) {
    char *comma = strchr(rest, ',');
    if (comma != NULL) *comma = '\0';
    bad = parse_real(rest, &values[k]) != 0 || values[k] < f->low || values[k] > f->high;
    rest = comma != NULL ? comma + 1 : rest;
  }
  free(copy);
  if (bad) {
    free(values);
    return -1;
  }
  free(s->lambda);
  s->lambda = values;
  s->n_lambda = (int64_t)n;
  return 0;
}

static int parse_number(const flag *f, const char *text, char *at)
{
  int64_t integer = 0;
  double real = 0.0;
  int bad = f->kind == KIND_REAL    ? parse_real(text, &real)
            : f->kind == KIND_BYTES ? parse_bytes(text, &integer)
                                    : parse_integer(text, &integer);
  double value = f->kind == KIND_REAL ? real : (double)integer;
  if (bad || value < f->low || value > f->high) return -1;
  if (f->kind == KIND_REAL)
    memcpy(at, &real, sizeof real);
  else
    memcpy(at, &integer, sizeof integer);
  return 0;
}

static int parse_word(const flag *f, const char *text, char *at)
{
  char words[160];
  int index = word_index(flag_words(f, words, sizeof words), text);
  if (index < 0) return -1;
  if (f->kind == KIND_EITHER) index = index == 0;
  if (f->kind == KIND_WORD)
    memcpy(at, &text, sizeof text);
  else
    memcpy(at, &index, sizeof index);
  return 0;
}

static void list_words(const char *words, char error[FLAGS_ERROR_BYTES])
{
  line_append(error, FLAGS_ERROR_BYTES, "wanted one of ", "");
  for (const char *word = words; *word != '\0';) {
    char one[40];
    size_t length = strcspn(word, "|");
    snprintf(one, sizeof one, "%.*s", (int)(length < 39 ? length : 39), word);
    line_append(error, FLAGS_ERROR_BYTES, word == words ? "" : ", ", one);
    word += length + (word[length] != '\0');
  }
}

/* Sets one flag; `text` must outlive the settings (switches take "yes" or "no"). */
int flag_set(settings *s, int row, const char *text, char error[FLAGS_ERROR_BYTES])
{
  const flag *f = &flag_table[row];
  char *at = (char *)s + f->offset, words[160] = "";
  int bad = 0, on = 0;
  switch (f->kind) {
  case KIND_TEXT:
    bad = text[0] == '\0';
    memcpy(at, &text, sizeof text);
    break;
  case KIND_SWITCH:
    on = word_index("no|yes|false|true|off|on|0|1", text);
    bad = on < 0;
    on = on % 2 == 1 ? f->low > 0.0 : f->low <= 0.0;
    memcpy(at, &on, sizeof on);
    break;
  case KIND_REALS: bad = parse_reals(text, f, s); break;
  case KIND_GRID: bad = parse_grid(text, s); break;
  case KIND_WORD:
  case KIND_INDEX:
  case KIND_EITHER: bad = parse_word(f, text, at); break;
  default: bad = parse_number(f, text, at);
  }
  s->given[row] = 1;
  if (!bad) return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "--%s %.60s: ", f->name, text);
  if (f->kind == KIND_TEXT || f->kind == KIND_SWITCH)
    line_append(error, FLAGS_ERROR_BYTES, "wanted ", f->kind == KIND_TEXT ? "a name" : "yes or no");
  else if (f->kind == KIND_WORD || f->kind == KIND_INDEX || f->kind == KIND_EITHER)
    list_words(flag_words(f, words, sizeof words), error);
  else
    line_append(error, FLAGS_ERROR_BYTES, "wanted ", f->allowed);
  return -1;
}

void flag_print(const flag *f, const settings *s, FILE *to)
{
  const char *at = (const char *)s + f->offset, *text = NULL;
  int64_t integer = 0;
  double real = 0.0;
  int index = 0;
  fprintf(to, "%s=", f->name);
  switch (f->kind) {
  case KIND_TEXT:
  case KIND_WORD:
    memcpy(&text, at, sizeof text);
    fprintf(to, "%s\n", text != NULL ? text : "");
    return;
  case KIND_INTEGER:
  case KIND_BYTES:
    memcpy(&integer, at, sizeof integer);
    fprintf(to, "%" PRId64 "\n", integer);
    return;
  case KIND_REAL:
    memcpy(&real, at, sizeof real);
    fprintf(to, "%.17g\n", real);
    return;
  case KIND_REALS:
    for (int64_t k = 0; k < s->n_lambda; k++) fprintf(to, "%.17g ", s->lambda[k]);
    fprintf(to, "\n");
    return;
  case KIND_GRID: fprintf(to, "%dx%d\n", s->run.grid_rows, s->run.grid_cols); return;
  default: memcpy(&index, at, sizeof index); fprintf(to, "%d\n", index);
  }
}
