#include "disk_steps.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_ulong kill_after; /* 0: never */
static struct {
	atomic_uint calls;
	atomic_uint after, count;
	atomic_int error;
} plan[DISK_PREAD + 1];

#define NOTES 1000

static char notes[NOTES + 1];
static atomic_uint noted = NOTES; /* nobody wants to know */

void
disk_steps_record(void)
{
	memset(notes, 0, sizeof(notes));
	noted = 0;
}

const char *
disk_steps_order(void)
{
	return notes;
}

static void
note(char what)
{
	unsigned at = noted < NOTES ? atomic_fetch_add(&noted, 1) : NOTES;

	if (at < NOTES)
		notes[at] = what;
}

static void
note_sync(int fd, char file)
{
	struct stat st;

	note(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : file);
}

void
disk_steps_kill_at(unsigned long step)
{
	kill_after = step + 1;
}

void
disk_steps_fail(enum disk_call call, unsigned after, unsigned count, int error)
{
	plan[call].after = after;
	plan[call].error = error;
	plan[call].count = count;
}

unsigned
disk_steps_calls(enum disk_call call)
{
	return plan[call].calls;
}

static void
step(void)
{
	if (kill_after != 0 && atomic_fetch_sub(&kill_after, 1) == 1)
		(void)kill(getpid(), SIGKILL);
}

/* Is this call to fail? Then errno is set. */
static bool
fails(enum disk_call call)
{
	atomic_fetch_add(&plan[call].calls, 1);
	step();
	if (plan[call].count == 0)
		return false;
	if (plan[call].after > 0) {
		atomic_fetch_sub(&plan[call].after, 1);
		return false;
	}
	atomic_fetch_sub(&plan[call].count, 1);
	errno = plan[call].error;
	return true;
}

static int
behind(int rc)
{
	int error = errno;

	step();
	errno = error;
	return rc;
}

/* The C library's own. */
static void *
library(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define CALL_LIBRARY(type, name, ...)                                                  \
	({                                                                             \
		type;                                                                  \
		void *found_ = library(#name);                                         \
		memcpy(&next, &found_, sizeof(next));                                  \
		next(__VA_ARGS__);                                                     \
	})

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	bool failing = fails(DISK_PWRITEV);
	int error = errno;
	ssize_t half = 0, n;

	if (kill_after != 0 || failing) {
		half = pwrite(fd, iov[0].iov_base, iov[0].iov_len / 2 + 1, at);
		step();
	}
	if (failing) {
		errno = error;
		return half < 0 ? half : -1;
	}
	n = CALL_LIBRARY(ssize_t(*next)(int, const struct iovec *, int, off_t), pwritev,
	    fd, iov, count, at);
	note('w');
	return (ssize_t)behind((int)n);
}

ssize_t
pread(int fd, void *to, size_t len, off_t at)
{
	if (plan[DISK_PREAD].count > 0 && fails(DISK_PREAD))
		return -1;
	return CALL_LIBRARY(
	    ssize_t(*next)(int, void *, size_t, off_t), pread, fd, to, len, at);
}

int
fdatasync(int fd)
{
	if (fails(DISK_SYNC))
		return -1;
	note_sync(fd, 'f');
	return behind(CALL_LIBRARY(int (*next)(int), fdatasync, fd));
}

int
fsync(int fd)
{
	if (fails(DISK_SYNC))
		return -1;
	note_sync(fd, 's');
	return behind(CALL_LIBRARY(int (*next)(int), fsync, fd));
}

int
syncfs(int fd)
{
	note('y');
	return CALL_LIBRARY(int (*next)(int), syncfs, fd);
}

int
ftruncate(int fd, off_t length)
{
	if (fails(DISK_TRUNCATE))
		return -1;
	note('t');
	return behind(CALL_LIBRARY(int (*next)(int, off_t), ftruncate, fd, length));
}

int
unlinkat(int dir_fd, const char *name, int flags)
{
	if (fails(DISK_UNLINK))
		return -1;
	note('u');
	return behind(CALL_LIBRARY(
	    int (*next)(int, const char *, int), unlinkat, dir_fd, name, flags));
}

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	if (fails(DISK_RENAME))
		return -1;
	note('r');
	return behind(CALL_LIBRARY(int (*next)(int, const char *, int, const char *),
	    renameat, from_fd, from, to_fd, to));
}
