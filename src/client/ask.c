#include "client/ask.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/reply.h"
#include "control/text.h"

/* The kernel counts the time of each call, connect(2) with a full backlog included. */
static int
limit_silence(int fd, uint32_t silence_ms)
{
	const struct timeval tv = clock_timeval(silence_ms);

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) != 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) != 0)
		return -errno;
	return 0;
}

int
ask_connect(int *ret_fd, const char *path, uint32_t silence_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int rc;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = limit_silence(fd, silence_ms);
	if (rc == 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

static int
send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Has the empty line come? It cannot be in the middle, as nothing else was asked. */
static bool
is_whole(const struct text *answer)
{
	const char *end;

	if (answer->len == 0)
		return false;
	end = answer->bytes + answer->len;
	return end[-1] == '\n' && (answer->len == 1 || end[-2] == '\n');
}

/* Are these no document, but lines of JSON? Known by how the first begins. */
static bool
is_in_pieces(const struct text *answer)
{
	static const char document[] = "{\"schema\": \"" REPLY_SCHEMA "\"";
	size_t len =
	    answer->len < sizeof(document) - 1 ? answer->len : sizeof(document) - 1;

	return len > 0 && answer->bytes[0] == '{' &&
	       memcmp(answer->bytes, document, len) != 0;
}

/* One more read. Returns 0 or -errno. */
static int
receive_some(struct text *answer, int fd)
{
	char buf[16384];
	ssize_t n;

	do
		n = recv(fd, buf, sizeof(buf), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	text_put(answer, buf, (size_t)n);
	return answer->rc;
}

/* The rest of an answer in pieces. */
static int
receive_pieces(struct text *answer, int fd, FILE *pieces)
{
	int rc = 0;

	while (rc == 0 && !is_whole(answer) && !ferror(pieces)) {
		/* The last byte stays, as it may be half of the end. */
		(void)fwrite(answer->bytes, 1, answer->len - 1, pieces);
		answer->bytes[0] = answer->bytes[answer->len - 1];
		text_cut(answer, 1);
		rc = receive_some(answer, fd);
	}
	if (rc == 0)
		text_cut(answer, answer->len - 1);
	(void)fwrite(answer->bytes, 1, answer->len, pieces);
	text_clear(answer);
	return rc;
}

static int
receive_answer(struct text *answer, int fd, FILE *pieces)
{
	while (!is_whole(answer)) {
		int rc = receive_some(answer, fd);

		if (rc != 0)
			return rc;
		if (is_in_pieces(answer))
			return receive_pieces(answer, fd, pieces);
	}
	text_cut(answer, answer->len - 1);
	return 0;
}

int
ask_exchange(struct text *answer, int fd, const char *line, size_t len, FILE *pieces)
{
	int rc = send_all(fd, line, len);

	if (rc == 0)
		rc = send_all(fd, "\n", 1);
	/* A daemon that turns us away says why and hangs up without reading. */
	if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
		rc = receive_answer(answer, fd, pieces);
	return rc;
}
