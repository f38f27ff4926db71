#include "lib/ipcq.h"

#include <errno.h>
#include <limits.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "lib/queue.h"
#include "lib/uri.h"
#include "lib/watch.h"

#define OPEN_FLAGS                                                                     \
	(IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE | IPCQ_EXCLUSIVE | IPCQ_NONBLOCK)
#define WAIT_FLAGS (IPCQ_NOWAIT | IPCQ_INTERRUPTIBLE | IPCQ_TIMED)
#define CHANGE_ALL                                                                     \
	(IPCQ_SET_OWNER | IPCQ_SET_GROUP | IPCQ_SET_MODE | IPCQ_SET_MAX_BYTES)
#define FAST_BODY  512 /* bytes of a System V message that is sent without a detour */
#define ID_URI_MAX 20  /* "sysv:id:2147483647" */

int
ipcq_parse(const char *uri, enum ipcq_kind *ret_kind)
{
	struct uri u;
	int rc;

	rc = uri_parse(&u, uri);
	if (rc < 0)
		return rc;
	*ret_kind = uri_kind(&u);
	return 0;
}

static int
check_flags(unsigned flags, const struct ipcq_create *create)
{
	if ((flags & ~OPEN_FLAGS) != 0 || (flags & (IPCQ_READ | IPCQ_WRITE)) == 0)
		return -EINVAL;
	if ((flags & IPCQ_EXCLUSIVE) != 0 && (flags & IPCQ_CREATE) == 0)
		return -EINVAL;
	if ((flags & IPCQ_CREATE) != 0 && (queue_mode(create) & ~(mode_t)0777) != 0)
		return -EINVAL;
	return 0;
}

/* A private queue is found again by its id only. */
static int
name_private(struct ipcq *q)
{
	char *uri = malloc(ID_URI_MAX);

	if (uri == NULL) {
		(void)msgctl(q->handle, IPC_RMID, NULL);
		return -ENOMEM;
	}
	(void)snprintf(uri, ID_URI_MAX, "sysv:id:%d", q->handle);
	free(q->uri);
	q->uri = uri;
	return 0;
}

int
ipcq_open(struct ipcq **ret, const char *uri, unsigned flags,
    const struct ipcq_create *create)
{
	struct ipcq *q;
	struct uri u;
	int rc;

	rc = uri_parse(&u, uri);
	if (rc == 0)
		rc = check_flags(flags, create);
	if (rc < 0)
		return rc;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return -ENOMEM;
	q->kind = uri_kind(&u);
	q->handle = -1;
	q->flags = flags & ~IPCQ_NONBLOCK;
	q->send_kind = (flags & IPCQ_WRITE) != 0 ? (int)q->kind : 0;
	q->receive_kind = (flags & IPCQ_READ) != 0 ? (int)q->kind : 0;
	ipcq_set_blocking(q, (flags & IPCQ_NONBLOCK) == 0);
	q->uri = strdup(uri);
	if (q->uri == NULL) {
		rc = -ENOMEM;
		goto fail;
	}
	rc = q->kind == IPCQ_POSIX ? posixq_open(&u, flags, create)
				   : sysvq_open(&u, flags, create);
	if (rc < 0)
		goto fail;
	q->handle = rc;
	rc = u.form == URI_PRIVATE ? name_private(q) : 0;
	if (rc < 0)
		goto fail;
	*ret = q;
	return 0;
fail:
	ipcq_close(q);
	return rc;
}

/* When a callback closes its own queue, its thread goes on without it. */
static void
leave_own_callback(struct ipcq *q)
{
	struct watch *wa = watch_of(q);

	while (wa != NULL && wa->notices != NULL) {
		struct notice *no = wa->notices;

		wa->notices = no->next;
		no->q = NULL;
	}
}

void
ipcq_close(struct ipcq *q)
{
	if (q == NULL)
		return;
	(void)ipcq_notify_cancel(q);
	leave_own_callback(q);
	watch_free(q);
	if (q->kind == IPCQ_POSIX && q->handle >= 0)
		(void)mq_close(q->handle);
	free(q->uri);
	free(q);
}

int
ipcq_remove(const char *uri)
{
	struct uri u;
	int rc;

	rc = uri_parse(&u, uri);
	if (rc < 0)
		return rc;
	return uri_kind(&u) == IPCQ_POSIX ? posixq_remove(&u) : sysvq_remove(&u);
}

enum ipcq_kind
ipcq_kind(const struct ipcq *q)
{
	return q->kind;
}

const char *
ipcq_uri(const struct ipcq *q)
{
	return q->uri;
}

int
ipcq_fd(const struct ipcq *q)
{
	return q->kind == IPCQ_POSIX ? q->handle : -EOPNOTSUPP;
}

int
ipcq_id(const struct ipcq *q)
{
	return q->kind == IPCQ_SYSV ? q->handle : -EOPNOTSUPP;
}

unsigned
ipcq_flags(const struct ipcq *q)
{
	return q->flags;
}

