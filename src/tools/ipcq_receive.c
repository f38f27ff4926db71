#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_message.h"
#include "tools/ipcq_output.h"
#include "tools/ipcq_queue.h"
#include "tools/ipcq_stop.h"

struct reading {
	struct call *ca;
	struct ipcq *q;
	struct ipcq_options options;
	char *buf;
	size_t size;
	uint64_t position; /* peek: of the next message */
	uint64_t count;    /* messages so far */
	/* 0, or -errno as ipcq_receive(). */
	ssize_t (*next)(struct reading *rd, struct ipcq_message *ret);
};

static ssize_t
receive_next(struct reading *rd, struct ipcq_message *ret)
{
	return ipcq_receive(rd->q, rd->buf, rd->size, &rd->options, ret);
}

static ssize_t
peek_next(struct reading *rd, struct ipcq_message *ret)
{
	return ipcq_peek(rd->q, rd->buf, rd->size, rd->position + rd->count, ret);
}

static int
grow(struct reading *rd, size_t body)
{
	char *buf = realloc(rd->buf, body + IPCQ_HEAD);

	if (buf == NULL)
		return -ENOMEM;
	rd->buf = buf;
	rd->size = body + IPCQ_HEAD;
	return 0;
}

/* The next message, whatever its size: what does not fit stays in the queue, and its length
 * is told. 0 or -errno. */
static int
take(struct reading *rd, struct ipcq_message *ret)
{
	ssize_t rc;

	while ((rc = rd->next(rd, ret)) == -E2BIG) {
		rc = grow(rd, ret->length);
		if (rc < 0)
			return (int)rc;
	}
	return rc < 0 ? (int)rc : 0;
}

/* Made ready in memory and written whole, so that who follows sees it at once and nothing of
 * it is lost where output does not block. */
static int
write_message(const struct reading *rd, const struct message *ms)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	int rc;

	if (memory == NULL)
		return -errno;
	rc = message_print(ms, rd->ca->output, memory);
	if (fclose(memory) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		rc = output_write(fileno(rd->ca->out), text, len);
	free(text);
	return rc;
}

static int
print(const struct reading *rd, const struct ipcq_message *got)
{
	const struct message ms = {
		.kind = rd->ca->kind,
		.type = got->type,
		.body = got->body,
		.len = got->length,
	};
	int rc = write_message(rd, &ms);

	if (rc == 0)
		return CALL_DONE;
	(void)fprintf(rd->ca->err,
	    CALL_PROGRAM ": %s: a message could not be written%s: %s\n",
	    quote(rd->ca->uri).text,
	    rd->next == receive_next ? ", and it is no longer in the queue" : "",
	    strerror(-rc));
	return CALL_FAILED;
}

/* Why it ended with rc. Who asked for as many as there are has them all. */
static int
finish(const struct reading *rd, int rc)
{
	bool endless = (rd->ca->given & (CALL_ALL | CALL_FOLLOW)) != 0;

	if (rc == -EINTR) {
		if ((rd->ca->given & CALL_FOLLOW) == 0)
			stop_die();
		return CALL_DONE;
	}
	if (endless && rd->count > 0 && (rc == -EAGAIN || rc == -ETIMEDOUT))
		return CALL_DONE;
	if (rd->next == peek_next && rc == -EAGAIN)
		return fail_peek(rd->ca, rd->q, rd->position + rd->count);
	return fail_receive(rd->ca, rd->q, rc);
}

static int
read_all(struct reading *rd)
{
	bool endless = (rd->ca->given & (CALL_ALL | CALL_FOLLOW)) != 0;
	uint64_t wanted = (rd->ca->given & CALL_COUNT) != 0 ? rd->ca->count : 1;
	struct ipcq_message got;
	int status = CALL_DONE;
	int rc;

	while (status == CALL_DONE && (endless || rd->count < wanted)) {
		rc = stop_asked() ? -EINTR : take(rd, &got);
		if (rc == -EINTR && !stop_asked())
			continue; /* some other signal */
		if (rc < 0)
			return finish(rd, rc);
		rd->count++;
		status = print(rd, &got);
	}
	return status;
}

