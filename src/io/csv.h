/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of separated values: what a header says, and a row of numbers. A field may stand between
 * double quotes, which are doubled inside; there separators and line ends mean themselves. */
#ifndef BVL_IO_CSV_H
#define BVL_IO_CSV_H

#include "io/text.h"

/** What becomes of a column of the file. */
enum { BVL_CSV_RESPONSE = -1, BVL_CSV_IGNORED = -2 }; /* else its number in X */

enum { BVL_WORD_BYTES = 128 }; /* of a class's name with its NUL */

typedef struct bvl_csv {
  char separator;
  int64_t n_fields; /* of every record */
  int has_header;
  char **names;   /* n_fields, one block, owned; the first record's fields, header or not */
  int64_t *roles; /* n_fields, owned */
  int64_t p;      /* columns of X */
  int64_t worded; /* the field that is a class's name; -1 where the response is a number */
} bvl_csv;

/** Fields of the first record (n_bytes with its line's end); separator 0 = chosen; header as in
 * bvl_import_options. `text` is for messages, which
 * speak of the first line of its last block. Not collective; a pure function of its arguments. */
bvl_status bvl_csv_head(const bvl_text *text, const char *record, int64_t n_bytes, char separator,
                        int header, bvl_csv *csv);
void bvl_csv_free(bvl_csv *csv);
/** Column of that name, or of that number from 1. @return -1 when there is none, -2 when there are
 * several. */
int64_t bvl_csv_find(const bvl_csv *csv, const char *name);
/** "column 3 (age)" for messages. */
void bvl_csv_column(const bvl_csv *csv, int64_t field, char out[64]);

/** One row of numbers. */
typedef struct bvl_csv_row {
  double *x;                 /* p, the caller's: NaN where missing */
  double y;                  /* NaN where missing */
  int64_t n_missing;         /* of x */
  const char *first_missing; /* in the block, of x or y; NULL when nothing is missing */
  int64_t missing_field;     /* whose that is */
  char word[BVL_WORD_BYTES]; /* the response where csv->worded >= 0, and y is 0 or NaN */
} bvl_csv_row;

/** Parses the record at *at, with a line's end before `last`, and moves *at behind it.
 * @return BVL_ERR_INPUT with line and column for what is neither a number nor missing. */
bvl_status bvl_csv_take_row(const bvl_csv *csv, const bvl_text *text, const char **at,
                            const char *last, bvl_csv_row *row);
/** Whether a row's response is a word: 1, or 0 for a number, -1 where it is missing. *at moves
 * behind the record. Nothing is said of what is wrong with it. */
int bvl_csv_is_word(const bvl_csv *csv, int64_t response, const char **at, const char *last);
/** Records in a block that are no empty lines; *at as above. 0 at the end, else 1. */
int bvl_csv_skip_empty(const char **at, const char *last);
/** Moves *at behind the record's end. */
void bvl_csv_skip_row(const char **at, const char *last);

#endif
