/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line and run file into settings, and whether all of it makes sense together. */
#include "flags.h"

#include <ini.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flag_table.h"
#include "penalty/penalty.h"
#include "surrogate/surrogate.h"

/* ---- command line --------------------------------------------------------------------------- */

static int take_file(settings *s, const char *word, char error[FLAGS_ERROR_BYTES])
{
  if (s->file != NULL) {
    snprintf(error, FLAGS_ERROR_BYTES, "%.80s: one file is enough, %.80s", word, s->file);
    return -1;
  }
  s->file = word;
  return 0;
}

/* One flag at argv[*k]; moves *k to the last word it used. */
static int take_flag(settings *s, int argc, char **argv, int *k, char error[FLAGS_ERROR_BYTES])
{
  const char *word = argv[*k], *name = word + 2, *value = NULL;
  if (word[1] != '-') { /* the only short flag: -o FILE, -oFILE */
    if (word[1] != 'o') {
      snprintf(error, FLAGS_ERROR_BYTES, "unknown flag %.40s", word);
      return -1;
    }
    name = "output";
    value = word[2] != '\0' ? word + 2 : NULL;
  }
  size_t length = strcspn(name, "=");
  if (name[length] == '=') value = name + length + 1;
  int row = flag_find(s->command, name, length);
  if (row < 0) {
    char exact[48];
    snprintf(exact, sizeof exact, "%.*s", (int)(length < 47 ? length : 47), name);
    return flag_refuse(s->command, exact, error);
  }
  if (flag_table[row].kind == KIND_SWITCH) {
    if (value == NULL) return flag_set(s, row, "yes", error);
    snprintf(error, FLAGS_ERROR_BYTES, "--%s takes no value", flag_table[row].name);
    return -1;
  }
  if (value == NULL && *k + 1 < argc) value = argv[++*k];
  if (value != NULL) return flag_set(s, row, value, error);
  snprintf(error, FLAGS_ERROR_BYTES, "--%s %s: the value is missing", flag_table[row].name,
           flag_table[row].arg);
  return -1;
}

static int take_words(settings *s, int argc, char **argv, char error[FLAGS_ERROR_BYTES])
{
  int only_files = 0, bad = 0;
  for (int k = 0; !bad && k < argc; k++) {
    if (!only_files && strcmp(argv[k], "--") == 0)
      only_files = 1;
    else if (!only_files && argv[k][0] == '-' && argv[k][1] != '\0')
      bad = take_flag(s, argc, argv, &k, error);
    else
      bad = take_file(s, argv[k], error);
  }
  return bad;
}

const char *flags_run_file(int argc, char **argv)
{
  const char *found = NULL;
  for (int k = 0; k < argc && strcmp(argv[k], "--") != 0; k++) {
    if (strncmp(argv[k], "--run=", 6) == 0) found = argv[k] + 6;
    if (strcmp(argv[k], "--run") == 0 && k + 1 < argc) found = argv[++k];
  }
  return found;
}

/* ---- run file ------------------------------------------------------------------------------- */

enum { LINE_MAX_BYTES = INI_MAX_LINE - 3 }; /* with "\r\n" and the end of the string */

typedef struct run_reader {
  settings *s;
  char error[FLAGS_ERROR_BYTES]; /* of the first bad line; empty so far */
} run_reader;

const char *settings_keep(settings *s, const char *text)
{
  char **grown = realloc(s->owned, (size_t)(s->n_owned + 1) * sizeof *grown);
  if (grown == NULL) return NULL;
  s->owned = grown;
  grown[s->n_owned] = strdup(text);
  return grown[s->n_owned++];
}

/* inih's handler: 0 marks the line as bad. Keys before any section, and those in the section of
 * this command; a section of another command is not for us. */
static int take_key(void *context, const char *section, const char *key, const char *value)
{
  run_reader *reader = context;
  settings *s = reader->s;
  if (reader->error[0] != '\0') return 0;
  if (section[0] != '\0') {
    command owner = command_find(section);
    if (owner == COMMAND_NONE)
      snprintf(reader->error, sizeof reader->error, "[%.40s] is no command", section);
    if (owner != s->command) return owner != COMMAND_NONE;
  }
  int row = flag_find(s->command, key, strlen(key));
  if (row < 0 || strcmp(key, "run") == 0) {
    flag_refuse(s->command, key, reader->error);
    return 0;
  }
  const char *copy = settings_keep(s, value);
  if (copy == NULL) return 0;
  return flag_set(s, row, copy, reader->error) == 0;
}

