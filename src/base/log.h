/* The log: to stderr with journald's "<N>" priorities when asked for, or plain with a time;
 * or to the journal itself, with fields. The settings are the only global state of the project.
 *
 * A line is of at most LOG_LINE_MAX bytes, longer ones end in "..."; control characters become
 * blanks. Lines that repeat are counted instead (base/log_limit.h): the count is told by
 * log_tick() and log_flush(). Nothing waits for a reader that hangs: then lines are lost, and
 * their number is told. errno is left as it was. Called from the loop and, for errors of last
 * resort, from threads.
 * Text from outside must be passed through quote() (base/quote.h); payloads are never logged. */
#ifndef MQBRIDGE_BASE_LOG_H
#define MQBRIDGE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/event_id.h"

#define LOG_LINE_MAX 2048 /* bytes with the newline */

enum log_style {
	LOG_STYLE_PLAIN,   /* "2026-01-31T12:00:00.123Z warn  link: text" */
	LOG_STYLE_JOURNAL, /* "<4>link: text", as sd-daemon(3) */
	LOG_STYLE_NATIVE,  /* to the journal's socket, base/journald.h */
};

/* What an event is about: the names as configured, not quoted; NULL: nothing of that kind.
 * reason: the code of base/reason.h. Borrowed for the call. */
struct log_fields {
	const char *route, *peer, *queue, *reason;
};

struct log_line {
	enum event_id id; /* EVENT_NONE: no event */
	enum log_level level;
	const char *area;
	struct log_fields fields;
	const char *text;
	uint64_t repeated; /* not 0: this line tells how often the text came again */
};

/* Lines above level are dropped, of every area. Until called: info, plain. */
void log_setup(enum log_level level, enum log_style style);

/* The level of one area, or of all when it is NULL. 0, or -EINVAL: there is no such area. */
int log_level_set(enum log_level level, const char *area) MUST_CHECK;
/* The n-th area, from 0, and its level; NULL: there are no more. */
const char *log_area(size_t n, enum log_level *ret_level);

/* area: the layer ("link", "endpoint", "route", "daemon"); no newline at the end of fmt. */
void log_error(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warn(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A change of state, of the level and area of its kind. Only from the loop's thread, as log_tick()
 * and log_flush(). fields: what it is about, or NULL:
 * log_event(EVENT_PEER_CONNECTED, &(struct log_fields){ .peer = name }, "peer %s connected",
 *     quote(name).text); */
void log_event(enum event_id id, const struct log_fields *fields, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* see() gets each event that is written, whatever the level of the log is; in the thread that
 * logs, and it must not log. NULL: nobody. */
void log_observe(void (*see)(void *owner, const struct log_line *ln), void *owner);

/* Tell the counts that are due, about once a second; all of them, at the end. */
void log_tick(void);
void log_flush(void);

/* "error", "warn", "info", "debug" to a level: 0 or -EINVAL. And back. */
int log_level_parse(enum log_level *ret, const char *text) MUST_CHECK;
const char *log_level_name(enum log_level level);

#endif
