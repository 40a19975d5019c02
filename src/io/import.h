/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of other programs into data files: one importer a format, a row of the table in import.c.
 * Text is cut into ranges of bytes at record ends, one a rank, and read twice: to count, then to
 * write at the offsets that follow from the counts. */
#ifndef BVL_IO_IMPORT_H
#define BVL_IO_IMPORT_H

#include "bevel/monitor.h"
#include "io/hdf5_out.h"
#include "io/io.h"

/** What the importers share; each fills in the outcome. */
typedef struct bvl_import {
  const bvl_import_options *options; /* borrowed */
  bvl_import_outcome *outcome;
  const bvl_monitor *monitor;
  bvl_comm comm; /* owned by bvl_import_file */
  bvl_out out;   /* open once the importer has called bvl_import_create */
  int created;
  double start_s;
  int64_t bytes_done, bytes_all; /* of this rank's readings, for the progress */
  int64_t bytes_written;         /* by this rank since the last push towards the disk */
} bvl_import;

typedef struct bvl_importer {
  const char *name;        /* of --format */
  const char *suffixes[4]; /* of files that are taken for it */
  bvl_status (*read)(bvl_import *job);
} bvl_importer;

bvl_status bvl_import_csv(bvl_import *job);
bvl_status bvl_import_libsvm(bvl_import *job);
bvl_status bvl_import_plink(bvl_import *job);

/** Creates the file beside its final name. Collective. */
bvl_status bvl_import_create(bvl_import *job);
/** Tells rank 0's progress: n_bytes more are read. BVL_ERR_INTERRUPTED when the monitor asks to
 * stop (this rank's answer alone). Not collective. */
bvl_status bvl_import_step(bvl_import *job, int64_t n_bytes);
/** After every round of writing, with this rank's bytes: the disk works while ranks parse. Not
 * collective. */
void bvl_import_written(bvl_import *job, int64_t n_bytes);
/** A line for whoever watches, by rank 0. Not collective. */
void bvl_import_note(const bvl_import *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Strings of rank 0 as a dataset of fixed length. `strings` is NULL elsewhere. Collective. */
bvl_status bvl_import_put_strings(bvl_import *job, const char *name, int64_t n,
                                  char *const *strings);

/* ---- responses ------------------------------------------------------------------------------- */

/** The distinct responses of a family of classes, ascending; with another family, or none, it
 * keeps nothing and hands every value through. Words (import_words.c) are classes of themselves. */
typedef struct bvl_labels {
  int wanted;         /* options->family has classes, or these are words */
  int two;            /* the family is binomial */
  const char *family; /* options->family; words without one: binomial or multinomial, once merged */
  int64_t n;          /* distinct values or words */
  double *values;     /* BVL_MOST_LABELS, owned; NULL of words */
  int64_t *words;     /* BVL_MOST_LABELS names of BVL_WORD_I64 numbers' bytes each, in the order of
                       * their bytes, owned; NULL of values */
} bvl_labels;
enum { BVL_MOST_LABELS = 1000, BVL_WORD_I64 = 16 };

bvl_status bvl_labels_init(const bvl_import *job, bvl_labels *labels);
void bvl_labels_free(bvl_labels *labels);
/** @return 0, or -1 when there are too many. Not collective. */
int bvl_labels_note(bvl_labels *labels, double value);
/** All ranks' values on every rank. Collective. @return BVL_ERR_INPUT: one class alone, or more
 * than the family has. */
bvl_status bvl_labels_merge(const bvl_import *job, bvl_labels *labels);
/** A response as the file will hold it: its class from 0, or itself. Not collective. */
double bvl_labels_map(const bvl_labels *labels, double value);
/** Attributes `family` and, of values, `class_values` (ascending, with commas). Collective. */
bvl_status bvl_labels_write(bvl_import *job, const bvl_labels *labels);

/** Words from now on. @return BVL_ERR_INPUT for a family without classes, BVL_ERR_NOMEM. */
bvl_status bvl_words_init(const bvl_import *job, bvl_labels *labels);
/** As bvl_labels_note, of a word of fewer than 8 BVL_WORD_I64 bytes. */
int bvl_words_note(bvl_labels *labels, const char *word);
/** The class of a word that was noted; -1 of another. Not collective. */
int64_t bvl_words_map(const bvl_labels *labels, const char *word);
/** All ranks' words on every rank; the family where none was asked for. Collective.
 * @return as bvl_labels_merge. */
bvl_status bvl_words_merge(const bvl_import *job, bvl_labels *labels);
/** The words as strings at `name`. Collective. */
bvl_status bvl_words_write(bvl_import *job, const char *name, const bvl_labels *labels);

#endif
