/* SPDX-License-Identifier: BSD-3-Clause */
/* A study's ini file: read into sections of keys with lists, then every combination parsed by the
 * parser of its command. */
#include "study_plan.h"

#include <ctype.h>
#include <ini.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flag_table.h"
#include "penalty/penalty.h"

enum { MOST_TASKS = 100000, MOST_KEYS = 64 };

typedef struct plan_key {
  char *name;    /* owned */
  char **values; /* n_values, owned each */
  int n_values;
  int used; /* some task has it */
} plan_key;

typedef struct plan_section {
  char *name; /* owned */
  plan_key *keys;
  int n_keys;
} plan_section;

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct plan_reader {
  study_plan *plan;
  char error[FLAGS_ERROR_BYTES];
} plan_reader;

static int is_common(const plan_section *section)
{
  return section->name[0] == '\0' || strcmp(section->name, "study") == 0;
}

static plan_section *find_section(study_plan *plan, const char *name)
{
  for (int64_t k = 0; k < plan->n_sections; k++)
    if (strcmp(plan->sections[k].name, name) == 0) return &plan->sections[k];
  plan_section *grown = realloc(plan->sections,
                                (size_t)(plan->n_sections + 1) * sizeof *plan->sections);
  if (grown == NULL) return NULL;
  plan->sections = grown;
  plan_section *section = &grown[plan->n_sections];
  *section = (plan_section){.name = strdup(name)};
  if (section->name == NULL) return NULL;
  plan->n_sections++;
  return section;
}

static plan_key *find_key(const plan_section *section, const char *name)
{
  for (int k = 0; k < section->n_keys; k++)
    if (strcmp(section->keys[k].name, name) == 0) return &section->keys[k];
  return NULL;
}

static plan_key *add_key(plan_section *section, const char *name)
{
  plan_key *found = find_key(section, name);
  if (found != NULL) return found;
  plan_key *grown = realloc(section->keys, (size_t)(section->n_keys + 1) * sizeof *grown);
  if (grown == NULL) return NULL;
  section->keys = grown;
  grown[section->n_keys] = (plan_key){.name = strdup(name)};
  return grown[section->n_keys].name != NULL ? &grown[section->n_keys++] : NULL;
}

static int add_value(plan_key *key, const char *from, size_t length)
{
  char **grown = realloc(key->values, (size_t)(key->n_values + 1) * sizeof *grown);
  if (grown == NULL) return -1;
  key->values = grown;
  grown[key->n_values] = strndup(from, length);
  if (grown[key->n_values] == NULL) return -1;
  key->n_values++;
  return 0;
}

/* What the study itself sees to. */
static int is_reserved(const char *name)
{
  static const char *const words[] = {"output",  "checkpoint", "checkpoint-every",
                                      "resume",  "grid",       "memory-limit",
                                      "run",     "quiet",      "json",
                                      "log",     "profile",    "watchdog",
                                      "replicas"};
  for (size_t k = 0; k < sizeof words / sizeof *words; k++)
    if (strcmp(name, words[k]) == 0) return 1;
  return 0;
}

static const command either = (command)(COMMAND_PATH | COMMAND_CV);

/* One value is one the flag would take. */
static int check_value(const char *name, int row, const char *value, char error[FLAGS_ERROR_BYTES])
{
  settings scratch;
  if (value[0] == '\0') return flag_complain(error, "an empty value in the list");
  if (strcmp(name, "data") == 0) return 0;
  if (strcmp(name, "command") == 0)
    return strcmp(value, "path") == 0 || strcmp(value, "cv") == 0
               ? 0
               : flag_complain(error, "command: wanted path or cv");
  memset(&scratch, 0, sizeof scratch);
  const int bad = flag_set(&scratch, row, value, error);
  settings_free(&scratch);
  return bad;
}

/* A list cut at its commas; whole where the flag takes a list. */
static int take_list(plan_key *key, int row, const char *text, char error[FLAGS_ERROR_BYTES])
{
  const int whole = row >= 0 && flag_table[row].kind == KIND_REALS;
  for (;;) {
    while (isspace((unsigned char)*text)) text++;
    const size_t length = whole ? strlen(text) : strcspn(text, ",");
    size_t kept = length;
    while (kept > 0 && isspace((unsigned char)text[kept - 1])) kept--;
    if (add_value(key, text, kept) != 0) return flag_complain(error, "out of memory");
    if (check_value(key->name, row, key->values[key->n_values - 1], error) != 0) return -1;
    if (text[length] == '\0') return 0;
    text += length + 1;
  }
}

