#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "lib/limits.h"
#include "lib/queue.h"

#define STACK_BODY 8192 /* bytes; kernel.msgmax where nobody raised it */

/* What msgsnd(2) takes: a type right before the body. */
struct message {
	long type;
	char body[STACK_BODY];
};

/* msgsnd(2) says EINVAL for a type, for a length and for an id that is gone. */
static int
explain_invalid(const struct ipcq *q, size_t len, long type)
{
	struct msqid_ds ds;
	uint64_t largest = 0;

	if (type < 1)
		return -EINVAL;
	if (sysvq_status(&ds, q->handle) == -EIDRM)
		return -EIDRM;
	if (limits_sysv_message(&largest) == 0 && len > largest)
		return -EMSGSIZE;
	return -EINVAL;
}

/* Beyond the queue's bytes, but within kernel.msgmax, the kernel would wait for ever.
 * */
static int
can_never_fit(const struct ipcq *q, size_t len)
{
	struct msqid_ds ds;

	/* Each message counts as one at least, also one without a body. */
	return sysvq_status(&ds, q->handle) == 0 &&
	       (len > ds.msg_qbytes || ds.msg_qbytes == 0);
}

/* The queue was full. Nobody tells when it no longer is, so the kernel waits. */
static int
send_waiting(const struct ipcq *q, const void *slot, size_t len,
    const struct ipcq_options *options)
{
	struct wait wt = wait_begin(options);
	struct wait_alarm alarm;
	int rc;

	if ((wt.flags & IPCQ_TIMED) != 0 && options->timeout_ns == 0)
		return -ETIMEDOUT;
	rc = wait_alarm_start(&alarm, &wt);
	if (rc < 0)
		return rc;
	do {
		rc = msgsnd(q->handle, slot, len, 0) < 0 ? -errno : 0;
		if (rc != -EINTR)
			break;
		rc = wait_interrupted(&wt);
	} while (rc == 0);
	wait_alarm_stop(&alarm);
	return rc;
}

static int
send_slot(const struct ipcq *q, const void *slot, size_t len,
    const struct ipcq_options *options)
{
	long type;
	int rc;

	if (msgsnd(q->handle, slot, len, IPC_NOWAIT) == 0)
		return 0;
	rc = -errno;
	if (rc == -EAGAIN && can_never_fit(q, len))
		return -EMSGSIZE;
	if (rc == -EAGAIN && (options->flags & IPCQ_NOWAIT) == 0)
		rc = send_waiting(q, slot, len, options);
	if (rc == -EINVAL) {
		memcpy(&type, slot, sizeof(type));
		rc = explain_invalid(q, len, type);
	}
	return rc;
}

int
sysvq_send_slot(const struct ipcq *q, const void *body, size_t len, unsigned flags)
{
	const struct ipcq_options options = { .flags = flags | IPCQ_INTERRUPTIBLE };

	return send_slot(q, (const char *)body - QUEUE_TYPE_BYTES, len, &options);
}

static int
send_from_heap(const struct ipcq *q, const void *body, size_t len, long type,
    const struct ipcq_options *options)
{
	uint64_t largest = 0;
	char *slot;
	int rc;

	rc = limits_sysv_message(&largest);
	if (rc < 0)
		return rc;
	if (len > largest)
		return -EMSGSIZE;
	slot = malloc(QUEUE_TYPE_BYTES + len);
	if (slot == NULL)
		return -ENOMEM;
	memcpy(slot, &type, QUEUE_TYPE_BYTES);
	memcpy(slot + QUEUE_TYPE_BYTES, body, len);
	rc = send_slot(q, slot, len, options);
	free(slot);
	return rc;
}

int
sysvq_send(const struct ipcq *q, const void *body, size_t len, int64_t type,
    const struct ipcq_options *options)
{
	struct message msg;

	if (type < 1)
		return -EINVAL;
	if ((options->flags & IPCQ_HEADROOM) != 0) {
		memcpy(queue_slot(body), &type, sizeof(type));
		return send_slot(q, queue_slot(body), len, options);
	}
	if (len > sizeof(msg.body))
		return send_from_heap(q, body, len, type, options);
	msg.type = type;
	if (len > 0) /* then body may be NULL */
		memcpy(msg.body, body, len);
	return send_slot(q, &msg, len, options);
}
