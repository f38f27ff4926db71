#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <mqueue.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "lib/list.h"

#define MOUNTED      "/dev/mqueue"
#define MQUEUE_MAGIC 0x19800202 /* statfs(2) */
#define STATUS_MAX   128        /* bytes of the line that a queue's file reads as */

/* The mqueue file system of this namespace, mounted nowhere: fsmount(2). */
static int
open_detached(void)
{
	int context = (int)syscall(SYS_fsopen, "mqueue", FSOPEN_CLOEXEC);
	int fd = -1;

	if (context < 0)
		return -errno;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	if (fd < 0)
		fd = -errno;
	(void)close(context);
	return fd;
}

static int
open_mounted(void)
{
	struct statfs fs;
	int fd = open(MOUNTED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -EOPNOTSUPP : -errno;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == MQUEUE_MAGIC)
		return fd;
	(void)close(fd);
	return -EOPNOTSUPP;
}

/* A mount may show the queues of another IPC namespace: a name in it must lead to the
 * same file system when it is opened as a queue. Where that is not permitted nothing is
 * known. */
static int
is_other_namespace(int dir, const char *name)
{
	char path[NAME_MAX + 2];
	struct stat here;
	struct stat there;
	int other;
	int fd;

	(void)snprintf(path, sizeof(path), "/%s", name);
	if (fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	fd = mq_open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT &&
		       fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0;
	other = fstat(fd, &here) == 0 && here.st_dev != there.st_dev;
	(void)mq_close(fd);
	return other;
}

/* Is there a queue of that name in our namespace? Making it anew, which is not possible, is
 * answered without opening it. */
static bool
is_here(const char *name)
{
	struct mq_attr impossible = { 0 };
	char path[NAME_MAX + 2];
	int fd;

	(void)snprintf(path, sizeof(path), "/%s", name);
	fd = mq_open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0, &impossible);
	if (fd < 0)
		return errno == EEXIST;
	(void)mq_close(fd);
	return false;
}

/* Nothing in a mount tells whose it is when it is empty. So a queue is made for a moment:
 * 0, -EOPNOTSUPP, or why there can be none. */
static int
check_empty(int dir)
{
	struct mq_attr tiny = { .mq_maxmsg = 1, .mq_msgsize = 1 };
	char name[64];
	struct stat here;
	struct stat there;
	int rc = 0;
	int fd;

	(void)snprintf(name, sizeof(name), "/ipcq-list.%d.%" PRId64, (int)gettid(),
	    clock_monotonic_ns());
	fd = mq_open(name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0, &tiny);
	if (fd < 0)
		return errno == ENOSPC ? -EOPNOTSUPP : -errno; /* there are many */
	(void)mq_unlink(name);
	if (fstat(fd, &here) < 0 || fstat(dir, &there) < 0)
		rc = -errno;
	else if (here.st_dev != there.st_dev)
		rc = -EOPNOTSUPP;
	(void)mq_close(fd);
	return rc;
}

static DIR *
open_directory(int *ret_rc, bool *ret_mounted)
{
	int mount_fd = open_detached();
	int fd = mount_fd;
	DIR *dir;

	if (fd < 0)
		fd = open_mounted();
	else /* that of a mount is of O_PATH */
		fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd >= 0)
		(void)close(mount_fd);
	*ret_mounted = mount_fd < 0;
	if (fd < 0) {
		*ret_rc = mount_fd >= 0 ? -errno : fd;
		return NULL;
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		*ret_rc = -errno;
		(void)close(fd);
	}
	return dir;
}

/* The number behind "NAME:" in the status line, mq_overview(7). */
static int
status_number(uint64_t *ret, const char *line, const char *name)
{
	const char *at = strstr(line, name);
	char digits[24];
	size_t len;

	if (at == NULL)
		return -EBADMSG;
	at += strlen(name);
	len = strspn(at, "0123456789");
	if (len == 0 || len >= sizeof(digits))
		return -EBADMSG;
	memcpy(digits, at, len);
	digits[len] = '\0';
	return parse_u64(ret, digits, 0, UINT64_MAX);
}

/* What only who may read the queue learns. */
static void
fill_from_descriptor(struct ipcq_listed *row, int fd)
{
	struct ipcq_attributes *at = &row->attributes;
	char line[STATUS_MAX + 1];
	struct mq_attr attr;
	uint64_t number = 0;
	ssize_t len;

	if (mq_getattr(fd, &attr) == 0) {
		row->known |= IPCQ_KNOWN_DEPTH | IPCQ_KNOWN_LIMITS;
		at->messages = (uint64_t)attr.mq_curmsgs;
		at->max_messages = (uint64_t)attr.mq_maxmsg;
		at->message_size = (uint64_t)attr.mq_msgsize;
		at->max_bytes = at->max_messages * at->message_size;
	}
	len = read(fd, line, STATUS_MAX);
	if (len < 0)
		return;
	line[len] = '\0';
	if (status_number(&number, line, "QSIZE:") == 0) {
		row->known |= IPCQ_KNOWN_BYTES;
		at->bytes = number;
	}
	if (status_number(&number, line, "NOTIFY_PID:") == 0) {
		row->known |= IPCQ_KNOWN_NOTIFY;
		row->notify_pid = (pid_t)number;
	}
}

static int
add_queue(struct list *li, int dir, const char *name)
{
	struct ipcq_listed *row;
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* gone meanwhile */
	row = list_add(li);
	if (row == NULL)
		return -ENOMEM;
	(void)snprintf(row->uri, sizeof(row->uri), "posix:/%s", name);
	row->attributes.kind = IPCQ_POSIX;
	row->attributes.mode = st.st_mode & ACCESSPERMS;
	row->attributes.owner = st.st_uid;
	row->attributes.group = st.st_gid;
	if (li->unopened)
		return is_here(name) ? 0 : -EOPNOTSUPP;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0) {
		fill_from_descriptor(row, fd);
		(void)close(fd);
	}
	return is_other_namespace(dir, name) ? -EOPNOTSUPP : 0;
}

int
list_posix(struct list *li)
{
	const struct dirent *entry;
	bool mounted = false;
	int rc = 0;
	DIR *dir;

	dir = open_directory(&rc, &mounted);
	if (dir == NULL)
		return rc;
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			rc = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		rc = add_queue(li, dirfd(dir), entry->d_name);
		if (rc < 0)
			break;
	}
	if (rc == 0 && mounted && li->count == 0)
		rc = check_empty(dirfd(dir));
	(void)closedir(dir);
	return rc;
}