/* The number of the first line that inih would cut in two, 0 when there is none. */
static int find_long_line(const char *text)
{
  for (int line = 1; *text != '\0'; line++) {
    size_t length = strcspn(text, "\n");
    if (length > LINE_MAX_BYTES) return line;
    text += length + (text[length] != '\0');
  }
  return 0;
}

static int take_run_file(settings *s, const char *text, char error[FLAGS_ERROR_BYTES])
{
  run_reader reader = {.s = s};
  int too_long = find_long_line(text);
  if (too_long > 0) {
    snprintf(error, FLAGS_ERROR_BYTES, "%.200s: line %d: longer than %d characters", s->run_file,
             too_long, LINE_MAX_BYTES);
    return -1;
  }
  int line = ini_parse_string(text, take_key, &reader);
  if (line == 0) return 0;
  const char *why = reader.error[0] != '\0' ? reader.error : "not a key = value line";
  snprintf(error, FLAGS_ERROR_BYTES, "%.200s: line %d: %.700s", s->run_file, line, why);
  return -1;
}

/* ---- sense ---------------------------------------------------------------------------------- */

int flag_given(const settings *s, const char *name)
{
  int row = flag_find(s->command, name, strlen(name));
  return row >= 0 && s->given[row];
}

int flag_complain(char error[FLAGS_ERROR_BYTES], const char *why)
{
  snprintf(error, FLAGS_ERROR_BYTES, "%s", why);
  return -1;
}

static int check_files(settings *s, char error[FLAGS_ERROR_BYTES])
{
  if (s->command == COMMAND_INFO) return 0;
  if (s->file == NULL) {
    const manual *m = manual_of(s->command);
    snprintf(error, FLAGS_ERROR_BYTES, "a file is missing: bevel %s %s", m->name, m->args);
    return -1;
  }
  if (s->command == COMMAND_SIMULATE) {
    s->output = s->file;
    return 0;
  }
  if (s->output == NULL) return flag_complain(error, "-o OUT.h5 is missing");
  if (strcmp(s->output, s->file) == 0) return flag_complain(error, "-o would overwrite the input");
  if (s->model != NULL && strcmp(s->output, s->model) == 0)
    return flag_complain(error, "-o would overwrite the model");
  return 0;
}

static int is_surrogate(int solver)
{
  return solver >= BVL_SOLVER_SGD && solver <= BVL_SOLVER_LBFGS;
}

/* --depth D is q = 2/D of lq and group-lq; 2 is what the lasso and the group lasso have. */
static int take_depth(settings *s, char error[FLAGS_ERROR_BYTES])
{
  const bvl_penalty_type *type = bvl_penalty_find(s->run.penalty);
  const char *shape = type != NULL && type->shape_name != NULL ? type->shape_name : "";
  double *q = &s->run.parameters.q;
  if (!flag_given(s, "depth")) return 0;
  if (strcmp(shape, "q") == 0 && !flag_given(s, "q")) {
    *q = 2.0 / s->depth;
    return 0;
  }
  if (strcmp(shape, "q") == 0)
    return fabs(*q * s->depth - 2.0) <= 1e-9
               ? 0
               : flag_complain(error, "--q and --depth: q is 2/depth");
  if (s->depth == 2.0 && type != NULL && type->convex) return 0;
  return flag_complain(
      error, "--depth goes with --penalty lq or group-lq (lasso, enet and group-lasso have "
             "depth 2)");
}

