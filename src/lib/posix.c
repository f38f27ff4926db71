#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/limits.h"
#include "lib/queue.h"
#include "lib/uri.h"

#define PRIORITY_MAX 32767 /* MQ_PRIO_MAX - 1, mq_overview(7) */
#define OPEN_TRIES   100   /* others may make and remove the name while we look */

static int
access_flags(unsigned flags)
{
	int access = O_RDONLY;

	if ((flags & IPCQ_WRITE) != 0)
		access = (flags & IPCQ_READ) != 0 ? O_RDWR : O_WRONLY;
	return access | O_NONBLOCK | O_CLOEXEC;
}

/* mq_open(3) wants both numbers or none. */
static int
fill_attributes(struct mq_attr *at, const struct ipcq_create *create)
{
	uint64_t messages = create->max_messages;
	uint64_t size = create->message_size;

	if (messages == 0)
		messages = limits_posix_default_messages();
	if (size == 0)
		size = limits_posix_default_size();
	if (messages > LONG_MAX || size > LONG_MAX)
		return -EINVAL;
	at->mq_maxmsg = (long)messages;
	at->mq_msgsize = (long)size;
	return 0;
}

/* Owner first: while the new owner is not set, nobody else gets in; then the mode,
 * which mq_open(3) had bent by the umask. */
static int
set_permissions(int fd, const struct ipcq_create *create)
{
	if (queue_changes_owner(create) && fchown(fd, create->owner, create->group) < 0)
		return -errno;
	if (fchmod(fd, queue_mode(create)) < 0)
		return -errno;
	return 0;
}

static int
make(const struct uri *u, unsigned flags, const struct ipcq_create *create)
{
	struct mq_attr at = { 0 };
	mode_t mode = queue_mode(create);
	int sized =
	    create != NULL && (create->max_messages != 0 || create->message_size != 0);
	int rc = 0;
	int fd;

	if (sized)
		rc = fill_attributes(&at, create);
	if (rc < 0)
		return rc;
	if (queue_changes_owner(create))
		mode &= S_IRWXU;
	fd = mq_open(
	    u->path, access_flags(flags) | O_CREAT | O_EXCL, mode, sized ? &at : NULL);
	if (fd < 0)
		return -errno;
	rc = set_permissions(fd, create);
	if (rc < 0) {
		(void)mq_unlink(u->path);
		(void)mq_close(fd);
		return rc;
	}
	return fd;
}

static int
open_existing(const struct uri *u, unsigned flags)
{
	int fd = mq_open(u->path, access_flags(flags));

	return fd < 0 ? -errno : fd;
}

int
posixq_open(const struct uri *u, unsigned flags, const struct ipcq_create *create)
{
	int rc = -EEXIST;

	if ((flags & IPCQ_CREATE) == 0)
		return open_existing(u, flags);
	for (int i = 0; i < OPEN_TRIES; i++) {
		rc = make(u, flags, create);
		if (rc != -EEXIST || (flags & IPCQ_EXCLUSIVE) != 0)
			return rc;
		rc = open_existing(u, flags);
		if (rc != -ENOENT)
			return rc;
	}
	return rc;
}

int
posixq_remove(const struct uri *u)
{
	return mq_unlink(u->path) < 0 ? -errno : 0;
}

int
posixq_attributes(const struct ipcq *q, struct ipcq_attributes *ret)
{
	struct mq_attr at;
	struct stat st;

	if (mq_getattr(q->handle, &at) < 0)
		return -errno;
	if (fstat(q->handle, &st) < 0)
		return -errno;
	*ret = (struct ipcq_attributes){
		.kind = IPCQ_POSIX,
		.messages = (uint64_t)at.mq_curmsgs,
		.max_messages = (uint64_t)at.mq_maxmsg,
		.message_size = (uint64_t)at.mq_msgsize,
		.max_bytes = (uint64_t)at.mq_maxmsg * (uint64_t)at.mq_msgsize,
		.mode = st.st_mode & 0777,
		.owner = st.st_uid,
		.group = st.st_gid,
		.removed = st.st_nlink == 0,
	};
	return 0;
}

/* The descriptor does not block and the calls with a timeout obey the wall clock, so
 * waiting is poll's work. Another process may be faster: the caller tries again. */
static int
wait_for(const struct ipcq *q, short events)
{
	struct pollfd pfd = { .fd = q->handle, .events = events };

	return poll(&pfd, 1, -1) < 0 ? -errno : 0;
}

int
posixq_send(const struct ipcq *q, const void *body, size_t len, int64_t priority,
    unsigned flags)
{
	int rc;

	if (priority < 0 || priority > PRIORITY_MAX)
		return -EINVAL;
	for (;;) {
		if (mq_send(q->handle, body, len, (unsigned)priority) == 0)
			return 0;
		rc = -errno;
		if (rc != -EAGAIN || (flags & IPCQ_NOWAIT) != 0)
			return rc;
		rc = wait_for(q, POLLOUT);
		if (rc < 0)
			return rc;
	}
}

int
posixq_send_slot(const struct ipcq *q, const void *body, size_t len, unsigned flags)
{
	uint32_t priority; /* 64-bit little-endian: the low half stands first */

	memcpy(&priority, (const char *)body - QUEUE_TYPE_BYTES, sizeof(priority));
	return posixq_send(q, body, len, priority, flags);
}

ssize_t
posixq_receive_slot(const struct ipcq *q, void *body, size_t size, unsigned flags)
{
	unsigned *priority = (void *)((char *)body - QUEUE_TYPE_BYTES);
	int rc;

	for (;;) {
		ssize_t len = mq_receive(q->handle, body, size, priority);

		if (len >= 0)
			return len;
		rc = -errno;
		if (rc != -EAGAIN || (flags & IPCQ_NOWAIT) != 0)
			return rc;
		rc = wait_for(q, POLLIN);
		if (rc < 0)
			return rc;
	}
}
