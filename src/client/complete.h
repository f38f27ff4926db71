/* What may stand at the end of a command line of mqbridgectl: the shells' completions ask. The
 * words come from the daemon's own table and the client's, and the names from what the daemon shows. */
#ifndef MQBRIDGE_CLIENT_COMPLETE_H
#define MQBRIDGE_CLIENT_COMPLETE_H

#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

/* Print what the last of the n words, at least one, may become, one a line, and nothing where that is
 * unknown. It may be empty. Without a daemon there are no names, and the words are those of our version.
 * Names that a shell would not take as one plain word are left out. Returns 0 or -ENOMEM. */
int complete_command(
    FILE *out, const char *socket, const char *const *words, size_t n) MUST_CHECK;

#endif
