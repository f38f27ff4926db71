#include "lib/message.h"

#include <errno.h>
#include <limits.h>
#include <mqueue.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "lib/queue.h"
#include "lib/watch.h"

#define WAIT_FLAGS (IPCQ_NOWAIT | IPCQ_INTERRUPTIBLE | IPCQ_TIMED)
/* Bytes of System V messages that are sent without a detour. */
#define SHORT_BODY 64
#define FAST_BODY  4096

/* What the caller did not say is said by the handle's mode. */
static unsigned
wait_flags(const struct ipcq *q, unsigned flags)
{
	if ((flags & (IPCQ_NOWAIT | IPCQ_TIMED)) != 0)
		return flags;
	return flags | atomic_load_explicit(&q->nowait, memory_order_relaxed);
}

static int
send_by_kind(struct ipcq *q, const void *body, size_t len, int64_t type,
    const struct ipcq_options *options)
{
	if ((q->flags & IPCQ_WRITE) == 0)
		return -EBADF;
	if (body == NULL && (options->flags & IPCQ_HEADROOM) != 0)
		return -EINVAL;
	if (q->kind == IPCQ_POSIX) /* mq_send(3) is declared to take no NULL */
		return posixq_send(q, body != NULL ? body : "", len, type, options);
	return sysvq_send(q, body, len, type, options);
}

NOT_INLINE static int
send_slowly(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	struct ipcq_options options = { 0 };

	if ((flags & ~(IPCQ_NOWAIT | IPCQ_INTERRUPTIBLE | IPCQ_HEADROOM)) != 0)
		return -EINVAL;
	options.flags = wait_flags(q, flags);
	return send_by_kind(q, body, len, type, &options);
}

/* The first try of each kind: what is most frequent in few instructions, which is a
 * message for which there is room. Everything else, errors included, is found out once
 * more, from copies that are volatile: registers would have to be saved and restored each
 * time. */
static int
send_posix(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	struct ipcq *volatile again_q = q;
	const void *volatile again_body = body;
	volatile size_t again_len = len;
	volatile int64_t again_type = type;

	if ((flags & ~IPCQ_HEADROOM) != 0 || (uint64_t)type > IPCQ_PRIORITY_MAX ||
	    body == NULL)
		return send_slowly(q, body, len, type, flags);
	if (LIKELY(mq_send(q->handle, body, len, (unsigned)type) == 0))
		return 0;
	return send_slowly(again_q, again_body, again_len, again_type, 0);
}

/* Copies of fixed sizes, which may overlap, are a few moves and no call. */
static inline void
copy_tiny(char *to, const char *from, size_t len)
{
	if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else if (len >= 2) {
		memcpy(to, from, 2);
		memcpy(to + len - 2, from + len - 2, 2);
	} else if (len > 0) {
		to[0] = from[0];
	}
}

