#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/quote.h"
#include "lib/ipcq.h"
#include "lib/limits.h"
#include "lib/uri.h"

#define HARD_MESSAGES 65536    /* mq_overview(7): fs.mqueue.msg_max cannot be more */
#define HARD_SIZE     16777216 /* the same for fs.mqueue.msgsize_max */

/* What is asked, and where the answer goes. */
struct question {
	char *buf;
	size_t size;
	struct quoted uri;
	const struct ipcq_create *create; /* NULL: nothing was to be made */
	uint64_t messages;                /* POSIX, the defaults filled in */
	uint64_t message_size;
};

/* Each explainer answers 1 when it found the reason, 0 when it was another one. */
typedef int explain_fn(const struct question *qu);

static int answer(const struct question *qu, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int
answer(const struct question *qu, const char *fmt, ...)
{
	va_list args;
	int used;

	used = snprintf(qu->buf, qu->size, "%s: ", qu->uri.text);
	if (used < 0 || (size_t)used >= qu->size)
		return 1;
	va_start(args, fmt);
	(void)vsnprintf(qu->buf + used, qu->size - (size_t)used, fmt, args);
	va_end(args);
	return 1;
}

/* EMFILE means the descriptors of this process or the bytes of this user's POSIX
 * queues. */
static int
explain_descriptors(const struct question *qu)
{
	struct rlimit limit;
	int fd = open("/", O_PATH | O_CLOEXEC);

	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	if (errno != EMFILE || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return answer(qu,
	    "all %ju descriptors that RLIMIT_NOFILE allows this process are in use; "
	    "set LimitNOFILE=%ju in the unit of the service",
	    (uintmax_t)limit.rlim_cur, (uintmax_t)limit.rlim_cur * 2);
}

static int
explain_msgqueue(const struct question *qu)
{
	uint64_t charge = limits_posix_charge(qu->messages, qu->message_size);
	struct rlimit limit;

	if (qu->create == NULL || getrlimit(RLIMIT_MSGQUEUE, &limit) < 0 ||
	    charge > UINT64_MAX - limit.rlim_cur)
		return 0;
	return answer(qu,
	    "%" PRIu64 " messages of %" PRIu64 " bytes were asked for, which count as "
	    "%" PRIu64 " bytes, and RLIMIT_MSGQUEUE allows %ju bytes for all POSIX "
	    "queues of this user together; set LimitMSGQUEUE=%ju in the unit of the "
	    "service",
	    qu->messages, qu->message_size, charge, (uintmax_t)limit.rlim_cur,
	    (uintmax_t)(limit.rlim_cur + charge));
}

static int
explain_posix_emfile(const struct question *qu)
{
	return explain_descriptors(qu) || explain_msgqueue(qu);
}

static int
explain_posix_enospc(const struct question *qu)
{
	uint64_t most;

	if (limits_read(&most, "fs.mqueue.queues_max") < 0)
		return 0;
	return answer(qu,
	    "one more POSIX queue was asked for, and fs.mqueue.queues_max allows "
	    "%" PRIu64 " in this IPC namespace; "
	    "sysctl -w fs.mqueue.queues_max=%" PRIu64,
	    most, most * 2 + 1);
}

static int
explain_above(const struct question *qu, const char *what, uint64_t asked,
    const char *name, uint64_t hard)
{
	uint64_t most;

	if (asked > hard)
		return answer(qu,
		    "%s %" PRIu64 " was asked for, and %" PRIu64
		    " is the most that Linux allows",
		    what, asked, hard);
	if (limits_read(&most, name) < 0 || asked <= most)
		return 0;
	return answer(qu,
	    "%s %" PRIu64 " was asked for, and %s allows %" PRIu64
	    "; sysctl -w %s=%" PRIu64,
	    what, asked, name, most, name, asked);
}

/* Both at once, so that one command mends it. */
static int
explain_both(const struct question *qu)
{
	uint64_t messages;
	uint64_t size;

	if (limits_read(&messages, "fs.mqueue.msg_max") < 0 ||
	    limits_read(&size, "fs.mqueue.msgsize_max") < 0)
		return 0;
	if (qu->messages <= messages || qu->messages > HARD_MESSAGES ||
	    qu->message_size <= size || qu->message_size > HARD_SIZE)
		return 0;
	return answer(qu,
	    "%" PRIu64 " messages of %" PRIu64 " bytes were asked for, and "
	    "fs.mqueue.msg_max allows %" PRIu64 " and fs.mqueue.msgsize_max %" PRIu64
	    "; sysctl -w fs.mqueue.msg_max=%" PRIu64 " fs.mqueue.msgsize_max=%" PRIu64,
	    qu->messages, qu->message_size, messages, size, qu->messages,
	    qu->message_size);
}

static int
explain_posix_einval(const struct question *qu)
{
	if (qu->create == NULL)
		return 0;
	return explain_both(qu) ||
	       explain_above(qu, "max_messages", qu->messages, "fs.mqueue.msg_max",
		   HARD_MESSAGES) ||
	       explain_above(qu, "message_size", qu->message_size,
		   "fs.mqueue.msgsize_max", HARD_SIZE);
}

static int
explain_sysv_enospc(const struct question *qu)
{
	uint64_t most;

	if (limits_read(&most, "kernel.msgmni") < 0)
		return 0;
	return answer(qu,
	    "one more System V queue was asked for, and kernel.msgmni allows %" PRIu64
	    " in this IPC namespace; sysctl -w kernel.msgmni=%" PRIu64,
	    most, most * 2 + 1);
}

static int
explain_sysv_bytes(const struct question *qu)
{
	if (qu->create == NULL)
		return 0;
	return explain_above(
	    qu, "max_bytes", qu->create->max_bytes, "kernel.msgmnb", INT_MAX);
}

static int
explain_sysv_emsgsize(const struct question *qu)
{
	uint64_t message;
	uint64_t bytes;

	if (limits_read(&message, "kernel.msgmax") < 0 ||
	    limits_read(&bytes, "kernel.msgmnb") < 0)
		return 0;
	return answer(qu,
	    "the message is larger than kernel.msgmax, %" PRIu64
	    " bytes, or than the whole queue (%" PRIu64 " bytes, unless it was made "
	    "otherwise); sysctl -w kernel.msgmax=SIZE kernel.msgmnb=SIZE, and make the "
	    "queue anew",
	    message, bytes);
}

static const struct {
	int rc;
	enum ipcq_kind kind;
	explain_fn *explain;
} explainers[] = {
	{ -EMFILE, IPCQ_POSIX, explain_posix_emfile },
	{ -ENOSPC, IPCQ_POSIX, explain_posix_enospc },
	{ -EINVAL, IPCQ_POSIX, explain_posix_einval },
	{ -ENOSPC, IPCQ_SYSV, explain_sysv_enospc },
	{ -EPERM, IPCQ_SYSV, explain_sysv_bytes },
	{ -EINVAL, IPCQ_SYSV, explain_sysv_bytes },
	{ -EMSGSIZE, IPCQ_SYSV, explain_sysv_emsgsize },
};

static void
fill_defaults(struct question *qu)
{
	if (qu->create != NULL) {
		qu->messages = qu->create->max_messages;
		qu->message_size = qu->create->message_size;
	}
	if (qu->messages == 0)
		qu->messages = limits_posix_default_messages();
	if (qu->message_size == 0)
		qu->message_size = limits_posix_default_size();
}

char *
ipcq_explain(
    char *buf, size_t size, const char *uri, const struct ipcq_create *create, int rc)
{
	struct question qu = { .buf = buf, .size = size, .create = create };
	struct uri u;

	qu.uri = quote(uri);
	if (uri_parse(&u, uri) < 0) {
		(void)answer(&qu,
		    "not the name of a queue; names are posix:/NAME, sysv:KEY, "
		    "sysv:/PATH#PROJECT and sysv:id:ID");
		return buf;
	}
	fill_defaults(&qu);
	for (size_t i = 0; i < ARRAY_LEN(explainers); i++) {
		if (explainers[i].rc == rc && explainers[i].kind == uri_kind(&u) &&
		    explainers[i].explain(&qu))
			return buf;
	}
	(void)answer(&qu, "%s", strerror(-rc));
	return buf;
}
