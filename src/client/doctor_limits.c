#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/compiler.h"
#include "base/parse.h"
#include "base/quote.h"
#include "client/doctor_private.h"
#include "config/conf.h"
#include "lib/ipcq.h"
#include "lib/limits.h"
#include "needs/needs.h"

#define SIZE_TEXT 32
/* Descriptors: at most 4 a queue or a peer (its own, eventfd, file, spare), 2 a route (log and
 * index), and those of the loop, the control socket's and the page's clients. */
#define FDS_EACH  4
#define FDS_ROUTE 2
#define FDS_BASE  256

/* ---- of the process ------------------------------------------------------------------- */

/* "16M", "infinity", "1024:2048": systemd.exec(5), of which the soft one counts. */
static int
parse_limit(uint64_t *ret, const char *text)
{
	char *end;
	uint64_t value;

	if (strncmp(text, "infinity", 8) == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (end == text || errno != 0)
		return -EINVAL;
	/* K is found in all of them once, M twice, and so on. */
	for (const char *units = "KMGT"; *end != '\0' && *units != '\0'; units++)
		value <<= strchr(units, *end) != NULL ? 10 : 0;
	*ret = value;
	return 0;
}

/* That of the daemon; else of its unit; else, where there is none either, ours. */
static uint64_t
limit_of(const struct doctor *dr, __rlimit_resource_t which, const char *setting)
{
	struct rlimit limit;
	char text[64], path[4096];
	uint64_t value;

	if (dr->daemon > 0 && prlimit(dr->daemon, which, NULL, &limit) == 0)
		return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
	if (ini_path(path, sizeof(path), &dr->unit) == 0 &&
	    ini_read(text, sizeof(text), &dr->unit, setting) == 0 &&
	    parse_limit(&value, text) == 0)
		return value;
	if (getrlimit(which, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

/* A row of limits that the process has. */
struct need {
	const char *object, *setting; /* "RLIMIT_NOFILE", "LimitNOFILE" */
	uint64_t limit, needed, used;
	bool tells_used; /* else it is not known, and used is 0 */
	const char *why;
	enum finding_rank rank; /* when it is not enough */
};

static void
judge_need(struct doctor *dr, const struct need *nd)
{
	bool enough = nd->used <= nd->limit && nd->needed <= nd->limit - nd->used;
	json_t *fi =
	    findings_add(&dr->findings, enough ? FINDING_GOOD : nd->rank, nd->object);

	if (nd->limit == UINT64_MAX)
		finding_say(fi, "what", "unlimited");
	else if (!nd->tells_used)
		finding_say(fi, "what", "%" PRIu64 ", %" PRIu64 " needed", nd->limit,
		    nd->needed);
	else
		finding_say(fi, "what",
		    "%" PRIu64 ", of which %" PRIu64 " are used and %" PRIu64
		    " are needed",
		    nd->limit, nd->used, nd->needed);
	if (enough)
		return;
	finding_say(fi, "why", "%s", nd->why);
	finding_say(fi, "mend",
	    "%s=%" PRIu64 " below [Service] of systemctl edit %s, and a restart",
	    nd->setting, nd->used + nd->needed, dr->unit.file);
}

/* What the user's POSIX queues count as by now. */
static uint64_t
charged_now(const struct doctor *dr, uint64_t *ret_count)
{
	struct ipcq_listed *list = NULL;
	ssize_t n = ipcq_list(&list, IPCQ_POSIX);
	uint64_t sum = 0;

	for (ssize_t i = 0; i < n; i++) {
		const struct ipcq_attributes *at = &list[i].attributes;

		if (at->owner == dr->user.uid && (list[i].known & IPCQ_KNOWN_LIMITS))
			sum += limits_posix_charge(at->max_messages, at->message_size);
	}
	if (n > 0)
		*ret_count = (uint64_t)n;
	ipcq_list_free(list);
	return sum;
}

static bool
is_absent(const struct conf_queue *cq)
{
	struct ipcq *q = NULL;
	int rc = ipcq_open(&q, cq->uri, IPCQ_READ, NULL);

	if (rc == 0)
		ipcq_close(q);
	return rc == -ENOENT;
}

/* What is to be made. */
struct making {
	uint64_t posix, sysv, charge;
};

static void
count_making(struct making *mk, const struct conf *cf)
{
	*mk = (struct making){ 0 };
	for (size_t i = 0; i < cf->n_queues; i++) {
		const struct conf_queue *cq = &cf->queues[i];
		struct ipcq_create create;

		if (!cq->enabled || !cq->create || !is_absent(cq))
			continue;
		if (cq->kind == CONF_SYSV) {
			mk->sysv++;
			continue;
		}
		needs_create(&create, cq);
		mk->posix++;
		mk->charge +=
		    limits_posix_charge(create.max_messages, create.message_size);
	}
}

static void
judge_process(struct doctor *dr, const struct making *mk)
{
	const struct conf *cf = dr->conf;
	uint64_t count;
	const struct need rows[] = {
		{ "RLIMIT_MSGQUEUE", "LimitMSGQUEUE",
		    limit_of(dr, RLIMIT_MSGQUEUE, "LimitMSGQUEUE"), mk->charge,
		    charged_now(dr, &count), true,
		    "the kernel counts all POSIX queues that the user makes, and makes "
		    "none beyond it",
		    FINDING_BAD },
		{ "RLIMIT_NOFILE", "LimitNOFILE",
		    limit_of(dr, RLIMIT_NOFILE, "LimitNOFILE"),
		    FDS_BASE + FDS_EACH * (cf->n_queues + cf->n_peers) +
			FDS_ROUTE * cf->n_routes,
		    0, false, "each queue, peer and route needs descriptors",
		    FINDING_BAD },
		{ "RLIMIT_MEMLOCK", "LimitMEMLOCK",
		    limit_of(dr, RLIMIT_MEMLOCK, "LimitMEMLOCK"),
		    needs_ring_directory(cf), 0, false,
		    "rings that are not locked in memory may be swapped out, which costs "
		    "time only",
		    FINDING_WARNING },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		judge_need(dr, &rows[i]);
}

/* ---- of the kernel -------------------------------------------------------------------- */

/* needed: UINT64_MAX: it is only shown. */
static void
judge_kernel_limit(
    struct doctor *dr, const char *object, uint64_t needed, const char *why)
{
	uint64_t value = 0;
	json_t *fi;

	if (limits_read(&value, object) < 0)
		return;
	fi = findings_add(
	    &dr->findings, needed > value ? FINDING_BAD : FINDING_GOOD, object);
	finding_say(fi, "what", "%" PRIu64 ", %" PRIu64 " needed", value, needed);
	if (needed <= value)
		return;
	finding_say(fi, "why", "%s", why);
	finding_say(fi, "mend",
	    "sysctl -w %s=%" PRIu64 ", and the line %s = %" PRIu64
	    " in /etc/sysctl.d/60-mqbridge.conf",
	    object, needed, object, needed);
}

/* The most of each that a queue which is to be made asks for. */
struct most {
	uint64_t messages, size, bytes;
};

static void
add_most(struct most *mo, const struct conf_queue *cq)
{
	struct ipcq_create create;

	needs_create(&create, cq);
	if (cq->kind == CONF_SYSV) {
		mo->bytes = cq->max_bytes > mo->bytes ? cq->max_bytes : mo->bytes;
		return;
	}
	if (create.max_messages > mo->messages)
		mo->messages = create.max_messages;
	if (create.message_size > mo->size)
		mo->size = create.message_size;
}

static void
judge_kernel(struct doctor *dr, const struct making *mk)
{
	const struct conf *cf = dr->conf;
	struct most mo = { 0 };
	struct ipcq_listed *list = NULL;
	uint64_t posix = 0;
	ssize_t sysv = ipcq_list(&list, IPCQ_SYSV);

	ipcq_list_free(list);
	(void)charged_now(dr, &posix);
	for (size_t i = 0; i < cf->n_queues; i++) {
		if (cf->queues[i].enabled && cf->queues[i].create)
			add_most(&mo, &cf->queues[i]);
	}
	judge_kernel_limit(dr, "fs.mqueue.queues_max", posix + mk->posix,
	    "no more POSIX queues can be made in this IPC namespace");
	judge_kernel_limit(dr, "fs.mqueue.msg_max", mo.messages,
	    "max_messages of a queue that is to be made is above it");
	judge_kernel_limit(dr, "fs.mqueue.msgsize_max", mo.size,
	    "message_size of a queue that is to be made is above it");
	judge_kernel_limit(dr, "kernel.msgmni",
	    (sysv > 0 ? (uint64_t)sysv : 0) + mk->sysv,
	    "no more System V queues can be made in this IPC namespace");
	judge_kernel_limit(dr, "kernel.msgmnb", mo.bytes,
	    "max_bytes of a queue that is to be made is above it");
}

void
doctor_limits(struct doctor *dr)
{
	struct making mk;

	count_making(&mk, dr->conf);
	judge_process(dr, &mk);
	judge_kernel(dr, &mk);
}
