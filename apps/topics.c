/* SPDX-License-Identifier: BSD-3-Clause */
/* The topics: tables where the library has one, else text. */
#include "topics.h"

#include <string.h>

#include "flag_table.h"
#include "penalty/penalty.h"
#include "report.h"

/* ---- from tables ---------------------------------------------------------------------------- */

/* A shape parameter's flag, as the row calls it: tl1_a is --tl1-a. */
static const char *flag_of_shape(const char *shape, char *out, size_t size)
{
  snprintf(out, size, "--%s", shape);
  for (char *c = out; *c != '\0'; c++)
    if (*c == '_') *c = '-';
  return out;
}

static void print_penalties(FILE *to)
{
  fputs("lambda times, b a column's coefficient, B a group's, w its factor or weight:\n\n"
        "  name                blocks   convex  takes\n",
        to);
  for (const bvl_penalty_type *const *t = bvl_penalty_all(); *t != NULL; t++) {
    char takes[96] = "", name[32];
    if ((*t)->mixes)
      snprintf(takes, sizeof takes, "--alpha (%g)", (*t)->default_alpha);
    else if ((*t)->nested)
      snprintf(takes, sizeof takes, "--k1 (2) --k2 (1)");
    else if ((*t)->shape_name != NULL)
      snprintf(takes, sizeof takes, "%s (%g)", flag_of_shape((*t)->shape_name, name, sizeof name),
               (*t)->default_shape);
    fprintf(to, "  %-19s %-8s %-7s %s\n", (*t)->name, (*t)->grouped ? "groups" : "columns",
            (*t)->convex ? "yes" : "no", takes[0] != '\0' ? takes : "-");
  }
  fputs("\n"
        "  lasso                w |b|                group-lasso   w |B|, |B| its 2-norm\n"
        "  enet                 w (alpha |b| + (1 - alpha) b^2 / 2)\n"
        "  sparse-group-lasso   alpha |b| over all b + (1 - alpha) w |B|\n"
        "  mcp scad tl1 log lq  profiles of |b| with lambda w in lambda's place, and\n"
        "  group-...            the same of |B|\n"
        "  l1-l2                w (sum |b| - alpha |B|)\n"
        "  group-l1-l2          sum w |B| - alpha |all of them|\n"
        "  lpq                  w |B|_p^q with p = 2/k1, q = 2/(k1 + k2)\n\n"
        "w of a column is --penalty-factor's (1), of a group --group-weights' (sqrt(size)).\n"
        "Not convex: an answer is a stationary point, certified by /kkt_residual, not\n"
        "proven global, and there is no duality gap; --starts K tries K ways.\n",
        to);
}

static void print_solvers(FILE *to)
{
  fputs("  auto newton   working sets, second order inside; whole batches of lambda are\n"
        "                certified by one sweep over X\n"
        "  cd            working sets, coordinate descent inside: the oracle\n"
        "  sgd momentum adam lbfgs\n"
        "                a smooth surrogate: factors with plain l2 (--param, --depth)\n"
        "  varpro        variable projection: Newton in one variable a column or group\n"
        "  admm          loss and penalty split, one factor\n\n"
        "What the last three find is handed to newton, which certifies it, or with\n"
        "--no-polish returned with its own honest gap and residual.\n",
        to);
  flags_pairs(to);
}

static const struct {
  int code;
  const char *means;
} exit_codes[] = {
    {EXIT_DONE, "all that was asked for is there, and converged"},
    {EXIT_INTERNAL, "internal error: a bug in bevel"},
    {EXIT_USAGE, "usage: a flag, a value or a pair of them; said in one line"},
    {EXIT_INPUT, "bad input: a file is missing or its data are refused"},
    {EXIT_UNCONVERGED, "something did not converge: the result is written, /status says what"},
    {EXIT_RESOURCES, "out of memory or disk, or above --memory-limit"},
    {EXIT_RESUMABLE, "interrupted, with a checkpoint: the same line with --resume goes on"},
};

void topic_exit_codes(FILE *to)
{
  for (size_t k = 0; k < sizeof exit_codes / sizeof exit_codes[0]; k++)
    fprintf(to, "  %3d    %s\n", exit_codes[k].code, exit_codes[k].means);
  fputs("  128+S  interrupted by signal S, without a checkpoint\n", to);
}

static void print_exit_codes(FILE *to)
{
  topic_exit_codes(to);
  fputs("\nEvery rank leaves with the same code. Open MPI's mpirun passes it on; SIGTERM or\n"
        "SIGINT to mpirun itself ends in 1 after a second: signal it with USR1.\n",
        to);
}

/* ---- texts ---------------------------------------------------------------------------------- */