static inline void
copy_short(char *to, const char *from, size_t len)
{
	if (LIKELY(len > 32)) {
		memcpy(to, from, 16);
		memcpy(to + 16, from + 16, 16);
		memcpy(to + len - 32, from + len - 32, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 16) {
		memcpy(to, from, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else {
		copy_tiny(to, from, len);
	}
}

NOT_INLINE static int
send_in_place(struct ipcq *q, const void *body, size_t len, int64_t type)
{
	void *slot = queue_slot(body);
	struct ipcq *volatile again_q = q;
	const void *volatile again_body = body;
	volatile size_t again_len = len;

	memcpy(slot, &type, sizeof(type));
	if (LIKELY(msgsnd(q->handle, slot, len, IPC_NOWAIT) == 0))
		return 0;
	return send_slowly(
	    again_q, again_body, again_len, queue_type(again_body), IPCQ_HEADROOM);
}

NOT_INLINE static int
send_copied(struct ipcq *q, const void *body, size_t len, int64_t type)
{
	struct {
		int64_t type;
		char body[FAST_BODY];
	} slot;

	slot.type = type;
	memcpy(slot.body, body, len);
	if (LIKELY(msgsnd(q->handle, &slot, len, IPC_NOWAIT) == 0))
		return 0;
	return send_slowly(q, slot.body, len, type, IPCQ_HEADROOM);
}

/* The one array is written by copy_short() alone, never beyond len, which is checked right
 * before: to guard the stack would take longer than the copy. */
NO_STACK_PROTECTOR static int
send_sysv(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	struct {
		int64_t type;
		char body[SHORT_BODY];
	} slot;
	struct ipcq *volatile again_q = q;
	volatile size_t again_len = len;

	if (flags != 0 || len > SHORT_BODY) {
		if (flags == 0 && len <= FAST_BODY)
			return send_copied(q, body, len, type);
		if (flags == IPCQ_HEADROOM && body != NULL)
			return send_in_place(q, body, len, type);
		return send_slowly(q, body, len, type, flags);
	}
	slot.type = type;
	copy_short(slot.body, body, len);
	if (LIKELY(msgsnd(q->handle, &slot, len, IPC_NOWAIT) == 0))
		return 0;
	return send_slowly(again_q, slot.body, again_len, slot.type, IPCQ_HEADROOM);
}

int
ipcq_send(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	return q->send(q, body, len, type, flags);
}

int
ipcq_send_with(struct ipcq *q, const void *body, size_t len, int64_t type,
    const struct ipcq_options *options)
{
	struct ipcq_options effective = { 0 };

	if (options != NULL)
		effective = *options;
	if ((effective.flags & ~(WAIT_FLAGS | IPCQ_HEADROOM)) != 0 ||
	    effective.select != 0)
		return -EINVAL;
	effective.flags = wait_flags(q, effective.flags);
	return send_by_kind(q, body, len, type, &effective);
}

/* What no kind can do. */
static int
check_receive(const struct ipcq_options *options)
{
	if ((options->flags & ~(WAIT_FLAGS | IPCQ_EXCEPT | IPCQ_TRUNCATE)) != 0)
		return -EINVAL;
	return (options->flags & IPCQ_EXCEPT) != 0 && options->select <= 0 ? -EINVAL
									   : 0;
}

NOT_INLINE static ssize_t
receive_slowly(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	struct ipcq_options effective = { 0 };
	int rc;

	if ((q->flags & IPCQ_READ) == 0)
		return -EBADF;
	if (size < IPCQ_HEAD || size > SSIZE_MAX)
		return -EINVAL;
	if (options != NULL) {
		effective = *options;
		if (q->kind == IPCQ_POSIX &&
		    (effective.flags & (IPCQ_EXCEPT | IPCQ_TRUNCATE)) != 0)
			return -EOPNOTSUPP;
		rc = check_receive(options);
		if (rc < 0)
			return rc;
	}
	effective.flags = wait_flags(q, effective.flags);
	if (q->kind == IPCQ_POSIX)
		return posixq_receive(q, buf, size, &effective, ret);
	if (atomic_load_explicit(&q->watch, memory_order_acquire) != NULL &&
	    watch_of(q) != NULL)
		return watch_receive(q, buf, size, &effective, ret);
	return sysvq_receive(q, buf, size, &effective, ret);
}

static ssize_t
receive_posix(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	struct ipcq *volatile again_q = q;
	void *volatile again_buf = buf;
	volatile size_t again_size = size;
	struct ipcq_message *volatile again_ret = ret;
	struct ipcq_message *into;
	char *head;
	ssize_t len;

	if (options != NULL || size < IPCQ_HEAD)
		return receive_slowly(q, buf, size, options, ret);
	len = mq_receive(q->handle, (char *)buf + IPCQ_HEAD, size - IPCQ_HEAD, buf);
	head = again_buf;
	into = again_ret;
	if (LIKELY(len >= 0)) {
		into->body = head + IPCQ_HEAD;
		into->length = (size_t)len;
		into->type = queue_priority(head);
		return len;
	}
	return receive_slowly(again_q, again_buf, again_size, NULL, again_ret);
}

static ssize_t
receive_sysv(struct ipcq *q, void *buf, size_t size, const struct ipcq_options *options,
    struct ipcq_message *ret)
{
	struct ipcq *volatile again_q = q;
	void *volatile again_buf = buf;
	volatile size_t again_size = size;
	struct ipcq_message *volatile again_ret = ret;
	ssize_t len;

	if (options != NULL || size < IPCQ_HEAD)
		return receive_slowly(q, buf, size, options, ret);
	len = msgrcv(q->handle, buf, size - IPCQ_HEAD, 0, IPC_NOWAIT);
	if (LIKELY(len >= 0))
		return queue_message(again_ret, again_buf, len);
	return receive_slowly(again_q, again_buf, again_size, NULL, again_ret);
}

ssize_t
ipcq_receive(struct ipcq *q, void *buf, size_t size, const struct ipcq_options *options,
    struct ipcq_message *ret)
{
	receive_fn *receive = atomic_load_explicit(&q->receive, memory_order_relaxed);

	return receive(q, buf, size, options, ret);
}

void
message_choose_calls(struct ipcq *q)
{
	receive_fn *receive = q->kind == IPCQ_POSIX ? receive_posix : receive_sysv;

	if ((q->flags & IPCQ_READ) == 0)
		receive = receive_slowly;
	q->send = q->kind == IPCQ_POSIX ? send_posix : send_sysv;
	if ((q->flags & IPCQ_WRITE) == 0)
		q->send = send_slowly;
	atomic_init(&q->receive, receive);
}

void
message_receive_slowly(struct ipcq *q)
{
	atomic_store_explicit(&q->receive, receive_slowly, memory_order_relaxed);
}

ssize_t
ipcq_peek(
    struct ipcq *q, void *buf, size_t size, uint64_t position, struct ipcq_message *ret)
{
	if (q->kind != IPCQ_SYSV)
		return -EOPNOTSUPP;
	if ((q->flags & IPCQ_READ) == 0)
		return -EBADF;
	if (size < IPCQ_HEAD || size > SSIZE_MAX)
		return -EINVAL;
	return watch_peek(q, buf, size, position, ret);
}

int
ipcq_send_slot(struct ipcq *q, const void *body, size_t len, unsigned flags)
{
	if ((flags & ~IPCQ_NOWAIT) != 0)
		return -EINVAL;
	if (q->kind == IPCQ_SYSV &&
	    LIKELY(msgsnd(q->handle, (const char *)body - QUEUE_TYPE_BYTES, len,
		       IPC_NOWAIT) == 0))
		return 0;
	if (q->kind == IPCQ_POSIX)
		return posixq_send_slot(q, body, len, flags);
	return sysvq_send_slot(q, body, len, flags);
}

ssize_t
ipcq_receive_slot(
    struct ipcq *q, void *body, size_t size, int64_t select, unsigned flags)
{
	if ((flags & ~(IPCQ_NOWAIT | IPCQ_EXCEPT)) != 0)
		return -EINVAL;
	if (q->kind == IPCQ_POSIX)
		return posixq_receive_slot(q, body, size, flags);
	return sysvq_receive_slot(q, body, size, select, flags);
}

int
ipcq_wait(struct ipcq *q, int64_t select, unsigned flags, int64_t *type_slot)
{
	if (q->kind != IPCQ_SYSV)
		return -EOPNOTSUPP;
	if ((flags & ~IPCQ_EXCEPT) != 0)
		return -EINVAL;
	return sysvq_wait(q, select, flags, type_slot);
}