/* inih's handler: 0 marks the line as bad. */
static int take_key(void *context, const char *section_name, const char *name, const char *value)
{
  plan_reader *reader = context;
  char why[FLAGS_ERROR_BYTES] = "";
  if (reader->error[0] != '\0') return 0;
  const int own = strcmp(name, "data") == 0 || strcmp(name, "command") == 0;
  const int row = own ? -1 : flag_find(either, name, strlen(name));
  plan_section *section = find_section(reader->plan, section_name);
  plan_key *key = section != NULL ? add_key(section, name) : NULL;
  if (key == NULL)
    flag_complain(why, "out of memory");
  else if (!own && row >= 0 && is_reserved(name))
    flag_complain(why, "the study sees to that itself");
  else if (!own && row < 0)
    flag_refuse(either, name, why);
  else if (section->n_keys > MOST_KEYS)
    flag_complain(why, "too many keys");
  else
    take_list(key, row, value, why);
  if (why[0] == '\0') return 1;
  snprintf(reader->error, sizeof reader->error, "[%.60s] %.60s: %.700s",
           section_name[0] != '\0' ? section_name : "study", name, why);
  return 0;
}

static int read_plan(const char *file, const char *text, study_plan *plan,
                     char error[FLAGS_ERROR_BYTES])
{
  plan_reader reader = {.plan = plan};
  int number = 0;
  for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line != '\0') {
    number++;
    if (strcspn(line, "\n") <= INI_MAX_LINE - 3) continue; /* inih would cut it in two */
    snprintf(error, FLAGS_ERROR_BYTES,
             "%.200s: line %d: longer than %d characters; a key may come again to go on", file,
             number, INI_MAX_LINE - 3);
    return -1;
  }
  const int bad = ini_parse_string(text, take_key, &reader);
  if (bad == 0) return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "%.200s: line %d: %.760s", file, bad,
           reader.error[0] != '\0' ? reader.error : "not a key = value line");
  return -1;
}

/* ---- one combination ------------------------------------------------------------------------- */

/* The keys of a sub-grid, its own before the common ones, and which value of each is in turn. */
typedef struct combination {
  const char *section;
  plan_key *keys[2 * MOST_KEYS];
  int at[2 * MOST_KEYS];
  int dropped[2 * MOST_KEYS];
  int n;
} combination;

static const char *value_of(const combination *c, const char *name)
{
  for (int k = 0; k < c->n; k++)
    if (strcmp(c->keys[k]->name, name) == 0) return c->keys[k]->values[c->at[k]];
  return NULL;
}

/* The combination as a run file of its command. */
static char *write_text(const combination *c)
{
  char *text = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&text, &length);
  if (to == NULL) return NULL;
  for (int k = 0; k < c->n; k++) {
    const char *name = c->keys[k]->name;
    if (c->dropped[k] || strcmp(name, "data") == 0 || strcmp(name, "command") == 0) continue;
    fprintf(to, "%s = %s\n", name, c->keys[k]->values[c->at[k]]);
  }
  if (fclose(to) == 0) return text;
  free(text);
  return NULL;
}

static int is_list(const combination *c, const char *name)
{
  for (int k = 0; k < c->n; k++)
    if (!c->dropped[k] && strcmp(c->keys[k]->name, name) == 0) return c->keys[k]->n_values > 1;
  return 0;
}

/* A key that does nothing for the parsed combination; NULL. What `bevel path` takes in silence is
 * looked at where a list of it would only repeat the task. */
static const char *find_idle(const combination *c, const settings *s)
{
  const bvl_penalty_type *type = bvl_penalty_find(s->run.penalty);
  const char *shape = type != NULL && type->shape_name != NULL ? type->shape_name : "";
  const int stochastic = s->solver >= BVL_SOLVER_SGD;
  const char *who = NULL, *idle = flag_idle(s, &who);
  if (idle != NULL) return idle;
  if (type == NULL) return NULL;
  if (flag_given(s, "depth") && strcmp(shape, "q") != 0) return "depth";
  if (is_list(c, "starts") && type->convex) return "starts";
  if (is_list(c, "groups") && !type->grouped) return "groups";
  if (is_list(c, "group-weights") && !type->grouped) return "group-weights";
  if (is_list(c, "seed") && s->command == COMMAND_PATH && !stochastic && s->run.path.starts <= 1)
    return "seed";
  return NULL;
}

static int drop(combination *c, const char *name)
{
  for (int k = 0; k < c->n; k++)
    if (!c->dropped[k] && strcmp(c->keys[k]->name, name) == 0) return c->dropped[k] = 1;
  return 0;
}

