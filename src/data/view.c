/* SPDX-License-Identifier: BSD-3-Clause */
/* The same entries standardised another way. */
#include <stdlib.h>

#include "base/checked.h"
#include "data/design.h"

bvl_status bvl_design_view(const bvl_design *X, bvl_design **out)
{
  const int64_t p_local = X->columns.p_local;
  bvl_design *view = NULL;
  *out = NULL;
  bvl_status status = BVL_ALLOC(&view, 1);
  if (status == BVL_OK) {
    *view = *X;
    view->is_view = 1;
    view->center = view->inv_scale = view->scale = view->fill = NULL;
    view->constant = NULL;
    view->work = view->packed = NULL;
    view->centered = view->scaled = 0;
    view->work_len = view->packed_extra = view->bytes_touched = 0;
    view->packed_k = 1;
    status = BVL_GROW(&view->work, &view->work_len, 2 * p_local);
  }
  if (status == BVL_OK) status = BVL_ALLOC(&view->packed, p_local);
  if (status == BVL_OK) status = BVL_ALLOC(&view->constant, p_local);
  if (status == BVL_OK && X->fill != NULL) status = BVL_ALLOC(&view->fill, p_local);
  status = bvl_agree(&X->grid->all, status);
  if (status == BVL_OK)
    *out = view;
  else
    bvl_design_destroy(&view);
  return status;
}
