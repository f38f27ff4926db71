#include "queue.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <time.h>

#define OPEN_TRIES 1000 /* of 10 ms */

static const char *
posix_name(const char *name)
{
	return strncmp(name, "posix:", 6) == 0 ? name + 6 : NULL;
}

static key_t
sysv_key(const char *name)
{
	unsigned long key;
	char *end;

	if (strncmp(name, "sysv:", 5) != 0)
		errx(2, "%s: neither posix:/name nor sysv:0xKEY", name);
	errno = 0;
	key = strtoul(name + 5, &end, 0);
	if (errno != 0 || end == name + 5 || *end != '\0' || key == 0 ||
	    key > UINT32_MAX)
		errx(2, "%s: not a key", name);
	return (key_t)key;
}

/* The largest message that this IPC namespace allows, bytes. */
static size_t
sysv_size(void)
{
	struct msginfo info;

	/* The call's prototype knows only one of the structures it fills. */
	if (msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)&info) < 0)
		err(1, "msgctl IPC_INFO");
	return (size_t)info.msgmax;
}

void
queue_create(const char *name, long max_messages, long message_size)
{
	struct mq_attr attr = { .mq_maxmsg = max_messages, .mq_msgsize = message_size };
	const char *posix = posix_name(name);
	mqd_t mq;

	if (posix == NULL) {
		if (msgget(sysv_key(name), IPC_CREAT | 0600) < 0)
			err(1, "msgget %s", name);
		return;
	}
	mq = mq_open(posix, O_CREAT | O_RDWR, 0600, max_messages > 0 ? &attr : NULL);
	if (mq == (mqd_t)-1)
		err(1, "mq_open %s (%ld x %ld bytes)", name, max_messages,
		    message_size);
	(void)mq_close(mq);
}

static int
queue_try(struct queue *q, const char *name, enum queue_use use)
{
	static const int flags[] = {
		[QUEUE_WRITE] = O_WRONLY,
		[QUEUE_READ] = O_RDONLY,
		[QUEUE_POLL] = O_RDONLY | O_NONBLOCK,
	};
	const char *posix = posix_name(name);
	struct mq_attr attr;

	q->sysv = posix == NULL;
	if (q->sysv) {
		q->id = msgget(sysv_key(name), 0);
		if (q->id < 0)
			return -1;
		q->size = sysv_size();
		return 0;
	}
	q->mq = mq_open(posix, flags[use]);
	if (q->mq == (mqd_t)-1)
		return -1;
	if (mq_getattr(q->mq, &attr) != 0)
		err(1, "mq_getattr %s", name);
	q->size = (size_t)attr.mq_msgsize;
	q->messages = attr.mq_maxmsg;
	return 0;
}

void
queue_open(struct queue *q, const char *name, enum queue_use use)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int tries;

	*q = (struct queue){ .mq = (mqd_t)-1, .id = -1, .nowait = use == QUEUE_POLL };
	for (tries = 0; queue_try(q, name, use) != 0; tries++) {
		if (errno != ENOENT || tries == OPEN_TRIES)
			err(1, "%s", name);
		(void)nanosleep(&pause, NULL);
	}
	q->buffer = calloc(1, sizeof(*q->buffer) + q->size + 1);
	if (q->buffer == NULL)
		err(1, "%zu bytes", q->size);
}

void
queue_close(struct queue *q)
{
	if (!q->sysv && q->mq != (mqd_t)-1)
		(void)mq_close(q->mq);
	free(q->buffer);
	q->buffer = NULL;
}

void
queue_remove(const char *name)
{
	const char *posix = posix_name(name);

	if (posix != NULL ? mq_unlink(posix) != 0
			  : msgctl(msgget(sysv_key(name), 0), IPC_RMID, NULL) != 0)
		err(1, "removing %s", name);
}

uint64_t
queue_waiting(const struct queue *q)
{
	struct mq_attr attr;
	struct msqid_ds ds;

	if (q->sysv ? msgctl(q->id, IPC_STAT, &ds) != 0 : mq_getattr(q->mq, &attr) != 0)
		err(1, "asking for the messages in a queue");
	return q->sysv ? ds.msg_qnum : (uint64_t)attr.mq_curmsgs;
}

void
queue_set_nowait(struct queue *q)
{
	const struct mq_attr attr = { .mq_flags = O_NONBLOCK };

	q->nowait = true;
	if (!q->sysv && mq_setattr(q->mq, &attr, NULL) != 0)
		err(1, "mq_setattr");
}

int
queue_send(struct queue *q, size_t length, int64_t type)
{
	if (!q->sysv)
		return mq_send(
		    q->mq, (const char *)q->buffer->body, length, (unsigned)type);
	q->buffer->type = type;
	return msgsnd(q->id, q->buffer, length, 0);
}

ssize_t
queue_receive(struct queue *q, long select)
{
	unsigned priority;
	ssize_t n;

	if (q->sysv)
		return msgrcv(
		    q->id, q->buffer, q->size, select, q->nowait ? IPC_NOWAIT : 0);
	n = mq_receive(q->mq, (char *)q->buffer->body, q->size, &priority);
	if (n >= 0)
		q->buffer->type = (long)priority;
	return n;
}
