#include "commands/commands.h"

#include "base/compiler.h"
#include "commands/commands_doubt.h"
#include "commands/commands_events.h"
#include "commands/commands_letters.h"
#include "commands/commands_metrics.h"
#include "commands/commands_reload.h"
#include "commands/commands_show.h"
#include "commands/commands_steer.h"
#include "control/command.h"

static const struct control_command commands[] = {
	{ "show status", CONTROL_VIEWER, "the daemon at a glance", show_status_columns,
	    1, show_status },
	{ "show queues", CONTROL_VIEWER, "queues and their rings", show_queues_columns,
	    0, show_queues },
	{ "show routes", CONTROL_VIEWER, "routes and what waits for them",
	    show_routes_columns, 0, show_routes },
	{ "show route ROUTE", CONTROL_VIEWER, "everything about one route",
	    show_route_columns, 1, show_route },
	{ "show peers", CONTROL_VIEWER, "other daemons and the connections to them",
	    show_peers_columns, 0, show_peers },
	{ "show dead-letters [ROUTE...]", CONTROL_VIEWER,
	    "messages that can never be delivered", commands_letters_columns, 0,
	    commands_show_letters },
	{ "show dead-letter LETTER-ID", CONTROL_OPERATOR, "one of them, with its body",
	    commands_letter_columns, 1, commands_show_letter },
	{ "export dead-letters [ROUTE|LETTER-ID...]", CONTROL_OPERATOR,
	    "them with their bodies, as lines of JSON", commands_letters_columns, 0,
	    commands_export_letters },
	{ "purge dead-letters ROUTE|LETTER-ID|all... [yes]", CONTROL_ADMIN,
	    "delete them for ever", commands_purge_columns, 1, commands_purge_letters },
	{ "requeue ROUTE|LETTER-ID|all...", CONTROL_OPERATOR, "send dead letters again",
	    commands_requeue_columns, 1, commands_requeue },
	{ "show in-doubt", CONTROL_VIEWER,
	    "messages in doubt after a crash, and messages that are held",
	    doubt_columns, 0, doubt_show },
	{ "resolve HELD-ID resend|drop|dead-letter [yes]", CONTROL_ADMIN,
	    "decide about a held message: resend, drop or dead-letter",
	    resolved_columns, 1, doubt_resolve },
	{ "resolve stream STREAM-ID forget [yes]", CONTROL_ADMIN,
	    "forget what was delivered of a stream that went back in time",
	    resolved_stream_columns, 1, doubt_resolve_stream },
	{ "show events [N]", CONTROL_VIEWER,
	    "the last 100 or N changes of state, the newest last",
	    commands_events_columns, 0, commands_show_events },
	{ "events follow", CONTROL_VIEWER, "changes of state as they come",
	    commands_events_columns, 0, commands_follow_events },
	{ "pause [route|peer] ROUTE|PEER|all", CONTROL_OPERATOR,
	    "send nothing new, and take nothing new from a peer",
	    commands_pause_columns, 0, commands_pause },
	{ "resume [route|peer] ROUTE|PEER|all", CONTROL_OPERATOR,
	    "end a pause or a drain", commands_pause_columns, 0, commands_resume },
	{ "drain [route|peer] ROUTE|PEER|all [timeout D]", CONTROL_OPERATOR,
	    "send out what is there, take nothing new, then pause",
	    commands_drain_columns, 0, commands_drain },
	{ "purge route ROUTE [yes]", CONTROL_ADMIN,
	    "delete what waits for a route, for ever", commands_purge_route_columns, 1,
	    commands_purge_route },
	{ "reconnect PEER", CONTROL_OPERATOR, "leave the connection and dial again",
	    commands_reconnect_columns, 1, commands_reconnect },
	{ "send QUEUE BODY...", CONTROL_OPERATOR,
	    "put a message into a queue of this host; before the body may stand "
	    "\"priority P\" or \"type T\", then \"text\" or \"base64\"",
	    commands_send_columns, 1, commands_send },
	{ "tap ROUTE [body] [every N] [count N]", CONTROL_VIEWER,
	    "follow messages as they are sent, a sample of them", commands_tap_columns,
	    0, commands_tap },
	{ "wait ready [timeout D]", CONTROL_VIEWER,
	    "until the daemon runs and all its queues are attached",
	    commands_wait_columns, 1, commands_wait_ready },
	{ "wait connected PEER [timeout D]", CONTROL_VIEWER,
	    "until the connection to a peer is up", commands_wait_columns, 1,
	    commands_wait_connected },
	{ "wait empty ROUTE [timeout D]", CONTROL_VIEWER, "until a route holds nothing",
	    commands_wait_columns, 1, commands_wait_empty },
	{ "wait settled [ROUTE] [timeout D]", CONTROL_VIEWER,
	    "until what a route, or all routes, hold now is settled",
	    commands_wait_columns, 1, commands_wait_settled },
	{ "log [error|warn|info|debug] [AREA]", CONTROL_VIEWER,
	    "what is logged, or from now on: error, warn, info or debug",
	    commands_log_columns, 0, commands_log },
	{ "reload", CONTROL_ADMIN,
	    "read the configuration again and apply what differs",
	    commands_reload_columns, 0, commands_reload },
	{ "reload check", CONTROL_OPERATOR,
	    "say what a reload would change, and change nothing",
	    commands_reload_columns, 0, commands_reload_check },
	{ "metrics", CONTROL_VIEWER,
	    "all figures, as Prometheus and its textfile collector read them",
	    commands_metrics_columns, 0, commands_show_metrics },
	{ "show spool", CONTROL_VIEWER, "what is kept where, and the space for it",
	    show_spool_columns, 0, show_spool },
	{ "show config", CONTROL_VIEWER,
	    "the configuration in force, with its defaults", show_config_columns, 0,
	    show_config },
	{ "show limits", CONTROL_VIEWER, "limits, and what is used of them",
	    show_limits_columns, 0, show_limits },
	{ "explain QUEUE [priority P] [type T] [size N]", CONTROL_VIEWER,
	    "where a message would go, and why", explain_columns, 0, explain },
	{ "show version", CONTROL_VIEWER,
	    "versions of the program and of the link protocol", show_version_columns, 1,
	    show_version },
};

const struct control_command *
commands_table(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(commands);
	return commands;
}
