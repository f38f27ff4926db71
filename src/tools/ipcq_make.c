#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/quote.h"
#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_json.h"
#include "tools/ipcq_queue.h"

#define SCHEME_SYSV "sysv:"
#define FORM_ID     "sysv:id:"

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

/* A name can only be missing because its path is. */
static int
fail_create(const struct call *ca, int rc)
{
	const char *path = ca->uri + strlen(SCHEME_SYSV);
	const char *mark = strrchr(ca->uri, '#');
	char why[IPCQ_URI_MAX + 64];

	if (strncmp(ca->uri, FORM_ID, strlen(FORM_ID)) == 0)
		return fail_say(ca, -EINVAL,
		    "ids are given by the kernel; make a queue by a key, or "
		    "\"" CALL_PROGRAM " create " IPCQ_PRIVATE "\"");
	if (rc != -ENOENT || mark == NULL)
		return fail_open(ca, rc);
	(void)snprintf(why, sizeof(why), "%.*s", (int)(mark - path), path);
	(void)fprintf(ca->err, CALL_PROGRAM ": %s: there is no such path %s\n",
	    quote(ca->uri).text, quote(why).text);
	return CALL_FAILED;
}

/* The name of a private queue, or of any as JSON. 0 or -errno. */
static int
print_name(const struct call *ca, const struct ipcq *q)
{
	json_t *all;
	int rc;

	if ((ca->given & CALL_JSON) == 0) {
		if (strcmp(ca->uri, IPCQ_PRIVATE) == 0)
			(void)fprintf(ca->out, "%s\n", ipcq_uri(q));
		return fflush(ca->out) != 0 ? -errno : 0;
	}
	all = json_object();
	rc = all == NULL ? -ENOMEM : 0;
	if (rc == 0)
		rc = json_set_bytes(all, "uri", ipcq_uri(q), strlen(ipcq_uri(q)));
	if (rc == 0)
		rc = json_print(all, ca->out);
	json_decref(all);
	if (rc == 0 && fflush(ca->out) != 0)
		rc = -errno;
	return rc;
}

/* A private queue whose name nobody has can never be removed. */
static int
tell_name(const struct call *ca, const struct ipcq *q)
{
	int rc = print_name(ca, q);

	if (rc == 0)
		return CALL_DONE;
	if (strcmp(ca->uri, IPCQ_PRIVATE) == 0)
		(void)ipcq_remove(ipcq_uri(q));
	(void)fprintf(ca->err, CALL_PROGRAM ": %s: its name cannot be written%s: %s\n",
	    quote(ca->uri).text,
	    strcmp(ca->uri, IPCQ_PRIVATE) == 0 ? ", so it was not made" : "",
	    strerror(-rc));
	return CALL_FAILED;
}

static int
run_create(struct call *ca)
{
	unsigned flags = IPCQ_READ | IPCQ_CREATE;
	struct ipcq_attributes at;
	struct ipcq *q;
	int status;
	int rc;

	if ((ca->given & CALL_EXCLUSIVE) != 0)
		flags |= IPCQ_EXCLUSIVE;
	rc = ipcq_open(&q, ca->uri, flags, &ca->create);
	if (rc < 0)
		return fail_create(ca, rc);
	if (ipcq_attributes(q, &at) == 0)
		note_differences(ca, &at);
	status = tell_name(ca, q);
	ipcq_close(q);
	return status;
}

/* rc of ipcq_change(). */
static int
fail_set(const struct call *ca, int rc)
{
	if (rc == -EINVAL && (ca->given & (CALL_OWNER | CALL_GROUP)) != 0)
		return fail_say(ca, rc,
		    "there is no such user or group in this user namespace; "
		    "/proc/self/uid_map and gid_map tell which there are");
	return fail_open(ca, rc);
}

static int
run_set(struct call *ca)
{
	const struct ipcq_change change = {
		.set = ca->create.set |
		       ((ca->given & CALL_MAX_BYTES) != 0 ? IPCQ_SET_MAX_BYTES : 0),
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
	return rc < 0 ? fail_set(ca, rc) : CALL_DONE;
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
		    "       [--max-bytes SIZE] [--mode OCTAL] [--exclusive] [--json]",
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
	    "  --exclusive          fail when it is there already\n"
	    "  --json               print the name of any queue, as {\"uri\": ...}\n",
	.options = CALL_MAX_MESSAGES | CALL_MESSAGE_SIZE | CALL_MAX_BYTES | CALL_MODE |
		   CALL_EXCLUSIVE | CALL_JSON,
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
