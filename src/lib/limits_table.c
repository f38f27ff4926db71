#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compiler.h"
#include "lib/ipcq.h"
#include "lib/limits.h"

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

static const struct row rows[] = {
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

static void
measure_posix(struct usage *us)
{
	struct ipcq_listed *list = NULL;
	ssize_t count = ipcq_list(&list, IPCQ_POSIX);
	uid_t self = getuid();

	if (count < 0)
		return;
	us->posix_queues = (uint64_t)count;
	us->charged = 0;
	for (ssize_t i = 0; i < count; i++) {
		const struct ipcq_attributes *at = &list[i].attributes;

		if (at->owner != self)
			continue;
		if ((list[i].known & IPCQ_KNOWN_LIMITS) == 0) {
			us->charged = UNKNOWN;
			break;
		}
		us->charged += limits_posix_charge(at->max_messages, at->message_size);
	}
	ipcq_list_free(list);
}

static struct usage
measure(void)
{
	struct usage us = { UNKNOWN, UNKNOWN, UNKNOWN };
	struct msginfo info;

	measure_posix(&us);
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

static void
say_how_to_raise(struct ipcq_limit *ret, const struct row *ro)
{
	uint64_t more = ret->value < ro->hard / 2 ? ret->value * 2 : ro->hard;

	ret->raise[0] = '\0';
	if (ret->value >= ro->hard)
		return;
	if (more == 0)
		more = 1;
	if (strcmp(ro->name, "RLIMIT_MSGQUEUE") == 0)
		(void)snprintf(
		    ret->raise, sizeof(ret->raise), "LimitMSGQUEUE=%" PRIu64, more);
	else
		(void)snprintf(ret->raise, sizeof(ret->raise), "sysctl -w %s=%" PRIu64,
		    ro->name, more);
}

int
ipcq_limits(struct ipcq_limit *limits)
{
	struct usage us = measure();
	int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ipcq_limit *ret = &limits[count];
		uint64_t value = 0;

		if (read_value(&value, rows[i].name) < 0)
			continue;
		ret->name = rows[i].name;
		ret->what = rows[i].what;
		ret->kind = rows[i].kind;
		ret->bytes = rows[i].bytes;
		ret->value = value;
		ret->used = used_of(&us, rows[i].name);
		say_how_to_raise(ret, &rows[i]);
		count++;
	}
	return count;
}
