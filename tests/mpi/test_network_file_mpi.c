/* SPDX-License-Identifier: BSD-3-Clause */
/* Network files: what is written comes back, whoever held the first layer's inputs and in whatever
 * order; in the file weights stand as other programs expect them; several networks in one file;
 * what does not fit is refused with its name and sizes. Truth is a formula of the indices. */
#include "io_files.h"

#include "base/checked.h"
#include "io/network.h"
#include "net/layers/file_order.h"

enum { INPUTS = 12, P = 15, PARAMETERS = 4096 };

static bvl_architecture arch;

/* Weight of output o and fan-in place `at` in the file; a few are 0. Not a float32. */
static double truth(int64_t layer, int64_t o, int64_t at)
{
  const int64_t k = 1000 * layer + 37 * o + at;
  return k % 5 == 0 ? 0.0 : (double)(k + 1) / 3.0;
}

static double bias_truth(int64_t layer, int64_t o)
{
  return (double)(layer + 1) / 7.0 - (double)o;
}

static const char *const dense_text = "input 12\ndense 5 tanh\ndense 3\n";
static const char *const picture_text =
    "input 2x7x6\nconv 3 3x2 stride 2 padding 1 relu\npool 2x2 stride 1\ndense 4 tanh\ndense 2\n";

/* What rank 0 has: every layer as it lies in memory. */
typedef struct memory {
  double weight[PARAMETERS];
  double bias[PARAMETERS];
  const double *weights[BVL_NET_MAX_LAYERS];
  const double *biases[BVL_NET_MAX_LAYERS];
} memory;

static void fill_memory(memory *m)
{
  double *weight = m->weight, *bias = m->bias;
  for (int64_t l = 0; l < arch.n; l++) {
    const bvl_layer *layer = &arch.layer[l];
    const int64_t outputs = bvl_layer_outputs(layer), fan_in = bvl_layer_fan_in(layer);
    for (int64_t o = 0; o < outputs; o++) {
      for (int64_t k = 0; k < fan_in; k++)
        weight[layer->by_output ? o * fan_in + k : k * outputs + o] = truth(
            l, o, bvl_layer_file_index(layer, k));
      bias[o] = bias_truth(l, o);
    }
    m->weights[l] = outputs > 0 ? weight : NULL;
    m->biases[l] = outputs > 0 ? bias : NULL;
    weight += outputs * fan_in;
    bias += outputs;
  }
}

/* How the first layer's inputs are dealt out to the ranks. */
typedef enum deal { STRETCHES, IN_TURN, LAST_ALONE, DEALS } deal;

static int is_mine(deal how, int64_t input)
{
  const int64_t rank = bvl_test_rank(), size = bvl_test_size();
  switch (how) {
  case STRETCHES:
    return input >= bvl_cut(INPUTS, size, rank) && input < bvl_cut(INPUTS, size, rank + 1);
  case IN_TURN: return input % size == rank;
  default: return rank == size - 1;
  }
}

/* This rank's inputs of the first layer, from the last to the first. */
typedef struct part {
  int64_t n;
  int64_t input[INPUTS];
  double weight[INPUTS * 8]; /* outputs x n, column-major */
} part;

static void deal_out(deal how, part *mine)
{
  const int64_t outputs = arch.layer[0].out.channels;
  mine->n = 0;
  for (int64_t input = INPUTS - 1; input >= 0; input--) {
    if (!is_mine(how, input)) continue;
    for (int64_t o = 0; o < outputs; o++) mine->weight[mine->n * outputs + o] = truth(0, o, input);
    mine->input[mine->n++] = input;
  }
}

static const int64_t kept[INPUTS] = {0, 1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14};

