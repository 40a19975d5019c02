/* SPDX-License-Identifier: BSD-3-Clause */
/* The watchdog: see watchdog.h. Cost: a window of 128 bytes a rank, two sleeping threads a node. */
#include "comm/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/beat.h"
#include "base/checked.h"
#include "base/clock.h"
#include "comm/comm.h"

/* What is known of a rank of this node. */
typedef struct watched {
  int world_rank;
  uint64_t count; /* of beats, when last seen to move */
  double idle_s;  /* since, as long as the watchdog ran */
  double cpu_s;   /* its processor time then; < 0 = not known */
  double used_s;  /* since */
  char state;     /* of the process, as ps has it */
} watched;

struct bvl_watchdog {
  MPI_Comm node;
  MPI_Win window;
  bvl_beat *beats; /* node_size, shared */
  watched *ranks;  /* node_size, owned */
  int node_size, node_rank;
  int whole; /* the job is on this node alone */
  double seconds;
  double period_s;
  bvl_watchdog_fn say;
  void *context;
  int told;
  uint64_t first_looks; /* of the first rank's watchdog, and how often they did not move */
  int first_missed;
  int runs; /* the thread */
  int over; /* under lock */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
};

/* ---- one rank ----------------------------------------------------------------------------------
 */

/* State and processor time of a process, from /proc. */
static char look_at_process(int pid, double *cpu_s)
{
  char path[64], text[512];
  unsigned long user = 0, system = 0;
  char state = '?';
  *cpu_s = -1.0;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return state;
  const size_t n = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[n] = '\0';
  const char *after = strrchr(text, ')'); /* the name may hold anything */
  if (after != NULL && sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                              &state, &user, &system) == 3)
    *cpu_s = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
  return state;
}

static void look_at_rank(const bvl_beat *beat, watched *r, double passed_s)
{
  const uint64_t count = atomic_load_explicit(&beat->count, memory_order_relaxed);
  double cpu_s;
  r->state = look_at_process(atomic_load(&beat->pid), &cpu_s);
  if (count != r->count) {
    r->count = count;
    r->idle_s = 0.0;
    r->cpu_s = cpu_s;
  } else {
    r->idle_s += passed_s;
  }
  r->used_s = cpu_s - r->cpu_s;
}

/* In a collective, and able to leave it. */
static int waits(const bvl_watchdog *w, int k)
{
  return atomic_load(&w->beats[k].phase) == BVL_PHASE_WAIT && w->ranks[k].state != 'T' &&
         w->ranks[k].state != 't';
}

/* No processor time to speak of: it is stopped, or blocked outside of bevel. */
static int is_blocked(const watched *r)
{
  return r->cpu_s >= 0.0 && r->used_s < 0.002 * r->idle_s + 0.01;
}

/* ---- all ranks ---------------------------------------------------------------------------------
 */

typedef struct verdict {
  int late;    /* ranks outside of collectives without a beat */
  int blocked; /* of these */
  int waiting; /* ranks in collectives as long */
  int over;
  double longest_s; /* of the late ones */
} verdict;

static verdict judge(const bvl_watchdog *w)
{
  verdict v = {0};
  for (int k = 0; k < w->node_size; k++) {
    const watched *r = &w->ranks[k];
    const int over = atomic_load(&w->beats[k].over);
    v.over += over;
    if (over || r->idle_s < w->seconds) continue;
    v.longest_s = r->idle_s > v.longest_s ? r->idle_s : v.longest_s;
    if (waits(w, k)) {
      v.waiting++;
    } else {
      v.late++;
      v.blocked += is_blocked(r);
    }
  }
  return v;
}

static int is_named(const bvl_watchdog *w, const verdict *v, int k)
{
  const int over = atomic_load(&w->beats[k].over);
  if (over || w->ranks[k].idle_s < w->seconds || waits(w, k)) return 0;
  return v->blocked == 0 || is_blocked(&w->ranks[k]);
}

static const char *state_text(char state)
{
  switch (state) {
  case 'T':
  case 't': return "stopped";
  case 'D': return "blocked in the system";
  case 'S': return "asleep";
  case 'R': return "computing";
  default: return "state unknown";
  }
}

enum { TEXT_BYTES = 900 };

static size_t append(char *text, size_t used, const char *more)
{
  const int n = snprintf(text + used, TEXT_BYTES - used, "%s", more);
  return used + (size_t)n < TEXT_BYTES ? used + (size_t)n : TEXT_BYTES - 1;
}

