/* SPDX-License-Identifier: BSD-3-Clause */
/* Predicting with network files, whole and pruned, from dense, sparse, renamed and incomplete data:
 * the answers against plain loops over what was written. Values are formulas of the indices. */
#include "io_files.h"

#include "base/rng.h"
#include "io/network.h"
#include "loss/multi.h"
#include "run/prune.h"
#include "run/run.h"

enum { N = 41, MOST = 128 };

/* ---- a network, in the order of files ----------------------------------------------------------
 */

typedef struct model {
  bvl_architecture arch;
  int64_t p;
  int64_t n_kept;
  int64_t kept[MOST];
  double *weight[BVL_NET_MAX_LAYERS]; /* outputs x fan-in, row-major */
  double *bias[BVL_NET_MAX_LAYERS];
} model;

static const char *const dense_text = "input 12\ndense 9 relu\ndense 7 tanh\ndense 3\n";
static const char *const picture_text =
    "input 2x7x6\nconv 5 3x2 relu\npool 2x2\ndense 6 tanh\ndense 3\n";

static double draw(int64_t a, int64_t b)
{
  return bvl_rng_uniform(31, BVL_STREAM_INIT, (uint64_t)a, (uint64_t)b);
}

static double center_of(int64_t j)
{
  return (double)(j % 4) / 8.0;
}

static double scale_of(int64_t j)
{
  return 1.0 + (double)(j % 3) / 4.0;
}

static double fill_of(int64_t j)
{
  return 0.25 + (double)(j % 5) / 16.0;
}

/* Some units gather, and some inputs send, only weights below `small`. Multiples of 2^-20, so that
 * files of float32 hold them. */
#define SMALL 1e-3
static void make_model(model *m, const char *text)
{
  *m = (model){.p = 0};
  ASSERT_OK(bvl_architecture_read(text, BVL_RELU, &m->arch));
  m->n_kept = bvl_architecture_inputs(&m->arch);
  m->p = m->arch.layer[0].kind == BVL_LAYER_DENSE ? m->n_kept + 3 : m->n_kept;
  for (int64_t k = 0; k < m->n_kept; k++) m->kept[k] = k < 4 || m->p == m->n_kept ? k : k + 3;
  for (int64_t l = 0; l < m->arch.n; l++) {
    const bvl_layer *layer = &m->arch.layer[l];
    const int64_t H = bvl_layer_outputs(layer), F = bvl_layer_fan_in(layer);
    if (H == 0) continue;
    m->weight[l] = calloc((size_t)(H * F), sizeof(double));
    m->bias[l] = calloc((size_t)H, sizeof(double));
    assert_true(m->weight[l] != NULL && m->bias[l] != NULL);
    for (int64_t o = 0; o < H; o++) {
      m->bias[l][o] = (floor(draw(10 + l, o) * 64.0) - 24.0) / 64.0;
      for (int64_t k = 0; k < F; k++) {
        const int cold = (o % 4 == 1 && l + 1 < m->arch.n) || k % 5 == 2;
        const double w = (2.0 * draw(l, o * F + k) - 1.0) * (cold ? 0.5 * SMALL : 1.0);
        m->weight[l][o * F + k] = ldexp(round(ldexp(w, 20)), -20);
      }
    }
  }
}

static void free_model(model *m)
{
  for (int l = 0; l < BVL_NET_MAX_LAYERS; l++) {
    free(m->weight[l]);
    free(m->bias[l]);
  }
}

