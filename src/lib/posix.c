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
	if (queue_changes_owner(create) &&
	    fchown(fd, queue_owner(create->set, create->owner),
		queue_group(create->set, create->group)) < 0)
		return -errno;
	if (fchmod(fd, queue_mode(create)) < 0)
		return -errno;
	return 0;
}

int
posixq_make(const struct uri *u, unsigned flags, const struct ipcq_create *create)
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

int
posixq_attach(const struct uri *u, unsigned flags)
{
	int fd = mq_open(u->path, access_flags(flags));

	return fd < 0 ? -errno : fd;
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

/* Mode first: who gives a queue away may not change it any more. */
int
posixq_change(const struct ipcq *q, const struct ipcq_change *change)
{
	uid_t owner = queue_owner(change->set, change->owner);
	gid_t group = queue_group(change->set, change->group);
	struct stat st;
	int rc;

	if ((change->set & IPCQ_SET_MAX_BYTES) != 0)
		return -EOPNOTSUPP;
	if (fstat(q->handle, &st) < 0)
		return -errno;
	if ((change->set & IPCQ_SET_MODE) != 0 && fchmod(q->handle, change->mode) < 0)
		return -errno;
	if ((owner == (uid_t)-1 && group == (gid_t)-1) ||
	    fchown(q->handle, owner, group) == 0)
		return 0;
	rc = -errno;
	if ((change->set & IPCQ_SET_MODE) != 0)
		(void)fchmod(q->handle, st.st_mode & ACCESSPERMS);
	return rc;
}

/* The descriptor does not block and the calls with a timeout obey the wall clock, so
 * waiting is poll's work. Another process may be faster: then the caller tries again.
 * The first try has failed when this is called. */
static int
send_waiting(const struct ipcq *q, const void *body, size_t len, unsigned priority,
    const struct ipcq_options *options)
{
	struct wait wt = wait_begin(options);
	int rc;

	for (;;) {
		rc = wait_poll(&wt, q->handle, POLLOUT);
		if (rc < 0)
			return rc;
		if (mq_send(q->handle, body, len, priority) == 0)
			return 0;
		if (errno != EAGAIN)
			return -errno;
	}
}

int
posixq_send(const struct ipcq *q, const void *body, size_t len, int64_t priority,
    const struct ipcq_options *options)
{
	if (priority < 0 || priority > IPCQ_PRIORITY_MAX)
		return -EINVAL;
	if (mq_send(q->handle, body, len, (unsigned)priority) == 0)
		return 0;
	if (errno != EAGAIN || (options->flags & IPCQ_NOWAIT) != 0)
		return -errno;
	return send_waiting(q, body, len, (unsigned)priority, options);
}

int
posixq_send_slot(const struct ipcq *q, const void *body, size_t len, unsigned flags)
{
	const struct ipcq_options options = { .flags = flags | IPCQ_INTERRUPTIBLE };
	uint32_t priority = queue_priority((const char *)body - QUEUE_TYPE_BYTES);

	return posixq_send(q, body, len, priority, &options);
}

static ssize_t
receive_waiting(const struct ipcq *q, void *body, size_t size, unsigned *priority,
    const struct ipcq_options *options)
{
	struct wait wt = wait_begin(options);

	for (;;) {
		int rc = wait_poll(&wt, q->handle, POLLIN);
		ssize_t len;

		if (rc < 0)
			return rc;
		len = mq_receive(q->handle, body, size, priority);
		if (len >= 0)
			return len;
		if (errno != EAGAIN)
			return -errno;
	}
}

/* mq_receive(3) takes no buffer below message_size: say how large that is. */
static ssize_t
too_small(const struct ipcq *q, struct ipcq_message *ret)
{
	struct mq_attr at;

	if (mq_getattr(q->handle, &at) < 0)
		return -errno;
	ret->length = (size_t)at.mq_msgsize;
	return -E2BIG;
}

ssize_t
posixq_receive(const struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	char *body = (char *)buf + IPCQ_HEAD;
	unsigned priority;
	ssize_t len;

	if (options->select != 0)
		return -EOPNOTSUPP;
	len = mq_receive(q->handle, body, size - IPCQ_HEAD, &priority);
	if (len < 0) {
		len = -errno;
		if (len == -EAGAIN && (options->flags & IPCQ_NOWAIT) == 0)
			len = receive_waiting(
			    q, body, size - IPCQ_HEAD, &priority, options);
		if (len < 0)
			return len == -EMSGSIZE ? too_small(q, ret) : len;
	}
	ret->body = body;
	ret->length = (size_t)len;
	ret->type = priority;
	return len;
}

ssize_t
posixq_receive_slot(const struct ipcq *q, void *body, size_t size, unsigned flags)
{
	const struct ipcq_options options = { .flags = IPCQ_INTERRUPTIBLE };
	unsigned *priority = (void *)((char *)body - QUEUE_TYPE_BYTES);
	ssize_t len;

	len = mq_receive(q->handle, body, size, priority);
	if (len >= 0)
		return len;
	if (errno != EAGAIN || (flags & IPCQ_NOWAIT) != 0)
		return -errno;
	return receive_waiting(q, body, size, priority, &options);
}
