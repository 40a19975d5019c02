/* SPDX-License-Identifier: BSD-3-Clause */
/* roff's man macros. Words come from the tables: `-` becomes a minus that can be copied, a line may
 * not begin with a dot or an apostrophe. */
#include "man_page.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flag_table.h"
#include "topics.h"

/* ---- text ----------------------------------------------------------------------------------- */

static void put_char(FILE *to, char c)
{
  if (c == '-')
    fputs("\\-", to);
  else if (c == '\\')
    fputs("\\e", to);
  else if (c == '\'')
    fputs("\\(aq", to);
  else if (c == '`')
    fputs("\\(ga", to);
  else if (c == '^')
    fputs("\\(ha", to);
  else if (c == '~')
    fputs("\\(ti", to);
  else
    fputc(c, to);
}

static void put_text(FILE *to, const char *text)
{
  for (; *text != '\0'; text++) put_char(to, *text);
}

/* A paragraph, broken between words into lines that an editor shows whole. */
static void put_filled(FILE *to, const char *text)
{
  enum { WIDTH = 72 };
  size_t column = 0;
  while (*text != '\0') {
    const size_t length = strcspn(text, " ");
    if (column > 0 && column + 1 + length > WIDTH) {
      fputc('\n', to);
      column = 0;
    }
    if (column > 0) fputc(' ', to);
    if (column == 0 && *text == '.') fputs("\\&", to);
    for (size_t k = 0; k < length; k++) put_char(to, text[k]);
    column += length + (column > 0);
    text += length;
    while (*text == ' ') text++;
  }
  fputc('\n', to);
}

/* Lines as they are. */
static void put_verbatim(FILE *to, const char *text)
{
  fputs(".nf\n", to);
  while (*text != '\0') {
    const size_t length = strcspn(text, "\n");
    if (*text == '.') fputs("\\&", to);
    if (length == 0) fputs("\\&", to); /* an empty line is for filled text */
    for (size_t k = 0; k < length; k++) put_char(to, text[k]);
    fputc('\n', to);
    text += length + (text[length] == '\n');
  }
  fputs(".fi\n", to);
}

static void put_printed(FILE *to, void (*print)(FILE *))
{
  char *text = NULL;
  size_t length = 0;
  FILE *memory = open_memstream(&text, &length);
  if (memory == NULL) return;
  print(memory);
  fclose(memory);
  put_verbatim(to, text);
  free(text);
}

static void put_title(FILE *to, const char *name)
{
  const char *epoch = getenv("SOURCE_DATE_EPOCH");
  time_t now = epoch != NULL ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
  struct tm utc;
  char date[16];
  gmtime_r(&now, &utc);
  strftime(date, sizeof date, "%Y-%m-%d", &utc);
  fputs(".TH ", to);
  for (const char *c = name; *c != '\0'; c++) put_char(to, (char)toupper((unsigned char)*c));
  fprintf(to, " 1 %s \"bevel %s\" \"User Commands\"\n", date, bvl_version());
}

/* ---- flags ---------------------------------------------------------------------------------- */

/* What the table allows, where its help does not say it all. */
static void put_allowed(FILE *to, const flag *f)
{
  char words[640], line[768] = "";
  const int is_words = f->kind == KIND_WORD || f->kind == KIND_INDEX || f->kind == KIND_EITHER;
  if (f->allowed == NULL) return;
  if (!is_words) {
    snprintf(line, sizeof line, "Wanted: %s.", f->allowed);
  } else {
    flag_words(f, words, sizeof words);
    for (char *word = strtok(words, "|"); word != NULL; word = strtok(NULL, "|"))
      line_append(line, sizeof line, line[0] == '\0' ? "One of " : ", ", word);
    line_append(line, sizeof line, ".", "");
  }
  put_filled(to, line);
}

