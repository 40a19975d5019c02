/* SPDX-License-Identifier: BSD-3-Clause */
/* Network files (HDF5), and networks inside of other files under a prefix ("" or "/points/3"):
 *
 *   /                        attribute kind: "network", or "front" of several
 *   PREFIX                   attribute input_shape: channels, height, width, or the inputs alone
 *   PREFIX/layers/<k>        attributes kind (dense, conv2d, maxpool2d), activation; stride and
 *                            padding of conv2d; stride and pool (height, width) of maxpool2d
 *   PREFIX/layers/<k>/weight outputs x inputs (dense), outputs x channels x height x width (conv2d)
 *   PREFIX/layers/<k>/bias   outputs
 *   PREFIX/input/center, scale   p: the network sees (x - center) / scale
 *   PREFIX/input/kept        columns of the data that are the first layer's inputs, ascending
 *   PREFIX/input/fill        p: what a missing code reads as; only of data that have one
 *   PREFIX/train_index, test_index, history/NAME   (a vector a quantity, an entry an epoch: epoch,
 *                            train_loss, train_accuracy, test_loss, test_accuracy, l1, nonzeros,
 *                            seconds): bvl_result_put_i64, bvl_result_put_f64 */
#ifndef BVL_IO_NETWORK_H
#define BVL_IO_NETWORK_H

#include "io/io.h"
#include "net/layers/architecture.h"

/** A writer without /coef whose file all ranks write together; everything of io.h but
 * bvl_result_put_coef goes with it, rank 0's values as there. `kind` is the root's attribute:
 * "network", or "front" of several. Collective. */
bvl_status bvl_network_create(const bvl_comm *comm, const char *path, const char *kind,
                              bvl_result_writer **out);

/** What bvl_network_put writes. */
typedef struct bvl_network_values {
  const bvl_architecture *arch; /* replicated */
  int single;                   /* weights and biases as float32; replicated */
  /* On rank 0: weights as architecture.h says they lie in memory (by_output heeded), outputs of
   * them; NULL for pools. */
  const double *weight[BVL_NET_MAX_LAYERS];
  const double *bias[BVL_NET_MAX_LAYERS];
  /* A dense first layer instead of weight[0]: the weights of this rank's inputs. Each input comes
   * from exactly one rank; a rank may have none. */
  int64_t n_first;
  const int64_t *first_input; /* n_first of the layer's inputs in the file's order; NULL =
                                 first_begin, first_begin + 1, ... */
  int64_t first_begin;
  const double *first; /* output o of input c here: first[o * output_step + c * input_step] */
  int64_t output_step;
  int64_t input_step;
  /* Columns of the data. */
  int64_t p;            /* replicated */
  int64_t n_kept;       /* replicated: inputs of the first layer */
  int has_fill;         /* replicated */
  const double *center; /* p, on rank 0, as the next ones */
  const double *scale;
  const double *fill;
  const int64_t *kept; /* n_kept; NULL = all p */
} bvl_network_values;

/** Writes one network. No rank ever holds more of the first layer than its own part and a buffer of
 * 8 MiB (or one input). Collective.
 * @return BVL_ERR_IO, BVL_ERR_DISK, BVL_ERR_NOMEM; BVL_ERR_INTERNAL when sizes contradict. */
bvl_status bvl_network_put(bvl_result_writer *writer, const char *prefix,
                           const bvl_network_values *values);

/** A network read back. */
typedef struct bvl_network_file {
  bvl_architecture arch; /* by_output = 0 throughout */
  int single;            /* float32 in the file */
  int64_t p;             /* columns of the data */
  double *center;        /* p */
  double *scale;         /* p, positive */
  double *fill;          /* p, or NULL */
  int64_t n_kept;        /* inputs of the first layer */
  int64_t *kept;         /* n_kept columns, ascending */
  /* In the file's order: outputs x fan-in, row-major; NULL for pools. */
  double *weight[BVL_NET_MAX_LAYERS];
  double *bias[BVL_NET_MAX_LAYERS];
  char **feature_names; /* p, the root's, one block; NULL when there are none */
  char family[32];      /* the root's, "" when it has none */
  int64_t n_train;      /* -1 when the file does not say */
  int64_t *train_index; /* n_train rows */
  int64_t n_test;
  int64_t *test_index;
} bvl_network_file;

/** Reads a network, checks that it is one, and gives every rank all of it. With `without_first` the
 * weights of a dense first layer are left out (weight[0] = NULL, unchecked): see below. Collective.
 * @return BVL_ERR_IO; BVL_ERR_INPUT: another kind of file, a layer or dataset missing, an unknown
 *         kind or activation, sizes that do not follow from one another, NaN or Inf; the dataset
 *         and the sizes in the message. */
bvl_status bvl_network_read(const bvl_comm *comm, const char *path, const char *prefix,
                            int without_first, bvl_network_file *out);
void bvl_network_free(bvl_network_file *network);

/** Weights of a dense first layer for inputs begin .. begin + count - 1 of it: out[c * outputs +
 * o]. Each rank asks for its own; count may be 0. In pieces of 8 MiB. Collective. */
bvl_status bvl_network_read_first(const bvl_comm *comm, const char *path, const char *prefix,
                                  int64_t begin, int64_t count, double *out);

/** A text among the root's attributes, the caller's; NULL when there is none. Not collective. */
char *bvl_network_text(const char *path, const char *name);

/** A file's attribute kind, for those who take several. Not collective; neither for what cannot be
 * opened. */
typedef enum bvl_network_kind { BVL_NO_NETWORK, BVL_ONE_NETWORK, BVL_FRONT } bvl_network_kind;
bvl_network_kind bvl_network_kind_of(const char *path);

/** One of a front's points. Plain data. */
typedef struct bvl_front_choice {
  int64_t point; /* its network is under /points/<point> */
  int64_t n_points;
  enum { BVL_FRONT_NAMED, BVL_FRONT_BY_ACCURACY, BVL_FRONT_BY_LOSS } by;
  double value; /* what decided: the test accuracy or the loss; NaN when it was named */
} bvl_front_choice;

/** The point `wanted`; or, when that is -1, the one of the best test accuracy, without test rows of
 * the least loss; of equal ones the one of the least norm. By one process.
 * @return BVL_ERR_INPUT: there is no such point, and how many there are; nothing to choose by. */
bvl_status bvl_front_choose(const char *path, int64_t wanted, bvl_front_choice *out);

#endif
