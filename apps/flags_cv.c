/* SPDX-License-Identifier: BSD-3-Clause */
/* What cv's flags mean together, and which lambda predict is to take. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flag_table.h"
#include "run/criteria.h"

int check_cv_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_cv_options *o = &s->cv;
  o->kind = (bvl_fold_kind)s->fold_kind;
  o->measure = (bvl_measure)s->measure;
  if (o->fold_id != NULL && (flag_given(s, "folds") || flag_given(s, "fold-kind")))
    return flag_complain(error, "--fold-id leaves nothing to --folds and --fold-kind");
  if (o->kind == BVL_FOLDS_GROUPED && o->fold_groups == NULL)
    return flag_complain(error, "--fold-kind grouped needs --fold-groups PATH");
  if (o->fold_groups != NULL && o->kind != BVL_FOLDS_GROUPED)
    return flag_complain(error, "--fold-groups goes with --fold-kind grouped");
  return 0;
}

int check_at(settings *s, char error[FLAGS_ERROR_BYTES])
{
  char *end = NULL;
  if (s->at_text == NULL) return 0;
  if (strcmp(s->at_text, "lambda.min") == 0) {
    s->at = BVL_AT_LAMBDA_MIN;
    return 0;
  }
  if (strcmp(s->at_text, "lambda.1se") == 0) {
    s->at = BVL_AT_LAMBDA_1SE;
    return 0;
  }
  for (int c = 0; c < BVL_N_CRITERIA; c++)
    if (strcmp(s->at_text, bvl_criterion_name((bvl_criterion)c)) == 0) {
      s->at = BVL_AT_AIC - c;
      return 0;
    }
  s->at = strtod(s->at_text, &end);
  if (end != s->at_text && *end == '\0' && s->at >= 0.0 && isfinite(s->at)) return 0;
  snprintf(error, FLAGS_ERROR_BYTES,
           "--at %.60s: wanted a lambda of at least 0, lambda.min or lambda.1se, aic, bic or ebic",
           s->at_text);
  return -1;
}
