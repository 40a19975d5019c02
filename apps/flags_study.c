/* SPDX-License-Identifier: BSD-3-Clause */
/* What study's flags mean together. */
#include "flag_table.h"

int check_study_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  if (s->run.resume && s->run.checkpoint == NULL)
    return flag_complain(error, "--resume needs --checkpoint FOLDER");
  if (flag_given(s, "checkpoint-every") && s->run.checkpoint == NULL)
    return flag_complain(error, "--checkpoint-every needs --checkpoint FOLDER");
  return 0;
}
