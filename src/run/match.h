/* SPDX-License-Identifier: BSD-3-Clause */
/* Which columns of the data a model means. */
#ifndef BVL_RUN_MATCH_H
#define BVL_RUN_MATCH_H

#include "io/io.h"

/** column[k] <- the data's column that is the model's feature wanted[k] (NULL = k), n_wanted of
 * them: by name when both have names, else by position. Collective over comm.
 *
 * @param[in]  p      features of the model.
 * @param[in]  names  p names, NULL = none; replicated, as `wanted`.
 * @param[out] by_name  NULL = not wanted.
 * @return BVL_ERR_INPUT: a feature that is missing; without names, data of another width. */
bvl_status bvl_match_columns(const bvl_comm *comm, bvl_data *data, int64_t p, char *const *names,
                             int64_t n_wanted, const int64_t *wanted, int64_t *column,
                             int *by_name);

#endif