/* Rank 0 writes it with plain HDF5. */
static void write_model(const model *m, const char *name, const char *family, int single,
                        int names_too)
{
  static const char *const kinds[] = {"dense", "conv2d", "maxpool2d"};
  double center[MOST], scale[MOST], fill[MOST];
  const hid_t type = single ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
  const int64_t one = 1, zero = 0;
  if (bvl_test_rank() != 0) return;
  hid_t file = io_create(name);
  const bvl_picture *in = &m->arch.layer[0].in;
  const int64_t shape[3] = {in->channels, in->height, in->width};
  io_attr_text(file, "/", "kind", 0, "network");
  io_attr_text(file, "/", "family", 0, family);
  io_attr(file, "/", "input_shape", H5T_STD_I64LE, H5T_NATIVE_INT64, in->height > 1 ? 3 : 1, shape);
  for (int64_t j = 0; j < m->p; j++) {
    center[j] = center_of(j);
    scale[j] = scale_of(j);
    fill[j] = fill_of(j);
  }
  io_put_f64(file, "/input/center", m->p, center);
  io_put_f64(file, "/input/scale", m->p, scale);
  io_put_f64(file, "/input/fill", m->p, fill);
  io_put_i64(file, "/input/kept", m->n_kept, m->kept);
  if (names_too) {
    char text[MOST][8], *names[MOST];
    for (int64_t j = 0; j < m->p; j++) {
      snprintf(text[j], sizeof text[j], "f%d", (int)j);
      names[j] = text[j];
    }
    io_put_strings(file, "/feature_names", m->p, 0, (const char *const *)names);
  }
  for (int64_t l = 0; l < m->arch.n; l++) {
    const bvl_layer *layer = &m->arch.layer[l];
    char at[64], weight[80], bias[80];
    snprintf(at, sizeof at, "/layers/%d", (int)l);
    snprintf(weight, sizeof weight, "%s/weight", at);
    snprintf(bias, sizeof bias, "%s/bias", at);
    if (layer->kind == BVL_LAYER_CONV) {
      hsize_t size[4] = {(hsize_t)layer->out.channels, (hsize_t)layer->in.channels,
                         (hsize_t)layer->kernel_h, (hsize_t)layer->kernel_w};
      hid_t links = H5Pcreate(H5P_LINK_CREATE);
      H5Pset_create_intermediate_group(links, 1);
      hid_t space = H5Screate_simple(4, size, NULL);
      hid_t set = H5Dcreate2(file, weight, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
      H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, m->weight[l]);
      H5Dclose(set);
      H5Sclose(space);
      H5Pclose(links);
    } else if (layer->kind == BVL_LAYER_DENSE) {
      io_put(file, weight, type, H5T_NATIVE_DOUBLE, bvl_layer_outputs(layer),
             bvl_layer_fan_in(layer), 0, m->weight[l]);
    } else {
      const int64_t pool[2] = {layer->kernel_h, layer->kernel_w};
      H5Gclose(H5Gcreate2(file, at, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
      io_attr(file, at, "pool", H5T_STD_I64LE, H5T_NATIVE_INT64, 2, pool);
    }
    io_attr_text(file, at, "kind", 0, kinds[layer->kind]);
    if (layer->kind != BVL_LAYER_DENSE)
      io_attr(file, at, "stride", H5T_STD_I64LE, H5T_NATIVE_INT64, 0, &layer->stride);
    if (layer->kind == BVL_LAYER_MAX_POOL) continue;
    io_put(file, bias, type, H5T_NATIVE_DOUBLE, bvl_layer_outputs(layer), 0, 0, m->bias[l]);
    io_attr_text(file, at, "activation", 0, bvl_activation_name(layer->activation));
    io_attr(file, at, "padding", H5T_STD_I64LE, H5T_NATIVE_INT64, 0,
            layer->kind == BVL_LAYER_CONV ? &zero : &one);
  }
  H5Fclose(file);
}

/* ---- what it computes, by definition -----------------------------------------------------------
 */

/* Small integers, a third of them 0. */
static double x_of(int64_t i, int64_t j)
{
  const double t = draw(1000 + i, j);
  return t < 0.33 ? 0.0 : floor(9.0 * draw(2000 + i, j)) - 4.0;
}

static int is_missing(int64_t i, int64_t j)
{
  return (i + 2 * j) % 7 == 0;
}

static double activate(const bvl_layer *layer, double z)
{
  return layer->activation == BVL_TANH ? tanh(z) : layer->activation == BVL_RELU ? fmax(0.0, z) : z;
}

/* One layer, channel by channel. Weights of magnitude at most `cut` count 0. */
static void run_layer(const model *m, int64_t l, double cut, const double *in, double *out)
{
  const bvl_layer *layer = &m->arch.layer[l];
  const bvl_picture *from = &layer->in, *to = &layer->out;
  const int dense = layer->kind == BVL_LAYER_DENSE, pool = layer->kind == BVL_LAYER_MAX_POOL;
  const int64_t C = pool ? 1 : from->channels, kh = dense ? from->height : layer->kernel_h;
  const int64_t kw = dense ? from->width : layer->kernel_w;
  for (int64_t o = 0; o < to->channels; o++)
    for (int64_t y = 0; y < to->height; y++)
      for (int64_t x = 0; x < to->width; x++) {
        double sum = pool ? -INFINITY : m->bias[l][o];
        for (int64_t c = 0; c < C; c++)
          for (int64_t i = 0; i < kh; i++)
            for (int64_t j = 0; j < kw; j++) {
              const int64_t row = y * layer->stride + i, column = x * layer->stride + j;
              const double a = in[((pool ? o : c) * from->height + row) * from->width + column];
              const double w = pool ? 0.0 : m->weight[l][((o * C + c) * kh + i) * kw + j];
              if (pool)
                sum = fmax(sum, a);
              else if (fabs(w) > cut)
                sum += w * a;
            }
        out[(o * to->height + y) * to->width + x] = activate(layer, sum);
      }
}

static void run_model(const model *m, double cut, int with_missing, int64_t i, double *eta)
{
  double a[1024], b[1024];
  for (int64_t k = 0; k < m->n_kept; k++) {
    const int64_t j = m->kept[k];
    const double x = with_missing && is_missing(i, j) ? fill_of(j) : x_of(i, j);
    a[k] = (x - center_of(j)) / scale_of(j);
  }
  for (int64_t l = 0; l < m->arch.n; l++) {
    run_layer(m, l, cut, a, b);
    memcpy(a, b, sizeof a);
  }
  memcpy(eta, a, (size_t)bvl_architecture_outputs(&m->arch) * sizeof *eta);
}

/* ---- data --------------------------------------------------------------------------------------
 */

static void write_dense(const char *name, int64_t p)
{
  double *x = calloc((size_t)(N * p), sizeof *x);
  if (bvl_test_rank() == 0) {
    for (int64_t e = 0; e < N * p; e++) x[e] = x_of(e / p, e % p);
    hid_t file = io_create(name);
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, p, 0, x);
    H5Fclose(file);
  }
  free(x);
  io_ready();
}

/* Codes of a byte, 9 for what is missing. */
static void write_codes(const char *name, int64_t p)
{
  const int64_t code = 9;
  double *x = calloc((size_t)(N * p), sizeof *x);
  if (bvl_test_rank() == 0) {
    for (int64_t e = 0; e < N * p; e++)
      x[e] = is_missing(e / p, e % p) ? (double)code : x_of(e / p, e % p);
    hid_t file = io_create(name);
    io_put(file, "/X", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, N, p, 0, x);
    io_attr(file, "/X", "missing", H5T_STD_I8LE, H5T_NATIVE_INT64, 0, &code);
    H5Fclose(file);
  }
  free(x);
  io_ready();
}

static void write_sparse(const char *name, int64_t p, int by_column)
{
  int64_t *indptr = calloc((size_t)(N + p) + 1, sizeof *indptr), nnz = 0;
  int64_t *indices = calloc((size_t)(N * p), sizeof *indices);
  double *values = calloc((size_t)(N * p), sizeof *values);
  const int64_t outer = by_column ? p : N, inner = by_column ? N : p;
  for (int64_t a = 0; a < outer; a++) {
    for (int64_t b = 0; b < inner; b++) {
      const double x = by_column ? x_of(b, a) : x_of(a, b);
      if (x == 0.0) continue;
      indices[nnz] = b;
      values[nnz++] = x;
    }
    indptr[a + 1] = nnz;
  }
  if (bvl_test_rank() == 0) {
    hid_t file = io_create(name);
    io_sparse_head(file, "/X", by_column ? "csc_matrix" : "csr_matrix", 0, H5T_STD_I64LE, N, p);
    io_put_i64(file, "/X/indptr", outer + 1, indptr);
    io_put_i64(file, "/X/indices", nnz, indices);
    io_put_f64(file, "/X/data", nnz, values);
    H5Fclose(file);
  }
  free(indptr);
  free(indices);
  free(values);
  io_ready();
}

/* Columns of the model backwards between columns it does not know, with names. */
static void write_named(const char *name, int64_t p, int64_t leave_out)
{
  const int64_t wide = 2 * p + 1;
  double *x = calloc((size_t)(N * wide), sizeof *x);
  char text[2 * MOST + 1][8];
  const char *names[2 * MOST + 1];
  for (int64_t c = 0; c < wide; c++) {
    const int64_t j = p - 1 - c / 2;
    snprintf(text[c], sizeof text[c], "%s%d", c % 2 == 0 || j == leave_out ? "u" : "f", (int)j);
    names[c] = text[c];
    for (int64_t i = 0; i < N; i++) x[i * wide + c] = c % 2 == 0 ? 1e9 : x_of(i, j);
  }
  if (bvl_test_rank() == 0) {
    hid_t file = io_create(name);
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, wide, 0, x);
    io_put_strings(file, "/feature_names", wide, 0, names);
    H5Fclose(file);
  }
  free(x);
  io_ready();
}

