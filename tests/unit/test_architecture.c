/* SPDX-License-Identifier: BSD-3-Clause */
/* Architectures: shapes, the order of weights in files, and what is refused with which words. */
#include "bvl_test.h"

#include "net/layers/architecture.h"

static void check_picture(const bvl_picture *p, int64_t channels, int64_t height, int64_t width)
{
  assert_int_equal(p->channels, channels);
  assert_int_equal(p->height, height);
  assert_int_equal(p->width, width);
}

static void test_dense(void **state)
{
  (void)state;
  bvl_architecture a;
  assert_int_equal(bvl_architecture_dense("784-300-100-10", BVL_TANH, &a), BVL_OK);
  const int64_t sizes[] = {784, 300, 100, 10};
  assert_int_equal(a.n, 3);
  for (int l = 0; l < 3; l++) {
    assert_int_equal(a.layer[l].kind, BVL_LAYER_DENSE);
    assert_int_equal(a.layer[l].activation, l < 2 ? BVL_TANH : BVL_LINEAR);
    check_picture(&a.layer[l].in, sizes[l], 1, 1);
    check_picture(&a.layer[l].out, sizes[l + 1], 1, 1);
    assert_int_equal(bvl_layer_fan_in(&a.layer[l]), sizes[l]);
    assert_int_equal(bvl_layer_outputs(&a.layer[l]), sizes[l + 1]);
    assert_int_equal(a.layer[l].by_output, 0);
  }
  assert_int_equal(bvl_architecture_inputs(&a), 784);
  assert_int_equal(bvl_architecture_outputs(&a), 10);
  assert_int_equal(bvl_architecture_parameters(&a), 785 * 300 + 301 * 100 + 101 * 10);

  bvl_architecture named;
  assert_int_equal(bvl_architecture_named("lenet300", BVL_TANH, &named), BVL_OK);
  assert_memory_equal(&a, &named, sizeof a);
  assert_int_equal(bvl_architecture_dense("500000-1", BVL_RELU, &a), BVL_OK);
  assert_int_equal(a.layer[0].activation, BVL_LINEAR);
}

static void test_lenet5(void **state)
{
  (void)state;
  bvl_architecture a;
  assert_int_equal(bvl_architecture_named("lenet5", BVL_RELU, &a), BVL_OK);
  assert_int_equal(a.n, 6);
  const bvl_layer_kind kinds[] = {BVL_LAYER_CONV,     BVL_LAYER_MAX_POOL, BVL_LAYER_CONV,
                                  BVL_LAYER_MAX_POOL, BVL_LAYER_DENSE,    BVL_LAYER_DENSE};
  const bvl_activation acts[] = {BVL_RELU, BVL_LINEAR, BVL_RELU, BVL_LINEAR, BVL_RELU, BVL_LINEAR};
  const int64_t out[6][3] = {{20, 24, 24}, {20, 12, 12}, {50, 8, 8},
                             {50, 4, 4},   {500, 1, 1},  {10, 1, 1}};
  const int64_t fan_in[] = {25, 0, 500, 0, 800, 500};
  check_picture(&a.layer[0].in, 1, 28, 28);
  for (int l = 0; l < 6; l++) {
    assert_int_equal(a.layer[l].kind, kinds[l]);
    assert_int_equal(a.layer[l].activation, acts[l]);
    check_picture(&a.layer[l].out, out[l][0], out[l][1], out[l][2]);
    if (l > 0) assert_memory_equal(&a.layer[l].in, &a.layer[l - 1].out, sizeof(bvl_picture));
    assert_int_equal(bvl_layer_fan_in(&a.layer[l]), fan_in[l]);
    assert_int_equal(bvl_layer_outputs(&a.layer[l]), fan_in[l] == 0 ? 0 : out[l][0]);
  }
  assert_int_equal(bvl_architecture_inputs(&a), 784);
  assert_int_equal(bvl_architecture_outputs(&a), 10);
  assert_int_equal(bvl_architecture_parameters(&a), 520 + 25050 + 400500 + 5010);
}

/* Everything a file may say, with comments, blank lines, tabs, returns and no newline at the end.
 */
