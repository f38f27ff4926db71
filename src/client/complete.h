/* What may stand at the end of a command line of mqbridgectl: the shells' completions ask. The
 * words come from the daemon's own table, and the names from what it shows. */
#ifndef MQBRIDGE_CLIENT_COMPLETE_H
#define MQBRIDGE_CLIENT_COMPLETE_H

#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

/* Print what the last of the n words, which may be empty, may become, one a line, and nothing
 * where that is unknown, or without a daemon. The words before it are a command's; own: words, a NULL
 * behind the last, that stand alone and the daemon knows nothing of. Names that a
 * shell would not take as one plain word are left out. Returns 0 or -ENOMEM. */
int complete_command(FILE *out, const char *socket, const char *const *words, size_t n,
    const char *const *own) MUST_CHECK;

#endif
