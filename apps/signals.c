/* SPDX-License-Identifier: BSD-3-Clause */
#include "signals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
  static volatile sig_atomic_t interrupts;
  if (number == SIGINT && interrupts++ > 0) _exit(128 + SIGINT);
  if (caught == 0) caught = number;
}

static const int wanted[] = {SIGTERM, SIGINT, SIGUSR1};

/* `how` as sigprocmask has it. */
static void mask(int how)
{
  sigset_t set;
  sigemptyset(&set);
  for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) sigaddset(&set, wanted[k]);
  sigprocmask(how, &set, NULL);
}

void signals_hold(void)
{
  mask(SIG_BLOCK);
}

void signals_release(void)
{
  mask(SIG_UNBLOCK);
}

void signals_catch(void)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART; /* reads and writes of files go on */
  sigemptyset(&action.sa_mask);
  for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) sigaction(wanted[k], &action, NULL);
  mask(SIG_UNBLOCK);
}

void signals_ignore_limit(void)
{
  signal(SIGXFSZ, SIG_IGN);
}

int signals_caught(void)
{
  return caught;
}
