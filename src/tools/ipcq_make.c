#include <inttypes.h>
#include <string.h>

#include "base/quote.h"
#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_queue.h"

/* One attribute of a queue that was there already, when it is not what was asked for. */
static void
note_difference(const struct call *ca, unsigned option, const char *name,
    uint64_t found, uint64_t asked)
{
	if ((ca->given & option) != 0 && found != asked)
		(void)fprintf(ca->err,
		    CALL_PROGRAM ": %s: was there already and keeps %s %" PRIu64 "\n",
		    quote(ca->uri).text, name, found);
}

static void
note_differences(const struct call *ca, const struct ipcq_attributes *at)
{
	const struct ipcq_create *cr = &ca->create;

	note_difference(
	    ca, CALL_MAX_MESSAGES, "max_messages", at->max_messages, cr->max_messages);
	note_difference(
	    ca, CALL_MESSAGE_SIZE, "message_size", at->message_size, cr->message_size);
	note_difference(ca, CALL_MAX_BYTES, "max_bytes", at->max_bytes, cr->max_bytes);
	if ((ca->given & CALL_MODE) != 0 && at->mode != cr->mode)
		(void)fprintf(ca->err,
		    CALL_PROGRAM ": %s: was there already and keeps mode %04o\n",
		    quote(ca->uri).text, (unsigned)at->mode);
}

static int
run_create(struct call *ca)
{
	unsigned flags = IPCQ_READ | IPCQ_CREATE;
	struct ipcq_attributes at;
	struct ipcq *q;
	int rc;

	/* The library takes it for the preset. */
	if ((ca->given & CALL_MODE) != 0 && ca->create.mode == 0)
		return call_usage(ca, "--mode", "must let somebody in");
	if ((ca->given & CALL_EXCLUSIVE) != 0)
		flags |= IPCQ_EXCLUSIVE;
	rc = ipcq_open(&q, ca->uri, flags, &ca->create);
	if (rc < 0)
		return fail_open(ca, rc);
	if (ipcq_attributes(q, &at) == 0)
		note_differences(ca, &at);
	if (strcmp(ca->uri, IPCQ_PRIVATE) == 0)
		(void)fprintf(ca->out, "%s\n", ipcq_uri(q));
	ipcq_close(q);
	return CALL_DONE;
}

/* The options as the library has them. */
static unsigned
set_bits(unsigned given)
{
	return ((given & CALL_OWNER) != 0 ? IPCQ_SET_OWNER : 0) |
	       ((given & CALL_GROUP) != 0 ? IPCQ_SET_GROUP : 0) |
	       ((given & CALL_MODE) != 0 ? IPCQ_SET_MODE : 0) |
	       ((given & CALL_MAX_BYTES) != 0 ? IPCQ_SET_MAX_BYTES : 0);
}

static int
run_set(struct call *ca)
{
	const struct ipcq_change change = {
		.set = set_bits(ca->given),
		.owner = ca->create.owner,
		.group = ca->create.group,
		.mode = ca->create.mode,
		.max_bytes = ca->create.max_bytes,
	};
	struct ipcq *q;
	int rc;

	if (change.set == 0)
		return call_usage(ca, "what to change", "is missing");
	rc = queue_open_any(&q, ca->uri);
	if (rc < 0)
		return fail_open(ca, rc);
	rc = ipcq_change(q, &change);
	ipcq_close(q);
	return rc < 0 ? fail_open(ca, rc) : CALL_DONE;
}

static int
run_remove(struct call *ca)
{
	int rc = ipcq_remove(ca->uri);

	return rc < 0 ? fail_open(ca, rc) : CALL_DONE;
}

const struct call_command create_command = {
	.name = "create",
	.synopsis = "URI [--max-messages N] [--message-size SIZE]\n"
		    "       [--max-bytes SIZE] [--mode OCTAL] [--exclusive]",
	.brief = "make a queue, unless it is there",
	.help =
	    "Makes a queue; one that is there already is left as it is. What is not\n"
	    "given is what the system presets; see \"" CALL_PROGRAM " limits\".\n"
	    "URI may also be " IPCQ_PRIVATE ", a System V queue without a key, whose\n"
	    "name is then printed.\n"
	    "\n"
	    "  --max-messages N     POSIX: so many messages fit\n"
	    "  --message-size SIZE  POSIX: of at most so many bytes\n"
	    "  --max-bytes SIZE     System V: so many bytes fit\n"
	    "  --mode OCTAL         who may use it, whatever the umask (0600)\n"
	    "  --exclusive          fail when it is there already\n",
	.options = CALL_MAX_MESSAGES | CALL_MESSAGE_SIZE | CALL_MAX_BYTES | CALL_MODE |
		   CALL_EXCLUSIVE,
	.has_uri = true,
	.may_be_private = true,
	.run = run_create,
};

const struct call_command set_command = {
	.name = "set",
	.synopsis = "URI [--owner USER] [--group GROUP] [--mode OCTAL]\n"
		    "       [--max-bytes SIZE]",
	.brief = "change owner, group, mode or bytes of a queue",
	.help =
	    "Changes what is given, all of it or nothing.\n"
	    "\n"
	    "  --owner USER      by name or number\n"
	    "  --group GROUP     by name or number\n"
	    "  --mode OCTAL      who may use it\n"
	    "  --max-bytes SIZE  System V: so many bytes fit; more than kernel.msgmnb\n"
	    "                    only for root\n",
	.options = CALL_OWNER | CALL_GROUP | CALL_MODE | CALL_MAX_BYTES,
	.has_uri = true,
	.run = run_set,
};

const struct call_command remove_command = {
	.name = "remove",
	.synopsis = "URI",
	.brief = "remove a queue with all its messages",
	.help =
	    "Removes a queue and the messages in it. Who has a POSIX queue open goes on\n"
	    "using it; who waits at a System V queue is told that it was removed.\n",
	.has_uri = true,
	.run = run_remove,
};