/* Writes the network `arch` under a prefix. All but rank 0 have nothing but their inputs. */
static int put_network(bvl_result_writer *writer, const char *prefix, int single, deal how)
{
  static memory all;
  static part mine;
  const int root = bvl_test_rank() == 0;
  const int is_dense = arch.layer[0].kind == BVL_LAYER_DENSE;
  const int64_t inputs = bvl_architecture_inputs(&arch);
  double center[128], scale[128];
  bvl_network_values values = {.arch = &arch, .single = single, .p = is_dense ? P : inputs};
  for (int64_t j = 0; j < values.p; j++) {
    center[j] = (double)j / 9.0;
    scale[j] = 1.0 + (double)j;
  }
  fill_memory(&all);
  if (is_dense) {
    deal_out(how, &mine);
    values.n_first = mine.n;
    values.first_input = mine.input;
    values.first = mine.weight;
    values.output_step = 1;
    values.input_step = arch.layer[0].out.channels;
    values.has_fill = 1;
  }
  values.n_kept = inputs;
  if (root) {
    memcpy(values.weight, all.weights, sizeof all.weights);
    memcpy(values.bias, all.biases, sizeof all.biases);
    if (is_dense) values.weight[0] = NULL;
    values.center = center;
    values.scale = scale;
    values.fill = is_dense ? scale : NULL;
    values.kept = is_dense ? kept : NULL;
  }
  return bvl_test_ok(bvl_network_put(writer, prefix, &values), "bvl_network_put");
}

static int write_file(const char *name, int single, deal how)
{
  bvl_result_writer *writer;
  const int64_t rows[3] = {4, 7, 8};
  const double loss[2] = {1.5, 0.25};
  char text[P][32], *names[P];
  for (int j = 0; j < P; j++) snprintf(text[j], sizeof text[j], "gene %d", j), names[j] = text[j];
  const int root = bvl_test_rank() == 0;
  if (!bvl_test_ok(bvl_network_create(&io_comm, io_path(name), "network", &writer), "create"))
    return 0;
  int good = put_network(writer, "", single, how);
  /* rank 0's values, whatever the others say */
  good &= bvl_test_ok(bvl_result_attr_text(writer, "family", root ? "multinomial" : "?"), "family");
  good &= bvl_test_ok(bvl_result_attr_i64(writer, "seed", root ? 7 : bvl_test_rank()), "seed");
  good &= bvl_test_ok(bvl_result_attr_f64(writer, "lr", root ? 0.5 : -1.0), "lr");
  good &= bvl_test_ok(bvl_result_put_i64(writer, "/train_index", 3, root ? rows : NULL), "rows");
  good &= bvl_test_ok(bvl_result_put_f64(writer, "/history/train_loss", 2, root ? loss : NULL),
                      "history");
  if (arch.layer[0].kind == BVL_LAYER_DENSE)
    good &= bvl_test_ok(bvl_result_put_strings(writer, "/feature_names", P, root ? names : NULL),
                        "names");
  return good & bvl_test_ok(bvl_result_close(&writer, 1), "close");
}

static double rounded(int single, double value)
{
  return single ? (double)(float)value : value;
}

static int same_layers(const bvl_network_file *net, int single, int from)
{
  if (net->arch.n != arch.n) return 0;
  for (int64_t l = 0; l < arch.n; l++) {
    const bvl_layer *a = &arch.layer[l], *b = &net->arch.layer[l];
    const int64_t outputs = bvl_layer_outputs(a), fan_in = bvl_layer_fan_in(a);
    int good = a->kind == b->kind && a->activation == b->activation && a->stride == b->stride &&
               a->padding == b->padding && a->kernel_h == b->kernel_h && a->kernel_w == b->kernel_w;
    good &= memcmp(&a->in, &b->in, sizeof a->in) == 0 &&
            memcmp(&a->out, &b->out, sizeof a->out) == 0;
    good &= outputs > 0 || (net->weight[l] == NULL && net->bias[l] == NULL);
    for (int64_t o = 0; o < outputs && good; o++) {
      for (int64_t k = 0; k < fan_in && l >= from; k++)
        good &= net->weight[l][o * fan_in + k] == rounded(single, truth(l, o, k));
      good &= net->bias[l][o] == rounded(single, bias_truth(l, o));
    }
    if (!good) return 0;
  }
  return 1;
}

