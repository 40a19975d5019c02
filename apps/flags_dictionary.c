/* SPDX-License-Identifier: BSD-3-Clause */
/* What dictionary's flags mean together. */
#include "flag_table.h"

int check_dictionary_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_dictionary_run *run = &s->dictionary;
  static const char *const minibatch[] = {"epochs", "batch", "lr", "schedule"};
  static const char *const rounds[] = {"max-iter", "tol"};
  run->solver = (bvl_dictionary_solver)s->engine;
  run->optim.schedule = (bvl_schedule)s->schedule;
  run->data = s->file;
  run->output = s->output;
  if (!flag_given(s, "lambda"))
    return flag_complain(error, "--lambda L is missing: the level of the codes' l1 norm");
  if (run->checkpoint != NULL && run->solver != BVL_DICTIONARY_ALTERNATE)
    return flag_complain(error, "--checkpoint goes with --solver alternate");
  if (run->checkpoint == NULL && flag_given(s, "resume"))
    return flag_complain(error, "--resume goes with --checkpoint FILE");
  if (run->checkpoint == NULL && flag_given(s, "checkpoint-every"))
    return flag_complain(error, "--checkpoint-every goes with --checkpoint FILE");
  for (size_t k = 0; k < sizeof minibatch / sizeof *minibatch; k++)
    if (flag_given(s, minibatch[k]) && run->solver != BVL_DICTIONARY_ADAM) {
      snprintf(error, FLAGS_ERROR_BYTES, "--%s goes with --solver adam", minibatch[k]);
      return -1;
    }
  for (size_t k = 0; k < sizeof rounds / sizeof *rounds; k++)
    if (flag_given(s, rounds[k]) && run->solver == BVL_DICTIONARY_ADAM) {
      snprintf(error, FLAGS_ERROR_BYTES, "--%s goes with --solver alternate or lbfgs", rounds[k]);
      return -1;
    }
  return 0;
}