const char *flag_idle(const settings *s, const char **goes_with)
{
  static const char *const minibatch[] = {"epochs", "batch", "lr", "schedule"};
  static const char *const polish[] = {"polish", "no-polish"};
  const char *idle = NULL, *who = NULL;
  for (size_t k = 0; k < 4; k++)
    if (flag_given(s, minibatch[k]) &&
        (s->solver < BVL_SOLVER_SGD || s->solver > BVL_SOLVER_ADAM)) {
      idle = minibatch[k];
      who = "--solver sgd, momentum or adam";
    }
  for (size_t k = 0; k < 2; k++)
    if (flag_given(s, polish[k]) && s->solver < BVL_SOLVER_SGD) {
      idle = polish[k];
      who = "--solver sgd, momentum, adam, lbfgs, varpro or admm";
    }
  if (flag_given(s, "param") && !is_surrogate(s->solver)) {
    idle = "param";
    who = "--solver sgd, momentum, adam or lbfgs";
  }
  if (s->run.relax && !s->run.path.polish && s->solver >= (int)BVL_SOLVER_SGD) {
    idle = "relax"; /* a surrogate's own answer has no exact zeros */
    who = "--polish";
  }
  if (flag_given(s, "admm-rho") && s->solver != BVL_SOLVER_ADMM) {
    idle = "admm-rho";
    who = "--solver admm";
  }
  const bvl_penalty_type *type = bvl_penalty_find(s->run.penalty);
  if (flag_given(s, "alpha") && (type == NULL || !type->mixes)) {
    idle = "alpha";
    who = "--penalty enet, sparse-group-lasso, l1-l2 or group-l1-l2";
  }
  static const struct {
    const char *flag, *shape, *who;
  } shapes[] = {{"gamma", "gamma", "--penalty mcp, scad, group-mcp or group-scad"},
                {"q", "q", "--penalty lq or group-lq"},
                {"tl1-a", "tl1_a", "--penalty tl1 or group-tl1"},
                {"log-eps", "log_eps", "--penalty log or group-log"}};
  for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
    const char *taken = type != NULL && type->shape_name != NULL ? type->shape_name : "";
    if (!flag_given(s, shapes[k].flag) || strcmp(taken, shapes[k].shape) == 0) continue;
    idle = shapes[k].flag;
    who = shapes[k].who;
  }
  if (flag_given(s, "starts") && (type == NULL || type->convex || s->solver >= BVL_SOLVER_SGD)) {
    idle = "starts";
    who = "a penalty that is not convex and --solver auto, newton or cd";
  }
  if ((flag_given(s, "k1") || flag_given(s, "k2")) && (type == NULL || !type->nested)) {
    idle = flag_given(s, "k1") ? "k1" : "k2";
    who = "--penalty lpq";
  }
  if (flag_given(s, "dfmax") && !s->run.path.polish && s->solver != BVL_SOLVER_VARPRO) {
    idle = "dfmax"; /* a surrogate's own answer has no exact zeros to count */
    who = "--polish";
  }
  *goes_with = who;
  return idle;
}

/* Flags that the chosen solver or penalty would ignore. */
static int check_ignored(const settings *s, char error[FLAGS_ERROR_BYTES])
{
  const char *who = NULL, *idle = flag_idle(s, &who);
  if (idle == NULL) return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "--%s goes with %s", idle, who);
  return -1;
}

/* A map that induces the penalty; bounds from a dataset are looked at later. */
static int check_param(const settings *s, const bvl_penalty *pen, char error[FLAGS_ERROR_BYTES])
{
  bvl_surrogate map;
  if (!is_surrogate(s->solver) || s->run.names.lower != NULL) return 0;
  if (bvl_surrogate_find(s->run.path.param, pen, s->lower != NULL, &map) == BVL_OK) return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "--%s", bvl_last_error());
  return -1;
}

/* Parameters within the penalty's own domain, which may be narrower than the flag's. */
static int check_penalty(const settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_penalty pen;
  const bvl_penalty_type *type = bvl_penalty_find(s->run.penalty);
  if (type == NULL) return 0;
  if (bvl_penalty_init(type, &s->run.parameters, &pen) == BVL_OK) {
    if (pen.type->nested && !is_surrogate(s->solver))
      return flag_complain(error, "--penalty lpq goes with --solver lbfgs, adam, momentum or sgd");
    return check_param(s, &pen, error);
  }
  snprintf(error, FLAGS_ERROR_BYTES, "--penalty %s: %s", s->run.penalty, bvl_last_error());
  return -1;
}