/* What differs within the sub-grid: "penalty=mcp gamma=3". */
static const char *write_label(const combination *c, int several, settings *s)
{
  char label[BVL_STUDY_LABEL_BYTES] = "";
  if (several) snprintf(label, sizeof label, "[%.40s]", c->section);
  for (int k = 0; k < c->n; k++) {
    if (c->dropped[k] || c->keys[k]->n_values == 1) continue;
    if (label[0] != '\0') line_append(label, sizeof label, " ", "");
    line_append(label, sizeof label, c->keys[k]->name, "=");
    line_append(label, sizeof label, c->keys[k]->values[c->at[k]], "");
  }
  if (label[0] == '\0') line_append(label, sizeof label, "data=", value_of(c, "data"));
  return settings_keep(s, label);
}

/* Parses the combination, leaving out what is idle one key after another. */
static int parse_combination(combination *c, command which, const char *output, settings *s,
                             char error[FLAGS_ERROR_BYTES])
{
  const char *data = value_of(c, "data");
  char *words[] = {(char *)data, "-o", (char *)output};
  memset(c->dropped, 0, sizeof c->dropped);
  for (;;) {
    char *text = write_text(c);
    if (text == NULL) return flag_complain(error, "out of memory");
    const int bad = flags_parse(which, 3, words, text, s, error);
    const char *idle = find_idle(c, s);
    free(text);
    if (idle == NULL || !drop(c, idle)) return bad;
    settings_free(s);
  }
}

/* All that decides the answer, by the table of flags, with the penalty's own defaults filled in. */
static const char *write_identity(settings *s)
{
  static const char *const left_out[] = {"depth", "io"};
  bvl_penalty pen;
  char *text = NULL;
  size_t length = 0;
  FILE *to = open_memstream(&text, &length);
  if (to == NULL) return NULL;
  const bvl_penalty_type *type = bvl_penalty_find(s->run.penalty);
  if (type != NULL && bvl_penalty_init(type, &s->run.parameters, &pen) == BVL_OK &&
      pen.type == type)
    s->run.parameters = bvl_penalty_parameters_of(&pen);
  fprintf(to, "command=%s\ndata=%s\n", command_name(s->command), s->file);
  for (int row = 0; row < n_flags; row++) {
    const flag *f = &flag_table[row];
    if (!(f->commands & s->command) || is_reserved(f->name) || strcmp(f->name, left_out[0]) == 0 ||
        strcmp(f->name, left_out[1]) == 0)
      continue;
    flag_print(f, s, to);
  }
  if (fclose(to) != 0) return NULL;
  const char *kept = settings_keep(s, text);
  free(text);
  return kept;
}

/* ---- the grid -------------------------------------------------------------------------------- */

static void list_keys(const study_plan *plan, const plan_section *own, combination *c)
{
  *c = (combination){.section = own->name[0] != '\0' ? own->name : "study"};
  for (int64_t s = 0; s < plan->n_sections; s++) {
    const plan_section *from = &plan->sections[s];
    if (from != own && !is_common(from)) continue;
    for (int k = 0; k < from->n_keys && c->n < 2 * MOST_KEYS; k++) {
      const int hidden = from != own && find_key(own, from->keys[k].name) != NULL;
      const int twice = value_of(c, from->keys[k].name) != NULL;
      if (!hidden && !twice) c->keys[c->n++] = &from->keys[k];
    }
  }
}

/* The next combination, the last key's values fastest; 0 when all have been. */
static int advance(combination *c)
{
  for (int k = c->n - 1; k >= 0; k--) {
    if (++c->at[k] < c->keys[k]->n_values) return 1;
    c->at[k] = 0;
  }
  return 0;
}

static int take_task(study_plan *plan, combination *c, int several, const char *output,
                     char error[FLAGS_ERROR_BYTES])
{
  char why[FLAGS_ERROR_BYTES];
  if (plan->n_tasks == MOST_TASKS) return flag_complain(error, "more than 100000 tasks");
  settings *grown = realloc(plan->settings, (size_t)(plan->n_tasks + 1) * sizeof *grown);
  if (grown != NULL) plan->settings = grown;
  bvl_study_task *tasks = realloc(plan->tasks, (size_t)(plan->n_tasks + 1) * sizeof *tasks);
  if (tasks != NULL) plan->tasks = tasks;
  if (grown == NULL || tasks == NULL) return flag_complain(error, "out of memory");
  settings *s = &plan->settings[plan->n_tasks];
  if (parse_combination(c, plan->command, output, s, why) != 0) {
    settings_free(s);
    snprintf(error, FLAGS_ERROR_BYTES, "[%.60s] %.700s", c->section, why);
    return -1;
  }
  const char *identity = write_identity(s), *label = write_label(c, several, s);
  if (identity == NULL || label == NULL) {
    settings_free(s);
    return flag_complain(error, "out of memory");
  }
  for (int k = 0; k < c->n; k++) c->keys[k]->used |= !c->dropped[k];
  for (int64_t t = 0; t < plan->n_tasks; t++)
    if (strcmp(plan->tasks[t].identity, identity) == 0) {
      settings_free(s); /* as asked for before */
      return 0;
    }
  tasks[plan->n_tasks++] = (bvl_study_task){.identity = identity, .label = label};
  return 0;
}

