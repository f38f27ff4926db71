#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_queue.h"

#define FIRST_SIZE 8192                /* bytes of the buffer to begin with */
#define SPLIT_MAX  ((size_t)SSIZE_MAX) /* bytes; memory is the limit */

/* What is to be sent, read from a stream. */
struct input {
	FILE *from;
	char *bytes;
	size_t len;
	size_t size;
	size_t max; /* nothing larger can be sent, so reading ends one byte behind it */
};

static int
put_byte(struct input *in, char byte)
{
	if (in->len == in->size) {
		size_t size = in->size == 0 ? FIRST_SIZE : in->size * 2;
		char *bytes = realloc(in->bytes, size);

		if (bytes == NULL)
			return -ENOMEM;
		in->bytes = bytes;
		in->size = size;
	}
	in->bytes[in->len++] = byte;
	return in->len > in->max ? -EMSGSIZE : 0;
}

/* Up to the end, or up to the next newline, which is no part of it. Returns 1, 0 (there is
 * nothing any more) or -errno. */
static int
read_body(struct input *in, bool line)
{
	int c = 0;
	int rc = 0;

	in->len = 0;
	while (rc == 0 && (c = getc_unlocked(in->from)) != EOF) {
		if (line && c == '\n')
			return 1;
		rc = put_byte(in, (char)c);
	}
	if (rc < 0)
		return rc;
	if (ferror(in->from))
		return -EIO;
	return in->len > 0;
}

static int
send_one(const struct call *ca, struct ipcq *q, const void *body, size_t len)
{
	struct ipcq_options options = queue_options(ca);
	int rc;

	options.select = 0;
	rc = ipcq_send_with(q, body, len, ca->type, &options);
	return rc < 0 ? fail_send(ca, q, len, rc) : CALL_DONE;
}

/* Says how far it came when it stops half way. */
static int
send_pieces(const struct call *ca, struct ipcq *q, const void *body, size_t len)
{
	struct ipcq_batch batch = { .body = body, .length = len, .type = ca->type };
	struct ipcq_options options = queue_options(ca);
	int status;
	int rc;

	options.select = 0;
	rc = ipcq_send_all(q, &batch, &options);
	if (rc == 0)
		return CALL_DONE;
	status = fail_send(ca, q, len - batch.sent_bytes, rc);
	(void)fprintf(ca->err,
	    CALL_PROGRAM ": stopped; %zu bytes of %zu in %" PRIu64
			 " messages were sent\n",
	    batch.sent_bytes, len, batch.sent_messages);
	return status;
}

static int
send_body(const struct call *ca, struct ipcq *q, const void *body, size_t len)
{
	if ((ca->given & CALL_SPLIT) != 0)
		return send_pieces(ca, q, body, len);
	return send_one(ca, q, body, len);
}

/* rc of read_body(). */
static int
fail_read(const struct call *ca, struct ipcq *q, int rc)
{
	if (rc == -EMSGSIZE)
		return fail_send(ca, q, 0, rc);
	(void)fprintf(ca->err, CALL_PROGRAM ": cannot read %s: %s\n",
	    ca->file != NULL ? quote(ca->file).text : "standard input", strerror(-rc));
	return CALL_FAILED;
}

static int
send_lines(const struct call *ca, struct ipcq *q, struct input *in)
{
	uint64_t sent = 0;
	int status = CALL_DONE;
	int rc;

	while ((rc = read_body(in, true)) > 0) {
		status = send_one(ca, q, in->bytes, in->len);
		if (status != CALL_DONE)
			break;
		sent++;
	}
	if (rc < 0)
		status = fail_read(ca, q, rc);
	if (status != CALL_DONE)
		(void)fprintf(ca->err,
		    CALL_PROGRAM ": stopped at line %" PRIu64 "; %" PRIu64
				 " messages were sent\n",
		    sent + 1, sent);
	return status;
}

static int
send_stream(const struct call *ca, struct ipcq *q, FILE *from)
{
	struct input in = { .from = from };
	struct ipcq_attributes at;
	int status;
	int rc;

	rc = ipcq_attributes(q, &at);
	if (rc < 0)
		return fail_open(ca, rc);
	in.max = (ca->given & CALL_SPLIT) != 0 ? SPLIT_MAX : at.message_size;
	if ((ca->given & CALL_LINES) != 0) {
		status = send_lines(ca, q, &in);
	} else {
		rc = read_body(&in, false);
		status =
		    rc < 0 ? fail_read(ca, q, rc) : send_body(ca, q, in.bytes, in.len);
	}
	free(in.bytes);
	return status;
}

static int
send_file(const struct call *ca, struct ipcq *q)
{
	FILE *from = fopen(ca->file, "re");
	int status;

	if (from == NULL) {
		(void)fprintf(ca->err, CALL_PROGRAM ": cannot open %s: %s\n",
		    quote(ca->file).text, strerror(errno));
		return CALL_FAILED;
	}
	status = send_stream(ca, q, from);
	(void)fclose(from);
	return status;
}

static int
run_send(struct call *ca)
{
	struct ipcq *q;
	int status;

	if (ca->kind == IPCQ_SYSV && (ca->given & CALL_TYPE) == 0)
		ca->type = 1;
	status = queue_open(&q, ca, IPCQ_WRITE);
	if (status != CALL_DONE)
		return status;
	if (ca->file != NULL)
		status = send_file(ca, q);
	else if (ca->message != NULL && strcmp(ca->message, "-") != 0)
		status = send_body(ca, q, ca->message, strlen(ca->message));
	else
		status = send_stream(ca, q, ca->in);
	ipcq_close(q);
	return status;
}

const struct call_command send_command = {
	.name = "send",
	.synopsis = "URI [--priority P | --type T] [--timeout D | --nonblock]\n"
		    "       [MESSAGE | - | --file F | --lines] [--split]",
	.brief = "put messages into a queue",
	.help =
	    "Sends one message: MESSAGE as it is, or all of standard input.\n"
	    "\n"
	    "  --priority P  of a POSIX queue, 0 to 32767, the highest is received first\n"
	    "                (0)\n"
	    "  --type T      of a System V queue, 1 at least (1)\n"
	    "  --timeout D   when it is full, wait for so long (for ever)\n"
	    "  --nonblock    when it is full, do not wait\n"
	    "  --file F      send what is in that file\n"
	    "  --lines       send every line of standard input as a message\n"
	    "  --split       send what is larger than a message as several\n",
	.options = CALL_PRIORITY | CALL_TYPE | CALL_TIMEOUT | CALL_NONBLOCK |
		   CALL_FILE | CALL_LINES | CALL_SPLIT,
	.has_uri = true,
	.has_message = true,
	.run = run_send,
};
