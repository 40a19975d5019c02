/* SPDX-License-Identifier: BSD-3-Clause */
/* What `bevel help TOPIC` prints: what belongs to no single flag. The man page bevel(1) has the
 * same texts. */
#ifndef BEVEL_APPS_TOPICS_H
#define BEVEL_APPS_TOPICS_H

#include <stdio.h>

typedef struct topic {
  const char *name;
  const char *about;       /* a line of the list of topics */
  void (*print)(FILE *to); /* lines of at most 80 characters that are not to be filled */
} topic;

extern const topic topics[];
extern const int n_topics;

/** The topic of that name, NULL when there is none. */
const topic *topic_find(const char *name);

/** The codes the program leaves with, a line each. */
void topic_exit_codes(FILE *to);

#endif