static void print_data(FILE *to)
{
  fputs("A data file is HDF5; an .h5ad opens as it is. bevel import makes one.\n\n"
        "  /X               n x p float64, float32, int8 or uint8, or AnnData's csc_matrix\n"
        "                   or csr_matrix group; int8: attribute `missing` = a code that\n"
        "                   reads as the column's weighted mean\n"
        "  /y               n, or n x K for K gaussian responses; classes are 0 ... K - 1;\n"
        "                   the file's attribute `family` is --family's default\n"
        "  /weights         n, optional\n"
        "  /offset          n, optional\n"
        "  /groups          p integers, any values: equal ones are a group\n"
        "  /group_weights   one for each id, ascending; default sqrt(size)\n"
        "  /penalty_factor  p; 0 = not penalised, Inf = left out\n"
        "  /feature_names   p strings, optional\n\n"
        "What is there is used; --x PATH, --weights PATH|none ... name other datasets.\n"
        "NaN, Inf, wrong lengths and labels outside the family are refused by dataset,\n"
        "row and column, counted from 0.\n",
        to);
}

static void print_results(FILE *to)
{
  fputs("A path, fit or cv of L lambdas, HDF5:\n\n"
        "  /lambda /intercept   L (intercept L x K with K responses or classes)\n"
        "  /coef                p x L, AnnData csc, on the scale of the input\n"
        "  /df /dev_ratio /objective    nonzeros; deviance explained; standardised problem\n"
        "  /dual_gap            relative to half the null deviance; NaN if not convex\n"
        "  /kkt_residual        largest violation of stationarity, relative to lambda\n"
        "  /status              0 certified, 1 budget spent, 2 diverged, 3 not attempted\n"
        "  /iterations /seconds /center /scale\n"
        "  /cvm /cvsd /lambda_min /lambda_1se /fold /oof    of cv\n\n"
        "A network: /layers/K/weight and bias, /input/..., /history/..., train_index and\n"
        "test_index; a front: /loss, /l1 and /points/K, a network each.\n\n"
        "Root attributes say where a file is from: version, command_line, ranks, grid,\n"
        "start_time, end_time, data and its fingerprint.\n"
        "bevel info FILE describes any of them; scripts/check RESULT DATA recomputes it.\n",
        to);
}

static void print_checkpoints(FILE *to)
{
  fputs("  --checkpoint FILE --checkpoint-every SECONDS --resume\n\n"
        "saves the state every 600 s, or as often as asked, and when a signal stops the\n"
        "run: also inside of a lambda, a fold or an epoch. --resume goes on from FILE, on\n"
        "any number of ranks; where there is none it starts afresh and says so, so that a\n"
        "requeued job keeps one command line. A checkpoint of another problem is refused\n"
        "with what differs. One that cannot be written is a warning; the previous is kept.\n\n"
        "SIGUSR1, SIGTERM or SIGINT at a rank, or SIGUSR1 at mpirun: finish the step, save,\n"
        "leave with 75. Without --checkpoint: leave with 128 + the signal.\n",
        to);
}

static void print_cluster(FILE *to)
{
  fputs("One rank a core, BLAS on one thread: bevel sees to the second. Memory a rank needs\n"
        "is checked before X is read; bevel info DATA.h5 tells it for 1 to 64 ranks.\n\n"
        "A job that may be stopped and goes on: share/bevel/cluster/bevel.slurm, bevel.pbs.\n"
        "They have the scheduler signal the script, the script forwards USR1 to mpirun, and\n"
        "exit code 75 puts the job back in the queue with the same command line:\n\n"
        "  sbatch bevel.slurm path data.h5 -o path.h5\n"
        "  BEVEL_ARGS=\"path data.h5 -o path.h5\" qsub -V bevel.pbs\n\n"
        "  --grid RxC   R ranks share out the samples, C the features (default: by shape)\n"
        "  --io independent   when collective reads are slow or hang on a file system\n"
        "  --log FILE   what is said, with times (lasso, enet: and the time left, from the\n"
        "               fifth lambda on); --json a line to parse at the end\n"
        "  --profile    times, messages and bytes of every rank\n\n"
        "More ranks than cores on a node: each waits for the others' turns. On purpose:\n"
        "mpirun --oversubscribe --mca mpi_yield_when_idle 1.\n",
        to);
}

const topic topics[] = {
    {"penalties", "formulas, defaults, which are convex", print_penalties},
    {"solvers", "what each does, and which penalties it takes", print_solvers},
    {"data", "datasets of a data file", print_data},
    {"results", "datasets of a result file", print_results},
    {"checkpoints", "saving, signals, going on", print_checkpoints},
    {"exit-codes", "what the program leaves with", print_exit_codes},
    {"cluster", "job scripts, ranks and cores", print_cluster},
};

const int n_topics = sizeof topics / sizeof topics[0];

const topic *topic_find(const char *name)
{
  for (int k = 0; k < n_topics; k++)
    if (strcmp(name, topics[k].name) == 0) return &topics[k];
  return NULL;
}