static void put_flag(FILE *to, const flag *f)
{
  fputs(".TP\n", to);
  if (strcmp(f->name, "output") == 0) fputs("\\fB\\-o\\fR \\fIFILE\\fR, ", to);
  fputs("\\fB\\-\\-", to);
  put_text(to, f->name);
  fputs("\\fR", to);
  if (f->arg != NULL) {
    fputs(" \\fI", to);
    put_text(to, f->arg);
    fputs("\\fR", to);
  }
  fputc('\n', to);
  put_filled(to, f->help);
  if (f->allowed != NULL) fputs(".br\n", to);
  put_allowed(to, f);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void put_see_also(FILE *to, command which)
{
  fputs(".SH SEE ALSO\n", to);
  if (which != COMMAND_NONE) fprintf(to, ".BR bevel (1),\n");
  for (int k = 0, left = n_manuals - (which != COMMAND_NONE); k < n_manuals; k++) {
    if (manuals[k].which == which) continue;
    fprintf(to, ".BR bevel\\-%s (1)%s\n", manuals[k].name, --left > 0 ? "," : "");
  }
}

static void put_command(FILE *to, const manual *m)
{
  char name[40];
  snprintf(name, sizeof name, "bevel-%s", m->name);
  put_title(to, name);
  fputs(".SH NAME\n", to);
  put_text(to, name);
  fputs(" \\- ", to);
  fputc(tolower((unsigned char)m->about[0]), to);
  for (const char *c = m->about + 1; c[0] != '\0' && !(c[0] == '.' && c[1] == '\0'); c++)
    put_char(to, *c);
  fprintf(to, "\n.SH SYNOPSIS\n.B bevel %s\n", m->name);
  put_filled(to, m->args);
  fputs("[\\fIflags\\fR]\n.PP\n\\fBmpirun \\-n\\fR \\fIranks\\fR \\fBbevel ", to);
  fprintf(to, "%s\\fR ...\n.SH DESCRIPTION\n", m->name);
  put_filled(to, m->about);
  put_filled(to, "Flags are not abbreviated; a value follows as the next word or behind an equals "
                 "sign.");
  fputs(".SH OPTIONS\n", to);
  for (int k = 0; k < n_flags; k++)
    if (flag_table[k].commands & m->which) put_flag(to, &flag_table[k]);
  fputs(".TP\n\\fB\\-\\-help\\fR\nThe same in short.\n", to);
  if (m->which & COMMANDS_SOLVE) {
    fputs(".SH PENALTIES AND SOLVERS\n", to);
    put_printed(to, flags_pairs);
  }
  fputs(".SH EXIT STATUS\n", to);
  put_printed(to, topic_exit_codes);
  put_see_also(to, m->which);
}

static void put_program(FILE *to)
{
  put_title(to, "bevel");
  fputs(".SH NAME\nbevel \\- distributed sparse regression and whole regularization paths\n"
        ".SH SYNOPSIS\n.B bevel\n\\fIcommand\\fR [\\fIfile\\fR] [\\fIflags\\fR]\n.PP\n"
        "\\fBmpirun \\-n\\fR \\fIranks\\fR \\fBbevel\\fR \\fIcommand\\fR ...\n.PP\n"
        "\\fBbevel help\\fR [\\fIcommand\\fR|\\fItopic\\fR]\n.SH DESCRIPTION\n",
        to);
  put_filled(to, "Fits sparse regression models, and whole regularization paths of them, on data "
                 "that do not fit one machine. Every answer comes with a certificate: the largest "
                 "violation of the optimality conditions, and for convex penalties a duality gap, "
                 "from fresh residuals.");
  fputs(".SH COMMANDS\n", to);
  for (int k = 0; k < n_manuals; k++) {
    fprintf(to, ".TP\n.BR bevel\\-%s (1)\n", manuals[k].name);
    put_filled(to, manuals[k].about);
  }
  fputs(".SH OPTIONS\n.TP\n\\fB\\-\\-help\\fR[=\\fITOPIC\\fR]\nOf the program, a command or a "
        "topic.\n"
        ".TP\n\\fB\\-\\-version\\fR\nOf bevel and the libraries it runs on.\n"
        ".TP\n\\fB\\-\\-completion\\fR\nPrints completions for bash.\n",
        to);
  for (int k = 0; k < n_topics; k++) {
    fputs(".SH ", to);
    if (strcmp(topics[k].name, "exit-codes") == 0)
      fputs("EXIT STATUS", to);
    else
      for (const char *c = topics[k].name; *c != '\0'; c++)
        put_char(to, (char)toupper((unsigned char)*c));
    fputc('\n', to);
    put_printed(to, topics[k].print);
  }
  put_see_also(to, COMMAND_NONE);
}

void man_page_print(command which, FILE *to)
{
  const manual *m = manual_of(which);
  if (m == NULL)
    put_program(to);
  else
    put_command(to, m);
}

static int write_page(const char *directory, const char *name, command which)
{
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.1", directory, name);
  FILE *to = fopen(path, "w");
  if (to != NULL) man_page_print(which, to);
  const int bad = to == NULL || ferror(to) || fclose(to) != 0;
  if (bad) fprintf(stderr, "bevel: %s: %s\n", path, strerror(errno));
  return bad ? -1 : 0;
}

int man_pages_write(const char *directory)
{
  char name[40];
  int bad = write_page(directory, "bevel", COMMAND_NONE);
  for (int k = 0; !bad && k < n_manuals; k++) {
    snprintf(name, sizeof name, "bevel-%s", manuals[k].name);
    bad = write_page(directory, name, manuals[k].which);
  }
  return bad;
}
