#include <errno.h>
#include <inttypes.h>

#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_json.h"

#define UNKNOWN UINT64_MAX /* unlimited, or not counted; ipcq_limits(3) */

static json_t *
number_or_null(uint64_t value)
{
	return value == UNKNOWN ? json_null() : json_integer((json_int_t)value);
}

static json_t *
limit_json(const struct ipcq_limit *li)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s*}", "name", li->name,
	    "what", li->what, "kind", li->kind == IPCQ_POSIX ? "posix" : "sysv", "unit",
	    li->bytes ? "bytes" : "pieces", "value", number_or_null(li->value), "used",
	    number_or_null(li->used), "raise", li->raise[0] != '\0' ? li->raise : NULL);
}

static int
print_json(const struct call *ca, const struct ipcq_limit *rows, int n)
{
	json_t *all = json_array();
	int rc = 0;

	for (int i = 0; rc == 0 && i < n; i++)
		rc = json_array_append_new(all, limit_json(&rows[i])) < 0 ? -ENOMEM : 0;
	if (rc == 0)
		rc = json_print(all, ca->out);
	json_decref(all);
	return rc;
}

static void
print_text(const struct call *ca, const struct ipcq_limit *li)
{
	const char *unit = li->bytes ? " bytes" : "";

	if (li->value == UNKNOWN)
		(void)fprintf(ca->out, "%s: unlimited", li->name);
	else
		(void)fprintf(ca->out, "%s: %" PRIu64 "%s", li->name, li->value, unit);
	if (li->used != UNKNOWN)
		(void)fprintf(ca->out, ", %" PRIu64 "%s used", li->used, unit);
	(void)fprintf(ca->out, "\n    %s\n", li->what);
	if (li->raise[0] != '\0')
		(void)fprintf(ca->out, "    raise: %s\n", li->raise);
}

static int
run_limits(struct call *ca)
{
	struct ipcq_limit rows[IPCQ_LIMITS];
	int n = ipcq_limits(rows, IPCQ_LIMITS_CHARGED);
	int rc;

	if (n < 0)
		return fail_open(ca, n);
	if ((ca->given & CALL_JSON) != 0) {
		rc = print_json(ca, rows, n);
		return rc < 0 ? fail_open(ca, rc) : CALL_DONE;
	}
	for (int i = 0; i < n; i++)
		print_text(ca, &rows[i]);
	return CALL_DONE;
}

const struct call_command limits_command = {
	.name = "limits",
	.synopsis = "[--json]",
	.brief = "show the limits for queues, and what raises them",
	.help =
	    "Shows the limits of this IPC namespace and of this user, what is used of\n"
	    "them, and the line that raises each.\n"
	    "\n"
	    "  --json  one array\n",
	.options = CALL_JSON,
	.run = run_limits,
};