/* A bound is a number for all columns or the name of a dataset. sign: -1 wants it <= 0, 1 >= 0. */
static int take_bound(const char *name, const char *text, double sign, double *number,
                      const char **dataset, char error[FLAGS_ERROR_BYTES])
{
  char *end = NULL;
  if (text == NULL) return 0;
  double value = strtod(text, &end);
  if (end == text || *end != '\0') {
    *dataset = text;
    return 0;
  }
  *number = value;
  if (value * sign >= 0) return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "--%s %.60s: wanted a number of at %s 0, or a dataset", name,
           text, sign < 0 ? "most" : "least");
  return -1;
}

static int check_bounds(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_run_options *run = &s->run;
  if (take_bound("lower", s->lower, -1, &run->lower, &run->names.lower, error) != 0) return -1;
  if (take_bound("upper", s->upper, 1, &run->upper, &run->names.upper, error) != 0) return -1;
  if (s->lower == NULL && s->upper == NULL) return 0;
  const char *name = s->lower != NULL ? "lower" : "upper";
  const int scalar = strcmp(run->penalty, "lasso") == 0 || strcmp(run->penalty, "enet") == 0;
  const int from_zero = s->upper == NULL && (run->lower == 0.0 || run->names.lower != NULL);
  if (scalar && (!is_surrogate(s->solver) || from_zero)) return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "--%s goes with %s", name,
           !scalar ? "--penalty lasso or enet"
                   : "--solver newton or cd (the others: --lower 0 alone)");
  return -1;
}

/* Under lq a block at zero rests there whatever lambda is: the second start finds what the way down
 * has missed. (The recovery study, 36 paths of 20 lambdas: within 0.1 % of L-BFGS on the factors at
 * 712 of 720 lambdas, 18 of 20 on the worst path; with one start at 572, 7 of 20.) */
static void choose_starts(settings *s)
{
  const bvl_penalty_type *type = bvl_penalty_find(s->run.penalty);
  const int rests = type != NULL && type->rest != NULL && s->run.parameters.q != 1.0;
  if (flag_given(s, "starts") || flag_given(s, "dfmax") || s->command == COMMAND_FIT) return;
  if (rests && s->solver < BVL_SOLVER_SGD) s->run.path.starts = 2;
}

static int check_solve(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_path_options *path = &s->run.path;
  if (s->run.resume && s->run.checkpoint == NULL)
    return flag_complain(error, "--resume needs --checkpoint FILE");
  if (flag_given(s, "checkpoint-every") && s->run.checkpoint == NULL)
    return flag_complain(error, "--checkpoint-every needs --checkpoint FILE");
  if (s->command == COMMAND_FIT && s->n_lambda != 1)
    return flag_complain(error, "--lambda L: one value is wanted");
  if (s->command == COMMAND_FIT && !(s->lambda[0] > 0.0))
    return flag_complain(error, "--lambda 0: wanted a number above 0");
  if (s->lambda != NULL && (flag_given(s, "nlambda") || flag_given(s, "lambda-min-ratio")))
    return flag_complain(error, "--lambda leaves nothing to --nlambda and --lambda-min-ratio");
  if (take_depth(s, error) != 0) return -1;
  if (check_ignored(s, error) != 0 || check_bounds(s, error) != 0) return -1;
  if (check_penalty(s, error) != 0) return -1;
  choose_starts(s);
  s->run.data = s->file;
  s->run.output = s->output;
  path->solver = (bvl_solver)s->solver;
  path->gram = (bvl_gram)s->gram;
  s->run.stream = (bvl_streaming)s->stream;
  if (s->run.checkpoint == NULL) path->checkpoint_every_s = 0.0;
  if (s->command == COMMAND_FIT) {
    path->path_to = s->lambda[0];
  } else if (s->lambda != NULL) {
    path->lambda = s->lambda;
    path->n_lambda = s->n_lambda;
  }
  return 0;
}

/* Flags of a path ask about one. */
static int check_info(settings *s, char error[FLAGS_ERROR_BYTES])
{
  int any = 0;
  for (int row = 0; row < n_flags; row++) any |= s->given[row];
  if (!s->estimate) return any ? flag_complain(error, "flags go with --estimate") : 0;
  if (s->file == NULL) return flag_complain(error, "--estimate needs a data file");
  if (s->run.grid_rows > 0 && s->ranks == 0) s->ranks = s->run.grid_rows * s->run.grid_cols;
  return check_solve(s, error);
}

