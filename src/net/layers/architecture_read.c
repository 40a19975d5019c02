/* SPDX-License-Identifier: BSD-3-Clause */
/* Architectures from text: "784-300-100-10", a name, or a file of a line a layer. Every size is
 * checked as it is read, so that no product of sizes overflows later: pictures and fan-ins stay
 * below 2^31 (a pool remembers places in 32 bits), a layer's weights below 2^48. */
#include "net/layers/architecture.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MOST_WEIGHTS (INT64_C(1) << 48)

enum { LINE_BYTES = 256, MOST_WORDS = 12 };

/* What is being read, and where it stands. */
typedef struct reader {
  bvl_architecture *arch;
  bvl_picture now; /* what the next layer gets */
  bvl_activation activation;
  int64_t line; /* from 1; 0 = no input yet in `now` */
  int has_input;
  int named_last; /* the last layer's line named an activation other than linear */
} reader;

/* The words of a line, cut in a copy of it. */
typedef struct words {
  char text[LINE_BYTES];
  char *word[MOST_WORDS];
  int n;
  int64_t line;
} words;

/* a b c, or -1 when that is 2^31 or more. All are >= 0. */
static int64_t small_product(int64_t a, int64_t b, int64_t c)
{
  if (a == 0 || b == 0 || c == 0) return 0;
  if (a > INT32_MAX / b || a * b > INT32_MAX / c) return -1;
  return a * b * c;
}

/* Reads digits at *text and steps over them. @return -1 when there are none, or the number is 2^31
 * or more. */
static int64_t read_size(const char **text)
{
  int64_t value = 0;
  if (!isdigit((unsigned char)**text)) return -1;
  for (; isdigit((unsigned char)**text); (*text)++) {
    value = 10 * value + (**text - '0');
    if (value > INT32_MAX) return -1;
  }
  return value;
}

/* "28", "5x5", "1x28x28": up to `most` positive sizes. @return how many, 0 when it is not that. */
static int read_sizes(const char *text, int most, int64_t *sizes)
{
  for (int n = 0; n < most; n++) {
    sizes[n] = read_size(&text);
    if (sizes[n] <= 0) return 0;
    if (*text == '\0') return n + 1;
    if (*text++ != 'x') return 0;
  }
  return 0;
}

/* ---- adding layers ---- */

/* Pools and convolutions: floor((size + 2 padding - kernel) / stride) + 1. */
static int64_t windows(int64_t size, int64_t kernel, int64_t stride, int64_t padding)
{
  const int64_t room = size + 2 * padding - kernel;
  return room < 0 ? 0 : room / stride + 1;
}

static bvl_status add(reader *r, const bvl_layer *layer)
{
  if (r->arch->n == BVL_NET_MAX_LAYERS)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": more than %d layers", r->line,
                    BVL_NET_MAX_LAYERS);
  r->arch->layer[r->arch->n++] = *layer;
  r->now = layer->out;
  return BVL_OK;
}

static bvl_status check_weights(const reader *r, int64_t fan_in, int64_t outputs)
{
  if (fan_in < MOST_WEIGHTS / outputs) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": %" PRId64 " x %" PRId64 " weights are too many",
                  r->line, outputs, fan_in);
}

static bvl_status add_dense(reader *r, int64_t size, bvl_activation activation)
{
  const bvl_layer layer = {.kind = BVL_LAYER_DENSE,
                           .activation = activation,
                           .in = r->now,
                           .out = {size, 1, 1},
                           .kernel_h = 1,
                           .kernel_w = 1,
                           .stride = 1};
  const bvl_status status = check_weights(r, bvl_picture_size(&r->now), size);
  return status == BVL_OK ? add(r, &layer) : status;
}

/* A convolution or a pool whose kernel, stride, padding, input and out.channels are set. */
static bvl_status add_windowed(reader *r, bvl_layer *layer)
{
  const bvl_picture *in = &layer->in;
  layer->out.height = windows(in->height, layer->kernel_h, layer->stride, layer->padding);
  layer->out.width = windows(in->width, layer->kernel_w, layer->stride, layer->padding);
  const int64_t size = small_product(layer->out.channels, layer->out.height, layer->out.width);
  if (layer->padding >= layer->kernel_h || layer->padding >= layer->kernel_w)
    return bvl_fail(BVL_ERR_USAGE,
                    "line %" PRId64 ": padding %" PRId64 " is not less than the kernel %" PRId64
                    "x%" PRId64,
                    r->line, layer->padding, layer->kernel_h, layer->kernel_w);
  if (size == 0)
    return bvl_fail(BVL_ERR_USAGE,
                    "line %" PRId64 ": kernel %" PRId64 "x%" PRId64 " is larger than its input "
                    "%" PRId64 "x%" PRId64 "x%" PRId64 " with padding %" PRId64,
                    r->line, layer->kernel_h, layer->kernel_w, in->channels, in->height, in->width,
                    layer->padding);
  if (size < 0 || small_product(layer->kernel_h, layer->kernel_w, in->channels) < 0)
    return bvl_fail(BVL_ERR_USAGE,
                    "line %" PRId64 ": %" PRId64 " channels of %" PRId64 "x%" PRId64 " with kernel "
                    "%" PRId64 "x%" PRId64 " are too large",
                    r->line, layer->out.channels, layer->out.height, layer->out.width,
                    layer->kernel_h, layer->kernel_w);
  const bvl_status status = check_weights(r, bvl_layer_fan_in(layer) + 1,
                                          layer->out.channels); /* a pool has none */
  return status == BVL_OK ? add(r, layer) : status;
}