int
ipcq_blocking(const struct ipcq *q)
{
	return atomic_load_explicit(&q->nowait, memory_order_relaxed) == 0;
}

void
ipcq_set_blocking(struct ipcq *q, int blocking)
{
	atomic_store_explicit(
	    &q->nowait, blocking ? 0 : IPCQ_NOWAIT, memory_order_relaxed);
}

int
ipcq_attributes(const struct ipcq *q, struct ipcq_attributes *ret)
{
	return q->kind == IPCQ_POSIX ? posixq_attributes(q, ret)
				     : sysvq_attributes(q, ret);
}

int64_t
ipcq_size(const struct ipcq *q)
{
	struct ipcq_attributes at;
	int rc;

	rc = ipcq_attributes(q, &at);
	return rc < 0 ? rc : (int64_t)at.messages;
}

int
ipcq_change(struct ipcq *q, const struct ipcq_change *change)
{
	if ((change->set & ~CHANGE_ALL) != 0)
		return -EINVAL;
	if ((change->set & IPCQ_SET_MODE) != 0 && (change->mode & ~(mode_t)0777) != 0)
		return -EINVAL;
	return q->kind == IPCQ_POSIX ? posixq_change(q, change)
				     : sysvq_change(q, change);
}

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
	if (q->kind == IPCQ_POSIX) /* mq_send(3) is declared to take no NULL */
		return posixq_send(q, body != NULL ? body : "", len, type, options);
	return sysvq_send(q, body, len, type, options);
}

NOT_INLINE static int
send_slowly(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	struct ipcq_options options = { 0 };

	if ((flags & ~(IPCQ_NOWAIT | IPCQ_INTERRUPTIBLE)) != 0)
		return -EINVAL;
	options.flags = wait_flags(q, flags);
	return send_by_kind(q, body, len, type, &options);
}

/* A short message without the detour over sysvq_send(). */
NOT_INLINE static int
send_sysv(struct ipcq *q, const void *body, size_t len, int64_t type)
{
	struct {
		int64_t type;
		char body[FAST_BODY];
	} slot;

	if (len - 1 < FAST_BODY) {
		slot.type = type;
		memcpy(slot.body, body, len);
		if (msgsnd(q->handle, &slot, len, IPC_NOWAIT) == 0)
			return 0;
	}
	return send_slowly(q, body, len, type, 0);
}

/* What is most frequent comes first and in few instructions: a message for which there is
 * room. Everything else, errors included, is found out once more, from copies that are
 * volatile: registers would have to be saved and restored each time. */
int
ipcq_send(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	struct ipcq *volatile again_q = q;
	const void *volatile again_body = body;
	volatile size_t again_len = len;
	volatile int64_t again_type = type;

	if (q->send_kind != IPCQ_POSIX) {
		if (q->send_kind == IPCQ_SYSV && flags == 0)
			return send_sysv(q, body, len, type);
		return send_slowly(q, body, len, type, flags);
	}
	if (flags != 0 || (uint64_t)type > IPCQ_PRIORITY_MAX || body == NULL)
		return send_slowly(q, body, len, type, flags);
	if (LIKELY(mq_send(q->handle, body, len, (unsigned)type) == 0))
		return 0;
	return send_slowly(again_q, again_body, again_len, again_type, 0);
}

int
ipcq_send_with(struct ipcq *q, const void *body, size_t len, int64_t type,
    const struct ipcq_options *options)
{
	struct ipcq_options effective = { 0 };

	if (options != NULL)
		effective = *options;
	if ((effective.flags & ~WAIT_FLAGS) != 0 || effective.select != 0)
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

/* As ipcq_send(). */
ssize_t
ipcq_receive(struct ipcq *q, void *buf, size_t size, const struct ipcq_options *options,
    struct ipcq_message *ret)
{
	struct ipcq *volatile again_q = q;
	void *volatile again_buf = buf;
	volatile size_t again_size = size;
	struct ipcq_message *volatile again_ret = ret;
	struct ipcq_message *into;
	char *head;
	ssize_t len = -1;

	if (options != NULL || size < IPCQ_HEAD)
		return receive_slowly(q, buf, size, options, ret);
	if (q->receive_kind == IPCQ_POSIX) {
		len = mq_receive(
		    q->handle, (char *)buf + IPCQ_HEAD, size - IPCQ_HEAD, buf);
		head = again_buf;
		into = again_ret;
		if (LIKELY(len >= 0)) {
			into->body = head + IPCQ_HEAD;
			into->length = (size_t)len;
			into->type = queue_priority(head);
			return len;
		}
	} else if (q->receive_kind == IPCQ_SYSV &&
		   atomic_load_explicit(&q->watch, memory_order_acquire) == NULL) {
		len = msgrcv(q->handle, buf, size - IPCQ_HEAD, 0, IPC_NOWAIT);
		head = again_buf;
		into = again_ret;
		if (LIKELY(len >= 0))
			return queue_message(into, head, len);
	}
	return receive_slowly(again_q, again_buf, again_size, NULL, again_ret);
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
	return sysvq_peek(q, buf, size, position, ret);
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