/* A key that no task has was meant for something. */
static int check_used(const study_plan *plan, char error[FLAGS_ERROR_BYTES])
{
  for (int64_t s = 0; s < plan->n_sections; s++) {
    const plan_section *section = &plan->sections[s];
    for (int k = 0; k < section->n_keys; k++) {
      if (section->keys[k].used) continue;
      snprintf(error, FLAGS_ERROR_BYTES, "[%.60s] %.60s: concerns no task%s", section->name,
               section->keys[k].name, is_common(section) ? "" : " of this section");
      return -1;
    }
  }
  return 0;
}

static int take_section(study_plan *plan, const plan_section *own, int several, const char *output,
                        char error[FLAGS_ERROR_BYTES])
{
  combination c;
  list_keys(plan, own, &c);
  const char *data = value_of(&c, "data"), *which = value_of(&c, "command");
  const command wanted = which != NULL ? command_find(which) : COMMAND_PATH;
  if (data == NULL) {
    snprintf(error, FLAGS_ERROR_BYTES, "[%.60s] data: which files? The key is missing", c.section);
    return -1;
  }
  if (plan->command != COMMAND_NONE && plan->command != wanted)
    return flag_complain(error, "command: one for all sections");
  plan->command = wanted;
  for (int k = 0; k < c.n; k++) {
    const plan_key *key = c.keys[k];
    if (strcmp(key->name, "command") == 0 && key->n_values > 1)
      return flag_complain(error, "command: one for all tasks");
    if (strcmp(key->name, "data") == 0 || strcmp(key->name, "command") == 0) continue;
    if (flag_find(wanted, key->name, strlen(key->name)) >= 0) continue;
    snprintf(error, FLAGS_ERROR_BYTES, "[%.60s] %.60s: no flag of bevel %s", c.section, key->name,
             command_name(wanted));
    return -1;
  }
  do {
    if (strcmp(value_of(&c, "data"), output) == 0)
      return flag_complain(error, "-o would overwrite a data file of the study");
    if (take_task(plan, &c, several, output, error) != 0) return -1;
  } while (advance(&c));
  return 0;
}

int study_plan_make(const char *file, const char *text, const char *output, study_plan *out,
                    char error[FLAGS_ERROR_BYTES])
{
  char why[FLAGS_ERROR_BYTES] = "";
  int n_grids = 0, bad = 0;
  const plan_section *common = NULL;
  *out = (study_plan){.command = COMMAND_NONE};
  if (read_plan(file, text, out, error) != 0) return -1;
  for (int64_t s = 0; s < out->n_sections; s++) {
    if (is_common(&out->sections[s]))
      common = &out->sections[s];
    else
      n_grids++;
  }
  if (n_grids == 0 && common == NULL) {
    snprintf(error, FLAGS_ERROR_BYTES, "%.200s: no keys in it", file);
    return -1;
  }
  if (n_grids == 0) bad = take_section(out, common, 0, output, why);
  for (int64_t s = 0; !bad && n_grids > 0 && s < out->n_sections; s++)
    if (!is_common(&out->sections[s]))
      bad = take_section(out, &out->sections[s], n_grids > 1, output, why);
  if (!bad) bad = check_used(out, why);
  if (bad) snprintf(error, FLAGS_ERROR_BYTES, "%.200s: %.760s", file, why);
  for (int64_t t = 0; !bad && t < out->n_tasks; t++) { /* settings have stopped moving */
    out->tasks[t].run = &out->settings[t].run;
    out->tasks[t].cv = out->command == COMMAND_CV ? &out->settings[t].cv : NULL;
  }
  return bad;
}

void study_plan_free(study_plan *plan)
{
  for (int64_t t = 0; t < plan->n_tasks; t++) settings_free(&plan->settings[t]);
  for (int64_t s = 0; s < plan->n_sections; s++) {
    plan_section *section = &plan->sections[s];
    for (int k = 0; k < section->n_keys; k++) {
      for (int v = 0; v < section->keys[k].n_values; v++) free(section->keys[k].values[v]);
      free(section->keys[k].values);
      free(section->keys[k].name);
    }
    free(section->keys);
    free(section->name);
  }
  free(plan->sections);
  free(plan->settings);
  free(plan->tasks);
  *plan = (study_plan){.command = COMMAND_NONE};
}
