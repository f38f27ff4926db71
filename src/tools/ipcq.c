#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/ipcq_tool.h"

/* A queue must not get the number of a standard stream that was closed: a message would be
 * read from it or written to it. What stands in its place fails, as what was closed would:
 * it is opened the other way round. */
static void
fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* The lowest number that is free: this one. It is to stay open. */
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			abort();
	}
}

int
main(int argc, char **argv)
{
	fill_standard_streams();
	return tool_run(argc, argv, stdin, stdout, stderr);
}
