/* For LD_PRELOAD: lets calls of the C library fail in mqbridged, and counts them.
 *
 *   MQBRIDGE_FAULT_FILE=FILE    counts, one struct entry for each kind of call; made by the test
 *   MQBRIDGE_FAULT=NAME:N:LAST:ERRNO
 *                               the Nth to the LASTth call of that name fail with ERRNO;
 *                               without it they are only counted
 *
 * While the first word of the file is not 0, nothing fails. Other programs under the same
 * environment are left alone. A read or write counts when it is of a regular file, but not of
 * a standard one. libconfig does not look whether it got its memory, so what it asks for while
 * it reads the configuration is not touched: that daemon has not begun. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PROGRAM "mqbridged"
#define NAME    24 /* bytes, with the NUL */
#define KINDS   64

struct entry {
	char name[NAME];
	atomic_ulong calls;
	atomic_ulong failed;
};

struct file {
	atomic_ulong over; /* the test's: nothing fails any more */
	unsigned long kinds;
	struct entry entries[KINDS];
};

static struct kind {
	struct entry *entry;
	unsigned long first, last;
	int error;
} kinds[KINDS];

static struct file *file; /* NULL: not in the daemon, or not yet */
static _Thread_local bool exempt;

/* The names are those of the calls; memory is one kind, whoever asks for it. */
#define CALLS(X)                                                                       \
	X(memory)                                                                      \
	X(open)                                                                        \
	X(read)                                                                        \
	X(pread)                                                                       \
	X(write)                                                                       \
	X(pwrite)                                                                      \
	X(pwritev)                                                                     \
	X(fsync)                                                                       \
	X(fdatasync)                                                                   \
	X(fstat)                                                                       \
	X(rename)                                                                      \
	X(unlink)                                                                      \
	X(mkdir)                                                                       \
	X(ftruncate)                                                                   \
	X(fallocate)                                                                   \
	X(mmap)                                                                        \
	X(mq_open)                                                                     \
	X(mq_getattr)                                                                  \
	X(mq_send)                                                                     \
	X(mq_receive)                                                                  \
	X(msgget)                                                                      \
	X(msgctl)                                                                      \
	X(msgsnd)                                                                      \
	X(msgrcv)                                                                      \
	X(socket)                                                                      \
	X(setsockopt)                                                                  \
	X(bind)                                                                        \
	X(listen)                                                                      \
	X(connect)                                                                     \
	X(accept)                                                                      \
	X(recv)                                                                        \
	X(send)                                                                        \
	X(eventfd)                                                                     \
	X(thread)

#define INDEX(name) CALL_##name,
#define TEXT(name)  #name,
enum { CALLS(INDEX) CALL_KINDS };
static const char *const names[] = { CALLS(TEXT) };

static void
kind_setup(const char *text)
{
	char name[NAME] = "";
	unsigned long first, last;
	int error;

	if (sscanf(text, "%23[^:]:%lu:%lu:%d", name, &first, &last, &error) != 4)
		abort();
	for (int i = 0; i < CALL_KINDS; i++)
		if (strcmp(names[i], name) == 0) {
			kinds[i].first = first;
			kinds[i].last = last;
			kinds[i].error = error;
			return;
		}
	abort();
}