static int same_input(const bvl_network_file *net, int is_dense)
{
  int good = net->p == (is_dense ? P : bvl_architecture_inputs(&arch));
  good &= net->n_kept == bvl_architecture_inputs(&arch) && (net->fill != NULL) == is_dense;
  for (int64_t j = 0; good && j < net->p; j++)
    good &= net->center[j] == (double)j / 9.0 && net->scale[j] == 1.0 + (double)j &&
            (!is_dense || net->fill[j] == 1.0 + (double)j);
  for (int64_t j = 0; good && j < net->p && net->feature_names != NULL; j++) {
    char name[32];
    snprintf(name, sizeof name, "gene %d", (int)j);
    good &= strcmp(net->feature_names[j], name) == 0;
  }
  for (int64_t j = 0; good && j < net->n_kept; j++)
    good &= net->kept[j] == (is_dense ? kept[j] : j);
  return good;
}

static void test_round_trip(void **state)
{
  (void)state;
  for (int single = 0; single < 2; single++)
    for (int how = 0; how < DEALS; how++) {
      bvl_network_file net;
      const char *text = how == LAST_ALONE && single ? picture_text : dense_text;
      ASSERT_OK(bvl_architecture_read(text, BVL_RELU, &arch));
      for (int64_t l = 1; l < arch.n; l += 2) arch.layer[l].by_output = 1;
      ASSERT_ALL(write_file("n.h5", single, (deal)how));
      ASSERT_OK(bvl_network_read(&io_comm, io_path("n.h5"), "", 0, &net));
      ASSERT_ALL(net.single == single && same_layers(&net, single, 0));
      ASSERT_ALL(same_input(&net, text == dense_text));
      ASSERT_ALL(strcmp(net.family, "multinomial") == 0 && net.n_train == 3 && net.n_test == -1);
      ASSERT_ALL((net.feature_names != NULL) == (text == dense_text));
      ASSERT_ALL(net.train_index[0] == 4 && net.train_index[2] == 8 && net.test_index == NULL);
      bvl_network_free(&net);
      ASSERT_ALL(net.center == NULL && net.weight[0] == NULL);
      ASSERT_ALL(bvl_network_kind_of(io_path("n.h5")) == BVL_ONE_NETWORK &&
                 io_stands("n.h5.partial", 0));
    }
}

/* Each rank reads the inputs it asks for. */
static void test_first_layer_in_parts(void **state)
{
  (void)state;
  bvl_network_file net;
  double mine[INPUTS * 8];
  const int64_t begin = bvl_cut(INPUTS, bvl_test_size(), bvl_test_rank());
  const int64_t count = bvl_cut(INPUTS, bvl_test_size(), bvl_test_rank() + 1) - begin;
  ASSERT_OK(bvl_architecture_read(dense_text, BVL_RELU, &arch));
  ASSERT_ALL(write_file("n.h5", 0, IN_TURN));
  ASSERT_OK(bvl_network_read(&io_comm, io_path("n.h5"), "", 1, &net));
  ASSERT_ALL(net.weight[0] == NULL && net.bias[0] != NULL && same_layers(&net, 0, 1));
  ASSERT_OK(bvl_network_read_first(&io_comm, io_path("n.h5"), "", begin, count, mine));
  int good = 1;
  for (int64_t c = 0; c < count; c++)
    for (int64_t o = 0; o < 5; o++) good &= mine[c * 5 + o] == truth(0, o, begin + c);
  ASSERT_ALL(good);
  bvl_network_free(&net);
  /* on the last rank alone */
  const int last = bvl_test_rank() == bvl_test_size() - 1;
  ASSERT_REFUSED(
      bvl_network_read_first(&io_comm, io_path("n.h5"), "", last ? 5 : 0, last ? 8 : 1, mine),
      BVL_ERR_INPUT, "/layers/0/weight: inputs 5 + 8 of 12");
}

static void test_memory_and_file_order(void **state)
{
  (void)state;
  double file[PARAMETERS], back[PARAMETERS];
  memory m;
  ASSERT_OK(bvl_architecture_read(picture_text, BVL_RELU, &arch));
  arch.layer[2].by_output = 1;
  fill_memory(&m);
  for (int64_t l = 0; l < arch.n; l++) {
    const bvl_layer *layer = &arch.layer[l];
    const int64_t outputs = bvl_layer_outputs(layer), fan_in = bvl_layer_fan_in(layer);
    int good = 1;
    if (outputs == 0) continue;
    bvl_layer_to_file(layer, m.weights[l], file);
    for (int64_t o = 0; o < outputs; o++)
      for (int64_t k = 0; k < fan_in; k++) good &= file[o * fan_in + k] == truth(l, o, k);
    bvl_layer_from_file(layer, file, back);
    good &= memcmp(back, m.weights[l], (size_t)(outputs * fan_in) * sizeof *back) == 0;
    ASSERT_ALL(good);
  }
}