static void test_read(void **state)
{
  (void)state;
  bvl_architecture a;
  const char *text = "# a picture of 3 colours\n"
                     "\n"
                     "input 3x9x7 # channels x height x width\r\n"
                     "\tconv 4 3x2 stride 2 padding 1 tanh\n"
                     "conv 5 1x1 padding 0\n"
                     "  pool 2x3 stride 1\n"
                     "dense 6 linear\n"
                     "dense 2 linear";
  assert_int_equal(bvl_architecture_read(text, BVL_RELU, &a), BVL_OK);
  assert_int_equal(a.n, 5);
  check_picture(&a.layer[0].in, 3, 9, 7);
  check_picture(&a.layer[0].out, 4, 5, 4); /* (9 + 2 - 3) / 2 + 1, floor((7 + 2 - 2) / 2) + 1 */
  assert_int_equal(a.layer[0].kernel_h, 3);
  assert_int_equal(a.layer[0].kernel_w, 2);
  assert_int_equal(a.layer[0].stride, 2);
  assert_int_equal(a.layer[0].padding, 1);
  assert_int_equal(a.layer[0].activation, BVL_TANH);
  check_picture(&a.layer[1].out, 5, 5, 4);
  assert_int_equal(a.layer[1].activation, BVL_RELU);
  assert_int_equal(a.layer[1].stride, 1);
  assert_int_equal(a.layer[1].padding, 0);
  check_picture(&a.layer[2].out, 5, 4, 2);
  assert_int_equal(a.layer[2].activation, BVL_LINEAR);
  assert_int_equal(bvl_layer_fan_in(&a.layer[3]), 40);
  assert_int_equal(a.layer[3].activation, BVL_LINEAR);

  assert_int_equal(bvl_architecture_read("input 12\ndense 3\n", BVL_RELU, &a), BVL_OK);
  check_picture(&a.layer[0].in, 12, 1, 1);
  assert_int_equal(bvl_architecture_read("input 2x5x5\npool 3x3\nconv 2 1x1\n", BVL_RELU, &a),
                   BVL_OK);
  assert_int_equal(a.layer[0].stride, 3); /* as large as the window */
  check_picture(&a.layer[0].out, 2, 1, 1);
  assert_int_equal(a.layer[1].activation, BVL_LINEAR);
}

typedef struct refusal {
  const char *text;
  const char *said[4]; /* all of these are in the message */
} refusal;

static void check_refused(bvl_status status, const refusal *r)
{
  assert_int_equal(status, BVL_ERR_USAGE);
  for (int i = 0; i < 4 && r->said[i] != NULL; i++)
    if (strstr(bvl_last_error(), r->said[i]) == NULL)
      fail_msg("'%s' says '%s', not '%s'", r->text, bvl_last_error(), r->said[i]);
}

static void test_refused_lists(void **state)
{
  (void)state;
  const refusal lists[] = {
      {"", {"character 1"}},
      {"784", {"only one size"}},
      {"784-", {"784-", "character 5"}},
      {"784--10", {"character 5"}},
      {"784-0-10", {"character 5"}},
      {"784-3e2-10", {"character 5"}},
      {"784-300x10", {"character 5"}},
      {"-784-10", {"character 1"}},
      {"784-99999999999-10", {"character 5", "2147483647"}},
      {"2000000000-2000000000", {"2000000000 x 2000000000", "too many"}},
  };
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    bvl_architecture a;
    check_refused(bvl_architecture_dense(lists[i].text, BVL_RELU, &a), &lists[i]);
  }
  bvl_architecture a;
  const refusal unknown = {"lenet9", {"lenet9", "lenet300", "lenet5"}};
  check_refused(bvl_architecture_named("lenet9", BVL_RELU, &a), &unknown);
}

