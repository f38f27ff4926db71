#include "tools/ipcq_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

bool
output_is_open(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

/* A descriptor that does not block may be so for another program that shares it, so it is
 * left as it is. */
static void
wait_for_room(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	(void)poll(&pfd, 1, -1); /* whatever it says, writing is tried again */
}

int
output_write(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t done = write(fd, at, len);

		if (done >= 0) {
			at += done;
			len -= (size_t)done;
		} else if (errno == EAGAIN) {
			wait_for_room(fd);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}
