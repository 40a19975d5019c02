/* SPDX-License-Identifier: BSD-3-Clause */
/* What every job on a network begins with: data opened and checked, rows cut into those to learn
 * from and those to try, inputs scaled, a grid chosen, the network laid out over it. */
#ifndef BVL_RUN_NETWORK_H
#define BVL_RUN_NETWORK_H

#include <stdio.h>

#include "bevel/monitor.h"
#include "io/network.h"
#include "net/net.h"
#include "net/rows.h"
#include "net/sparse/compact.h"

typedef struct bvl_network_options {
  const char *data;
  bvl_data_names names;
  const char *family;        /* NULL = the file's, else gaussian */
  const char *layers;        /* "784-300-100-10", or ... */
  const char *arch;          /* ... a name or a file's text; one of the two */
  const char *arch_name;     /* what to call it in messages */
  bvl_activation activation; /* BVL_RELU */
  double test_fraction;      /* of the rows, drawn by the seed; 0 = none */
  const char *train_index;   /* dataset of the rows to learn from, the rest is tried; NULL = none */
  bvl_scaling scaling;
  int is_double;    /* --precision double */
  int by_output;    /* weights lie by neuron: groups of neurons */
  int whole_inputs; /* all inputs on a rank: Pc = 1 */
  int64_t batch;    /* rows a minibatch; 0 = all */
  uint64_t seed;
  int grid_rows; /* 0 x 0 = chosen */
  int grid_cols;
  int collective_io;
  int64_t memory_limit;
  const char *command_line;
} bvl_network_options;

void bvl_network_options_init(bvl_network_options *options);

typedef struct bvl_network_job {
  const bvl_network_options *options; /* borrowed */
  const bvl_monitor *monitor;         /* borrowed, may be NULL */
  bvl_traffic traffic;
  bvl_comm comm;
  bvl_data *data; /* owned; closed once the rows are in memory */
  char family[32];
  bvl_architecture arch;
  int64_t n, p, nnz;
  int64_t n_responses;
  int sparse;
  uint64_t fingerprint;
  char **feature_names; /* rank 0: p strings in one block, owned; NULL = none */
  char *class_names;    /* a line a class, owned; NULL = none */
  int64_t n_train;
  int64_t n_test;
  int64_t *train_index; /* n_train rows of the file, ascending, owned */
  int64_t *test_index;  /* n_test, owned */
  int64_t n_slices;     /* minibatches an epoch */
  int grid_rows, grid_cols;
  bvl_grid *grid;      /* owned */
  bvl_net_rows *train; /* owned, as the next two; NULL until bvl_network_job_read */
  bvl_net_rows *test;  /* NULL = none */
  bvl_net *net;        /* owned */
  int64_t estimate_bytes;
  char start_time[24];
} bvl_network_job;

/** Opens the data, splits its rows and lays the network out: all that is small. Collective over
 * comm. bvl_network_close in any case.
 * @return BVL_ERR_USAGE (layers that do not fit the data, a batch larger than the rows, a grid that
 * does not fit the network), BVL_ERR_INPUT ..., the same on every rank. */
bvl_status bvl_network_open(MPI_Comm comm, const bvl_network_options *options,
                            const bvl_monitor *monitor, bvl_network_job *job);
/** Reads and scales the rows. Collective.
 * @param[in] share_doubles  numbers the job will keep for each parameter of a rank's share, beside
 *                           those an evaluation takes; equal on all ranks.
 * @return BVL_ERR_NOMEM (before anything large is read), BVL_ERR_INPUT ..., the same on every rank.
 */
bvl_status bvl_network_job_read(bvl_network_job *job, double share_doubles);
void bvl_network_close(bvl_network_job *job);

/** What a file's writer wants to know of the small network that was made of one on `net`: rank 0
 * speaks for the head, grid row 0 for the inputs it has. p, center, scale and fill are left to the
 * caller. Borrows `small`. Not collective. */
void bvl_network_values_of(const bvl_net *net, const bvl_compact *small,
                           bvl_network_values *values);
/** Writes the network with these parameters (n_params) under a prefix ("" or "/points/3"), without
 * the units and inputs that have died. Collective. */
bvl_status bvl_network_job_put(const bvl_network_job *job, bvl_result_writer *writer,
                               const char *prefix, const double *params);
/** The same with all of it: a norm of a front counts dead units too. Collective. */
bvl_status bvl_network_job_put_whole(const bvl_network_job *job, bvl_result_writer *writer,
                                     const char *prefix, const double *params);
/** What a checkpoint of the job must match, as "key=value" lines. Not collective. */
void bvl_network_job_print(const bvl_network_job *job, FILE *text);
/** Writes what the job was: attributes, rows, names of features. Collective. */
bvl_status bvl_network_job_describe(const bvl_network_job *job, bvl_result_writer *writer);

#endif