static const refusal files[] = {
    {"", {"no layers"}},
    {"input 3\n", {"line 1", "no layers"}},
    {"# nothing\ndense 4\n", {"line 2", "dense", "before an input"}},
    {"input 3\ninput 3\n", {"line 2", "second input"}},
    {"input 3x4\n", {"line 1", "3x4", "1x28x28"}},
    {"input 3x4x0\n", {"line 1", "3x4x0"}},
    {"input\n", {"line 1", "end of line"}},
    {"input 3 4\n", {"line 1", "'4'"}},
    {"input 2000x2000x2000\n", {"line 1", "2000x2000x2000", "2^31"}},
    {"input 3\n\nflatten\n", {"line 3", "unknown layer 'flatten'", "pool"}},
    {"input 3\ndense\n", {"line 2", "end of line"}},
    {"input 3\ndense 0\n", {"line 2", "'0'"}},
    {"input 3\ndense 4.5\n", {"line 2", "'4.5'"}},
    {"input 3\ndense 4 relu6\n", {"line 2", "'relu6'", "tanh"}},
    {"input 3\ndense 4 stride 2\n", {"line 2", "'stride'"}},
    {"input 3\ndense 4\ndense 2 relu\n", {"line 3", "linear, not relu"}},
    {"input 1x8x8\nconv 2\n", {"line 2", "end of line", "kernel"}},
    {"input 1x8x8\nconv 2 3\n", {"line 2", "'3'", "kernel"}},
    {"input 1x8x8\nconv 2 3x0\n", {"line 2", "'3x0'"}},
    {"input 1x8x8\nconv 2 3x3 stride 0\n", {"line 2", "'0'"}},
    {"input 1x8x8\nconv 2 3x3 stride\n", {"line 2", "end of line"}},
    {"input 1x8x8\nconv 2 3x3 padding -1\n", {"line 2", "'-1'"}},
    {"input 1x8x8\nconv 2 3x3 padding 3\n", {"line 2", "padding 3", "3x3"}},
    {"input 1x8x8\nconv 2 9x3\n", {"line 2", "9x3", "1x8x8"}},
    {"input 1x8x8\nconv 2 3x3\npool 7x7\n", {"line 3", "7x7", "2x6x6"}},
    {"input 1x8x8\npool 2x2 relu\n", {"line 2", "'relu'"}},
    {"input 1x8x8\npool 2x2 padding 1\n", {"line 2", "'padding'"}},
    {"input 1x8x8\npool 2x3\n", {"line 2", "2x3", "stride"}},
    {"input 1x8x8\nconv 2 3x3\npool 2x2\n", {"line 3", "last layer is a pool"}},
    {"input 1x30000x30000\nconv 9 3x3\n", {"line 2", "9 channels", "too large"}},
    {"input 2000000000\ndense 2000000000\n", {"line 2", "2000000000 x 2000000000"}},
    {"input 3\ndense 1 2 3 4 5 6 7 8 9 10 11 12 13\n", {"line 2", "more than 12 words"}},
};

static void test_refused_files(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    bvl_architecture a;
    check_refused(bvl_architecture_read(files[i].text, BVL_RELU, &a), &files[i]);
  }
}

static void test_refused_lengths(void **state)
{
  (void)state;
  bvl_architecture a;
  char text[2048] = "input 3\n";
  const refusal deep = {"70 layers", {"line 66", "more than 64 layers"}};
  for (int l = 0; l < 70; l++) strcat(text, "dense 3\n");
  check_refused(bvl_architecture_read(text, BVL_RELU, &a), &deep);
  const refusal wide = {"300 blanks", {"line 1", "longer than 255"}};
  memset(text, ' ', 300);
  text[300] = '\0';
  check_refused(bvl_architecture_read(text, BVL_RELU, &a), &wide);
}

/* Walks the weights in memory order and counts where each is in a file. */
static void test_file_index(void **state)
{
  (void)state;
  bvl_architecture a;
  const char *text = "input 3x9x7\nconv 4 3x2\npool 2x2\ndense 2\n";
  assert_int_equal(bvl_architecture_read(text, BVL_RELU, &a), BVL_OK);
  int64_t k = 0;
  for (int64_t i = 0; i < 3; i++)
    for (int64_t j = 0; j < 2; j++)
      for (int64_t c = 0; c < 3; c++, k++)
        assert_int_equal(bvl_layer_file_index(&a.layer[0], k), (c * 3 + i) * 2 + j);
  assert_int_equal(k, bvl_layer_fan_in(&a.layer[0]));
  const bvl_picture *in = &a.layer[2].in;
  k = 0;
  for (int64_t y = 0; y < in->height; y++)
    for (int64_t x = 0; x < in->width; x++)
      for (int64_t c = 0; c < in->channels; c++, k++)
        assert_int_equal(bvl_layer_file_index(&a.layer[2], k),
                         (c * in->height + y) * in->width + x);
  assert_int_equal(k, bvl_layer_fan_in(&a.layer[2]));
}

static void test_names(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(bvl_activation_find(bvl_activation_name((bvl_activation)i)), i);
    assert_int_equal(bvl_layer_kind_find(bvl_layer_kind_name((bvl_layer_kind)i)), i);
  }
  assert_string_equal(bvl_activation_name(BVL_RELU), "relu");
  assert_string_equal(bvl_layer_kind_name(BVL_LAYER_CONV), "conv2d");
  assert_string_equal(bvl_layer_kind_name(BVL_LAYER_MAX_POOL), "maxpool2d");
  assert_int_equal(bvl_activation_find("sigmoid"), -1);
  assert_int_equal(bvl_layer_kind_find("conv"), -1);
}

BVL_TEST_MAIN(cmocka_unit_test(test_dense), cmocka_unit_test(test_lenet5),
              cmocka_unit_test(test_read), cmocka_unit_test(test_refused_lists),
              cmocka_unit_test(test_refused_files), cmocka_unit_test(test_refused_lengths),
              cmocka_unit_test(test_file_index), cmocka_unit_test(test_names))
