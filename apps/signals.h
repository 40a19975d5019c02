/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGTERM, SIGINT and SIGUSR1 ask a run to stop; a second SIGINT leaves at once. */
#ifndef BEVEL_APPS_SIGNALS_H
#define BEVEL_APPS_SIGNALS_H

/** From now on the three signals wait, also over an exec, until one of the next two is called. */
void signals_hold(void);
/** Signals that wait do what they do by default, and so do later ones. */
void signals_release(void);
/** From now on the three signals only set a flag, with those that waited. MPI_Init leaves them as
 * they are and takes a third of a second and more: called before it, a batch system's warning that
 * comes while ranks start is heeded. */
void signals_catch(void);
/** The signal that came first, 0 while there is none. Async-signal-safe reading, cheap. */
int signals_caught(void);

/** A file that grows beyond the user's limit (ulimit -f) is then a write that fails, as on a full
 * disk, and not the end of the process. */
void signals_ignore_limit(void);

#endif
