/* SPDX-License-Identifier: BSD-3-Clause */
/* SIGTERM, SIGINT and SIGUSR1 ask a run to stop; a second SIGINT leaves at once. */
#ifndef BEVEL_APPS_SIGNALS_H
#define BEVEL_APPS_SIGNALS_H

/** From now on the three signals only set a flag. */
void signals_catch(void);
/** The signal that came first, 0 while there is none. Async-signal-safe reading, cheap. */
int signals_caught(void);

/** A file that grows beyond the user's limit (ulimit -f) is then a write that fails, as on a full
 * disk, and not the end of the process. */
void signals_ignore_limit(void);

#endif
