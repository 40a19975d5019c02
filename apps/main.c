/* SPDX-License-Identifier: BSD-3-Clause */
/* The program: finds the command, parses its flags, runs it, and leaves with one exit code on every
 * rank. Help and version work without MPI. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mpi.h>

#include "blas_kernels.h"
#include "comm/watchdog.h"
#include "crowding.h"
#include "flags.h"
#include "help.h"
#include "progress.h"
#include "report.h"
#include "run/estimate.h"
#include "run/lock.h"
#include "signals.h"
#include "study_plan.h"

/* Before MPI_Init only the environment knows whether another rank will say the same. */
static int speaks_before_mpi(void)
{
  static const char *const rank[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  for (size_t k = 0; k < sizeof rank / sizeof rank[0]; k++) {
    const char *value = getenv(rank[k]);
    if (value != NULL) return strcmp(value, "0") == 0;
  }
  return 1;
}

/* ---- small text files ------------------------------------------------------------------------ */

/* The whole of a small text file, NULL when it cannot be read or is longer than a MiB. */
static char *read_text(const char *path)
{
  enum { MOST = 1 << 20 };
  FILE *file = fopen(path, "r");
  char *text = file != NULL ? malloc(MOST + 1) : NULL;
  if (text != NULL) {
    size_t n = fread(text, 1, MOST, file);
    text[n] = '\0';
    if (ferror(file) || (n == MOST && fgetc(file) != EOF)) { /* half of it is another text */
      free(text);
      text = NULL;
    }
  }
  if (file != NULL) fclose(file);
  return text;
}

/* Rank 0 reads the run file for all. Returns 0, or -1 when that failed (on every rank). */
static int share_run_file(MPI_Comm comm, int rank, const char *path, char **text)
{
  int length = -1;
  *text = NULL;
  if (path == NULL) return 0;
  if (rank == 0) *text = read_text(path);
  if (*text != NULL) length = (int)strlen(*text);
  MPI_Bcast(&length, 1, MPI_INT, 0, comm);
  if (length < 0) return -1;
  if (rank != 0) *text = calloc((size_t)length + 1, 1);
  if (*text == NULL) MPI_Abort(comm, EXIT_RESOURCES);
  MPI_Bcast(*text, length, MPI_CHAR, 0, comm);
  return 0;
}

/* ---- commands ------------------------------------------------------------------------------- */

/* NULL = the command has none, or was given none. */
static const char *checkpoint_of(const settings *s)
{
  if (s->command & (COMMAND_TRAIN | COMMAND_PARETO)) return s->train.checkpoint;
  return s->command == COMMAND_DICTIONARY ? s->dictionary.checkpoint : s->run.checkpoint;
}

/* 75 when there is a checkpoint to go on from, 128 + the signal otherwise. Collective. */
static int interrupted(const settings *s, MPI_Comm comm, int rank)
{
  int number = signals_caught(), any = 0;
  const char *checkpoint = checkpoint_of(s);
  int saved = rank == 0 && checkpoint != NULL && access(checkpoint, R_OK) == 0;
  MPI_Allreduce(&number, &any, 1, MPI_INT, MPI_MAX, comm);
  MPI_Bcast(&saved, 1, MPI_INT, 0, comm);
  int code = saved ? EXIT_RESUMABLE : 128 + any;
  if (rank != 0) return code;
  if (saved)
    fprintf(stderr, "bevel %s: interrupted; go on with --resume --checkpoint %s\n",
            command_name(s->command), checkpoint);
  else
    fprintf(stderr, "bevel %s: interrupted\n", command_name(s->command));
  if (s->json)
    printf("{\"command\": \"%s\", \"status\": \"interrupted\", \"exit\": %d}\n",
           command_name(s->command), code);
  return code;
}

/* The text of an architecture's file, unless it is a name. Returns 0, or -1 on every rank. */
static int share_arch(settings *s, MPI_Comm comm, int rank, char **text, char *error, size_t size)
{
  bvl_architecture named;
  bvl_network_options *network = &s->train.network;
  *text = NULL;
  network->arch_name = network->arch;
  if (network->arch == NULL ||
      bvl_architecture_named(network->arch, network->activation, &named) == BVL_OK)
    return 0;
  if (share_run_file(comm, rank, network->arch, text) != 0) {
    snprintf(error, size, "--arch %.80s: neither a name (lenet300, lenet5) nor a file",
             network->arch);
    return -1;
  }
  network->arch = *text;
  return 0;
}

/* A command's run from its settings; *code is what it came to when that is BVL_OK. Collective. */
typedef bvl_status (*run_fn)(settings *s, MPI_Comm comm, progress *p, int *code);

static bvl_status run_path(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_run_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_path(comm, &s->run, &monitor, &outcome);
  if (status != BVL_OK) return status;
  *code = report_path(s, comm, p, &outcome);
  bvl_run_outcome_free(&outcome);
  return status;
}

static bvl_status run_cv(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_cv_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_cv(comm, &s->run, &s->cv, &monitor, &outcome);
  if (status != BVL_OK) return status;
  *code = report_cv(s, comm, p, &outcome);
  bvl_run_outcome_free(&outcome.path);
  return status;
}

static bvl_status run_stability(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_stability_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_stability(comm, &s->run, &s->stability, &monitor, &outcome);
  if (status != BVL_OK) return status;
  *code = report_stability(s, comm, p, &outcome);
  bvl_run_outcome_free(&outcome.path);
  return status;
}

static bvl_status run_train(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_train_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_train(comm, &s->train, &monitor, &outcome);
  if (status == BVL_OK) *code = report_train(s, comm, p, &outcome);
  return status;
}

static bvl_status run_pareto(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_pareto_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  s->pareto.network = s->train.network; /* the flags are the same */
  const bvl_status status = bvl_run_pareto(comm, &s->pareto, &monitor, &outcome);
  if (status == BVL_OK) *code = report_pareto(s, comm, p, &outcome);
  return status;
}

static bvl_status run_dictionary(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_dictionary_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_dictionary(comm, &s->dictionary, &monitor, &outcome);
  if (status == BVL_OK) *code = report_dictionary(s, comm, p, &outcome);
  return status;
}

static bvl_status run_import(settings *s, MPI_Comm comm, progress *p, int *code)
{
  bvl_import_outcome outcome;
  const bvl_monitor monitor = progress_monitor(p);
  const bvl_status status = bvl_run_import(comm, &s->import, &monitor, &outcome);
  if (status == BVL_OK) *code = report_import(s, comm, p, &outcome);
  return status;
}

/* The whole study is read and checked before any of it is run. */
static bvl_status run_study(settings *s, MPI_Comm comm, progress *p, int *code)
{
  study_plan plan = {.n_tasks = 0};
  bvl_study_outcome outcome = {.rows = NULL};
  char error[FLAGS_ERROR_BYTES], *text = NULL;
  bvl_status status = BVL_OK;
  int rank = 0, bad;
  MPI_Comm_rank(comm, &rank);
  bad = share_run_file(comm, rank, s->file, &text);
  if (bad)
    snprintf(error, sizeof error, "%.200s: cannot read it", s->file);
  else
    bad = study_plan_make(s->file, text, s->output, &plan, error);
  if (!bad) {
    const bvl_monitor monitor = progress_monitor(p);
    const bvl_study_options options = {
        .file = s->file,
        .output = s->output,
        .scratch = s->run.checkpoint,
        .resume = s->run.resume,
        .checkpoint_every_s = s->run.path.checkpoint_every_s,
        .memory_limit = s->run.memory_limit,
        .command_line = s->run.command_line,
        .plan = text,
    };
    status = bvl_run_study(comm, &options, plan.tasks, plan.n_tasks, &monitor, &outcome);
    if (status == BVL_OK) *code = report_study(s, comm, p, &outcome);
    bvl_study_outcome_free(&outcome);
  } else {
    if (rank == 0) progress_say(p, NULL, "%s", error);
    *code = report_usage("bevel study", rank, error);
  }
  study_plan_free(&plan);
  free(text);
  return status;
}

static bvl_status run_predict(settings *s, MPI_Comm comm, progress *p, int *code)
{
  int rank = 0;
  bvl_predict_outcome outcome;
  const bvl_predict_options options = {.data = s->file,
                                       .names = s->run.names,
                                       .missing = s->run.missing,
                                       .model = s->model,
                                       .task = s->task,
                                       .point = s->point,
                                       .output = s->output,
                                       .type = s->type,
                                       .at = s->at,
                                       .relax_gamma = s->relax_gamma,
                                       .collective_io = s->run.collective_io,
                                       .command_line = s->run.command_line};
  const bvl_status status = bvl_run_predict(comm, &options, &outcome);
  MPI_Comm_rank(comm, &rank);
  if (status == BVL_OK) *code = report_predict(s, rank, p, &outcome);
  return status;
}

static bvl_status run_prune(settings *s, MPI_Comm comm, progress *p, int *code)
{
  int rank = 0;
  bvl_prune_outcome outcome;
  const bvl_status status = bvl_run_prune(comm, &s->prune, &outcome);
  MPI_Comm_rank(comm, &rank);
  if (status == BVL_OK) *code = report_prune(s, rank, p, &outcome);
  return status;
}

static bvl_status run_simulate(settings *s, MPI_Comm comm, progress *p, int *code)
{
  int rank = 0;
  const bvl_status status = bvl_run_simulate(comm, &s->simulate);
  MPI_Comm_rank(comm, &rank);
  if (status == BVL_OK) *code = report_file(s, rank, p);
  return status;
}

/* One line when ranks share CPUs, unless they were told to yield. Collective. */
static void warn_of_crowding(MPI_Comm comm, int rank, progress *p)
{
  int ranks, cpus;
  char node[MPI_MAX_PROCESSOR_NAME];
  if (!crowding_worst(comm, &ranks, &cpus, node) || rank != 0 || crowding_yields()) return;
  progress_say(
      p, stderr,
      "bevel %s: warning: %d ranks share %d CPU%s on %.64s and wait for each other's turns: "
      "start fewer, or on purpose mpirun --oversubscribe --mca mpi_yield_when_idle 1",
      p->command, ranks, cpus, cpus == 1 ? "" : "s", node);
}

/* In the watchdog's thread. The exit code is MPI_Abort's as far as the launcher hands it on; the
 * alarm is for the case that this rank cannot even abort. */
static void say_late(void *context, const char *text, int give_up)
{
  fprintf(stderr, "%s: %s%s\n", (const char *)context, text, give_up ? "; giving up" : "");
  if (!give_up) return;
  signal(SIGALRM, SIG_DFL);
  alarm(20);
  MPI_Abort(MPI_COMM_WORLD, EXIT_INTERNAL);
}

/* Commands that write a file, with a log. */
static int run_job(settings *s, MPI_Comm comm, int rank, run_fn run)
{
  progress p = {.command = command_name(s->command)};
  char error[256] = "", name[32], *arch = NULL;
  int code = EXIT_DONE, bad = 0;
  snprintf(name, sizeof name, "bevel %s", p.command);
  if (rank == 0) bad = progress_open(&p, p.command, s->quiet, s->log, error, sizeof error);
  MPI_Bcast(&bad, 1, MPI_INT, 0, comm);
  if (!bad) bad = share_arch(s, comm, rank, &arch, error, sizeof error);
  if (bad) {
    progress_close(&p);
    return report_usage(name, rank, error);
  }
  if (rank == 0) progress_say(&p, NULL, "bevel %s: %s", bvl_version(), s->run.command_line);
  warn_of_crowding(comm, rank, &p);
  bvl_watchdog *watchdog = NULL;
  bvl_status status = BVL_OK;
  if (s->watchdog > 0) status = bvl_watchdog_start(comm, s->watchdog, say_late, name, &watchdog);
  if (status == BVL_OK) status = run(s, comm, &p, &code);
  bvl_watchdog_stop(&watchdog);
  if (status != BVL_OK) {
    if (rank == 0) progress_say(&p, NULL, "%s", bvl_last_error());
    code = status == BVL_ERR_INTERRUPTED ? interrupted(s, comm, rank)
                                         : report_failure(s, rank, status);
  }
  progress_close(&p);
  free(arch);
  return code;
}

static void print_line(void *context, const char *line)
{
  fprintf(context, "%s\n", line);
}

typedef struct job {
  unsigned commands;
  run_fn run;
  int polls; /* asks the monitor, so signals may wait for it */
} job;

static const job jobs[] = {
    {COMMAND_PATH | COMMAND_FIT, run_path, 1}, {COMMAND_CV, run_cv, 1},
    {COMMAND_STABILITY, run_stability, 1},     {COMMAND_TRAIN, run_train, 1},
    {COMMAND_PARETO, run_pareto, 1},           {COMMAND_DICTIONARY, run_dictionary, 1},
    {COMMAND_IMPORT, run_import, 1},           {COMMAND_STUDY, run_study, 1},
    {COMMAND_PREDICT, run_predict, 0},         {COMMAND_PRUNE, run_prune, 0},
    {COMMAND_SIMULATE, run_simulate, 0},
};

/* NULL: a command that writes no file. */
static const job *job_of(command which)
{
  for (size_t k = 0; k < sizeof jobs / sizeof jobs[0]; k++)
    if (which & jobs[k].commands) return &jobs[k];
  return NULL;
}

static int run_command(settings *s, MPI_Comm comm, int rank)
{
  const job *what = job_of(s->command);
  if (what != NULL) return run_job(s, comm, rank, what->run);
  const bvl_status status = s->estimate
                                ? bvl_run_estimate(comm, &s->run, (int)s->ranks, print_line, stdout)
                                : bvl_run_info(comm, s->file, print_line, stdout);
  return status == BVL_OK ? EXIT_DONE : report_failure(s, rank, status);
}

/* What the command writes belongs to this job until it ends. Collective. */
static int run_locked(settings *s, MPI_Comm comm, int rank)
{
  const char *files[] = {s->output, checkpoint_of(s)};
  bvl_lock *locks[2] = {NULL, NULL};
  bvl_status status = BVL_OK;
  if (files[0] != NULL && files[1] != NULL && strcmp(files[0], files[1]) == 0)
    status = bvl_fail(BVL_ERR_USAGE, "-o and --checkpoint name one file");
  for (int k = 0; k < 2 && status == BVL_OK; k++)
    if (files[k] != NULL) status = bvl_run_lock(comm, files[k], &locks[k]);
  const int code = status == BVL_OK ? run_command(s, comm, rank) : report_failure(s, rank, status);
  for (int k = 0; k < 2; k++) bvl_run_unlock(&locks[k]);
  return code;
}

/* ---- the way in ----------------------------------------------------------------------------- */

static char *join_words(int argc, char **argv)
{
  size_t length = 1;
  for (int k = 0; k < argc; k++) length += strlen(argv[k]) + 1;
  char *line = calloc(length, 1);
  for (int k = 0; line != NULL && k < argc; k++) {
    if (k > 0) strcat(line, " ");
    strcat(line, argv[k]);
  }
  return line;
}

static int run_parallel(command which, int argc, char **argv)
{
  MPI_Comm comm = MPI_COMM_WORLD;
  settings s = {.command = which};
  char error[FLAGS_ERROR_BYTES], name[32], *run_text = NULL;
  char *command_line = join_words(argc, argv);
  const char *run_file = flags_run_file(argc - 2, argv + 2);
  int rank, code;
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm, &rank);
  snprintf(name, sizeof name, "bevel %s", command_name(which));
  if (share_run_file(comm, rank, run_file, &run_text) != 0) {
    snprintf(error, sizeof error, "--run %.200s: cannot read it", run_file);
    code = report_usage(name, rank, error);
  } else if (flags_parse(which, argc - 2, argv + 2, run_text, &s, error) != 0) {
    code = report_usage(name, rank, error);
  } else {
    s.run.command_line = s.train.network.command_line = s.prune.command_line = command_line;
    s.dictionary.command_line = s.import.command_line = s.simulate.command_line = command_line;
    code = run_locked(&s, comm, rank);
  }
  settings_free(&s);
  free(run_text);
  free(command_line);
  return code;
}

/* Lines that need no MPI; -1 when it takes a real one. */
static int without_mpi(int argc, char **argv, command which)
{
  char error[FLAGS_ERROR_BYTES];
  const int speaks = speaks_before_mpi();
  const int code = help_answer(argc, argv, which, speaks);
  if (code >= 0 || which != COMMAND_NONE) return code;
  command_refuse(argv[1], error);
  return report_usage("bevel", speaks ? 0 : 1, error);
}

int main(int argc, char **argv)
{
  command which = argc > 1 ? command_find(argv[1]) : COMMAND_NONE;
  signals_hold(); /* the next line may exec */
  choose_blas_kernels(argv);
  int code = without_mpi(argc, argv, which);
  if (code >= 0) return code;
  const job *what = job_of(which);
  if (what != NULL && what->polls)
    signals_catch();
  else
    signals_release();
  signals_ignore_limit();
  if (MPI_Init(&argc, &argv) != MPI_SUCCESS) return EXIT_INTERNAL;
  code = run_parallel(which, argc, argv);
  MPI_Finalize();
  return code;
}