static void __attribute__((constructor)) setup(void)
{
	const char *path = getenv("MQBRIDGE_FAULT_FILE");
	const char *text = getenv("MQBRIDGE_FAULT");
	struct file *mapped;
	int fd;

	if (path == NULL || strcmp(program_invocation_short_name, PROGRAM) != 0)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	mapped = mmap(NULL, sizeof(*mapped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		abort();
	(void)close(fd);
	for (int i = 0; i < CALL_KINDS; i++) {
		kinds[i].entry = &mapped->entries[i];
		(void)snprintf(mapped->entries[i].name, NAME, "%s", names[i]);
	}
	if (text != NULL)
		kind_setup(text);
	mapped->kinds = CALL_KINDS;
	file = mapped;
}

/* 0: let the call through; else what it fails with. */
static int
failure(int call)
{
	struct kind *kd = &kinds[call];
	unsigned long count;

	if (file == NULL || exempt)
		return 0;
	count = atomic_fetch_add(&kd->entry->calls, 1) + 1;
	if (count < kd->first || count > kd->last || file->over != 0)
		return 0;
	atomic_fetch_add(&kd->entry->failed, 1);
	return kd->error;
}

static bool
is_stored(int fd)
{
	static int (*next)(int, struct stat *);
	struct stat st;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "fstat");
	return fd > STDERR_FILENO && next(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* FAIL: what to do instead of the call, with `error` at hand. */
#define WRAP_IF(call, condition, type, name, parameters, arguments, fail)              \
	WRAP_AS(name, call, condition, type, name, parameters, arguments, fail)
#define WRAP_AS(symbol, call, condition, type, name, parameters, arguments, fail)      \
	type name parameters                                                           \
	{                                                                              \
		static type(*next) parameters;                                         \
		int error = (condition) ? failure(CALL_##call) : 0;                    \
                                                                                       \
		if (error != 0)                                                        \
			fail;                                                          \
		if (next == NULL)                                                      \
			*(void **)&next = dlsym(RTLD_NEXT, #symbol);                   \
		return next arguments;                                                 \
	}
#define FAIL(value)                                                                    \
	do {                                                                           \
		errno = error;                                                         \
		return value;                                                          \
	} while (0)
#define WRAP(call, type, name, parameters, arguments, fail)                            \
	WRAP_IF(call, true, type, name, parameters, arguments, fail)

WRAP(memory, void *, malloc, (size_t size), (size), FAIL(NULL))
WRAP(memory, void *, calloc, (size_t n, size_t size), (n, size), FAIL(NULL))
WRAP(memory, void *, realloc, (void *at, size_t size), (at, size), FAIL(NULL))

/* Of a header that is not included, or of none. */
int config_read_string(void *config, const char *text);
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr);
ssize_t __read_chk(int fd, void *to, size_t size, size_t room);
mqd_t __mq_open_2(const char *name, int flags);

#define EXEMPT(name, parameters, arguments)                                            \
	int name parameters                                                            \
	{                                                                              \
		static int(*next) parameters;                                          \
		int ret;                                                               \
                                                                                       \
		if (next == NULL)                                                      \
			*(void **)&next = dlsym(RTLD_NEXT, #name);                     \
		exempt = true;                                                         \
		ret = next arguments;                                                  \
		exempt = false;                                                        \
		return ret;                                                            \
	}

EXEMPT(config_read_string, (void *config, const char *text), (config, text))
/* Of the sanitizers alone, which give up when it fails. */
EXEMPT(pthread_getattr_np, (pthread_t thread, pthread_attr_t *attr), (thread, attr))

WRAP_IF(read, is_stored(fd), ssize_t, read, (int fd, void *to, size_t size),
    (fd, to, size), FAIL(-1))
WRAP_IF(read, is_stored(fd), ssize_t, __read_chk,
    (int fd, void *to, size_t size, size_t room), (fd, to, size, room), FAIL(-1))
WRAP(pread, ssize_t, pread, (int fd, void *to, size_t size, off_t at),
    (fd, to, size, at), FAIL(-1))
WRAP_IF(write, is_stored(fd), ssize_t, write, (int fd, const void *from, size_t size),
    (fd, from, size), FAIL(-1))
WRAP(pwrite, ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at),
    (fd, from, size, at), FAIL(-1))
WRAP(pwritev, ssize_t, pwritev, (int fd, const struct iovec *iov, int n, off_t at),
    (fd, iov, n, at), FAIL(-1))
WRAP(fsync, int, fsync, (int fd), (fd), FAIL(-1))
WRAP(fdatasync, int, fdatasync, (int fd), (fd), FAIL(-1))
WRAP(fstat, int, fstat, (int fd, struct stat *st), (fd, st), FAIL(-1))
WRAP(rename, int, renameat, (int from_fd, const char *from, int to_fd, const char *to),
    (from_fd, from, to_fd, to), FAIL(-1))
WRAP(rename, int, renameat2,
    (int from_fd, const char *from, int to_fd, const char *to, unsigned flags),
    (from_fd, from, to_fd, to, flags), FAIL(-1))
WRAP(unlink, int, unlink, (const char *path), (path), FAIL(-1))
WRAP(unlink, int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags),
    FAIL(-1))
WRAP(mkdir, int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode),
    FAIL(-1))
WRAP(ftruncate, int, ftruncate, (int fd, off_t size), (fd, size), FAIL(-1))
WRAP(fallocate, int, posix_fallocate, (int fd, off_t from, off_t size),
    (fd, from, size), return error)
WRAP(mmap, void *, mmap,
    (void *at, size_t size, int prot, int flags, int fd, off_t from),
    (at, size, prot, flags, fd, from), FAIL(MAP_FAILED))

WRAP(mq_open, mqd_t, __mq_open_2, (const char *name, int flags), (name, flags),
    FAIL((mqd_t)-1))
WRAP(
    mq_getattr, int, mq_getattr, (mqd_t mq, struct mq_attr *attr), (mq, attr), FAIL(-1))
WRAP(mq_send, int, mq_send,
    (mqd_t mq, const char *from, size_t size, unsigned priority),
    (mq, from, size, priority), FAIL(-1))
WRAP(mq_receive, ssize_t, mq_receive,
    (mqd_t mq, char *to, size_t size, unsigned *priority), (mq, to, size, priority),
    FAIL(-1))
WRAP(msgget, int, msgget, (key_t key, int flags), (key, flags), FAIL(-1))
WRAP(msgctl, int, msgctl, (int id, int command, struct msqid_ds *ds), (id, command, ds),
    FAIL(-1))
WRAP(msgsnd, int, msgsnd, (int id, const void *from, size_t size, int flags),
    (id, from, size, flags), FAIL(-1))
WRAP(msgrcv, ssize_t, msgrcv, (int id, void *to, size_t size, long type, int flags),
    (id, to, size, type, flags), FAIL(-1))

WRAP(socket, int, socket, (int family, int type, int protocol),
    (family, type, protocol), FAIL(-1))
WRAP(setsockopt, int, setsockopt,
    (int fd, int level, int name, const void *value, socklen_t len),
    (fd, level, name, value, len), FAIL(-1))
WRAP(bind, int, bind, (int fd, const struct sockaddr *at, socklen_t len), (fd, at, len),
    FAIL(-1))
WRAP(listen, int, listen, (int fd, int backlog), (fd, backlog), FAIL(-1))
WRAP(connect, int, connect, (int fd, const struct sockaddr *to, socklen_t len),
    (fd, to, len), FAIL(-1))
WRAP(accept, int, accept4, (int fd, struct sockaddr *from, socklen_t *len, int flags),
    (fd, from, len, flags), FAIL(-1))
WRAP(recv, ssize_t, recv, (int fd, void *to, size_t size, int flags),
    (fd, to, size, flags), FAIL(-1))
WRAP(send, ssize_t, send, (int fd, const void *from, size_t size, int flags),
    (fd, from, size, flags), FAIL(-1))
WRAP(send, ssize_t, sendmsg, (int fd, const struct msghdr *from, int flags),
    (fd, from, flags), FAIL(-1))
WRAP(eventfd, int, eventfd, (unsigned value, int flags), (value, flags), FAIL(-1))
WRAP(thread, int, pthread_create,
    (pthread_t * thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg),
    (thread, attr, run, arg), return error)

/* The headers declare these with arguments that are not always there, so they have other names
 * here than for the linker. */
int fault_open(const char *path, int flags, mode_t mode) __asm__("open");
int fault_openat(int fd, const char *path, int flags, mode_t mode) __asm__("openat");
mqd_t fault_mq_open(
    const char *name, int flags, mode_t mode, struct mq_attr *attr) __asm__("mq_open");

int
fault_open(const char *path, int flags, mode_t mode)
{
	return fault_openat(AT_FDCWD, path, flags, mode);
}

WRAP_AS(openat, open, true, int, fault_openat,
    (int fd, const char *path, int flags, mode_t mode), (fd, path, flags, mode),
    FAIL(-1))
WRAP_AS(mq_open, mq_open, true, mqd_t, fault_mq_open,
    (const char *name, int flags, mode_t mode, struct mq_attr *attr),
    (name, flags, mode, attr), FAIL((mqd_t)-1))
