/* relay - what anyone would write to carry a queue to another host: receive, then send.
 *
 *   relay in  URI HOST PORT    from the queue to TCP (dials, again after a cut)
 *   relay out ADDRESS PORT URI from TCP (listens) to the queue
 *
 * It keeps nothing and acknowledges nothing, so it loses what it holds whenever it or the
 * connection ends: the tests show with it that their checker sees losses, and the benchmark
 * takes its speed as the measure. What waits is taken in one go and written at once, since one
 * write(2) per message would be an unfairly slow measure. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "queue.h"

#define BATCH      4096                /* messages */
#define BATCH_SIZE ((size_t)64 << 10)  /* bytes after which a batch is written */
#define ROOM       ((size_t)256 << 10) /* bytes; a batch and one largest message */

struct frame {
	uint32_t length;
	uint32_t reserved;
	int64_t type;
};

static int
write_all(int fd, const char *p, size_t left)
{
	while (left > 0) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

static struct sockaddr_in
address(const char *host, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };

	sin.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		errx(2, "%s: not an IPv4 address", host);
	return sin;
}

static void
connection_prepare(int fd)
{
	const int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		err(1, "TCP_NODELAY");
}

static int
dial(const struct sockaddr_in *sin)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int fd;

	for (;;) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			err(1, "socket");
		if (connect(fd, (const struct sockaddr *)sin, sizeof(*sin)) == 0)
			break;
		(void)close(fd);
		(void)nanosleep(&pause, NULL);
	}
	connection_prepare(fd);
	return fd;
}

/* Append the message in q to batch; returns the bytes used. */
static size_t
batch_add(char *batch, const struct queue *q, size_t length)
{
	const struct frame frame = { .length = (uint32_t)length,
		.type = q->buffer->type };

	memcpy(batch, &frame, sizeof(frame));
	memcpy(batch + sizeof(frame), q->buffer->body, length);
	return sizeof(frame) + length;
}

static void
relay_in(const char *uri, const struct sockaddr_in *sin)
{
	static char batch[ROOM];
	struct queue first, more;
	size_t used;
	ssize_t n;
	int fd = dial(sin), k;

	queue_open(&first, uri, QUEUE_READ);
	queue_open(&more, uri, QUEUE_POLL);
	if (first.size + sizeof(struct frame) > ROOM - BATCH_SIZE)
		errx(1, "%s: messages are too large", uri);
	for (;;) {
		n = queue_receive(&first, 0);
		if (n < 0)
			err(1, "receiving");
		used = batch_add(batch, &first, (size_t)n);
		for (k = 1; k < BATCH && used < BATCH_SIZE; k++) {
			n = queue_receive(&more, 0);
			if (n < 0)
				break;
			used += batch_add(batch + used, &more, (size_t)n);
		}
		if (write_all(fd, batch, used) != 0) {
			(void)close(fd);
			fd = dial(sin);
		}
	}
}

/* Deliver all whole messages; returns how many bytes remain, at the start of buffer. */
static size_t
deliver(struct queue *q, char *buffer, size_t end)
{
	size_t at = 0;
	struct frame frame;

	while (end - at >= sizeof(frame)) {
		memcpy(&frame, buffer + at, sizeof(frame));
		if (frame.length > q->size)
			errx(1, "a message of %u bytes", frame.length);
		if (end - at < sizeof(frame) + frame.length)
			break;
		memcpy(q->buffer->body, buffer + at + sizeof(frame), frame.length);
		if (queue_send(q, frame.length, frame.type) != 0)
			err(1, "sending");
		at += sizeof(frame) + frame.length;
	}
	memmove(buffer, buffer + at, end - at);
	return end - at;
}

static void
relay_out(const struct sockaddr_in *sin, const char *uri)
{
	static char buffer[ROOM];
	const int on = 1;
	struct queue q;
	int server, fd;
	size_t end;
	ssize_t n;

	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server < 0 ||
	    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(server, (const struct sockaddr *)sin, sizeof(*sin)) != 0 ||
	    listen(server, 1) != 0)
		err(1, "listening");
	queue_open(&q, uri, QUEUE_WRITE);
	for (;;) {
		fd = accept(server, NULL, NULL);
		if (fd < 0)
			err(1, "accept");
		connection_prepare(fd);
		end = 0;
		while ((n = read(fd, buffer + end, ROOM - end)) > 0)
			end = deliver(&q, buffer, end + (size_t)n);
		(void)close(fd);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin;

	if (argc != 5 || (strcmp(argv[1], "in") != 0 && strcmp(argv[1], "out") != 0))
		errx(2, "usage: relay in URI HOST PORT | relay out ADDRESS PORT URI");
	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(argv[1], "in") == 0) {
		sin = address(argv[3], argv[4]);
		relay_in(argv[2], &sin);
	}
	sin = address(argv[2], argv[3]);
	relay_out(&sin, argv[4]);
}
