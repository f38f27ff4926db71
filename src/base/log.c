#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#define ELLIPSIS "..."

/* How a level is called, and its syslog(3) number for the journal. */
static const struct level_row {
	const char *name;
	int priority;
} level_rows[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

/* Read by threads as well. */
static _Atomic enum log_level max_level = LOG_LEVEL_INFO;
static _Atomic enum log_style line_style = LOG_STYLE_PLAIN;

void
log_setup(enum log_level level, enum log_style style)
{
	atomic_store_explicit(&max_level, level, memory_order_relaxed);
	atomic_store_explicit(&line_style, style, memory_order_relaxed);
}

/* What stands before the text; returns its length. */
static size_t
write_prefix(char *line, size_t size, enum log_level level, const char *area)
{
	const struct level_row *row = &level_rows[level];
	char when[32];
	int n;

	if (atomic_load_explicit(&line_style, memory_order_relaxed) ==
	    LOG_STYLE_JOURNAL)
		n = snprintf(line, size, "<%d>%s: ", row->priority, area);
	else
		n = snprintf(line, size,
		    "%s %-5s %s: ", clock_format(when, sizeof(when), clock_wall_ns()),
		    row->name, area);
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

/* A line of the log is one line, whatever an argument held. */
static void
blank_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

static void PRINTF_LIKE(3, 0)
    log_line(enum log_level level, const char *area, const char *fmt, va_list args)
{
	int saved_errno = errno;
	char line[LOG_LINE_MAX + 1]; /* the NUL's place is the newline's in the end */
	size_t used;
	int n;

	if (level > atomic_load_explicit(&max_level, memory_order_relaxed))
		return;
	used = write_prefix(line, sizeof(line) - 1, level, area);
	n = vsnprintf(line + used, sizeof(line) - 1 - used, fmt, args);
	if (n < 0)
		line[used] = '\0';
	else if ((size_t)n >= sizeof(line) - 1 - used)
		memcpy(line + sizeof(line) - 1 - sizeof(ELLIPSIS), ELLIPSIS,
		    sizeof(ELLIPSIS));
	blank_controls(line);
	used = strlen(line);
	line[used] = '\n';
	/* There is nobody left to tell when stderr is gone. */
	(void)!file_write_all(STDERR_FILENO, line, used + 1);
	errno = saved_errno;
}

void
log_error(const char *area, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_ERROR, area, fmt, args);
	va_end(args);
}

void
log_warn(const char *area, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_WARN, area, fmt, args);
	va_end(args);
}

void
log_info(const char *area, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_INFO, area, fmt, args);
	va_end(args);
}

void
log_debug(const char *area, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_LEVEL_DEBUG, area, fmt, args);
	va_end(args);
}

int
log_level_parse(enum log_level *ret, const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(level_rows); i++) {
		if (strcmp(text, level_rows[i].name) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}
