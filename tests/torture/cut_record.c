/* The recorder: the linker puts these functions in the place of the C library's. */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cut.h"

static struct cut_trace *tracing; /* NULL: nobody wants to know */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- the trace -------------------------------------------------------------------------- */

static void *
grown(void *at, size_t *room, size_t n, size_t size)
{
	if (n < *room)
		return at;
	*room = n == 0 ? 64 : 2 * n;
	at = realloc(at, *room * size);
	if (at == NULL)
		cut_die("memory", 0);
	return at;
}

static size_t
node_add(const struct stat *st)
{
	struct cut_trace *tr = tracing;

	tr->nodes = grown(tr->nodes, &tr->nodes_room, tr->n_nodes, sizeof(*tr->nodes));
	tr->nodes[tr->n_nodes] = (struct cut_node){ .inode = st->st_ino,
		.is_directory = S_ISDIR(st->st_mode) };
	return tr->n_nodes++;
}

/* What a descriptor is open on, if it is of the recorded directory. */
static size_t
node_of(int fd)
{
	struct stat st;

	if (tracing == NULL || fstat(fd, &st) < 0 || st.st_dev != tracing->device)
		return CUT_NEVER;
	for (size_t i = 0; i < tracing->n_nodes; i++)
		if (tracing->nodes[i].inode == st.st_ino)
			return i;
	return CUT_NEVER;
}

static struct cut_event *
event_add(enum cut_op op, size_t node)
{
	struct cut_trace *tr = tracing;
	size_t room = tr->room;

	tr->events = grown(tr->events, &tr->room, tr->n, sizeof(*tr->events));
	if (tr->room != room) {
		tr->marked = realloc(tr->marked, tr->room + 1);
		if (tr->marked == NULL)
			cut_die("memory", 0);
		memset(
		    tr->marked + room + (room > 0), 0, tr->room - room + (room == 0));
	}
	tr->events[tr->n] =
	    (struct cut_event){ .op = op, .node = node, .synced = CUT_NEVER };
	return &tr->events[tr->n++];
}

static void
name_copy(char to[CUT_NAME], const char *from)
{
	if (strlen(from) >= CUT_NAME)
		cut_die(from, 0);
	(void)snprintf(to, CUT_NAME, "%s", from);
}

void
cut_record_begin(struct cut_trace *tr, int state_fd)
{
	struct stat st;

	*tr = (struct cut_trace){ 0 };
	if (fstat(state_fd, &st) < 0)
		cut_die("fstat", 0);
	(void)pthread_mutex_lock(&mutex);
	tracing = tr;
	tr->device = st.st_dev;
	(void)node_add(&st);
	(void)pthread_mutex_unlock(&mutex);
}

void
cut_record_end(void)
{
	(void)pthread_mutex_lock(&mutex);
	tracing = NULL;
	(void)pthread_mutex_unlock(&mutex);
}

static void
sync_all(struct cut_trace *tr, size_t node)
{
	for (size_t i = 0; i < tr->n; i++) {
		struct cut_event *ev = &tr->events[i];

		if (ev->synced == CUT_NEVER && (node == CUT_NEVER || ev->node == node))
			ev->synced = tr->n;
	}
}

static void
sync_note(size_t node)
{
	sync_all(tracing, node);
	(void)event_add(CUT_SYNC, node);
}

void
cut_record_synced(struct cut_trace *tr)
{
	(void)pthread_mutex_lock(&mutex);
	if (tracing == tr)
		sync_note(CUT_NEVER);
	(void)pthread_mutex_unlock(&mutex);
}

size_t
cut_mark(struct cut_trace *tr)
{
	size_t n;

	(void)pthread_mutex_lock(&mutex);
	n = tr->n;
	if (tr->marked != NULL)
		tr->marked[n] = true;
	(void)pthread_mutex_unlock(&mutex);
	return n;
}

void
cut_trace_free(struct cut_trace *tr)
{
	for (size_t i = 0; i < tr->n; i++)
		free(tr->events[i].bytes);
	free(tr->events);
	free(tr->nodes);
	free(tr->marked);
	*tr = (struct cut_trace){ 0 };
}

/* ---- the calls -------------------------------------------------------------------------- */

int __real_openat(int dir_fd, const char *name, int flags, ...);
int __real_mkdirat(int dir_fd, const char *name, mode_t mode);
int __real_unlinkat(int dir_fd, const char *name, int flags);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_renameat2(
    int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
ssize_t __real_write(int fd, const void *bytes, size_t len);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int count, off_t at);
int __real_ftruncate(int fd, off_t size);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_syncfs(int fd);

