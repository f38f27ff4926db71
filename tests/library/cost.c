/* For tests that count: COUNT times send and receive of LENGTH bytes, by the bare calls or
 * through the library, without and with IPCQ_HEADROOM:
 * cost URI bare|ipcq|headroom COUNT LENGTH. */
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/types.h>

#include "lib/ipcq.h"

#define MOST 4096 /* bytes of a body */

static struct ipcq *q;
static char buf[IPCQ_HEAD + MOST];
static char *const body = buf + IPCQ_HEAD;

static int
use_mq(long count, size_t len)
{
	int fd = ipcq_fd(q);
	unsigned priority;

	for (long i = 0; i < count; i++) {
		if (mq_send(fd, body, len, 1) < 0 ||
		    mq_receive(fd, body, len, &priority) < 0)
			return 1;
	}
	return 0;
}

static int
use_msg(long count, size_t len)
{
	const long type = 1;
	int id = ipcq_id(q);

	for (long i = 0; i < count; i++) {
		memcpy(buf, &type, sizeof(type));
		if (msgsnd(id, buf, len, 0) < 0 || msgrcv(id, buf, len, 0, 0) < 0)
			return 1;
	}
	return 0;
}

static int
use_ipcq(long count, size_t len, unsigned flags)
{
	struct ipcq_message msg;

	for (long i = 0; i < count; i++) {
		if (ipcq_send(q, body, len, 1, flags) < 0 ||
		    ipcq_receive(q, buf, IPCQ_HEAD + len, NULL, &msg) < 0)
			return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct ipcq_create create = { .max_messages = 2 };
	size_t len;
	long count;
	int rc;

	if (argc != 5)
		return 2;
	count = strtol(argv[3], NULL, 10);
	len = (size_t)strtol(argv[4], NULL, 10);
	create.message_size = len;
	if (len > MOST ||
	    ipcq_open(&q, argv[1], IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &create) < 0)
		return 2;
	if (strcmp(argv[2], "bare") != 0)
		rc = use_ipcq(
		    count, len, strcmp(argv[2], "headroom") == 0 ? IPCQ_HEADROOM : 0);
	else if (ipcq_kind(q) == IPCQ_POSIX)
		rc = use_mq(count, len);
	else
		rc = use_msg(count, len);
	ipcq_close(q);
	return rc;
}