/* ---- what bevel info says ----------------------------------------------------------------------
 */

static char described[8192];

static void collect(void *context, const char *line)
{
  (void)context;
  snprintf(described + strlen(described), sizeof described - strlen(described), "%s\n", line);
}

static int describes(const char *name, const char *const *lines, int n)
{
  int good = 1;
  if (bvl_test_rank() != 0) return 1;
  described[0] = '\0';
  good = bvl_test_ok(bvl_describe_file(io_path(name), &(const bvl_lines){collect, NULL}),
                     "describe");
  for (int k = 0; k < n; k++)
    if (strstr(described, lines[k]) == NULL) {
      fprintf(bvl_test_log(), "no \"%s\" in\n%s", lines[k], described);
      good = 0;
    }
  return good;
}

/* A front: a file of several networks, each with its own layers. */
static void test_points(void **state)
{
  (void)state;
  bvl_result_writer *writer;
  ASSERT_OK(bvl_network_create(&io_comm, io_path("f.h5"), "front", &writer));
  for (int k = 0; k < 3; k++) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "/points/%d", k);
    ASSERT_OK(bvl_architecture_read(k == 1 ? picture_text : dense_text, BVL_RELU, &arch));
    ASSERT_ALL(put_network(writer, prefix, 0, (deal)k));
  }
  const double loss[3] = {2.0, 1.0, NAN}, l1[3] = {0.0, 3.0, 5.5};
  ASSERT_OK(bvl_result_put_f64(writer, "/loss", 3, loss));
  ASSERT_OK(bvl_result_put_f64(writer, "/l1", 3, l1));
  ASSERT_OK(bvl_result_close(&writer, 1));
  const char *lines[] = {"front file ", "/points: 3 networks", "/loss: 3 values, 1 to 2\n",
                         "/l1: 3 values, 0 to 5.5\n", "kind: front"};
  ASSERT_ALL(describes("f.h5", lines, 5));
  for (int k = 2; k >= 0; k--) {
    char prefix[32];
    bvl_network_file net;
    snprintf(prefix, sizeof prefix, "/points/%d", k);
    ASSERT_OK(bvl_architecture_read(k == 1 ? picture_text : dense_text, BVL_RELU, &arch));
    ASSERT_OK(bvl_network_read(&io_comm, io_path("f.h5"), prefix, 0, &net));
    ASSERT_ALL(same_layers(&net, 0, 0) && same_input(&net, k != 1) && net.n_train == -1);
    bvl_network_free(&net);
  }
  bvl_network_file net;
  ASSERT_REFUSED(bvl_network_read(&io_comm, io_path("f.h5"), "/points/3", 0, &net), BVL_ERR_INPUT,
                 "there is no group /points/3");
  ASSERT_REFUSED(bvl_network_read(&io_comm, io_path("f.h5"), "", 0, &net), BVL_ERR_INPUT,
                 "there is no group /layers: not a network");
}

static int64_t count_nonzeros(int64_t layer)
{
  const int64_t outputs = bvl_layer_outputs(&arch.layer[layer]);
  int64_t n = 0;
  for (int64_t o = 0; o < outputs; o++)
    for (int64_t k = 0; k < bvl_layer_fan_in(&arch.layer[layer]); k++)
      n += truth(layer, o, k) != 0.0;
  return n;
}

