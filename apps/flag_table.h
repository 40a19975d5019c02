/* SPDX-License-Identifier: BSD-3-Clause */
/* One table of flags for command line, run file and help; what a row means and how it is read. */
#ifndef BEVEL_APPS_FLAG_TABLE_H
#define BEVEL_APPS_FLAG_TABLE_H

#include <stddef.h>

#include "flags.h"

typedef enum flag_kind {
  KIND_TEXT,    /* const char * */
  KIND_INTEGER, /* int64_t (uint64_t for the seed) in [low, high] */
  KIND_REAL,    /* double in [low, high] */
  KIND_REALS,   /* settings.lambda */
  KIND_SWITCH,  /* int: set to `low` */
  KIND_WORD,    /* const char *, one of `allowed` */
  KIND_INDEX,   /* int, place in `allowed` */
  KIND_EITHER,  /* int: 1 for the first word of `allowed`, 0 for the second */
  KIND_BYTES,   /* int64_t, with a suffix K, M, G or T */
  KIND_GRID     /* bvl_run_options.grid_rows, grid_cols */
} flag_kind;

typedef struct flag {
  const char *name;
  flag_kind kind;
  unsigned commands;
  size_t offset; /* of the value in settings */
  double low, high;
  const char *allowed; /* words a|b|c, or the range in words */
  const char *arg;     /* NULL for switches */
  const char *help;
} flag;

enum { COMMANDS_SOLVE = COMMAND_PATH | COMMAND_FIT | COMMAND_CV | COMMAND_STABILITY };

extern const flag flag_table[];
extern const int n_flags;

/** A command as the manual shows it. */
typedef struct manual {
  command which;
  const char *name, *args, *about;
} manual;

extern const manual manuals[];
extern const int n_manuals;
const manual *manual_of(command which);

/** Row of an exact name of `length` characters for this command, -1 when there is none. */
int flag_find(command which, const char *name, size_t length);
/** Writes why `name` is no flag of this command, and what may be meant. Returns -1. */
int flag_refuse(command which, const char *name, char error[FLAGS_ERROR_BYTES]);
/** The words a row takes, separated by '|', in `out`. */
const char *flag_words(const flag *f, char *out, size_t size);
/** Sets one flag. `text` must outlive the settings; switches take "yes" or "no". Returns 0, or -1
 * with the flag, the value and what is allowed in `error`. */
int flag_set(settings *s, int row, const char *text, char error[FLAGS_ERROR_BYTES]);
/** Whether a flag of that name was given. */
int flag_given(const settings *s, const char *name);
/** A flag that was given and that the chosen solver or penalty would ignore, and what it goes with;
 * NULL when there is none. */
const char *flag_idle(const settings *s, const char **goes_with);
/** "name=value" and an end of line, as the settings have it. */
void flag_print(const flag *f, const settings *s, FILE *to);
/** Copies a sentence to `error` and returns -1. */
int flag_complain(char error[FLAGS_ERROR_BYTES], const char *text);
/** Whether the flags of train make sense together, and what follows from them. 0, or -1. */
int check_train_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
/** What cv asks for beyond path. */
int check_cv_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
int check_stability_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
/** --at L|lambda.min|lambda.1se. */
int check_at(settings *s, char error[FLAGS_ERROR_BYTES]);
/** The same for pareto. */
int check_pareto_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
/** The same for dictionary. */
int check_dictionary_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
/** The same for import. */
int check_import_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
/** The same for study. */
int check_study_flags(settings *s, char error[FLAGS_ERROR_BYTES]);
/** Appends a and b to a bounded line. */
void line_append(char *line, size_t size, const char *a, const char *b);

#endif
