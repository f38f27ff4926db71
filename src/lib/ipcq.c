#include "lib/ipcq.h"

#include <errno.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>

#include "lib/queue.h"
#include "lib/uri.h"

#define OPEN_FLAGS (IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE | IPCQ_EXCLUSIVE)

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
	*ret = q;
	return 0;
fail:
	ipcq_close(q);
	return rc;
}

void
ipcq_close(struct ipcq *q)
{
	if (q == NULL)
		return;
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

int
ipcq_attributes(const struct ipcq *q, struct ipcq_attributes *ret)
{
	return q->kind == IPCQ_POSIX ? posixq_attributes(q, ret)
				     : sysvq_attributes(q, ret);
}

int
ipcq_send(struct ipcq *q, const void *body, size_t len, int64_t type, unsigned flags)
{
	if ((flags & ~IPCQ_NOWAIT) != 0)
		return -EINVAL;
	if (q->kind == IPCQ_POSIX)
		return posixq_send(q, body, len, type, flags);
	return sysvq_send(q, body, len, type, flags);
}

int
ipcq_send_slot(struct ipcq *q, const void *body, size_t len, unsigned flags)
{
	if ((flags & ~IPCQ_NOWAIT) != 0)
		return -EINVAL;
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
