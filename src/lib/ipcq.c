#include "lib/ipcq.h"

#include <errno.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "lib/message.h"
#include "lib/queue.h"
#include "lib/uri.h"
#include "lib/watch.h"

#define OPEN_FLAGS                                                                     \
	(IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE | IPCQ_EXCLUSIVE | IPCQ_NONBLOCK)
#define CREATE_ALL (IPCQ_SET_OWNER | IPCQ_SET_GROUP | IPCQ_SET_MODE)
#define CHANGE_ALL (CREATE_ALL | IPCQ_SET_MAX_BYTES)
#define OPEN_TRIES 100 /* others may make and remove the queue while we look */
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

/* -1 stands for "as it is" in some system calls, so it is nobody's number. */
static int
check_owner(unsigned set, uid_t owner, gid_t group)
{
	if ((set & IPCQ_SET_OWNER) != 0 && owner == (uid_t)-1)
		return -EINVAL;
	return (set & IPCQ_SET_GROUP) != 0 && group == (gid_t)-1 ? -EINVAL : 0;
}

static int
check_create(const struct ipcq_create *create)
{
	if (create == NULL)
		return 0;
	if ((create->set & ~CREATE_ALL) != 0 ||
	    (queue_mode(create) & ~(mode_t)0777) != 0)
		return -EINVAL;
	return check_owner(create->set, create->owner, create->group);
}

static int
check_flags(unsigned flags, const struct ipcq_create *create)
{
	if ((flags & ~OPEN_FLAGS) != 0 || (flags & (IPCQ_READ | IPCQ_WRITE)) == 0)
		return -EINVAL;
	if ((flags & IPCQ_EXCLUSIVE) != 0 && (flags & IPCQ_CREATE) == 0)
		return -EINVAL;
	return (flags & IPCQ_CREATE) != 0 ? check_create(create) : 0;
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

static int
make(const struct uri *u, unsigned flags, const struct ipcq_create *create)
{
	return uri_kind(u) == IPCQ_POSIX ? posixq_make(u, flags, create)
					 : sysvq_make(u, create);
}

static int
attach(const struct uri *u, unsigned flags)
{
	return uri_kind(u) == IPCQ_POSIX ? posixq_attach(u, flags)
					 : sysvq_attach(u, flags);
}

/* The handle, or -errno. */
static int
attach_or_make(const struct uri *u, unsigned flags, const struct ipcq_create *create)
{
	int rc = -EEXIST;

	if ((flags & IPCQ_CREATE) == 0)
		return attach(u, flags);
	for (int i = 0; i < OPEN_TRIES; i++) {
		rc = make(u, flags, create);
		if (rc != -EEXIST || (flags & IPCQ_EXCLUSIVE) != 0)
			return rc;
		rc = attach(u, flags);
		if (rc != -ENOENT)
			return rc;
	}
	return rc;
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
	message_choose_calls(q);
	ipcq_set_blocking(q, (flags & IPCQ_NONBLOCK) == 0);
	q->uri = strdup(uri);
	if (q->uri == NULL) {
		rc = -ENOMEM;
		goto fail;
	}
	rc = attach_or_make(&u, flags, create);
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
leave_callbacks(struct ipcq *q)
{
	struct watch *wa = watch_of(q);

	if (wa != NULL)
		watch_cancel(q, wa, true);
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
	leave_callbacks(q);
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
				     : watch_attributes(q, ret);
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
	if (check_owner(change->set, change->owner, change->group) < 0)
		return -EINVAL;
	return q->kind == IPCQ_POSIX ? posixq_change(q, change)
				     : sysvq_change(q, change);
}
