/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of factor maps. */
#include "surrogate/surrogate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const bvl_surrogate *const maps[] = {&bvl_surrogate_product, &bvl_surrogate_group_product,
                                            NULL};

/* Writes the names of the maps that induce `pen` to text, comma-separated; "none" without one. */
static void list_maps(const bvl_penalty *pen, char *text, size_t text_bytes)
{
  size_t used = 0;
  snprintf(text, text_bytes, "none");
  for (size_t k = 0; maps[k] != NULL; k++) {
    if (!maps[k]->induces(pen) || used >= text_bytes) continue;
    int n = snprintf(text + used, text_bytes - used, "%s%s", used > 0 ? ", " : "", maps[k]->name);
    if (n > 0) used += (size_t)n;
  }
}

bvl_status bvl_surrogate_find(const char *name, const bvl_penalty *pen, const bvl_surrogate **out)
{
  *out = NULL;
  for (size_t k = 0; maps[k] != NULL; k++) {
    if ((name == NULL || strcmp(name, maps[k]->name) == 0) && maps[k]->induces(pen)) {
      *out = maps[k];
      return BVL_OK;
    }
  }
  char text[128];
  list_maps(pen, text, sizeof text);
  return bvl_fail(BVL_ERR_USAGE, "surrogate %s does not induce penalty %s (maps that do: %s)",
                  name != NULL ? name : "(default)", pen->type->name, text);
}

int64_t bvl_surrogate_length(const bvl_surrogate *map, const bvl_blocks *blocks)
{
  int64_t length = 0;
  for (int64_t g = 0; g < blocks->n; g++) length += map->block_length(blocks, g);
  return length;
}
