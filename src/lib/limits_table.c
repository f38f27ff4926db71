#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "lib/limits.h"
#include "lib/list.h"

#define UNKNOWN UINT64_MAX

/* What is in use by now. */
struct usage {
	uint64_t posix_queues;
	uint64_t charged;
	uint64_t sysv_queues;
};

struct row {
	const char *name;
	const char *what;
	enum ipcq_kind kind;
	int bytes;
	uint64_t hard; /* more is not possible: mq_overview(7), msgget(2) */
};

static const struct row known[] = {
	{ "fs.mqueue.queues_max", "POSIX queues in this IPC namespace", IPCQ_POSIX, 0,
	    INT_MAX },
	{ "fs.mqueue.msg_max", "messages of one POSIX queue", IPCQ_POSIX, 0, 65536 },
	{ "fs.mqueue.msgsize_max", "bytes of one message of a POSIX queue", IPCQ_POSIX,
	    1, 16777216 },
	{ "fs.mqueue.msg_default", "messages of a POSIX queue made without a number",
	    IPCQ_POSIX, 0, 65536 },
	{ "fs.mqueue.msgsize_default",
	    "bytes of a message of a POSIX queue made without a number", IPCQ_POSIX, 1,
	    16777216 },
	{ "RLIMIT_MSGQUEUE", "bytes of all POSIX queues of this user", IPCQ_POSIX, 1,
	    RLIM_INFINITY },
	{ "kernel.msgmni", "System V queues in this IPC namespace", IPCQ_SYSV, 0,
	    32768 },
	{ "kernel.msgmax", "bytes of one message of a System V queue", IPCQ_SYSV, 1,
	    INT_MAX },
	{ "kernel.msgmnb", "bytes of a System V queue made without a number", IPCQ_SYSV,
	    1, INT_MAX },
};

/* What the queues of this user count as, or that it is not known of one of them. */
static uint64_t
sum_charges(const struct list *li)
{
	uid_t self = getuid();
	uint64_t sum = 0;

	for (size_t i = 0; i < li->count; i++) {
		const struct ipcq_attributes *at = &li->rows[i].attributes;

		if (at->owner != self)
			continue;
		if ((li->rows[i].known & IPCQ_KNOWN_LIMITS) == 0)
			return UNKNOWN;
		sum += limits_posix_charge(at->max_messages, at->message_size);
	}
	return sum;
}

static void
measure_posix(struct usage *us, bool charged)
{
	struct list li = { .unopened = !charged };

	if (list_posix(&li) == 0) {
		us->posix_queues = li.count;
		us->charged = charged ? sum_charges(&li) : UNKNOWN;
	}
	free(li.rows);
}

static struct usage
measure(unsigned flags)
{
	struct usage us = { UNKNOWN, UNKNOWN, UNKNOWN };
	struct msginfo info;

	measure_posix(&us, (flags & IPCQ_LIMITS_CHARGED) != 0);
	if (msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info) >= 0)
		us.sysv_queues = (uint64_t)info.msgpool;
	return us;
}

static uint64_t
used_of(const struct usage *us, const char *name)
{
	if (strcmp(name, "fs.mqueue.queues_max") == 0)
		return us->posix_queues;
	if (strcmp(name, "RLIMIT_MSGQUEUE") == 0)
		return us->charged;
	return strcmp(name, "kernel.msgmni") == 0 ? us->sysv_queues : UNKNOWN;
}

static int
read_value(uint64_t *ret, const char *name)
{
	struct rlimit limit;

	if (strcmp(name, "RLIMIT_MSGQUEUE") != 0)
		return limits_read(ret, name);
	if (getrlimit(RLIMIT_MSGQUEUE, &limit) < 0)
		return -errno;
	*ret = limit.rlim_cur;
	return 0;
}

/* A preset counts no further than its limit, which then has to be raised too. */
static const char *
limit_of_preset(const char *name)
{
	if (strcmp(name, "fs.mqueue.msg_default") == 0)
		return "fs.mqueue.msg_max";
	if (strcmp(name, "fs.mqueue.msgsize_default") == 0)
		return "fs.mqueue.msgsize_max";
	return NULL;
}

static void
say_how_to_raise(struct ipcq_limit *ret, const struct row *ro)
{
	const char *limit = limit_of_preset(ro->name);
	uint64_t most = 0;
	uint64_t more = ret->value < ro->hard / 2 ? ret->value * 2 : ro->hard;

	ret->raise[0] = '\0';
	if (ret->value >= ro->hard)
		return;
	if (more == 0)
		more = 1;
	if (strcmp(ro->name, "RLIMIT_MSGQUEUE") == 0)
		(void)snprintf(ret->raise, sizeof(ret->raise),
		    "LimitMSGQUEUE=%" PRIu64
		    " in a unit, or prlimit --msgqueue=%" PRIu64
		    " COMMAND, or ulimit -q %" PRIu64,
		    more, more, more);
	else if (limit != NULL && limits_read(&most, limit) == 0 && most < more)
		(void)snprintf(ret->raise, sizeof(ret->raise),
		    "sysctl -w %s=%" PRIu64 " %s=%" PRIu64, ro->name, more, limit,
		    more);
	else
		(void)snprintf(ret->raise, sizeof(ret->raise), "sysctl -w %s=%" PRIu64,
		    ro->name, more);
}

int
ipcq_limits(struct ipcq_limit *rows, unsigned flags)
{
	struct usage us;
	int count = 0;

	if ((flags & ~IPCQ_LIMITS_CHARGED) != 0)
		return -EINVAL;
	us = measure(flags);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct ipcq_limit *ret = &rows[count];
		uint64_t value = 0;

		if (read_value(&value, known[i].name) < 0)
			continue;
		ret->name = known[i].name;
		ret->what = known[i].what;
		ret->kind = known[i].kind;
		ret->bytes = known[i].bytes;
		ret->value = value;
		ret->used = used_of(&us, known[i].name);
		say_how_to_raise(ret, &known[i]);
		count++;
	}
	return count;
}