/* ---- lines ---- */

/* Cuts a line into words; '#' starts a comment. */
static bvl_status cut_words(const char *line, size_t length, int64_t number, words *w)
{
  w->n = 0;
  w->line = number;
  if (length >= LINE_BYTES)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": longer than %d characters", number,
                    LINE_BYTES - 1);
  memcpy(w->text, line, length);
  w->text[length] = '\0';
  w->text[strcspn(w->text, "#")] = '\0';
  char *rest = NULL;
  for (char *word = strtok_r(w->text, " \t\r", &rest); word != NULL;
       word = strtok_r(NULL, " \t\r", &rest)) {
    if (w->n == MOST_WORDS)
      return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": more than %d words", number, MOST_WORDS);
    w->word[w->n++] = word;
  }
  return BVL_OK;
}

static bvl_status bad_word(const words *w, int at, const char *wanted)
{
  return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": '%s': '%s' where %s was expected", w->line,
                  w->word[0], at < w->n ? w->word[at] : "end of line", wanted);
}

static bvl_status read_count(const words *w, int at, int64_t least, int64_t *out)
{
  const char *text = at < w->n ? w->word[at] : "";
  *out = read_size(&text);
  if (*out < least || *text != '\0')
    return bad_word(w, at, least > 0 ? "a size from 1 to 2147483647" : "0 to 2147483647");
  return BVL_OK;
}

static bvl_status read_kernel(const words *w, int at, bvl_layer *layer)
{
  int64_t sizes[2];
  if (at >= w->n || read_sizes(w->word[at], 2, sizes) != 2)
    return bad_word(w, at, "a kernel like 5x5");
  layer->kernel_h = sizes[0];
  layer->kernel_w = sizes[1];
  return BVL_OK;
}

/* What may follow: `stride S`, and unless it is a pool `padding P` and an activation. */
static bvl_status read_options(reader *r, const words *w, int at, bvl_layer *layer)
{
  bvl_status status = BVL_OK;
  const int weighted = layer->kind != BVL_LAYER_MAX_POOL;
  const int windowed = layer->kind != BVL_LAYER_DENSE;
  while (at < w->n) {
    const int activation = bvl_activation_find(w->word[at]);
    if (windowed && strcmp(w->word[at], "stride") == 0) {
      BVL_TRY(read_count(w, at + 1, 1, &layer->stride));
      at += 2;
    } else if (windowed && weighted && strcmp(w->word[at], "padding") == 0) {
      BVL_TRY(read_count(w, at + 1, 0, &layer->padding));
      at += 2;
    } else if (weighted && activation >= 0) {
      layer->activation = (bvl_activation)activation;
      r->named_last = activation != BVL_LINEAR;
      at++;
    } else {
      return bad_word(w, at,
                      !weighted  ? "stride"
                      : windowed ? "stride, padding, relu, tanh or linear"
                                 : "relu, tanh or linear");
    }
  }
cleanup:
  return status;
}

static bvl_status read_input(reader *r, const words *w)
{
  int64_t s[3];
  const int n = w->n == 2 ? read_sizes(w->word[1], 3, s) : 0;
  if (r->has_input) return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": a second input", w->line);
  if (n != 1 && n != 3)
    return bad_word(w, w->n > 2 ? 2 : 1, w->n > 2 ? "end of line" : "a size like 1x28x28 or 784");
  r->now = n == 1 ? (bvl_picture){s[0], 1, 1} : (bvl_picture){s[0], s[1], s[2]};
  if (small_product(r->now.channels, r->now.height, r->now.width) < 0)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": input %s has 2^31 features or more", w->line,
                    w->word[1]);
  r->has_input = 1;
  return BVL_OK;
}

