#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/journald.h"
#include "base/log_limit.h"

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
static struct area_row {
	const char *name;
	_Atomic enum log_level level;
} area_rows[] = {
	{ "daemon", LOG_LEVEL_INFO },
	{ "endpoint", LOG_LEVEL_INFO },
	{ "link", LOG_LEVEL_INFO },
	{ "route", LOG_LEVEL_INFO },
};

/* Under the lock. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static enum log_style line_style = LOG_STYLE_PLAIN;
static int journal_fd = -1;
static uint64_t lost; /* lines, since that was told */
static struct log_limit limit;
static void (*observer)(void *owner, const struct log_line *ln);
static void *observer_owner;

void
log_setup(enum log_level level, enum log_style style)
{
	(void)!log_level_set(level, NULL);
	(void)pthread_mutex_lock(&log_lock);
	line_style = style;
	memset(&limit, 0, sizeof(limit));
	(void)pthread_mutex_unlock(&log_lock);
}

int
log_level_set(enum log_level level, const char *area)
{
	int rc = -EINVAL;

	for (size_t i = 0; i < ARRAY_LEN(area_rows); i++) {
		if (area != NULL && strcmp(area, area_rows[i].name) != 0)
			continue;
		atomic_store_explicit(&area_rows[i].level, level, memory_order_relaxed);
		rc = 0;
	}
	return rc;
}

const char *
log_area(size_t n, enum log_level *ret_level)
{
	if (n >= ARRAY_LEN(area_rows))
		return NULL;
	*ret_level = atomic_load_explicit(&area_rows[n].level, memory_order_relaxed);
	return area_rows[n].name;
}

static bool
is_wanted(const struct log_line *ln)
{
	for (size_t i = 0; i < ARRAY_LEN(area_rows); i++) {
		if (strcmp(ln->area, area_rows[i].name) == 0)
			return ln->level <= atomic_load_explicit(&area_rows[i].level,
						memory_order_relaxed);
	}
	return true;
}

/* ---- one line ------------------------------------------------------------------ */

/* Neither a pipe nor the journal's stream may stop us: what a socket does not take is lost. */
static int
stderr_write(const char *line, size_t len)
{
	ssize_t n = send(STDERR_FILENO, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n == (ssize_t)len)
		return 0;
	if (n < 0 && errno == ENOTSOCK)
		return file_write_all(STDERR_FILENO, line, len);
	/* The end of a line that was cut is in the next one's way, not in ours. */
	return n < 0 ? -errno : -EAGAIN;
}

static int
stderr_line(const struct log_line *ln)
{
	const struct level_row *row = &level_rows[ln->level];
	char line[LOG_LINE_MAX + 1]; /* the NUL's place is the newline's in the end */
	char when[32];
	size_t len;
	int n;

	if (line_style == LOG_STYLE_PLAIN)
		n = snprintf(line, LOG_LINE_MAX, "%s %-5s %s: %s",
		    clock_format(when, sizeof(when), clock_wall_ns()), row->name,
		    ln->area, ln->text);
	else
		n = snprintf(line, LOG_LINE_MAX, "<%d>%s: %s", row->priority, ln->area,
		    ln->text);
	if (n < 0)
		return -EINVAL;
	len = (size_t)n;
	if (len >= LOG_LINE_MAX) {
		len = LOG_LINE_MAX - 1;
		memcpy(line + len + 1 - sizeof(ELLIPSIS), ELLIPSIS, sizeof(ELLIPSIS));
	}
	line[len] = '\n';
	return stderr_write(line, len + 1);
}

static int
line_out(const struct log_line *ln)
{
	char entry[JOURNALD_ENTRY_MAX];
	int rc = -ENOSYS;

	if (line_style == LOG_STYLE_NATIVE) {
		rc = journald_format(entry, ln, level_rows[ln->level].priority);
		if (rc >= 0)
			rc = journald_send(&journal_fd, entry, (size_t)rc);
	}
	/* Without the journal's socket, as in a chroot, its stream is still there. */
	if (rc < 0 && rc != -EAGAIN)
		rc = stderr_line(ln);
	return rc;
}