static int check_prune(settings *s, char error[FLAGS_ERROR_BYTES])
{
  if (flag_given(s, "prune-threshold") && flag_given(s, "prune-std"))
    return flag_complain(error, "--prune-threshold and --prune-std: one of them");
  s->prune.model = s->file;
  s->prune.output = s->output;
  return 0;
}

static int check(settings *s, char error[FLAGS_ERROR_BYTES])
{
  if (check_files(s, error) != 0) return -1;
  s->run.missing = (bvl_missing)(s->missing + BVL_MISSING_ERROR);
  if ((s->command & COMMANDS_SOLVE) && check_solve(s, error) != 0) return -1;
  if (s->command == COMMAND_CV) return check_cv_flags(s, error);
  if (s->command == COMMAND_STABILITY) return check_stability_flags(s, error);
  if (s->command == COMMAND_TRAIN) return check_train_flags(s, error);
  if (s->command == COMMAND_INFO) return check_info(s, error);
  if (s->command == COMMAND_PRUNE) return check_prune(s, error);
  if (s->command == COMMAND_PARETO) return check_pareto_flags(s, error);
  if (s->command == COMMAND_DICTIONARY) return check_dictionary_flags(s, error);
  if (s->command == COMMAND_IMPORT) return check_import_flags(s, error);
  if (s->command == COMMAND_STUDY) return check_study_flags(s, error);
  if (s->command == COMMAND_PREDICT && s->model == NULL)
    return flag_complain(error, "--model RESULT.h5 is missing");
  if (s->command == COMMAND_PREDICT) return check_at(s, error);
  if (s->command == COMMAND_SIMULATE) {
    s->simulate.output = s->output;
    if (s->simulate.recipe != NULL) return 0; /* what goes with it, the recipe knows */
    if (!flag_given(s, "n") || !flag_given(s, "p"))
      return flag_complain(error, "--n N and --p P are needed, or --recipe NAME");
    if (flag_given(s, "snr") && flag_given(s, "family") &&
        strcmp(s->simulate.family, "gaussian") != 0)
      return flag_complain(error, "--snr goes with --family gaussian");
  }
  return 0;
}

int flags_parse(command which, int argc, char **argv, const char *run_text, settings *out,
                char error[FLAGS_ERROR_BYTES])
{
  memset(out, 0, sizeof *out);
  bvl_run_options_init(&out->run);
  bvl_simulate_options_init(&out->simulate);
  bvl_train_options_init(&out->train);
  bvl_prune_options_init(&out->prune);
  bvl_pareto_options_init(&out->pareto);
  bvl_dictionary_run_init(&out->dictionary);
  bvl_import_options_init(&out->import);
  out->header = out->base = 2;
  bvl_cv_options_init(&out->cv);
  bvl_stability_options_init(&out->stability);
  out->assumption = (int)out->stability.assumption;
  if (which == COMMAND_PARETO) out->train.network.batch = 0;
  out->activation = (int)out->train.network.activation;
  out->structure = BVL_BY_INPUT;
  out->optimizer = (int)out->train.optim.method;
  out->schedule = (int)out->train.optim.schedule;
  out->run.path.checkpoint_every_s = 600.0;
  out->solver = (int)out->run.path.solver;
  out->gram = (int)out->run.path.gram;
  out->stream = (int)out->run.stream;
  out->type = "link";
  out->watchdog = 600.0;
  out->at = NAN;
  out->relax_gamma = 1.0;
  out->task = -1;
  out->point = -1;
  out->command = which;
  out->run_file = flags_run_file(argc, argv);
  error[0] = '\0';
  if (run_text != NULL && take_run_file(out, run_text, error) != 0) return -1;
  if (take_words(out, argc, argv, error) != 0) return -1;
  return check(out, error);
}

void settings_free(settings *s)
{
  for (int k = 0; k < s->n_owned; k++) free(s->owned[k]);
  free(s->owned);
  free(s->lambda);
  s->owned = NULL;
  s->lambda = NULL;
  s->n_owned = 0;
}
