/* For LD_PRELOAD: a disk that is slow, in mqbridged alone. MQBRIDGE_SLOW_FILE is the path of a file of
 * four words that the test has made: by how many milliseconds each sync takes longer from now on,
 * how many calls have waited so, how many of them were the first thread's, that of the loop; and by
 * how many milliseconds each pread(2) takes longer, which counts as well. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "mqbridged"

static struct file {
	atomic_ulong ms;
	atomic_ulong calls;
	atomic_ulong loop_calls;
	atomic_ulong read_ms;
} * file; /* NULL: not in the daemon */

static void __attribute__((constructor)) setup(void)
{
	const char *path = getenv("MQBRIDGE_SLOW_FILE");
	int fd;

	if (path == NULL || strcmp(program_invocation_short_name, PROGRAM) != 0)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		abort();
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		abort();
	(void)close(fd);
}

static void
wait_for_it(unsigned long ms)
{
	struct timespec left = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	if (ms == 0)
		return;
	atomic_fetch_add(&file->calls, 1);
	if (gettid() == getpid())
		atomic_fetch_add(&file->loop_calls, 1);
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

#define WRAP(name)                                                                     \
	int name(int fd)                                                               \
	{                                                                              \
		static int (*next)(int);                                               \
                                                                                       \
		if (next == NULL)                                                      \
			*(void **)&next = dlsym(RTLD_NEXT, #name);                     \
		wait_for_it(file == NULL ? 0 : file->ms);                              \
		return next(fd);                                                       \
	}

WRAP(fsync)
WRAP(fdatasync)
WRAP(syncfs)

ssize_t
pread(int fd, void *to, size_t len, off_t at)
{
	static ssize_t (*next)(int, void *, size_t, off_t);

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "pread");
	wait_for_it(file == NULL ? 0 : file->read_ms);
	return next(fd, to, len, at);
}