/* ---- asking ------------------------------------------------------------------------------------
 */

static bvl_status predict(const char *data, const char *net, const char *type,
                          bvl_predict_outcome *outcome)
{
  bvl_predict_options options;
  bvl_predict_options_init(&options);
  options.data = io_path(data);
  options.model = io_path(net);
  options.output = io_path("pred.h5");
  options.type = type;
  return bvl_run_predict(MPI_COMM_WORLD, &options, outcome);
}

/* All of /prediction, on every rank; width columns. */
static void read_back(int64_t width, double *out)
{
  hsize_t dims[2] = {0, 1};
  io_ready();
  hid_t file = H5Fopen(io_path("pred.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "/prediction", H5P_DEFAULT);
  hid_t space = H5Dget_space(set);
  H5Sget_simple_extent_dims(space, dims, NULL);
  ASSERT_ALL(dims[0] == N && dims[1] == (hsize_t)width);
  H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
  io_ready();
}

/* Predictors of a file against the definition. */
static void check_link(const model *m, double cut, int with_missing, const char *data,
                       const char *net, double tolerance, bvl_predict_outcome *outcome)
{
  double got[N * 3], eta[3], most = 0.0;
  ASSERT_OK(predict(data, net, "link", outcome));
  read_back(3, got);
  for (int64_t i = 0; i < N; i++) {
    run_model(m, cut, with_missing, i, eta);
    for (int k = 0; k < 3; k++) most = fmax(most, fabs(eta[k] - got[i * 3 + k]));
  }
  ASSERT_ALL(bvl_test_near(most, 0.0, tolerance));
  ASSERT_ALL(outcome->n == N);
}

static bvl_prune_outcome prune(const char *from, const char *to, double threshold)
{
  bvl_prune_outcome outcome;
  bvl_prune_options options;
  bvl_prune_options_init(&options);
  options.model = io_path(from);
  options.output = io_path(to);
  options.rule.threshold = threshold;
  ASSERT_OK(bvl_run_prune(MPI_COMM_WORLD, &options, &outcome));
  io_ready();
  return outcome;
}

/* ---- tests -------------------------------------------------------------------------------------
 */

/* Sums of some tens of terms of order 1 in another order, double and float32. */
enum { N_TYPES = 2 };
static const double close_to[N_TYPES] = {1e-12, 2e-5};

/* The small network computes what the large one does without its small weights, reads fewer columns
 * and holds fewer numbers; pruned again it stays what it is. */
static void whole_and_small(const char *text, int sparse_too)
{
  model m;
  bvl_predict_outcome whole, small, again;
  make_model(&m, text);
  write_dense("dense.h5", m.p);
  write_codes("codes.h5", m.p);
  write_sparse("csr.h5", m.p, 0);
  write_sparse("csc.h5", m.p, 1);
  for (int single = 0; single < N_TYPES; single++) {
    write_model(&m, "net.h5", "multinomial", single, 0);
    io_ready();
    const bvl_prune_outcome outcome = prune("net.h5", "small.h5", SMALL);
    const bvl_prune_outcome second = prune("small.h5", "again.h5", NAN);
    check_link(&m, 0.0, 0, "dense.h5", "net.h5", close_to[single], &whole);
    check_link(&m, SMALL, 0, "dense.h5", "small.h5", close_to[single], &small);
    check_link(&m, SMALL, 0, "dense.h5", "again.h5", close_to[single], &again);
    check_link(&m, SMALL, 1, "codes.h5", "small.h5", close_to[single], &again);
    ASSERT_ALL(whole.columns == m.n_kept && small.columns == outcome.counts.inputs_left);
    ASSERT_ALL(whole.parameters == outcome.counts.all && small.parameters == outcome.stored);
    ASSERT_ALL(small.parameters < whole.parameters);
    ASSERT_ALL(second.stored == outcome.stored && second.counts.left == outcome.counts.left);
    if (!sparse_too) continue;
    ASSERT_ALL(small.columns < whole.columns);
    check_link(&m, 0.0, 0, "csr.h5", "net.h5", close_to[single], &whole);
    check_link(&m, SMALL, 0, "csr.h5", "small.h5", close_to[single], &small);
    check_link(&m, SMALL, 0, "csc.h5", "small.h5", close_to[single], &small);
  }
  free_model(&m);
}

static void test_dense(void **state)
{
  (void)state;
  whole_and_small(dense_text, 1);
}

static void test_picture(void **state)
{
  (void)state;
  whole_and_small(picture_text, 0);
}

static void test_names(void **state)
{
  (void)state;
  model m;
  bvl_predict_outcome outcome;
  make_model(&m, dense_text);
  write_model(&m, "net.h5", "multinomial", 0, 1);
  write_named("named.h5", m.p, 5); /* a column that the network has not kept */
  write_named("short.h5", m.p, 0);
  prune("net.h5", "small.h5", SMALL);
  check_link(&m, 0.0, 0, "named.h5", "net.h5", close_to[0], &outcome);
  check_link(&m, SMALL, 0, "named.h5", "small.h5", close_to[0], &outcome);
  ASSERT_REFUSED(predict("short.h5", "small.h5", "link", &outcome), BVL_ERR_INPUT,
                 "short.h5: /feature_names: the model's feature f0 is missing");
  free_model(&m);
}

static void test_types(void **state)
{
  (void)state;
  model m;
  bvl_predict_outcome outcome;
  double got[N * 3], eta[3];
  int good = 1;
  make_model(&m, dense_text);
  write_dense("dense.h5", m.p);
  write_model(&m, "net.h5", "multinomial", 0, 0);
  io_ready();
  ASSERT_OK(predict("dense.h5", "net.h5", "response", &outcome));
  read_back(3, got);
  for (int64_t i = 0; i < N; i++) {
    run_model(&m, 0.0, 0, i, eta);
    const double sum = exp(eta[0]) + exp(eta[1]) + exp(eta[2]);
    for (int k = 0; k < 3; k++) good &= fabs(got[i * 3 + k] - exp(eta[k]) / sum) <= 1e-12;
  }
  ASSERT_ALL(good);
  ASSERT_OK(predict("dense.h5", "net.h5", "class", &outcome));
  read_back(1, got);
  for (int64_t i = 0; i < N; i++) {
    run_model(&m, 0.0, 0, i, eta);
    for (int k = 0; k < 3; k++) good &= eta[(int)got[i]] >= eta[k];
  }
  ASSERT_ALL(good);
  free_model(&m);
}

static void test_refusals(void **state)
{
  (void)state;
  model m, picture;
  bvl_predict_outcome outcome;
  make_model(&m, dense_text);
  make_model(&picture, picture_text);
  write_model(&m, "net.h5", "gaussian", 0, 0);
  write_model(&picture, "picture.h5", "gaussian", 0, 0);
  write_dense("wide.h5", m.p + 1);
  write_dense("dense.h5", m.p);
  write_sparse("csr.h5", picture.p, 0);
  ASSERT_REFUSED(predict("wide.h5", "net.h5", "link", &outcome), BVL_ERR_INPUT,
                 "wide.h5: /X: 16 columns, the model has 15");
  ASSERT_REFUSED(predict("dense.h5", "net.h5", "class", &outcome), BVL_ERR_USAGE,
                 "the network is gaussian, which has no classes");
  ASSERT_REFUSED(predict("csr.h5", "picture.h5", "link", &outcome), BVL_ERR_USAGE,
                 "/X is sparse, and the network begins with conv2d");
  bvl_predict_options lambda;
  bvl_predict_options_init(&lambda);
  lambda.data = io_path("dense.h5");
  lambda.model = io_path("net.h5");
  lambda.output = io_path("pred.h5");
  lambda.at = 0.5;
  ASSERT_REFUSED(bvl_run_predict(MPI_COMM_WORLD, &lambda, &outcome), BVL_ERR_USAGE, "is a network");
  bvl_prune_outcome pruned;
  bvl_prune_options options;
  bvl_prune_options_init(&options);
  options.model = io_path("dense.h5");
  options.output = io_path("small.h5");
  ASSERT_ALL(bvl_run_prune(MPI_COMM_WORLD, &options, &pruned) == BVL_ERR_INPUT);
  options.model = io_path("net.h5");
  options.rule.deviations = -1.0;
  ASSERT_ALL(bvl_run_prune(MPI_COMM_WORLD, &options, &pruned) == BVL_ERR_USAGE);
  ASSERT_ALL(io_stands("small.h5", 0) && io_stands("pred.h5", 0));
  free_model(&m);
  free_model(&picture);
}

/* What is not finite is named by its column in the file, not by its place among those read. */
static void test_not_finite(void **state)
{
  (void)state;
  model m;
  bvl_predict_outcome outcome;
  make_model(&m, dense_text);
  write_model(&m, "net.h5", "gaussian", 0, 0);
  write_dense("dense.h5", m.p);
  if (bvl_test_rank() == 0) {
    hid_t file = H5Fopen(io_path("dense.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "/X", H5P_DEFAULT), space = H5Dget_space(set);
    const double bad = NAN;
    const hsize_t unused[2] = {7, 5}, used[2] = {20, 9}, one[2] = {1, 1};
    hid_t memory = H5Screate_simple(2, one, NULL);
    H5Sselect_elements(space, H5S_SELECT_SET, 1, unused);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &bad);
    H5Sselect_elements(space, H5S_SELECT_SET, 1, used);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, &bad);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
  }
  io_ready();
  ASSERT_REFUSED(predict("dense.h5", "net.h5", "link", &outcome), BVL_ERR_INPUT,
                 "/X: row 20, column 9: NaN");
  free_model(&m);
}

BVL_TEST_MAIN_MPI(IO_TEST(test_dense), IO_TEST(test_picture), IO_TEST(test_names),
                  IO_TEST(test_types), IO_TEST(test_refusals), IO_TEST(test_not_finite))