static bvl_status read_layer(reader *r, const words *w, bvl_layer_kind kind)
{
  bvl_status status = BVL_OK;
  bvl_layer layer = {.kind = kind, .activation = r->activation, .in = r->now, .stride = 1};
  int at = 1;
  if (!r->has_input)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": '%s' before an input line", w->line,
                    w->word[0]);
  r->named_last = 0;
  layer.out.channels = layer.in.channels;
  if (kind != BVL_LAYER_MAX_POOL) BVL_TRY(read_count(w, at++, 1, &layer.out.channels));
  if (kind != BVL_LAYER_DENSE) BVL_TRY(read_kernel(w, at++, &layer));
  if (kind == BVL_LAYER_MAX_POOL) {
    layer.activation = BVL_LINEAR;
    layer.stride = layer.kernel_h == layer.kernel_w ? layer.kernel_h : 0; /* 0 = must be named */
  }
  BVL_TRY(read_options(r, w, at, &layer));
  if (layer.stride == 0)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": a pool of %s needs a stride", w->line,
                    w->word[1]);
  if (kind == BVL_LAYER_DENSE) return add_dense(r, layer.out.channels, layer.activation);
  status = add_windowed(r, &layer);
cleanup:
  return status;
}

static bvl_status read_line(reader *r, const words *w)
{
  static const char *const names[] = {"dense", "conv", "pool"};
  if (w->n == 0) return BVL_OK;
  if (strcmp(w->word[0], "input") == 0) return read_input(r, w);
  for (int kind = 0; kind < 3; kind++)
    if (strcmp(w->word[0], names[kind]) == 0) return read_layer(r, w, (bvl_layer_kind)kind);
  return bvl_fail(BVL_ERR_USAGE,
                  "line %" PRId64 ": unknown layer '%s'; there are input, conv, pool and dense",
                  w->line, w->word[0]);
}

/* The last layer is linear: its outputs go to a loss. */
static bvl_status finish(const reader *r)
{
  bvl_architecture *arch = r->arch;
  if (arch->n == 0) return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": no layers", r->line);
  bvl_layer *last = &arch->layer[arch->n - 1];
  if (last->kind == BVL_LAYER_MAX_POOL)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": the last layer is a pool, not dense or conv",
                    r->line);
  if (r->named_last)
    return bvl_fail(BVL_ERR_USAGE, "line %" PRId64 ": the last layer is linear, not %s", r->line,
                    bvl_activation_name(last->activation));
  last->activation = BVL_LINEAR;
  return BVL_OK;
}

bvl_status bvl_architecture_read(const char *text, bvl_activation activation, bvl_architecture *out)
{
  bvl_status status = BVL_OK;
  words w;
  reader r = {.arch = out, .activation = activation};
  *out = (bvl_architecture){0};
  for (int64_t line = 1; *text != '\0'; line++) {
    const size_t length = strcspn(text, "\n");
    BVL_TRY(cut_words(text, length, line, &w));
    if (w.n > 0) r.line = line;
    BVL_TRY(read_line(&r, &w));
    text += length + (text[length] == '\n');
  }
  status = finish(&r);
cleanup:
  return status;
}

bvl_status bvl_architecture_dense(const char *sizes, bvl_activation activation,
                                  bvl_architecture *out)
{
  bvl_status status = BVL_OK;
  reader r = {.arch = out, .activation = activation, .line = 1};
  const char *at = sizes;
  *out = (bvl_architecture){0};
  for (int n = 0;; n++) {
    const int place = (int)(at - sizes) + 1;
    const int64_t size = read_size(&at);
    if (size <= 0 || (*at != '-' && *at != '\0'))
      return bvl_fail(BVL_ERR_USAGE, "layers '%s': no size from 1 to 2147483647 at character %d",
                      sizes, place);
    if (n == 0) r.now = (bvl_picture){size, 1, 1};
    if (n > 0) BVL_TRY(add_dense(&r, size, activation));
    if (*at++ == '\0') break;
  }
  if (out->n == 0)
    return bvl_fail(BVL_ERR_USAGE, "layers '%s': only one size, wanted inputs-...-outputs", sizes);
  status = finish(&r);
cleanup:
  return status;
}

bvl_status bvl_architecture_named(const char *name, bvl_activation activation,
                                  bvl_architecture *out)
{
  if (strcmp(name, "lenet300") == 0)
    return bvl_architecture_dense("784-300-100-10", activation, out);
  if (strcmp(name, "lenet5") == 0)
    return bvl_architecture_read("input 1x28x28\n"
                                 "conv 20 5x5\n"
                                 "pool 2x2\n"
                                 "conv 50 5x5\n"
                                 "pool 2x2\n"
                                 "dense 500\n"
                                 "dense 10\n",
                                 activation, out);
  return bvl_fail(BVL_ERR_USAGE, "unknown architecture '%s'; there are lenet300 and lenet5", name);
}
