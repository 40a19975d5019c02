/* SPDX-License-Identifier: BSD-3-Clause */
/* The script is three lists and a function: flags of a command, words of a flag, and what to do
 * with them at the cursor. Readline cuts at `=`: --penalty=la arrives as three words. */
#include "completion.h"

#include <string.h>

#include "flag_table.h"
#include "topics.h"

static void print_lists(FILE *to)
{
  fputs("_bevel_commands='help", to);
  for (int m = 0; m < n_manuals; m++) fprintf(to, " %s", manuals[m].name);
  fputs("'\n_bevel_topics='", to);
  for (int k = 0; k < n_topics; k++) fprintf(to, "%s%s", k > 0 ? " " : "", topics[k].name);
  fputs("'\n\n_bevel_flags() { # COMMAND\n  case $1 in\n", to);
  for (int m = 0; m < n_manuals; m++) {
    fprintf(to, "    %s) echo '--help", manuals[m].name);
    for (int k = 0; k < n_flags; k++)
      if (flag_table[k].commands & manuals[m].which) fprintf(to, " --%s", flag_table[k].name);
    fputs("' ;;\n", to);
  }
  fputs("  esac\n}\n\n", to);
}

/* What a flag's value may be: words with blanks between, "@file", "" for what is typed. Returns 0
 * for a switch. */
static int describe_value(const flag *f, char *out, size_t size)
{
  out[0] = '\0';
  if (f->kind == KIND_SWITCH) return 0;
  if (f->kind == KIND_WORD || f->kind == KIND_INDEX || f->kind == KIND_EITHER) {
    flag_words(f, out, size);
    for (char *c = out; *c != '\0'; c++)
      if (*c == '|') *c = ' ';
  } else if (f->kind == KIND_TEXT && strstr(f->arg, "FILE") != NULL) {
    snprintf(out, size, "@file");
  } else if (f->kind == KIND_TEXT && strstr(f->arg, "|none") != NULL) {
    snprintf(out, size, "none");
  }
  return 1;
}

static void print_values(FILE *to)
{
  fputs("_bevel_values() { # COMMAND FLAG: 1 when the flag takes no value\n  case $1:$2 in\n", to);
  for (int k = 0; k < n_flags; k++) {
    char words[640];
    int n = 0;
    if (!describe_value(&flag_table[k], words, sizeof words)) continue;
    fputs("    ", to);
    for (int m = 0; m < n_manuals; m++) {
      if ((flag_table[k].commands & manuals[m].which) == 0) continue;
      fprintf(to, "%s%s:--%s", n++ > 0 ? " | " : "", manuals[m].name, flag_table[k].name);
      if (strcmp(flag_table[k].name, "output") == 0) fprintf(to, " | %s:-o", manuals[m].name);
    }
    fprintf(to, ") echo '%s' ;;\n", words);
  }
  fputs("    *) return 1 ;;\n  esac\n}\n\n", to);
}

static const char at_the_cursor[] =
    "_bevel() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=@file\n"
    "  local command=${COMP_WORDS[1]}\n"
    "  if [[ $cur == '=' ]]; then\n"
    "    cur=\n"
    "  elif [[ $prev == '=' ]]; then\n"
    "    prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n"
    "  if ((COMP_CWORD == 1)); then\n"
    "    words=\"$_bevel_commands --help --version --completion\"\n"
    "  elif [[ $prev == --help ]]; then\n"
    "    words=$_bevel_topics\n"
    "  elif [[ $command == help ]]; then\n"
    "    words=\"$_bevel_topics ${_bevel_commands#help }\"\n"
    "  elif words=$(_bevel_values \"$command\" \"$prev\"); then\n"
    "    :\n"
    "  elif [[ $cur == -* ]]; then\n"
    "    words=$(_bevel_flags \"$command\")\n"
    "  else\n"
    "    words=@file\n"
    "  fi\n"
    "  if [[ $words == @file ]]; then\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "  else\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
    "  fi\n"
    "}\n\n"
    "complete -F _bevel bevel\n";

void completion_print(FILE *to)
{
  fprintf(to, "# bash completion for bevel %s: made by bevel --completion\n", bvl_version());
  print_lists(to);
  print_values(to);
  fputs(at_the_cursor, to);
}