static void
tell_lost(void)
{
	char text[128];
	struct log_line ln = {
		.level = LOG_LEVEL_WARN, .area = "daemon", .text = text
	};

	(void)snprintf(text, sizeof(text),
	    "%" PRIu64 " lines of the log are missing here: it was not read", lost);
	if (line_out(&ln) == 0)
		lost = 0;
}

/* With the lock. */
static void
line_write(const struct log_line *ln)
{
	if (ln->id != EVENT_NONE && observer != NULL)
		observer(observer_owner, ln);
	if (!is_wanted(ln))
		return;
	if (lost > 0)
		tell_lost();
	/* There is nobody left to tell when stderr is gone. */
	if (line_out(ln) == -EAGAIN)
		lost++;
}

/* With the lock. */
static void
tell_repeats(bool all)
{
	char text[LOG_LINE_MAX];
	struct log_line ln;

	while (log_limit_due(&limit, &ln, text, clock_monotonic_ms(), all))
		line_write(&ln);
}

/* ---- many of them --------------------------------------------------------------- */

/* A line of the log is one line, whatever an argument held. */
static void
blank_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

static void PRINTF_LIKE(2, 0)
    log_line(const struct log_line *ln, const char *fmt, va_list args)
{
	int saved_errno = errno;
	struct log_line told = *ln;
	char text[LOG_LINE_MAX];
	int n;

	if (ln->id == EVENT_NONE && !is_wanted(ln))
		return;
	n = vsnprintf(text, sizeof(text), fmt, args);
	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= sizeof(text))
		memcpy(
		    text + sizeof(text) - sizeof(ELLIPSIS), ELLIPSIS, sizeof(ELLIPSIS));
	blank_controls(text);
	told.text = text;
	(void)pthread_mutex_lock(&log_lock);
	if (log_limit_pass(&limit, &told, clock_monotonic_ms()))
		line_write(&told);
	(void)pthread_mutex_unlock(&log_lock);
	errno = saved_errno;
}

void
log_error(const char *area, const char *fmt, ...)
{
	struct log_line ln = { .level = LOG_LEVEL_ERROR, .area = area };
	va_list args;

	va_start(args, fmt);
	log_line(&ln, fmt, args);
	va_end(args);
}

void
log_warn(const char *area, const char *fmt, ...)
{
	struct log_line ln = { .level = LOG_LEVEL_WARN, .area = area };
	va_list args;

	va_start(args, fmt);
	log_line(&ln, fmt, args);
	va_end(args);
}

void
log_info(const char *area, const char *fmt, ...)
{
	struct log_line ln = { .level = LOG_LEVEL_INFO, .area = area };
	va_list args;

	va_start(args, fmt);
	log_line(&ln, fmt, args);
	va_end(args);
}

void
log_debug(const char *area, const char *fmt, ...)
{
	struct log_line ln = { .level = LOG_LEVEL_DEBUG, .area = area };
	va_list args;

	va_start(args, fmt);
	log_line(&ln, fmt, args);
	va_end(args);
}

void
log_event(enum event_id id, const struct log_fields *fields, const char *fmt, ...)
{
	const struct event_kind *kind = event_kind(id);
	struct log_line ln = { .id = id, .level = kind->level, .area = kind->area };
	va_list args;

	if (fields != NULL)
		ln.fields = *fields;
	va_start(args, fmt);
	log_line(&ln, fmt, args);
	va_end(args);
}

void
log_observe(void (*see)(void *owner, const struct log_line *ln), void *owner)
{
	(void)pthread_mutex_lock(&log_lock);
	observer = see;
	observer_owner = owner;
	(void)pthread_mutex_unlock(&log_lock);
}

void
log_tick(void)
{
	(void)pthread_mutex_lock(&log_lock);
	tell_repeats(false);
	(void)pthread_mutex_unlock(&log_lock);
}

void
log_flush(void)
{
	(void)pthread_mutex_lock(&log_lock);
	tell_repeats(true);
	(void)pthread_mutex_unlock(&log_lock);
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

const char *
log_level_name(enum log_level level)
{
	return level_rows[level].name;
}
