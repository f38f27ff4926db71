#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "metrics/metrics_private.h"

#define NS_PER_S    INT64_C(1000000000)
#define START_FIELD 22 /* of /proc/self/stat, proc_pid_stat(5) */
#define PID_FIELDS  2  /* up to the ")" behind the program's name */

static bool
read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	(void)close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

/* The clocks go at one rate, so what they differ by says when the host started. */
static int64_t
started_ns(void)
{
	int64_t tick_ns = NS_PER_S / sysconf(_SC_CLK_TCK);
	int64_t boot_ns = clock_wall_ns() - clock_boot_ns();
	char buf[1024];
	const char *at;

	if (!read_file("/proc/self/stat", buf, sizeof(buf)))
		return 0;
	at = strrchr(buf, ')'); /* the name may hold anything */
	for (int i = PID_FIELDS; at != NULL && i < START_FIELD; i++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return 0;
	boot_ns -= boot_ns % tick_ns; /* they are not read at the same moment */
	return boot_ns + strtoll(at, NULL, 10) * tick_ns;
}

static uint64_t
timeval_ms(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000 + (uint64_t)tv->tv_usec / 1000;
}

void
metrics_process_read(struct metrics_process *ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct rlimit limit = { 0 };
	struct rusage usage = { 0 };
	char buf[128];
	char *end;

	(void)getrusage(RUSAGE_SELF, &usage);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	*ret = (struct metrics_process){
		.cpu_ms = timeval_ms(&usage.ru_utime) + timeval_ms(&usage.ru_stime),
		.open_fds = descriptors_open(0),
		.max_fds = limit.rlim_cur,
		.started_ns = started_ns(),
	};
	if (!read_file("/proc/self/statm", buf, sizeof(buf)))
		return;
	ret->virtual_bytes = strtoull(buf, &end, 10) * page;
	ret->resident_bytes = strtoull(end, NULL, 10) * page;
}
