/* The figures of a running daemon for Prometheus and what reads its formats: OpenMetrics 1.0, or
 * the older text format. docs/monitoring/README.md has the list of all metrics.
 *
 * All is gathered before the first line is written, so it outlives any object of the daemon, and what is
 * told of all objects is the sum of what is told of each. Gathering and writing are done in
 * pieces, each on a turn of the loop of its own. */
#ifndef MQBRIDGE_METRICS_METRICS_H
#define MQBRIDGE_METRICS_METRICS_H

#include <stddef.h>

#include "base/compiler.h"

struct assembly;
struct metrics_writer; /* opaque */
struct text;

enum metrics_format {
	METRICS_TEXT, /* text/plain; version=0.0.4 */
	METRICS_OPEN, /* application/openmetrics-text; version=1.0.0 */
};

/* A piece ends behind the line that makes it so long; no line is longer than a few hundred
 * bytes. */
#define METRICS_PIECE 65536

/* What a scraper wants by its "Accept" header; NULL: it sent none. Never fails: what asks for
 * neither gets text. */
enum metrics_format metrics_accepts(const char *accept);
const char *metrics_content_type(enum metrics_format format); /* for "Content-Type" */

/* 0 or -ENOMEM. *ret belongs to the caller, who ends it with metrics_end(), whenever he likes; as is
 * borrowed until then. */
int metrics_begin(struct metrics_writer **ret, struct assembly *as,
    enum metrics_format format) MUST_CHECK;
/* Append the next piece, which may be nothing, to out, which the caller has made and clears.
 * Returns 1: there is more, 0: that was the last, or -errno, also of out. */
int metrics_piece(struct metrics_writer *mw, struct text *out) MUST_CHECK;
void metrics_end(struct metrics_writer *mw); /* NULL is fine */

#endif
