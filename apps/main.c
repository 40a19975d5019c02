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
#include "jobs.h"
#include "progress.h"
#include "report.h"
#include "run/estimate.h"
#include "run/lock.h"
#include "signals.h"
#include "text_file.h"

/* What a launcher calls this rank; NULL: there is no launcher. Before MPI_Init only the environment
 * knows. */
static const char *launched_as(void)
{
  static const char *const rank[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  for (size_t k = 0; k < sizeof rank / sizeof rank[0]; k++)
    if (getenv(rank[k]) != NULL) return getenv(rank[k]);
  return NULL;
}

/* For a rank without a launcher Open MPI starts a daemon, which takes longer (0.1 s) than many a
 * fit; told that the rank stays alone it does not, and then all such ranks of a machine share the
 * directory of one job, which the first to end takes away from the others: none is needed. Other
 * MPIs do not read these. */
static void start_alone(void)
{
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
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
static int share_arch(settings *s, MPI_Comm comm, char **text, char *error, size_t size)
{
  bvl_architecture named;
  bvl_network_options *network = &s->train.network;
  *text = NULL;
  network->arch_name = network->arch;
  if (network->arch == NULL ||
      bvl_architecture_named(network->arch, network->activation, &named) == BVL_OK)
    return 0;
  if (text_file_share(comm, network->arch, text) != 0) {
    snprintf(error, size, "--arch %.80s: neither a name (lenet300, lenet5) nor a file",
             network->arch);
    return -1;
  }
  network->arch = *text;
  return 0;
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
  if (!bad) bad = share_arch(s, comm, &arch, error, sizeof error);
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
  if (text_file_share(comm, run_file, &run_text) != 0) {
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
  const char *rank = launched_as();
  const int speaks = rank == NULL || strcmp(rank, "0") == 0; /* for another says the same */
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
  if (launched_as() == NULL) start_alone();
  if (MPI_Init(&argc, &argv) != MPI_SUCCESS) return EXIT_INTERNAL;
  code = run_parallel(which, argc, argv);
  MPI_Finalize();
  return code;
}
