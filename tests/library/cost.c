/* For callgrind: COUNT times send and receive, by the bare calls or through the library:
 * cost URI bare|ipcq COUNT. */
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "lib/ipcq.h"

int
main(int argc, char **argv)
{
	struct ipcq_create create = { 2, 64, 0, 0, (uid_t)-1, (gid_t)-1 };
	char buf[IPCQ_HEAD + 64] = "x";
	struct ipcq_message msg;
	unsigned priority;
	struct ipcq *q;
	long count;
	int fd;

	if (argc != 4 ||
	    ipcq_open(&q, argv[1], IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &create) < 0)
		return 2;
	fd = ipcq_fd(q);
	count = strtol(argv[3], NULL, 10);
	if (strcmp(argv[2], "ipcq") == 0) {
		for (long i = 0; i < count; i++) {
			if (ipcq_send(q, buf + IPCQ_HEAD, 64, 1, 0) < 0 ||
			    ipcq_receive(q, buf, sizeof(buf), NULL, &msg) < 0)
				return 1;
		}
	} else {
		for (long i = 0; i < count; i++) {
			if (mq_send(fd, buf + IPCQ_HEAD, 64, 1) < 0 ||
			    mq_receive(fd, buf + IPCQ_HEAD, 64, &priority) < 0)
				return 1;
		}
	}
	ipcq_close(q);
	return 0;
}
