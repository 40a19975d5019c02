/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel predict with a network. */
#ifndef BVL_RUN_PREDICT_NETWORK_H
#define BVL_RUN_PREDICT_NETWORK_H

#include "run/run.h"

/** /prediction n x K: the last layer's outputs ("link"), means of the family ("response") or
 * classes ("class"). Collective over comm; every rank has the whole network and its share of the
 * rows, of dense X only the columns that the network has kept. is_front: the model is a front, of
 * which options->point is taken or the best; outcome says which. Equal on all ranks.
 * @return as bvl_run_predict. */
bvl_status bvl_run_predict_network(MPI_Comm comm, const bvl_predict_options *options, int is_front,
                                   bvl_predict_outcome *outcome);

#endif
