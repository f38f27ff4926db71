#include "commands/commands_reload.h"

#include <errno.h>
#include <stddef.h>

#include "change/reload.h"
#include "commands/commands.h"
#include "control/command.h"

const struct control_column commands_reload_columns[] = {
	{ "object", "OBJECT" },
	{ "name", "NAME" },
	{ "change", "CHANGE" },
	{ "keys", "KEYS" },
	{ NULL, NULL },
};

static void
reload_gone(void *owner)
{
	reload_forget(owner);
}

static int
run(const struct commands_context *cx, bool check, struct control_reply *reply)
{
	static const struct control_later later = { .gone = reload_gone };
	int rc;

	if (cx->stopping) {
		reply->error = "the daemon stops";
		return -ESHUTDOWN;
	}
	rc = reload_begin(cx->reload, check, reply);
	if (rc < 0) {
		reply->error = "another reload is under way";
		return rc;
	}
	reply->later = &later;
	reply->owner = cx->reload;
	return CONTROL_LATER;
}

int
commands_reload(void *context, struct control_reply *reply)
{
	return run(context, false, reply);
}

int
commands_reload_check(void *context, struct control_reply *reply)
{
	return run(context, true, reply);
}
