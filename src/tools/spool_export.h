/* Every message of a store as one line of JSON; mqbridge-spool(8) describes its members. */
#ifndef MQBRIDGE_TOOLS_SPOOL_EXPORT_H
#define MQBRIDGE_TOOLS_SPOOL_EXPORT_H

#include <stdio.h>

#include "base/compiler.h"
#include "base/id.h"
#include "tools/spool_store.h"

/* All: of each stream, of rings without one, dead letters, doubts. 0 or -errno. */
int spool_export(struct spool_store *ss, FILE *out) MUST_CHECK;
/* What one stream has not settled, in ring and log. 0 or -errno. */
int spool_export_stream(
    struct spool_store *ss, const struct store_stream *st, FILE *out) MUST_CHECK;
/* What a log has that is not settled. 0 or -errno. */
int spool_export_log(
    struct spool_store *ss, const struct store_log *sl, FILE *out) MUST_CHECK;
/* All that a ring holds. 0 or -errno. */
int spool_export_ring(
    struct spool_store *ss, const struct store_ring *sr, FILE *out) MUST_CHECK;

#endif
