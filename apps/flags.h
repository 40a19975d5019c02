/* SPDX-License-Identifier: BSD-3-Clause */
/* Flags: one table for command line, run file and help. Long names must match exactly. */
#ifndef BEVEL_APPS_FLAGS_H
#define BEVEL_APPS_FLAGS_H

#include <stdint.h>
#include <stdio.h>

#include "run/cv.h"
#include "run/dictionary.h"
#include "run/import.h"
#include "run/pareto.h"
#include "run/prune.h"
#include "run/run.h"
#include "run/stability.h"
#include "run/train.h"

/** Bits, so that a flag can name all the commands it belongs to. */
typedef enum command {
  COMMAND_NONE = 0,
  COMMAND_SIMULATE = 1,
  COMMAND_PATH = 2,
  COMMAND_FIT = 4,
  COMMAND_PREDICT = 8,
  COMMAND_INFO = 16,
  COMMAND_TRAIN = 32,
  COMMAND_PARETO = 64,
  COMMAND_PRUNE = 128,
  COMMAND_DICTIONARY = 256,
  COMMAND_CV = 512,
  COMMAND_IMPORT = 1024,
  COMMAND_STABILITY = 2048,
  COMMAND_STUDY = 4096
} command;

enum { FLAGS_ERROR_BYTES = 1024, FLAGS_MAX = 256 };

/** What was asked for. Strings point into argv or into `owned`. */
typedef struct settings {
  command command;
  const char *file;   /* the positional argument, NULL = none */
  const char *output; /* -o, or simulate's positional argument */
  const char *run_file;
  const char *log;
  int quiet, json, profile;
  bvl_run_options run;
  const char *lower, *upper; /* a number or a dataset; NULL = not given */
  double depth;              /* NaN = not given */
  int solver;                /* as bvl_solver */
  int gram;                  /* as bvl_gram */
  int stream;                /* as bvl_streaming */
  double *lambda;            /* owned */
  int64_t n_lambda;
  bvl_simulate_options simulate;
  bvl_train_options train;
  int activation, scaling, structure, optimizer, schedule; /* words of train by their place */
  bvl_prune_options prune;
  bvl_pareto_options pareto; /* its network's flags are train's */
  int method, second;        /* words of pareto by their place */
  bvl_dictionary_run dictionary;
  int engine; /* as bvl_dictionary_solver */
  bvl_import_options import;
  const char *separator; /* of import's csv, and words by their place */
  double watchdog;
  int header, base, missing;
  bvl_cv_options cv;
  int fold_kind, measure; /* words of cv by their place */
  int estimate;           /* info's */
  int64_t ranks;
  bvl_stability_options stability;
  int assumption; /* as bvl_assumption */
  const char *model;
  const char *type;
  const char *at_text; /* of --at; NULL = not given */
  double at;
  double relax_gamma;             /* 1 */
  int64_t task;                   /* of predict with a study; -1 = not given */
  int64_t point;                  /* of predict with a front; -1 = not given */
  unsigned char given[FLAGS_MAX]; /* by row of the table */
  char **owned;
  int n_owned;
} settings;

/** The command of that name, COMMAND_NONE when there is none, and back. */
command command_find(const char *name);
const char *command_name(command which);
/** Writes why `name` is no command. */
void command_refuse(const char *name, char error[FLAGS_ERROR_BYTES]);

/** The value of --run in argv, NULL when there is none. argv begins after the command. */
const char *flags_run_file(int argc, char **argv);

/** Parses defaults, then the run file's text (NULL = none), then argv (which begins after the
 * command), then checks that all of it makes sense together. settings_free afterwards in any case.
 * @return 0, or -1 with one line in `error`. */
int flags_parse(command which, int argc, char **argv, const char *run_text, settings *out,
                char error[FLAGS_ERROR_BYTES]);
void settings_free(settings *s);
/** A copy of the text that lives as long as the settings; NULL without memory. */
const char *settings_keep(settings *s, const char *text);

/** Prints the manual of a command (COMMAND_NONE: of the program). */
void flags_help(command which, FILE *to);
/** Prints which penalties, solvers and families go together. */
void flags_pairs(FILE *to);

#endif
