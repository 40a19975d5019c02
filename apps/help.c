/* SPDX-License-Identifier: BSD-3-Clause */
#include "help.h"

#include <string.h>

#include "completion.h"
#include "flag_table.h"
#include "man_page.h"
#include "report.h"
#include "topics.h"
#include "versions.h"

/* `bevel help`, `bevel help WORD`, `--help=WORD`: a command's flags or a topic. */
static int explain(const char *word, int speaks)
{
  const command which = command_find(word);
  const topic *t = topic_find(word);
  if (!speaks) return which != COMMAND_NONE || t != NULL ? EXIT_DONE : EXIT_USAGE;
  if (t != NULL) {
    printf("%s: %s\n\n", t->name, t->about);
    t->print(stdout);
    return EXIT_DONE;
  }
  if (which != COMMAND_NONE) {
    flags_help(which, stdout);
    return EXIT_DONE;
  }
  char error[FLAGS_ERROR_BYTES];
  snprintf(error, sizeof error, "help %.40s: no command and no topic; topics:", word);
  for (int k = 0; k < n_topics; k++) line_append(error, sizeof error, " ", topics[k].name);
  return report_usage("bevel", 0, error);
}

/* --man FOLDER and --completion are for the build and the shell. */
static int make_pages(int argc, char **argv, int speaks)
{
  if (!speaks) return EXIT_DONE;
  if (strcmp(argv[1], "--completion") == 0) {
    completion_print(stdout);
    return EXIT_DONE;
  }
  if (argc < 3) return report_usage("bevel", 0, "--man FOLDER: the value is missing");
  return man_pages_write(argv[2]) == 0 ? EXIT_DONE : EXIT_RESOURCES;
}

int help_answer(int argc, char **argv, command which, int speaks)
{
  if (argc < 2) {
    if (speaks) flags_help(COMMAND_NONE, stderr);
    return EXIT_USAGE;
  }
  if (strcmp(argv[1], "--version") == 0) {
    if (speaks) versions_print(stdout);
    return EXIT_DONE;
  }
  if (strcmp(argv[1], "--man") == 0 || strcmp(argv[1], "--completion") == 0)
    return make_pages(argc, argv, speaks);
  if (strcmp(argv[1], "help") == 0 && argc > 2) return explain(argv[2], speaks);
  if (strcmp(argv[1], "help") == 0 && speaks) flags_help(COMMAND_NONE, stdout);
  if (strcmp(argv[1], "help") == 0) return EXIT_DONE;
  for (int k = 1; k < argc && strcmp(argv[k], "--") != 0; k++) {
    if (strncmp(argv[k], "--help=", 7) == 0) return explain(argv[k] + 7, speaks);
    if (strcmp(argv[k], "--help") != 0 && strcmp(argv[k], "-h") != 0) continue;
    if (which == COMMAND_NONE && k > 1) break; /* help about what does not exist */
    if (speaks) flags_help(which, stdout);
    return EXIT_DONE;
  }
  return -1;
}