static void test_description(void **state)
{
  (void)state;
  char first[128], second[128];
  ASSERT_OK(bvl_architecture_read(dense_text, BVL_RELU, &arch));
  ASSERT_ALL(write_file("n.h5", 1, IN_TURN));
  snprintf(first, sizeof first, "/layers/0: dense, 12 -> 5, tanh: 60 weights, %d not zero (",
           (int)count_nonzeros(0));
  snprintf(second, sizeof second, "/layers/1: dense, 5 -> 3, linear: 15 weights, %d not zero (",
           (int)count_nonzeros(1));
  const char *lines[] = {"network file ",
                         first,
                         second,
                         "weights: 75, ",
                         ", float32\n",
                         "/input: 12 of 15 columns kept\n",
                         "/train_index: 3 rows\n",
                         "/history: 2 entries, the last: train_loss 0.25\n",
                         "family: multinomial\n",
                         "seed: 7\n"};
  ASSERT_ALL(describes("n.h5", lines, (int)(sizeof lines / sizeof *lines)));
  ASSERT_OK(bvl_architecture_read(picture_text, BVL_RELU, &arch));
  ASSERT_ALL(write_file("n.h5", 0, STRETCHES));
  const char *pictures[] = {
      "/layers/0: conv2d 3 x 2 stride 2 padding 1, 2 x 7 x 6 -> 3 x 4 x 4, relu: 36",
      "/layers/1: maxpool2d 2 x 2 stride 1, 3 x 4 x 4 -> 3 x 3 x 3\n",
      "/layers/2: dense, 3 x 3 x 3 -> 4, tanh: 108 weights, "};
  ASSERT_ALL(describes("n.h5", pictures, 3));
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

/* Spoils a good file in one place; rank 0. */
typedef void (*spoiler)(hid_t file);

static void replace_f64(hid_t file, const char *name, int64_t rows, int64_t cols, const double *x)
{
  H5Ldelete(file, name, H5P_DEFAULT);
  io_put(file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, rows, cols, 0, x);
}

static void replace_text(hid_t file, const char *at, const char *name, const char *text)
{
  H5Adelete_by_name(file, at, name, H5P_DEFAULT);
  io_attr_text(file, at, name, 0, text);
}

static void no_bias(hid_t file)
{
  H5Ldelete(file, "/layers/1/bias", H5P_DEFAULT);
}

static void no_layer(hid_t file)
{
  H5Lmove(file, "/layers/0", file, "/layers/2", H5P_DEFAULT, H5P_DEFAULT);
}

static void wrong_chain(hid_t file)
{
  const double x[12] = {0};
  replace_f64(file, "/layers/1/weight", 3, 4, x);
}

static void flat_weight(hid_t file)
{
  const double x[15] = {0};
  replace_f64(file, "/layers/1/weight", 15, 0, x);
}

static void short_bias(hid_t file)
{
  const double x[2] = {0};
  replace_f64(file, "/layers/1/bias", 2, 0, x);
}

static void not_a_number(hid_t file)
{
  double x[15] = {0};
  x[7] = NAN;
  replace_f64(file, "/layers/1/weight", 3, 5, x);
}

static void unknown_kind(hid_t file)
{
  replace_text(file, "/layers/1", "kind", "lstm");
}

static void unknown_activation(hid_t file)
{
  replace_text(file, "/layers/0", "activation", "gelu");
}

static void no_activation(hid_t file)
{
  H5Adelete_by_name(file, "/layers/0", "activation", H5P_DEFAULT);
}

static void zero_scale(hid_t file)
{
  const double x[P] = {1, 1, 0};
  replace_f64(file, "/input/scale", P, 0, x);
}

static void short_scale(hid_t file)
{
  const double x[3] = {1, 1, 1};
  replace_f64(file, "/input/scale", 3, 0, x);
}

static void kept_twice(hid_t file)
{
  const int64_t x[INPUTS] = {0, 1, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  H5Ldelete(file, "/input/kept", H5P_DEFAULT);
  io_put_i64(file, "/input/kept", INPUTS, x);
}

static void too_few_kept(hid_t file)
{
  const int64_t x[2] = {0, 1};
  H5Ldelete(file, "/input/kept", H5P_DEFAULT);
  io_put_i64(file, "/input/kept", 2, x);
}

static void bad_shape(hid_t file)
{
  const int64_t shape[2] = {3, 4};
  H5Adelete(file, "input_shape");
  io_attr(file, "/", "input_shape", H5T_STD_I64LE, H5T_NATIVE_INT64, 2, shape);
}

static void integer_weight(hid_t file)
{
  const int64_t x[3] = {0};
  H5Ldelete(file, "/layers/1/bias", H5P_DEFAULT);
  io_put_i64(file, "/layers/1/bias", 3, x);
}

static void large_kernel(hid_t file)
{
  const int64_t pool[2] = {9, 2};
  H5Adelete_by_name(file, "/layers/1", "pool", H5P_DEFAULT);
  io_attr(file, "/layers/1", "pool", H5T_STD_I64LE, H5T_NATIVE_INT64, 2, pool);
}

static void no_stride(hid_t file)
{
  H5Adelete_by_name(file, "/layers/0", "stride", H5P_DEFAULT);
}

static void test_refusals(void **state)
{
  (void)state;
  const struct {
    const char *text;
    spoiler spoil;
    const char *words;
  } cases[] = {
      {dense_text, no_bias, "there is no dataset /layers/1/bias"},
      {dense_text, no_layer, "there is no group /layers/0 among the 2 layers"},
      {dense_text, wrong_chain, "/layers/1/weight is 3 x 4, its layer has 5 inputs"},
      {dense_text, flat_weight, "/layers/1/weight has 1 dimensions, not 2"},
      {dense_text, short_bias, "/layers/1/bias has 2 entries, not 3"},
      {dense_text, not_a_number, "/layers/1/weight: output 1, entry 2: NaN"},
      {dense_text, unknown_kind, "/layers/1: the kind lstm is not dense, conv2d or maxpool2d"},
      {dense_text, unknown_activation,
       "/layers/0: the activation gelu is not linear, relu or tanh"},
      {dense_text, no_activation, "/layers/0: the activation (none) is not"},
      {dense_text, zero_scale, "/input/scale: column 2: 0 is not positive"},
      {dense_text, short_scale, "/input/scale has 3 entries, not 15"},
      {dense_text, kept_twice, "/input/kept: entry 2 is 1, not ascending within 0..14"},
      {dense_text, too_few_kept, "/input/kept has 2 columns, the first layer 12 inputs"},
      {dense_text, bad_shape, "/: the attribute input_shape is not a number of inputs"},
      {dense_text, integer_weight, "/layers/1/bias: not floating-point numbers"},
      {picture_text, large_kernel, "/layers/1: windows of 9 x 2 in pictures of 4 x 4"},
      {picture_text, no_stride, "/layers/0: the attribute stride is not 1 integer"},
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    bvl_network_file net;
    ASSERT_OK(bvl_architecture_read(cases[k].text, BVL_RELU, &arch));
    ASSERT_ALL(write_file("n.h5", 0, STRETCHES));
    if (bvl_test_rank() == 0) {
      hid_t file = H5Fopen(io_path("n.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
      cases[k].spoil(file);
      H5Fclose(file);
      io_uncheck("n.h5");
    }
    io_ready();
    ASSERT_REFUSED(bvl_network_read(&io_comm, io_path("n.h5"), "", 0, &net), BVL_ERR_INPUT,
                   cases[k].words);
    ASSERT_ALL(net.center == NULL && net.bias[0] == NULL);
  }
  /* inputs that no rank holds, or one that two do */
  bvl_result_writer *writer;
  bvl_network_values values = {
      .arch = &arch, .n_kept = INPUTS, .p = P, .n_first = 1, .first_begin = 0};
  ASSERT_OK(bvl_architecture_read(dense_text, BVL_RELU, &arch));
  ASSERT_OK(bvl_network_create(&io_comm, io_path("m.h5"), "network", &writer));
  ASSERT_ALL(bvl_network_put(writer, "", &values) == BVL_ERR_INTERNAL);
  ASSERT_OK(bvl_result_close(&writer, 0));
  ASSERT_ALL(io_stands("m.h5", 0) && io_stands("m.h5.partial", 0));
}

BVL_TEST_MAIN_MPI(IO_TEST(test_round_trip), IO_TEST(test_first_layer_in_parts),
                  IO_TEST(test_memory_and_file_order), IO_TEST(test_points),
                  IO_TEST(test_description), IO_TEST(test_refusals))
