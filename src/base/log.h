/* The log: to stderr with journald's "<N>" priorities when asked for, or plain with a time.
 * The settings are the only global state of the project. Called from the loop and, for
 * errors of last resort, from threads: one write(2) a line of at most LOG_LINE_MAX bytes,
 * longer ones end in "...". Control characters become blanks. errno is left as it was.
 * Text from outside must be passed through quote() (base/quote.h); payloads are never logged. */
#ifndef MQBRIDGE_BASE_LOG_H
#define MQBRIDGE_BASE_LOG_H

#include "base/compiler.h"

#define LOG_LINE_MAX 2048 /* bytes with the newline */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_style {
	LOG_STYLE_PLAIN,   /* "2026-01-31T12:00:00.123Z warn  link: text" */
	LOG_STYLE_JOURNAL, /* "<4>link: text", as sd-daemon(3) */
};

/* Lines above level are dropped. Until called: info, plain. */
void log_setup(enum log_level level, enum log_style style);

/* area: the layer ("link", "endpoint", "route", "daemon"); no newline at the end of fmt. */
void log_error(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_warn(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_info(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "error", "warn", "info", "debug" to a level: 0 or -EINVAL. */
int log_level_parse(enum log_level *ret, const char *text) MUST_CHECK;

#endif
