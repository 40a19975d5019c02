/* SPDX-License-Identifier: BSD-3-Clause */
/* What all forms of the inner problem share. */
#include "solver/varpro/varpro_form.h"

#include <stdlib.h>

#include "base/checked.h"

bvl_status bvl_varpro_form_create(const bvl_varpro_form_type *type, bvl_problem *problem,
                                  bvl_working_set *set, const double *residual,
                                  bvl_varpro_form **out)
{
  bvl_status status = BVL_OK;
  bvl_varpro_form *form = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(&problem->grid->all, BVL_ALLOC(&form, 1)));
  form->type = type;
  form->problem = problem;
  form->set = set;
  form->residual = residual;
  BVL_TRY(type->create(form));
  *out = form;
  form = NULL;
cleanup:
  bvl_varpro_form_destroy(&form);
  return status;
}

void bvl_varpro_form_destroy(bvl_varpro_form **handle)
{
  bvl_varpro_form *form = *handle;
  *handle = NULL;
  if (form == NULL) return;
  form->type->destroy(form);
  free(form->block);
  free(form->mean_square);
  free(form);
}

bvl_status bvl_varpro_form_reserve(bvl_varpro_form *form, int64_t n_blocks, int64_t m)
{
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_GROW(&form->block, &form->room[0], n_blocks));
  BVL_TRY(BVL_GROW(&form->mean_square, &form->room[1], m));
cleanup:
  return status;
}
