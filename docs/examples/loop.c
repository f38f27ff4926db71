/* An event loop over queues of both kinds: loop COUNT URI... prints COUNT messages. */
#include <errno.h>
#include <ipcq.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 8 /* queues */

/* All there is: only -EAGAIN makes the descriptor quiet again, every other error leaves it
 * readable, so that it has to end the loop. How many there were, or that error. */
static long
drain(struct ipcq *q)
{
	const struct ipcq_options now = { .flags = IPCQ_NOWAIT };
	char buf[IPCQ_HEAD + 8192];
	struct ipcq_message msg;
	long count = 0;
	ssize_t len;

	while ((len = ipcq_receive(q, buf, sizeof(buf), &now, &msg)) >= 0) {
		(void)printf(
		    "%s: %.*s\n", ipcq_uri(q), (int)msg.length, (const char *)msg.body);
		count++;
	}
	return len == -EAGAIN ? count : (long)len;
}

static void
explain(const char *uri, long rc)
{
	char why[1000];

	(void)fprintf(
	    stderr, "%s\n", ipcq_explain(why, sizeof(why), uri, NULL, (int)rc));
}

/* 0 or 1, the status to end with. */
static int
loop(struct ipcq **queues, struct pollfd *fds, nfds_t count, long rest)
{
	while (rest > 0) {
		if (poll(fds, count, -1) < 0)
			return 1;
		for (nfds_t i = 0; i < count; i++) {
			long got = fds[i].revents != 0 ? drain(queues[i]) : 0;

			if (got < 0) {
				explain(ipcq_uri(queues[i]), got);
				return 1;
			}
			rest -= got;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct ipcq *queues[MOST];
	struct pollfd fds[MOST];
	nfds_t count = 0;
	int status = 0;
	int rc;

	if (argc < 3 || argc > MOST + 2)
		return 2;
	for (int i = 2; status == 0 && i < argc; i++) {
		rc = ipcq_open(&queues[count], argv[i], IPCQ_READ | IPCQ_CREATE, NULL);
		if (rc == 0) {
			fds[count].events = POLLIN;
			fds[count].fd = rc = ipcq_poll_fd(queues[count]);
			count++;
		}
		if (rc < 0) {
			explain(argv[i], rc);
			status = 1;
		}
	}
	if (status == 0)
		status = loop(queues, fds, count, strtol(argv[1], NULL, 10));
	while (count > 0)
		ipcq_close(queues[--count]);
	return status;
}
