#include "daemon/commands.h"

#include "base/compiler.h"
#include "control/command.h"
#include "daemon/commands_doubt.h"
#include "daemon/commands_letters.h"
#include "daemon/commands_show.h"

static const struct control_command commands[] = {
	{ "show status", CONTROL_VIEWER, "the daemon at a glance", show_status_columns,
	    1, show_status },
	{ "show queues", CONTROL_VIEWER, "queues and their rings", show_queues_columns,
	    0, show_queues },
	{ "show routes", CONTROL_VIEWER, "routes and what waits for them",
	    show_routes_columns, 0, show_routes },
	{ "show peers", CONTROL_VIEWER, "other daemons and the connections to them",
	    show_peers_columns, 0, show_peers },
	{ "show dead-letters [ROUTE...]", CONTROL_VIEWER,
	    "messages that can never be delivered", commands_letters_columns, 0,
	    commands_show_letters },
	{ "show dead-letter ID", CONTROL_OPERATOR, "one of them, with its body",
	    commands_letter_columns, 1, commands_show_letter },
	{ "export dead-letters [ROUTE|ID...]", CONTROL_OPERATOR,
	    "them with their bodies, as lines of JSON", commands_letters_columns, 0,
	    commands_export_letters },
	{ "purge dead-letters ROUTE|ID|all... [yes]", CONTROL_ADMIN,
	    "delete them for ever", commands_purge_columns, 1, commands_purge_letters },
	{ "requeue ROUTE|ID|all...", CONTROL_OPERATOR, "send dead letters again",
	    commands_requeue_columns, 1, commands_requeue },
	{ "show in-doubt", CONTROL_VIEWER,
	    "messages in doubt after a crash, and messages that are held",
	    doubt_columns, 0, doubt_show },
	{ "resolve ID ACTION [yes]", CONTROL_ADMIN,
	    "decide about a held message: resend, drop or dead-letter",
	    resolved_columns, 1, doubt_resolve },
	{ "resolve stream ID ACTION [yes]", CONTROL_ADMIN,
	    "forget what was delivered of a stream that went back in time",
	    resolved_stream_columns, 1, doubt_resolve_stream },
	{ "version", CONTROL_VIEWER, "versions of the program and of the link protocol",
	    show_version_columns, 1, show_version },
};

const struct control_command *
commands_table(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(commands);
	return commands;
}
