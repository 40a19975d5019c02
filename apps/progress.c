/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "signals.h"

static const double redraw_s = 0.1; /* of the bar */
static const double silence_s = 30; /* plain lines: longest time without one */

/* mpirun puts a pipe between rank 0 and the terminal it stands on: ask for the launcher's own
 * standard error. */
static int launcher_on_terminal(void)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
  int fd = open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK);
  int terminal = fd >= 0 && isatty(fd);
  if (fd >= 0) close(fd);
  return terminal;
}

int progress_open(progress *p, const char *command, int quiet, const char *log_file, char *error,
                  size_t size)
{
  int launched = getenv("OMPI_COMM_WORLD_RANK") != NULL;
  memset(p, 0, sizeof *p);
  p->command = command;
  p->quiet = quiet;
  p->bar = isatty(STDERR_FILENO) || (launched && launcher_on_terminal());
  p->tenth = -1;
  if (log_file == NULL) return 0;
  p->log = fopen(log_file, "a");
  if (p->log != NULL) return 0;
  snprintf(error, size, "--log %s: %s", log_file, strerror(errno));
  return -1;
}

static void clear_bar(progress *p)
{
  if (p->bar_shown) fputs("\r\033[K", stderr);
  p->bar_shown = 0;
}

void progress_close(progress *p)
{
  clear_bar(p);
  if (p->log != NULL) fclose(p->log);
  p->log = NULL;
}

void progress_say(progress *p, FILE *to, const char *format, ...)
{
  char line[1024], now[24];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  clear_bar(p);
  if (to != NULL) {
    fprintf(to, "%s\n", line);
    fflush(to);
  }
  if (p->log == NULL) return;
  time_t seconds = time(NULL);
  struct tm utc;
  gmtime_r(&seconds, &utc);
  strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
  fprintf(p->log, "%s %s\n", now, line);
  fflush(p->log);
}

static int poll_signals(void *context)
{
  (void)context;
  return signals_caught() != 0 ? BVL_WANT_STOP : 0;
}

static void take_log(void *context, const char *line)
{
  progress *p = context;
  int warning = strncmp(line, "warning", 7) == 0;
  progress_say(p, p->quiet && !warning ? NULL : stderr, "bevel %s: %s", p->command, line);
}

/* cv, stability and others have more paths to come. */
static int is_one_path(const progress *p)
{
  return strcmp(p->command, "path") == 0 || strcmp(p->command, "fit") == 0;
}

/* "lambda 30/100 (0.0123)  support 57  gap 3.1e-10  1.2 s, about 3.4 s left" */
static void describe(const progress *p, const bvl_progress *at, char *out, size_t size)
{
  char gap[24] = "-";
  if (strcmp(at->phase, "train") == 0) {
    snprintf(out, size, "epoch %" PRId64 "/%" PRId64 "  loss %.4g  nonzeros %" PRId64 "  %.1f s",
             at->k, at->n_lambda, at->loss, at->support, at->elapsed_s);
    return;
  }
  if (strcmp(at->phase, "front") == 0) {
    snprintf(out, size, "point %" PRId64 " of %" PRId64 "  loss %.4g  nonzeros %" PRId64 "  %.1f s",
             at->k, at->n_lambda, at->loss, at->support, at->elapsed_s);
    return;
  }
  if (strcmp(at->phase, "import") == 0) {
    snprintf(out, size, "%.1f of %.1f MB  %.1f s", (double)at->k / 1e6, (double)at->n_lambda / 1e6,
             at->elapsed_s);
    return;
  }
  if (!isnan(at->gap)) snprintf(gap, sizeof gap, "%.1e", at->gap);
  int end = snprintf(out, size,
                     "lambda %" PRId64 "/%" PRId64 " (%.4g)  support %" PRId64 "  gap %s  %.1f s",
                     at->k, at->n_lambda, at->lambda, at->support, gap, at->elapsed_s);
  if (at->left_s > 0 && end > 0 && (size_t)end < size)
    snprintf(out + end, size - (size_t)end, ", about %.*f s left%s", at->left_s < 9.5, at->left_s,
             is_one_path(p) ? "" : " of this path");
}

static void draw_bar(progress *p, const bvl_progress *at)
{
  enum { WIDTH = 24 };
  char bar[WIDTH + 1], text[160], left[32] = "";
  if (at->elapsed_s - p->drawn_s < redraw_s && at->k < at->n_lambda) return;
  p->drawn_s = at->elapsed_s;
  int filled = at->n_lambda > 0 ? (int)(WIDTH * at->k / at->n_lambda) : 0;
  for (int c = 0; c < WIDTH; c++) bar[c] = c < filled ? '#' : '.';
  bar[WIDTH] = '\0';
  describe(p, at, text, sizeof text);
  if (at->k > 0 && at->k < at->n_lambda && !(at->left_s > 0))
    snprintf(left, sizeof left, ", %.0f s left",
             at->elapsed_s * (double)(at->n_lambda - at->k) / (double)at->k);
  fprintf(stderr, "\r\033[K[%s] %s%s", bar, text, left);
  fflush(stderr);
  p->bar_shown = 1;
}

static void take_progress(void *context, const bvl_progress *at)
{
  progress *p = context;
  char text[160];
  int64_t tenth = at->n_lambda > 0 ? 10 * at->k / at->n_lambda : 0;
  int due = (tenth > p->tenth && at->k > 0) || at->elapsed_s - p->told_s > silence_s;
  if (due) {
    p->tenth = tenth;
    p->told_s = at->elapsed_s;
    describe(p, at, text, sizeof text);
    progress_say(p, p->quiet || p->bar ? NULL : stderr, "bevel %s: %s", p->command, text);
  }
  if (p->bar && !p->quiet) draw_bar(p, at);
}

bvl_monitor progress_monitor(progress *p)
{
  return (bvl_monitor){p, poll_signals, take_log, take_progress};
}