static int
run_reading(struct reading *rd)
{
	struct ipcq_attributes at;
	int status;
	int rc;

	if (!output_is_open(fileno(rd->ca->out)))
		return fail_say(rd->ca, -EBADF,
		    "standard output is closed, so no message is received");
	status = queue_open(&rd->q, rd->ca, IPCQ_READ);
	if (status != CALL_DONE)
		return status;
	rc = ipcq_attributes(rd->q, &at);
	if (rc == 0)
		rc = grow(rd, at.message_size);
	if (rc == 0)
		rc = stop_catch(fileno(rd->ca->out));
	status = rc < 0 ? fail_open(rd->ca, rc) : read_all(rd);
	ipcq_close(rd->q);
	free(rd->buf);
	return status;
}

static int
run_receive(struct call *ca)
{
	struct reading rd = {
		.ca = ca,
		.options = queue_options(ca),
		.next = receive_next,
	};

	rd.options.flags |= IPCQ_INTERRUPTIBLE;
	if ((ca->given & CALL_ALL) != 0 && (ca->given & CALL_TIMEOUT) == 0)
		rd.options.flags |= IPCQ_NOWAIT;
	return run_reading(&rd);
}

static int
run_peek(struct call *ca)
{
	struct reading rd = { .ca = ca, .position = ca->position, .next = peek_next };

	if (ca->kind == IPCQ_POSIX)
		return fail_say(ca, -EOPNOTSUPP,
		    "nobody can look into a POSIX queue without receiving; "
		    "\"" CALL_PROGRAM " stat\" tells how many messages wait");
	return run_reading(&rd);
}

#define OUTPUT_HELP                                                                      \
	"  --output FORM  text: the body and a newline (this is the preset); raw: the\n" \
	"                 body alone; hex; json: an object in a line for each message\n" \
	"  --json         the same as --output json\n"

const struct call_command receive_command = {
	.name = "receive",
	.synopsis =
	    "URI [--type T | --except T] [--timeout D | --nonblock]\n"
	    "       [--count N | --all | --follow] [--output text|raw|hex|json]",
	.brief = "take messages out of a queue and print them",
	.help =
	    "Takes one message, waiting for it.\n"
	    "\n"
	    "  --type T       System V: the first of type T; of any type, if T is 0; of\n"
	    "                 the lowest type up to N, if T is -N\n"
	    "  --except T     System V: the first of another type than T\n"
	    "  --timeout D    wait so long for each message (for ever)\n"
	    "  --nonblock     do not wait\n"
	    "  --count N      take N messages\n"
	    "  --all          take all that are there; with --timeout also those that come\n"
	    "                 in time\n"
	    "  --follow       go on until a signal ends it\n" OUTPUT_HELP,
	.options = CALL_TYPE | CALL_EXCEPT | CALL_TIMEOUT | CALL_NONBLOCK | CALL_COUNT |
		   CALL_ALL | CALL_FOLLOW | CALL_OUTPUT | CALL_JSON,
	.has_uri = true,
	.run = run_receive,
};

const struct call_command peek_command = {
	.name = "peek",
	.synopsis = "URI [--position N] [--count N | --all]\n"
		    "       [--output text|raw|hex|json]",
	.brief = "print messages of a System V queue, which stay there",
	.help = "Prints the oldest message without taking it. System V only.\n"
		"\n"
		"  --position N   begin with another one; 0 is the oldest\n"
		"  --count N      print N messages\n"
		"  --all          print all from that position on\n" OUTPUT_HELP,
	.options = CALL_POSITION | CALL_COUNT | CALL_ALL | CALL_OUTPUT | CALL_JSON,
	.has_uri = true,
	.run = run_peek,
};