int __wrap_openat(int dir_fd, const char *name, int flags, ...);
int __wrap_mkdirat(int dir_fd, const char *name, mode_t mode);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat2(
    int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
ssize_t __wrap_write(int fd, const void *bytes, size_t len);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_syncfs(int fd);

/* A new name in a directory that is recorded. */
static void
note_made(int dir_fd, const char *name, int fd)
{
	size_t dir = node_of(dir_fd);
	struct cut_event *ev;
	struct stat st;
	size_t made;

	if (dir == CUT_NEVER || node_of(fd) != CUT_NEVER || fstat(fd, &st) < 0)
		return;
	made = node_add(&st);
	ev = event_add(CUT_LINK, dir);
	ev->made = made;
	name_copy(ev->name, name);
}

int
__wrap_openat(int dir_fd, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list more;
	int fd;

	va_start(more, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(more, mode_t);
	va_end(more);
	(void)pthread_mutex_lock(&mutex);
	fd = __real_openat(dir_fd, name, flags, mode);
	if (fd >= 0 && (flags & O_CREAT) != 0)
		note_made(dir_fd, name, fd);
	(void)pthread_mutex_unlock(&mutex);
	return fd;
}

int
__wrap_mkdirat(int dir_fd, const char *name, mode_t mode)
{
	int rc, fd;

	(void)pthread_mutex_lock(&mutex);
	rc = __real_mkdirat(dir_fd, name, mode);
	if (rc == 0 && node_of(dir_fd) != CUT_NEVER) {
		fd = __real_openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		note_made(dir_fd, name, fd);
		(void)close(fd);
	}
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

static void
note_name(enum cut_op op, int dir_fd, const char *name, const char *to)
{
	size_t dir = node_of(dir_fd);
	struct cut_event *ev;

	if (dir == CUT_NEVER)
		return;
	ev = event_add(op, dir);
	name_copy(ev->name, name);
	name_copy(ev->to, to);
}

int
__wrap_unlinkat(int dir_fd, const char *name, int flags)
{
	int rc;

	(void)pthread_mutex_lock(&mutex);
	rc = __real_unlinkat(dir_fd, name, flags);
	if (rc == 0)
		note_name(CUT_UNLINK, dir_fd, name, "");
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

int
__wrap_renameat2(
    int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	int rc;

	(void)pthread_mutex_lock(&mutex);
	rc = __real_renameat2(from_fd, from, to_fd, to, flags);
	if (rc == 0)
		note_name(CUT_RENAME, from_fd, from, to);
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return __wrap_renameat2(from_fd, from, to_fd, to, 0);
}

static uint8_t *
note_write(int fd, off_t at, ssize_t len)
{
	size_t node = node_of(fd);
	struct cut_event *ev;

	if (node == CUT_NEVER || len <= 0)
		return NULL;
	ev = event_add(CUT_WRITE, node);
	ev->at = (uint64_t)at;
	ev->len = (size_t)len;
	ev->bytes = malloc(ev->len);
	if (ev->bytes == NULL)
		cut_die("memory", 0);
	return ev->bytes;
}

ssize_t
__wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	ssize_t n;
	uint8_t *to;

	(void)pthread_mutex_lock(&mutex);
	n = __real_pwritev(fd, iov, count, at);
	to = note_write(fd, at, n);
	for (size_t left = to == NULL ? 0 : (size_t)n; left > 0; iov++) {
		size_t len = iov->iov_len < left ? iov->iov_len : left;

		memcpy(to, iov->iov_base, len);
		to += len;
		left -= len;
	}
	(void)pthread_mutex_unlock(&mutex);
	return n;
}

ssize_t
__wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t n;
	uint8_t *to;

	(void)pthread_mutex_lock(&mutex);
	n = __real_pwrite(fd, bytes, len, at);
	to = note_write(fd, at, n);
	if (to != NULL)
		memcpy(to, bytes, (size_t)n);
	(void)pthread_mutex_unlock(&mutex);
	return n;
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t len)
{
	off_t at;
	ssize_t n;
	uint8_t *to;

	(void)pthread_mutex_lock(&mutex);
	at = node_of(fd) == CUT_NEVER ? 0 : lseek(fd, 0, SEEK_CUR);
	n = __real_write(fd, bytes, len);
	to = note_write(fd, at, n);
	if (to != NULL)
		memcpy(to, bytes, (size_t)n);
	(void)pthread_mutex_unlock(&mutex);
	return n;
}

int
__wrap_ftruncate(int fd, off_t size)
{
	size_t node;
	int rc;

	(void)pthread_mutex_lock(&mutex);
	rc = __real_ftruncate(fd, size);
	node = node_of(fd);
	if (rc == 0 && node != CUT_NEVER)
		event_add(CUT_TRUNCATE, node)->at = (uint64_t)size;
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

/* On tmpfs it costs nothing, and says nothing. */
static int
note_sync(int fd, int rc, bool everything)
{
	size_t node;

	(void)pthread_mutex_lock(&mutex);
	node = node_of(fd);
	if (rc == 0 && node != CUT_NEVER)
		sync_note(everything ? CUT_NEVER : node);
	(void)pthread_mutex_unlock(&mutex);
	return rc;
}

int
__wrap_fsync(int fd)
{
	return note_sync(fd, __real_fsync(fd), false);
}

int
__wrap_fdatasync(int fd)
{
	return note_sync(fd, __real_fdatasync(fd), false);
}

int
__wrap_syncfs(int fd)
{
	return note_sync(fd, __real_syncfs(fd), true);
}
