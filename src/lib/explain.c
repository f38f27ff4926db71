#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
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
#include "lib/wait.h"

#define HARD_MESSAGES 65536    /* mq_overview(7): fs.mqueue.msg_max cannot be more */
#define HARD_SIZE     16777216 /* the same for fs.mqueue.msgsize_max */
#define EITHER_KIND   (IPCQ_POSIX | IPCQ_SYSV)
#define FILL_MAX      256 /* bytes; three numbers and words */

#define NO_NAME                                                                        \
	"not the name of a queue; names are posix:/NAME, sysv:KEY, "                   \
	"sysv:/PATH#PROJECT and sysv:id:ID"
#define TOO_LONG                                                                       \
	"the name is too long; that of a POSIX queue has 255 bytes at most behind "    \
	"its slash"

/* What is asked, and where the answer goes. */
struct question {
	char *buf;
	size_t size;
	const char *name;
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
	    "service, or begin with prlimit --msgqueue=%ju (ulimit -q)",
	    qu->messages, qu->message_size, charge, (uintmax_t)limit.rlim_cur,
	    (uintmax_t)(limit.rlim_cur + charge), (uintmax_t)(limit.rlim_cur + charge));
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

/* The queue as it is now: 0 or -errno, also where we may not look. */
static int
look(struct ipcq_attributes *ret, const char *name)
{
	struct ipcq *q = NULL;
	int rc;

	rc = ipcq_open(&q, name, IPCQ_READ, NULL);
	if (rc == -EACCES)
		rc = ipcq_open(&q, name, IPCQ_WRITE, NULL);
	if (rc == 0)
		rc = ipcq_attributes(q, ret);
	ipcq_close(q);
	return rc;
}

static int
explain_posix_emsgsize(const struct question *qu)
{
	struct ipcq_attributes at = { 0 };

	if (look(&at, qu->name) < 0)
		return 0;
	return answer(qu,
	    "the message is larger than message_size, which is %" PRIu64
	    " bytes; make the queue anew with a larger one (ipcq create "
	    "--message-size)",
	    at.message_size);
}

/* How large the message was is not known here, so the lines double what there is. */
static int
explain_sysv_emsgsize(const struct question *qu)
{
	struct ipcq_attributes at = { 0 };
	uint64_t message;
	uint64_t bytes;

	if (limits_read(&message, "kernel.msgmax") < 0 ||
	    limits_read(&bytes, "kernel.msgmnb") < 0)
		return 0;
	if (look(&at, qu->name) < 0)
		return answer(qu,
		    "the message is larger than kernel.msgmax, %" PRIu64
		    " bytes, or than max_bytes of the queue (kernel.msgmnb, %" PRIu64
		    ", when it was made without a number); sysctl -w "
		    "kernel.msgmax=%" PRIu64 " kernel.msgmnb=%" PRIu64
		    ", and make the queue anew",
		    message, bytes, message * 2, bytes * 2);
	if (at.max_bytes < message)
		return answer(qu,
		    "the message is larger than max_bytes of the queue, which is "
		    "%" PRIu64 "; ipcq set %s --max-bytes %" PRIu64,
		    at.max_bytes, qu->uri.text, at.max_bytes * 2);
	return answer(qu,
	    "the message is larger than kernel.msgmax, which is %" PRIu64
	    " bytes; sysctl -w kernel.msgmax=%" PRIu64,
	    message, message * 2);
}

static int
explain_e2big(const struct question *qu)
{
	struct ipcq_attributes at = { 0 };

	if (look(&at, qu->name) < 0)
		return 0;
	return answer(qu,
	    "the buffer is too small for the message, which stays in the queue; "
	    "IPCQ_HEAD and %" PRIu64 " bytes hold any of its messages",
	    at.message_size);
}

