#include "tools/ipcq_fail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/compiler.h"
#include "base/parse.h"
#include "base/quote.h"
#include "tools/ipcq_call.h"

#define WHY_MAX 1024 /* bytes; a name may be in it twice */

int
fail_status(int rc)
{
	switch (-rc) {
	case EACCES:
	case EPERM:
		return CALL_DENIED;
	case ENOENT:
	case EIDRM:
		return CALL_ABSENT;
	case EAGAIN:
	case ETIMEDOUT:
		return CALL_UNREADY;
	default:
		return CALL_FAILED;
	}
}

int
fail_say(const struct call *ca, int rc, const char *why)
{
	if (ca->uri == NULL)
		(void)fprintf(ca->err, CALL_PROGRAM ": %s\n", why);
	else
		(void)fprintf(
		    ca->err, CALL_PROGRAM ": %s: %s\n", quote(ca->uri).text, why);
	return fail_status(rc);
}

static int say(const struct call *ca, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int
say(const struct call *ca, int rc, const char *fmt, ...)
{
	char why[WHY_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return fail_say(ca, rc, why);
}

static int
fail_absent(const struct call *ca, int rc)
{
	if (strncmp(ca->uri, "sysv:id:", 8) == 0)
		return say(ca, rc,
		    "there is no such queue; \"" CALL_PROGRAM " list\" shows those "
		    "that are there");
	if (strncmp(ca->uri, "sysv:/", 6) == 0)
		return say(ca, rc,
		    "there is no such queue, or not even that path; "
		    "\"" CALL_PROGRAM " create\" makes a queue");
	return say(
	    ca, rc, "there is no such queue; \"" CALL_PROGRAM " create\" makes it");
}

/* Then even the owner needs a right that root has. */
static bool
is_beyond_msgmnb(const struct call *ca)
{
	struct ipcq_limit rows[IPCQ_LIMITS];
	int n = ipcq_limits(rows, 0);

	for (int i = 0; i < n; i++) {
		if (strcmp(rows[i].name, "kernel.msgmnb") == 0)
			return ca->create.max_bytes > rows[i].value;
	}
	return false;
}

int
fail_open(const struct call *ca, int rc)
{
	char why[WHY_MAX];

	if (ca->uri == NULL)
		return fail_say(ca, rc, strerror(-rc));
	if (rc == -ENOENT || rc == -EIDRM)
		return fail_absent(ca, rc);
	if (rc == -EACCES)
		return say(ca, rc,
		    "not permitted; \"" CALL_PROGRAM " stat\" and \"" CALL_PROGRAM
		    " list\" show its owner and mode");
	if (rc == -EPERM && !is_beyond_msgmnb(ca))
		return say(ca, rc, "only its owner and root may do that");
	if (rc == -EEXIST)
		return say(
		    ca, rc, "exists already; leave out --exclusive to use it as it is");
	(void)ipcq_explain(why, sizeof(why), ca->uri, &ca->create, rc);
	(void)fprintf(ca->err, CALL_PROGRAM ": %s\n", why);
	return fail_status(rc);
}

/* How long it was waited, as part of a sentence. */
static const char *
waited(char *buf, size_t size, const struct call *ca, int rc)
{
	char text[32];

	buf[0] = '\0';
	if (rc == -ETIMEDOUT)
		(void)snprintf(buf, size, " after %s",
		    format_duration(text, sizeof(text), ca->timeout_ms));
	return buf;
}

static int
fail_full(const struct call *ca, const struct ipcq_attributes *at, int rc)
{
	char after[48];

	(void)waited(after, sizeof(after), ca, rc);
	if (at->kind == IPCQ_POSIX)
		return say(ca, rc,
		    "full%s: %" PRIu64 " messages wait, and max_messages is %" PRIu64
		    "; receive some, or make it anew with a larger --max-messages",
		    after, at->messages, at->max_messages);
	return say(ca, rc,
	    "full%s: %" PRIu64 " messages of %" PRIu64 " bytes together wait, and "
	    "max_bytes is %" PRIu64 "; receive some, or \"" CALL_PROGRAM
	    " set\" larger --max-bytes",
	    after, at->messages, at->bytes, at->max_bytes);
}

static int
fail_large(const struct call *ca, const struct ipcq_attributes *at, size_t len)
{
	char size[48];

	if (len > at->message_size)
		(void)snprintf(size, sizeof(size), "has %zu bytes", len);
	else /* it was read no further */
		(void)snprintf(size, sizeof(size), "has more than %" PRIu64 " bytes",
		    at->message_size);
	if (at->kind == IPCQ_POSIX)
		return say(ca, -EMSGSIZE,
		    "the message %s, and message_size is %" PRIu64
		    "; make the queue anew with a larger --message-size",
		    size, at->message_size);
	if (len <= at->message_size)
		len = at->message_size * 2; /* a proposal, as it is not known */
	if (at->message_size == at->max_bytes)
		return say(ca, -EMSGSIZE,
		    "the message %s, and max_bytes of the queue is %" PRIu64
		    "; " CALL_PROGRAM " set %s --max-bytes %zu",
		    size, at->max_bytes, quote(ca->uri).text, len);
	return say(ca, -EMSGSIZE,
	    "the message %s, and kernel.msgmax is %" PRIu64
	    "; sysctl -w kernel.msgmax=%zu",
	    size, at->message_size, len);
}

int
fail_send(const struct call *ca, struct ipcq *q, size_t len, int rc)
{
	struct ipcq_attributes at;
	int known = ipcq_attributes(q, &at) == 0;

	if (known && (rc == -EAGAIN || rc == -ETIMEDOUT))
		return fail_full(ca, &at, rc);
	if (known && rc == -EMSGSIZE)
		return fail_large(ca, &at, len);
	if (rc == -EIDRM)
		return say(ca, rc, "the queue was removed meanwhile");
	return fail_open(ca, rc);
}

int
fail_receive(const struct call *ca, struct ipcq *q, int rc)
{
	char after[48];
	struct ipcq_attributes at;

	(void)waited(after, sizeof(after), ca, rc);
	if (rc == -EAGAIN || rc == -ETIMEDOUT) {
		if (ipcq_attributes(q, &at) < 0 || at.messages == 0)
			return say(ca, rc, "empty%s", after);
		return say(ca, rc,
		    "none of the %" PRIu64 " messages that wait is of that type%s",
		    at.messages, after);
	}
	if (rc == -EIDRM)
		return say(ca, rc, "the queue was removed meanwhile");
	return fail_open(ca, rc);
}

int
fail_peek(const struct call *ca, struct ipcq *q, uint64_t position)
{
	int64_t waiting = ipcq_size(q);

	if (waiting == 0)
		return say(ca, -EAGAIN, "empty");
	if (waiting < 0)
		return fail_open(ca, (int)waiting);
	return say(ca, -EAGAIN,
	    "there is no message at position %" PRIu64 ", as only %" PRId64 " wait",
	    position, waiting);
}
