/* SPDX-License-Identifier: BSD-3-Clause */
/* What import's flags mean together. */
#include <string.h>

#include "flag_table.h"

static int check_separator(settings *s, char error[FLAGS_ERROR_BYTES])
{
  const char *text = s->separator;
  if (text == NULL) return 0;
  s->import.separator = strcmp(text, "tab") == 0 ? '\t' : text[0];
  if ((s->import.separator != '\t' && text[1] != '\0') || strchr("\"\n\r.+-0123456789", text[0]))
    return flag_complain(error, "--separator: wanted one character that no number has, or tab");
  return 0;
}

/* Flags of one format, where the format is said. */
static int check_idle(const settings *s, char error[FLAGS_ERROR_BYTES])
{
  static const struct {
    const char *flag, *format, *who;
  } idle[] = {{"ignore", "csv", "--ignore goes with csv"},
              {"header", "csv", "--header goes with csv"},
              {"separator", "csv", "--separator goes with csv"},
              {"base", "libsvm", "--base goes with libsvm"},
              {"columns", "libsvm", "--columns goes with libsvm"},
              {"y-column", "plink", "--y-column goes with plink"}};
  const char *format = bvl_import_format(&s->import);
  for (size_t k = 0; format != NULL && k < sizeof idle / sizeof idle[0]; k++)
    if (flag_given(s, idle[k].flag) && strcmp(format, idle[k].format) != 0)
      return flag_complain(error, idle[k].who);
  if (format == NULL) return 0; /* the import says what it wants */
  if (strcmp(format, "plink") == 0 && flag_given(s, "precision"))
    return flag_complain(error, "--precision goes with csv and libsvm: genotypes take a byte");
  if (strcmp(format, "libsvm") == 0 && flag_given(s, "y"))
    return flag_complain(error, "--y goes with csv and plink: a libsvm line begins with its label");
  if (strcmp(format, "libsvm") == 0 && flag_given(s, "missing") && s->missing > 0)
    return flag_complain(error, "--missing mean and drop go with csv and plink");
  return 0;
}

int check_import_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_import_options *o = &s->import;
  o->file = s->file;
  o->output = s->output;
  if (check_separator(s, error) != 0 || check_idle(s, error) != 0) return -1;
  if (flag_given(s, "y-column") && o->y == NULL)
    return flag_complain(error, "--y-column goes with --y FILE");
  if (o->y != NULL && strcmp(o->y, o->output) == 0)
    return flag_complain(error, "-o would overwrite the file of --y");
  o->header = s->header;
  o->base = s->base;
  o->missing = flag_given(s, "missing") ? (bvl_missing)(s->missing + BVL_MISSING_ERROR)
                                        : BVL_MISSING_AUTO;
  if (!flag_given(s, "memory-limit")) o->memory_limit = 0;
  return 0;
}
