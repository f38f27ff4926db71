#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>

#include "base/parse.h"
#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_json.h"
#include "tools/ipcq_queue.h"
#include "tools/ipcq_row.h"

#define SCHEME_SYSV "sysv:"
#define FORM_ID     "sysv:id:"
#define PROJECT_MAX 255 /* ftok(3) */

/* The System V key that a name stands for; 0: none. */
static uint32_t
key_of(const char *uri)
{
	const char *rest = uri + strlen(SCHEME_SYSV);
	const char *mark = strrchr(rest, '#');
	char path[IPCQ_URI_MAX];
	uint64_t number;

	if (parse_u64(&number, rest, 1, UINT32_MAX) == 0)
		return (uint32_t)number;
	if (mark == NULL || parse_u64(&number, mark + 1, 1, PROJECT_MAX) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "%.*s", (int)(mark - rest), rest);
	return (uint32_t)ftok(path, (int)number);
}

static bool
is_named(const struct ipcq_listed *li, const struct call *ca)
{
	uint64_t id;

	if (ca->kind == IPCQ_POSIX)
		return strcmp(li->uri, ca->uri) == 0;
	if (strncmp(ca->uri, FORM_ID, strlen(FORM_ID)) == 0)
		return parse_u64(&id, ca->uri + strlen(FORM_ID), 0, INT_MAX) == 0 &&
		       id == (uint64_t)li->id;
	return li->key != 0 && li->key == key_of(ca->uri);
}

/* What the list says of one queue, which needs no right to open it. 0 or -errno. */
static int
find_listed(struct ipcq_listed *ret, const struct call *ca)
{
	struct ipcq_listed *all;
	ssize_t n = ipcq_list(&all, ca->kind);
	int rc = -ENOENT;

	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; rc < 0 && i < n; i++) {
		if (!is_named(&all[i], ca))
			continue;
		*ret = all[i];
		rc = 0;
	}
	ipcq_list_free(all);
	return rc;
}

/* What the handle knows, into what the list told, which may be nothing: the bytes of a POSIX
 * queue only that can tell. 0 or -errno. */
static int
add_attributes(struct ipcq_listed *li, const struct ipcq *q)
{
	uint64_t bytes = li->attributes.bytes;
	int rc = ipcq_attributes(q, &li->attributes);

	if (rc < 0)
		return rc;
	li->known |= IPCQ_KNOWN_DEPTH | IPCQ_KNOWN_LIMITS;
	if (li->attributes.kind == IPCQ_SYSV)
		li->known |= IPCQ_KNOWN_BYTES;
	else
		li->attributes.bytes = bytes;
	return 0;
}

/* A handle knows what the list may not, and the list what the handle does not. -EOPNOTSUPP:
 * it may not be opened and cannot be listed. */
static int
find_queue(struct ipcq_listed *ret, const struct call *ca)
{
	struct ipcq *q = NULL;
	int rc = queue_open_any(&q, ca->uri);
	int listed;

	if (rc < 0 && rc != -EACCES)
		return rc;
	listed = find_listed(ret, ca);
	if (q != NULL)
		rc = add_attributes(ret, q);
	else if (listed == 0 || listed == -EOPNOTSUPP)
		rc = listed;
	ipcq_close(q);
	return rc;
}

/* Takes over value. */
static int
print_json(const struct call *ca, json_t *value)
{
	int rc = value == NULL ? -ENOMEM : json_print(value, ca->out);

	json_decref(value);
	return rc < 0 ? fail_say(ca, rc, strerror(-rc)) : CALL_DONE;
}

static int
run_stat(struct call *ca)
{
	struct ipcq_listed li = { 0 };
	int rc = find_queue(&li, ca);

	if (rc == -EOPNOTSUPP)
		return fail_say(ca, -EACCES,
		    "not permitted to open it, and its owner and mode are seen only "
		    "where the mqueue file system is mounted; "
		    "mount -t mqueue none /dev/mqueue");
	if (rc < 0)
		return fail_open(ca, rc);
	if ((ca->given & CALL_JSON) != 0)
		return print_json(ca, row_json(&li, ca->uri));
	row_print_lines(&li, ca->uri, ca->out);
	return CALL_DONE;
}

/* Both kinds; one that cannot be listed does not hide the other. */
struct listing {
	struct ipcq_listed *rows[2];
	ssize_t n[2];
};

static const enum ipcq_kind listed_kinds[2] = { IPCQ_POSIX, IPCQ_SYSV };

static int
collect_lists(const struct call *ca, struct listing *ls)
{
	int status = CALL_DONE;

	for (size_t i = 0; i < ARRAY_LEN(listed_kinds); i++) {
		ls->n[i] = ipcq_list(&ls->rows[i], listed_kinds[i]);
		if (ls->n[i] == -EOPNOTSUPP)
			status = fail_say(ca, -EOPNOTSUPP,
			    "the POSIX queues cannot be listed, as there is no mqueue "
			    "file system; mount -t mqueue none /dev/mqueue");
		else if (ls->n[i] < 0)
			status = fail_open(ca, (int)ls->n[i]);
	}
	return status;
}

static json_t *
lists_json(const struct listing *ls)
{
	json_t *all = json_array();

	for (size_t i = 0; i < ARRAY_LEN(listed_kinds); i++) {
		for (ssize_t k = 0; k < ls->n[i]; k++) {
			const struct ipcq_listed *li = &ls->rows[i][k];

			if (json_array_append_new(all, row_json(li, li->uri)) == 0)
				continue;
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static void
print_lists(const struct listing *ls, FILE *out)
{
	row_print(NULL, out);
	for (size_t i = 0; i < ARRAY_LEN(listed_kinds); i++) {
		for (ssize_t k = 0; k < ls->n[i]; k++)
			row_print(&ls->rows[i][k], out);
	}
}

static int
run_list(struct call *ca)
{
	struct listing ls = { { NULL, NULL }, { 0, 0 } };
	int status = collect_lists(ca, &ls);
	int printed = CALL_DONE;

	if ((ca->given & CALL_JSON) != 0)
		printed = print_json(ca, lists_json(&ls));
	else
		print_lists(&ls, ca->out);
	ipcq_list_free(ls.rows[0]);
	ipcq_list_free(ls.rows[1]);
	return printed != CALL_DONE ? printed : status;
}

const struct call_command stat_command = {
	.name = "stat",
	.synopsis = "URI [--json]",
	.brief = "show a queue: messages, limits, owner, mode",
	.help = "Shows what is known of a queue.\n"
		"\n"
		"  --json  one object\n",
	.options = CALL_JSON,
	.has_uri = true,
	.run = run_stat,
};

const struct call_command list_command = {
	.name = "list",
	.synopsis = "[--json]",
	.brief = "list the queues of this IPC namespace",
	.help =
	    "Lists all POSIX and System V queues of this IPC namespace. \"-\" is what is\n"
	    "not known, or is not of that kind.\n"
	    "\n"
	    "  --json  one array\n",
	.options = CALL_JSON,
	.run = run_list,
};
