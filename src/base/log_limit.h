/* Which lines of the log are written, and which are only counted because they repeat. Pure;
 * the caller brings the time.
 *
 * Of the same line, LOG_LIMIT_FIRST are written in LOG_LIMIT_MS; the others are counted, and the
 * count is told at the end of that time. While it goes on, only the count is told. The same
 * line is: one area and text; of an event, one kind, the same objects, and the text as its
 * kind says (enum event_same). What cannot be remembered, because it is too long or too much
 * is remembered already, is written. */
#ifndef MQBRIDGE_BASE_LOG_LIMIT_H
#define MQBRIDGE_BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

#define LOG_LIMIT_MS    10000
#define LOG_LIMIT_FIRST 5
#define LOG_LIMIT_LINES 128 /* that many are remembered */
#define LOG_LIMIT_KEY   768 /* bytes of what makes one the same */
#define LOG_LIMIT_TEXT  512 /* bytes of a text to repeat; cut */

struct log_limit_entry {
	uint64_t since_ms;
	uint64_t last; /* order of the newest of its lines */
	uint64_t hidden;
	unsigned written;
	size_t key_len;       /* 0: free */
	struct log_line line; /* its strings are in key and text */
	char key[LOG_LIMIT_KEY];
	char text[LOG_LIMIT_TEXT];
};

/* All zeros at first. */
struct log_limit {
	uint64_t order;
	struct log_limit_entry entries[LOG_LIMIT_LINES];
};

/* Is the line to be written? Else it is counted. */
bool log_limit_pass(struct log_limit *lm, const struct log_line *ln, uint64_t now_ms);

/* The next count to be told, those of whose lines came last in the end: true and *ret, whose
 * text is in buf (of LOG_LINE_MAX bytes) and whose other strings are borrowed until the next call.
 * all: also those whose time is not over. Call it until it says false. */
bool log_limit_due(
    struct log_limit *lm, struct log_line *ret, char *buf, uint64_t now_ms, bool all);

#endif