/* What a timeout or a thread at a System V queue needs: ipcq_send_with() in ipcq.h. */
static int
explain_sysv_enobufs(const struct question *qu)
{
	struct rlimit limit;

	if (wait_signal() < 0)
		return answer(qu,
		    "waiting needs a real-time signal, and none from %d to %d "
		    "(SIGRTMIN to SIGRTMAX) has its default action; leave one alone",
		    SIGRTMIN, SIGRTMAX);
	if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0)
		return 0;
	return answer(qu,
	    "waiting needs a timer, and the %ju signals that RLIMIT_SIGPENDING allows "
	    "all processes of this user are in use; set LimitSIGPENDING=%ju in the "
	    "unit of the service, or ulimit -i %ju",
	    (uintmax_t)limit.rlim_cur, (uintmax_t)limit.rlim_cur * 2 + 1,
	    (uintmax_t)limit.rlim_cur * 2 + 1);
}

/* How full the queue is now, and what helps when that is the reason, as the end of a
 * sentence; nothing where we may not look. */
static void
describe_fill(char *buf, size_t size, const char *name)
{
	struct ipcq_attributes at = { 0 };

	buf[0] = '\0';
	if (look(&at, name) < 0)
		return;
	if (at.kind == IPCQ_POSIX)
		(void)snprintf(buf, size,
		    "; %" PRIu64 " messages are in it now, of %" PRIu64 " at most%s",
		    at.messages, at.max_messages,
		    at.messages < at.max_messages
			? ""
			: "; receive some, or make it anew with more (ipcq create "
			  "--max-messages)");
	else
		(void)snprintf(buf, size,
		    "; %" PRIu64 " messages are in it now, with %" PRIu64
		    " bytes of %" PRIu64 " at most%s",
		    at.messages, at.bytes, at.max_bytes,
		    at.messages == 0 ? ""
				     : "; receive some, or give it more (ipcq set "
				       "--max-bytes)");
}

static int
explain_would_wait(const struct question *qu)
{
	char fill[FILL_MAX];

	describe_fill(fill, sizeof(fill), qu->name);
	return answer(qu,
	    "it would have to wait for room, or for a message to receive, and was told "
	    "not to%s",
	    fill);
}

static int
explain_timed_out(const struct question *qu)
{
	char fill[FILL_MAX];

	describe_fill(fill, sizeof(fill), qu->name);
	return answer(qu,
	    "the timeout passed without room, or without a message to receive%s", fill);
}

static int
explain_removed(const struct question *qu)
{
	return answer(qu,
	    "the queue was removed, with the messages in it; open it anew, with "
	    "IPCQ_CREATE to make it");
}

static const struct {
	int rc;
	unsigned kinds;
	explain_fn *explain;
} explainers[] = {
	{ -EMFILE, IPCQ_POSIX, explain_posix_emfile },
	{ -ENOSPC, IPCQ_POSIX, explain_posix_enospc },
	{ -EINVAL, IPCQ_POSIX, explain_posix_einval },
	{ -ENOSPC, IPCQ_SYSV, explain_sysv_enospc },
	{ -EPERM, IPCQ_SYSV, explain_sysv_bytes },
	{ -EINVAL, IPCQ_SYSV, explain_sysv_bytes },
	{ -EMSGSIZE, IPCQ_POSIX, explain_posix_emsgsize },
	{ -EMSGSIZE, IPCQ_SYSV, explain_sysv_emsgsize },
	{ -E2BIG, EITHER_KIND, explain_e2big },
	{ -ENOBUFS, IPCQ_SYSV, explain_sysv_enobufs },
	{ -EAGAIN, EITHER_KIND, explain_would_wait },
	{ -ETIMEDOUT, EITHER_KIND, explain_timed_out },
	{ -EIDRM, EITHER_KIND, explain_removed },
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
	struct question qu = {
		.buf = buf, .size = size, .name = uri, .create = create
	};
	struct uri u;
	int parsed;

	qu.uri = quote(uri);
	parsed = uri_parse(&u, uri);
	if (parsed < 0) {
		(void)answer(&qu, parsed == -ENAMETOOLONG ? TOO_LONG : NO_NAME);
		return buf;
	}
	fill_defaults(&qu);
	for (size_t i = 0; i < ARRAY_LEN(explainers); i++) {
		if (explainers[i].rc == rc &&
		    (explainers[i].kinds & uri_kind(&u)) != 0 &&
		    explainers[i].explain(&qu))
			return buf;
	}
	(void)answer(&qu, "%s", strerror(-rc));
	return buf;
}