static size_t tell_late(const bvl_watchdog *w, const verdict *v, char *text, size_t used)
{
  char host[64] = "?", one[200];
  gethostname(host, sizeof host - 1);
  for (int k = 0; k < w->node_size; k++) {
    if (!is_named(w, v, k)) continue;
    const bvl_phase phase = (bvl_phase)atomic_load(&w->beats[k].phase);
    const bvl_message message = (bvl_message)atomic_load(&w->beats[k].message);
    snprintf(one, sizeof one, "%srank %d (%s, pid %d, %s) is in %s", used > 0 ? ", " : "",
             w->ranks[k].world_rank, host, atomic_load(&w->beats[k].pid),
             state_text(w->ranks[k].state),
             phase == BVL_PHASE_WAIT ? bvl_message_name(message) : bvl_phase_name(phase));
    used = append(text, used, one);
  }
  return used;
}

/* Ranks in the same collective together: "ranks 0-2, 4 wait in allreduce 1234". */
static size_t tell_waiting(const bvl_watchdog *w, char *text, size_t used)
{
  char one[100];
  for (int k = 0, last = -1; k < w->node_size; k = last + 1) {
    const bvl_beat *at = &w->beats[k];
    last = k;
    if (!waits(w, k) || w->ranks[k].idle_s < w->seconds) continue;
    const uint64_t number = atomic_load(&at->collectives);
    while (last + 1 < w->node_size && waits(w, last + 1) &&
           w->ranks[last + 1].world_rank == w->ranks[last].world_rank + 1 &&
           atomic_load(&at[last + 1 - k].collectives) == number)
      last++;
    const char *name = bvl_message_name((bvl_message)atomic_load(&at->message));
    if (last > k)
      snprintf(one, sizeof one, "%sranks %d-%d wait in %s %llu", used > 0 ? ", " : "",
               w->ranks[k].world_rank, w->ranks[last].world_rank, name, (unsigned long long)number);
    else
      snprintf(one, sizeof one, "%srank %d waits in %s %llu", used > 0 ? ", " : "",
               w->ranks[k].world_rank, name, (unsigned long long)number);
    used = append(text, used, one);
  }
  return used;
}

static void act(bvl_watchdog *w)
{
  const verdict v = judge(w);
  const int late = v.late > 0 && (v.waiting > 0 || v.blocked > 0);
  const int locked = w->whole && v.waiting > 0 && v.waiting + v.over == w->node_size;
  if (!late && !locked) {
    w->told = 0;
    return;
  }
  const double patience = late && v.blocked == 0 ? 10.0 : 2.0;
  const int give_up = v.longest_s >= patience * w->seconds;
  if (w->told && !give_up) return;
  char text[TEXT_BYTES + 100], who[TEXT_BYTES] = "";
  tell_waiting(w, who, tell_late(w, &v, who, 0));
  snprintf(text, sizeof text, "no progress for %.0f s: %s", v.longest_s, who);
  w->told = 1;
  w->say(w->context, text, give_up);
}

/* The second rank's watchdog leaves it to the first's as long as that one runs. */
static int is_substitute(bvl_watchdog *w)
{
  if (w->node_rank == 0) return 0;
  const uint64_t looks = atomic_load(&w->beats[0].looks);
  w->first_missed = looks == w->first_looks ? w->first_missed + 1 : 0;
  w->first_looks = looks;
  return w->first_missed < 4;
}

/* ---- the thread --------------------------------------------------------------------------------
 */

/* Sleeps for a period; 1 = it is over. */
static int rest(bvl_watchdog *w)
{
  const double until = bvl_now_s() + w->period_s;
  const struct timespec at = {(time_t)until, (long)(1e9 * (until - (double)(time_t)until))};
  pthread_mutex_lock(&w->lock);
  if (!w->over) pthread_cond_timedwait(&w->wake, &w->lock, &at);
  const int over = w->over;
  pthread_mutex_unlock(&w->lock);
  return over;
}

static void *watch(void *context)
{
  bvl_watchdog *w = context;
  double last_s = bvl_now_s();
  while (!rest(w)) {
    const double at_s = bvl_now_s();
    double passed_s = at_s - last_s;
    if (passed_s > 2.0 * w->period_s) passed_s = 2.0 * w->period_s; /* it did not run itself */
    last_s = at_s;
    for (int k = 0; k < w->node_size; k++) look_at_rank(&w->beats[k], &w->ranks[k], passed_s);
    atomic_fetch_add(&w->beats[w->node_rank].looks, 1);
    if (!is_substitute(w)) act(w);
  }
  return NULL;
}

