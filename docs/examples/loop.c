/* An event loop over queues of both kinds: loop COUNT URI... prints COUNT messages. */
#include <ipcq.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 8 /* queues */

/* All there is: only -EAGAIN makes the descriptor quiet again. */
static long
drain(struct ipcq *q)
{
	const struct ipcq_options now = { .flags = IPCQ_NOWAIT };
	char buf[IPCQ_HEAD + 8192];
	struct ipcq_message msg;
	long count = 0;

	while (ipcq_receive(q, buf, sizeof(buf), &now, &msg) >= 0) {
		(void)printf(
		    "%s: %.*s\n", ipcq_uri(q), (int)msg.length, (const char *)msg.body);
		count++;
	}
	return count;
}

int
main(int argc, char **argv)
{
	struct ipcq *queues[MOST];
	struct pollfd fds[MOST];
	nfds_t count = 0;
	long rest;

	if (argc < 3 || argc > MOST + 2)
		return 2;
	rest = strtol(argv[1], NULL, 10);
	for (int i = 2; i < argc; i++, count++) {
		if (ipcq_open(&queues[count], argv[i], IPCQ_READ | IPCQ_CREATE, NULL) <
		    0)
			return 1;
		fds[count].events = POLLIN;
		fds[count].fd = ipcq_poll_fd(queues[count]);
		if (fds[count].fd < 0)
			return 1;
	}
	while (rest > 0) {
		if (poll(fds, count, -1) < 0)
			return 1;
		for (nfds_t i = 0; i < count; i++) {
			if (fds[i].revents != 0)
				rest -= drain(queues[i]);
		}
	}
	while (count > 0)
		ipcq_close(queues[--count]);
	return 0;
}
