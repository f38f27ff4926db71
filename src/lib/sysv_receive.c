#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "lib/queue.h"

static int
receive_flags(unsigned flags)
{
	return ((flags & IPCQ_EXCEPT) != 0 ? MSG_EXCEPT : 0) |
	       ((flags & IPCQ_TRUNCATE) != 0 ? MSG_NOERROR : 0);
}

/* msgtyp of msgrcv(2) as the kernel reads it. */
static int
selects(int64_t type, int64_t select, unsigned flags)
{
	if (select == 0)
		return 1;
	if (select < 0)
		return select == INT64_MIN || type <= -select;
	return (flags & IPCQ_EXCEPT) != 0 ? type != select : type == select;
}

/* Room for whatever message is in the queue now: no single one is larger than all. */
static int
copy_room(const struct ipcq *q, char **ret, size_t *ret_size)
{
	struct ipcq_attributes at;
	char *room;
	int rc;

	rc = sysvq_attributes(q, &at);
	if (rc < 0)
		return rc;
	room = malloc(IPCQ_HEAD + at.bytes);
	if (room == NULL)
		return -ENOMEM;
	*ret = room;
	*ret_size = at.bytes;
	return 0;
}

/* The length of the message that a receiver would get, or -errno. */
static ssize_t
length_of_next(const struct ipcq *q, const struct ipcq_options *options)
{
	int64_t best_type = INT64_MAX;
	ssize_t best = -ENOMSG;
	size_t size = 0;
	char *room = NULL;
	int rc;

	rc = copy_room(q, &room, &size);
	if (rc < 0)
		return rc;
	for (long i = 0;; i++) {
		ssize_t len = msgrcv(q->handle, room, size, i, MSG_COPY | IPC_NOWAIT);
		int64_t type;

		if (len < 0) {
			if (errno != ENOMSG)
				best = -errno;
			break;
		}
		memcpy(&type, room, sizeof(type));
		if (!selects(type, options->select, options->flags))
			continue;
		if (best < 0 || type < best_type) {
			best = len;
			best_type = type;
		}
		if (options->select >= 0)
			break;
	}
	free(room);
	return best;
}

/* What the buffer must hold for the next try: see ipcq_receive() in ipcq.h. */
static ssize_t
too_small(const struct ipcq *q, const struct ipcq_options *options, size_t size,
    struct ipcq_message *ret)
{
	ssize_t len = length_of_next(q, options);
	struct ipcq_attributes at;
	int rc;

	if (len <= (ssize_t)size) { /* unknown, or another one is in its place by now */
		rc = sysvq_attributes(q, &at);
		if (rc < 0)
			return rc;
		len = (ssize_t)at.message_size;
	}
	ret->length = (size_t)len;
	return -E2BIG;
}

static ssize_t
receive_waiting(
    const struct ipcq *q, void *buf, size_t size, const struct ipcq_options *options)
{
	int how = receive_flags(options->flags);
	struct wait wt = wait_begin(options);
	struct wait_alarm alarm;
	ssize_t len;
	int rc;

	rc = wait_alarm_start(&alarm, &wt);
	if (rc < 0)
		return rc;
	do {
		len = msgrcv(q->handle, buf, size, options->select, how);
		if (len >= 0)
			break;
		len = -errno;
		if (len != -EINTR)
			break;
		len = wait_interrupted(&wt);
	} while (len == 0);
	wait_alarm_stop(&alarm);
	return len;
}

/* The first try; one that may wait for ever needs no second one. */
static ssize_t
receive(
    const struct ipcq *q, void *buf, size_t size, const struct ipcq_options *options)
{
	unsigned flags = options->flags;
	int how = receive_flags(flags);
	ssize_t len;

	if ((flags & (IPCQ_NOWAIT | IPCQ_TIMED)) != 0)
		how |= IPC_NOWAIT;
	len = msgrcv(q->handle, buf, size, options->select, how);
	if (len >= 0)
		return len;
	if (errno == ENOMSG) {
		if ((flags & IPCQ_NOWAIT) != 0)
			return -EAGAIN;
		if (options->timeout_ns == 0)
			return -ETIMEDOUT;
	} else if (errno != EINTR) {
		return -errno;
	} else if ((flags & IPCQ_INTERRUPTIBLE) != 0) {
		return -EINTR;
	}
	return receive_waiting(q, buf, size, options);
}

ssize_t
sysvq_receive(const struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	ssize_t len = receive(q, buf, size - IPCQ_HEAD, options);

	if (len >= 0)
		return queue_message(ret, buf, len);
	if (len == -E2BIG)
		return too_small(q, options, size - IPCQ_HEAD, ret);
	return len == -EINVAL ? -EIDRM : len;
}

static ssize_t
length_at(const struct ipcq *q, long position)
{
	size_t size = 0;
	char *room = NULL;
	ssize_t len;

	len = copy_room(q, &room, &size);
	if (len < 0)
		return len;
	len = msgrcv(q->handle, room, size, position, MSG_COPY | IPC_NOWAIT);
	if (len < 0)
		len = -errno;
	free(room);
	return len;
}

ssize_t
sysvq_peek(const struct ipcq *q, void *buf, size_t size, uint64_t position,
    struct ipcq_message *ret)
{
	ssize_t len;

	if (position > LONG_MAX)
		return -EAGAIN;
	len = msgrcv(
	    q->handle, buf, size - IPCQ_HEAD, (long)position, MSG_COPY | IPC_NOWAIT);
	if (len >= 0)
		return queue_message(ret, buf, len);
	if (errno == E2BIG) {
		len = length_at(q, (long)position);
		if (len >= 0) {
			ret->length = (size_t)len;
			return -E2BIG;
		}
		errno = (int)-len;
	}
	if (errno == ENOMSG)
		return -EAGAIN;
	return errno == EINVAL ? -EIDRM : -errno;
}

ssize_t
sysvq_receive_slot(
    const struct ipcq *q, void *body, size_t size, int64_t select, unsigned flags)
{
	int how = ((flags & IPCQ_NOWAIT) != 0 ? IPC_NOWAIT : 0) |
		  ((flags & IPCQ_EXCEPT) != 0 ? MSG_EXCEPT : 0);
	ssize_t len;

	len = msgrcv(q->handle, (char *)body - QUEUE_TYPE_BYTES, size, select, how);
	if (len >= 0)
		return len;
	return errno == ENOMSG ? -EAGAIN : -errno;
}

int
sysvq_wait(const struct ipcq *q, int64_t select, unsigned flags, int64_t *type_slot)
{
	int how = (flags & IPCQ_EXCEPT) != 0 ? MSG_EXCEPT : 0;

	/* No message with a body fits into 0 bytes: the kernel says so and keeps it. */
	if (msgrcv(q->handle, type_slot, 0, select, how) == 0)
		return 1;
	return errno == E2BIG ? 0 : -errno;
}