/* Signals are for the rank's own thread. A thread that cannot be made is no watchdog. */
static void start_thread(bvl_watchdog *w)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  w->runs = pthread_create(&w->thread, NULL, watch, w) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- start and stop ----------------------------------------------------------------------------
 */

/* The node's beats, zeroed, and whose they are. Collective over the node. */
static bvl_status share_beats(bvl_watchdog *w, int world_rank)
{
  bvl_status status = BVL_OK;
  MPI_Aint bytes = 0;
  int unit = 0, *numbers = NULL;
  void *mine = NULL;
  BVL_TRY(BVL_MPI(MPI_Win_allocate_shared((MPI_Aint)sizeof(bvl_beat), 1, MPI_INFO_NULL, w->node,
                                          &mine, &w->window)));
  memset(mine, 0, sizeof(bvl_beat));
  atomic_store(&((bvl_beat *)mine)->pid, (int)getpid());
  BVL_TRY(BVL_MPI(MPI_Win_shared_query(w->window, 0, &bytes, &unit, &w->beats)));
  if (BVL_ALLOC(&numbers, w->node_size) != BVL_OK) MPI_Abort(w->node, 5);
  BVL_TRY(BVL_MPI(MPI_Allgather(&world_rank, 1, MPI_INT, numbers, 1, MPI_INT, w->node)));
  for (int k = 0; k < w->node_size; k++) w->ranks[k].world_rank = numbers[k];
  bvl_beat_move(mine);
cleanup:
  free(numbers);
  return status;
}

bvl_status bvl_watchdog_start(MPI_Comm comm, double seconds, bvl_watchdog_fn say, void *context,
                              bvl_watchdog **out)
{
  bvl_status status = BVL_OK;
  bvl_watchdog *w = NULL;
  bvl_comm all = {.mpi = MPI_COMM_NULL};
  bvl_traffic nobodys = {0};
  pthread_condattr_t monotonic;
  *out = NULL;
  BVL_TRY(bvl_comm_dup(comm, &nobodys, &all));
  if (all.size == 1) goto cleanup;
  status = BVL_ALLOC(&w, 1);
  if (status == BVL_OK) status = BVL_ALLOC(&w->ranks, all.size);
  if (w != NULL) w->node = MPI_COMM_NULL;
  if (w != NULL) w->window = MPI_WIN_NULL;
  BVL_TRY(bvl_agree(&all, status));
  w->seconds = seconds;
  w->period_s = seconds < 40.0 ? seconds / 8.0 : 5.0;
  w->say = say;
  w->context = context;
  pthread_mutex_init(&w->lock, NULL);
  pthread_condattr_init(
      &monotonic); /* bvl_now_s's clock: a time of day set back is no longer rest */
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&w->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  BVL_TRY(BVL_MPI(
      MPI_Comm_split_type(all.mpi, MPI_COMM_TYPE_SHARED, all.rank, MPI_INFO_NULL, &w->node)));
  MPI_Comm_set_errhandler(w->node, MPI_ERRORS_RETURN);
  MPI_Comm_size(w->node, &w->node_size);
  MPI_Comm_rank(w->node, &w->node_rank);
  w->whole = w->node_size == all.size;
  const int shares = share_beats(w, all.rank) == BVL_OK;
  if (bvl_agree(&all, shares ? BVL_OK : BVL_ERR_MPI) != BVL_OK) goto cleanup; /* goes without */
  if (w->node_rank < 2) start_thread(w);
  *out = w;
  w = NULL;
cleanup:
  bvl_watchdog_stop(&w);
  bvl_comm_free(&all);
  return status;
}

void bvl_watchdog_stop(bvl_watchdog **watchdog)
{
  bvl_watchdog *w = *watchdog;
  *watchdog = NULL;
  if (w == NULL) return;
  if (w->beats != NULL) atomic_store(&w->beats[w->node_rank].over, 1);
  if (w->runs) {
    pthread_mutex_lock(&w->lock);
    w->over = 1;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
  }
  bvl_beat_move(NULL);
  if (w->window != MPI_WIN_NULL) MPI_Win_free(&w->window);
  if (w->node != MPI_COMM_NULL) MPI_Comm_free(&w->node);
  free(w->ranks);
  free(w);
}
