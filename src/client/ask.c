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

/* What begins a line that is no piece; of JSON first. */
static const char document[] = "{\"schema\": \"" REPLY_SCHEMA "\"";
static const char error_line[] = "error: ";
static const char warning_line[] = "warning: ";

/* An answer while it comes, cut into lines. */
struct reading {
	struct text *answer;
	const struct ask *ask;
	enum {
		READING_HEAD,  /* of a line of which not enough has come to tell */
		READING_KEPT,  /* the rest of a line for answer */
		READING_PIECE, /* the rest of one for pieces */
	} state;
	char head[sizeof(document)];
	size_t head_len;
	bool is_whole;
};

/* 1: text begins like that word; 0: it does not; -1: more of it is needed to tell. */
static int
begins(const char *text, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	if (memcmp(text, word, len < word_len ? len : word_len) != 0)
		return 0;
	return len < word_len ? -1 : 1;
}

/* Is the line one to be kept? As begins(). */
static int
is_kept(const struct reading *rd)
{
	int error = begins(rd->head, rd->head_len, error_line);
	int other =
	    begins(rd->head, rd->head_len, rd->ask->as_json ? document : warning_line);

	/* What is no JSON at all is no piece either, and will be found wrong. */
	if (rd->ask->as_json && rd->head[0] != '{')
		return 1;
	if (error == 1 || other == 1)
		return 1;
	return error == 0 && other == 0 ? 0 : -1;
}

static void
reading_put(struct reading *rd, const char *bytes, size_t len)
{
	if (rd->state == READING_KEPT)
		text_put(rd->answer, bytes, len);
	else
		(void)fwrite(bytes, 1, len, rd->ask->pieces);
}

/* The beginning of a line is known to be of one kind. */
static void
reading_decide(struct reading *rd, int kept)
{
	rd->state = kept == 0 ? READING_PIECE : READING_KEPT;
	reading_put(rd, rd->head, rd->head_len);
	rd->head_len = 0;
}

/* One byte of the beginning of a line. */
static void
reading_head(struct reading *rd, char byte)
{
	int kept;

	if (byte == '\n' && rd->head_len == 0) {
		rd->is_whole = true;
		return;
	}
	rd->head[rd->head_len++] = byte;
	kept = is_kept(rd);
	if (kept >= 0 || byte == '\n')
		reading_decide(rd, kept > 0);
	if (byte == '\n')
		rd->state = READING_HEAD;
}

static void
reading_take(struct reading *rd, const char *bytes, size_t len)
{
	while (len > 0 && !rd->is_whole) {
		const char *newline;
		size_t n = 1;

		if (rd->state == READING_HEAD) {
			reading_head(rd, *bytes);
		} else {
			newline = memchr(bytes, '\n', len);
			n = newline == NULL ? len : (size_t)(newline - bytes) + 1;
			reading_put(rd, bytes, n);
			if (newline != NULL)
				rd->state = READING_HEAD;
		}
		bytes += n;
		len -= n;
	}
}

/* One more read. Returns 0 or -errno. */
static int
receive_some(struct reading *rd, int fd)
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
	reading_take(rd, buf, (size_t)n);
	/* Somebody may watch. */
	(void)fflush(rd->ask->pieces);
	return rd->answer->rc;
}

static int
receive_answer(struct reading *rd, int fd)
{
	const struct ask *ak = rd->ask;
	int rc = 0;

	while (rc == 0 && !rd->is_whole && !ferror(ak->pieces)) {
		rc = receive_some(rd, fd);
		if (rc == -ETIMEDOUT && ak->is_alive != NULL && ak->is_alive(ak->owner))
			rc = 0;
	}
	/* What has come of a line that is not whole is shown too. */
	if (rd->state == READING_HEAD && rd->head_len > 0)
		reading_decide(rd, is_kept(rd));
	return rc;
}

int
ask_exchange(struct text *answer, int fd, const struct ask *ak)
{
	struct reading rd = { .answer = answer, .ask = ak };
	int rc = send_all(fd, ak->line, ak->len);

	if (rc == 0)
		rc = send_all(fd, "\n", 1);
	/* A daemon that turns us away says why and hangs up without reading. */
	if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
		rc = receive_answer(&rd, fd);
	return rc;
}

bool
ask_is_alive(const char *path, uint32_t silence_ms)
{
	char byte;
	bool ret;
	int fd = -1;

	if (ask_connect(&fd, path, silence_ms) != 0)
		return false;
	/* An empty request has an answer as well. */
	ret = send_all(fd, "\n", 1) == 0 && recv(fd, &byte, 1, 0) == 1;
	(void)close(fd);
	return ret;
}
