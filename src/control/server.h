/* The control socket: one request line in, an answer out, ended by an empty line; "json" as
 * the last word gives one JSON document {"schema": "org.mqbridge/1", "time", "name", "kind",
 * "items", "warnings"}. An error is a line "error: why" (text; control/reply.h has the kinds)
 * or {"schema", "error", "code"} (JSON). Every limit on clients is here.
 *
 * Requests of a client are answered in order, each when the answer before it has been taken;
 * one answer a turn of the loop, so that no client holds up another. A line that the client
 * leaves open when it ends its side counts as complete. */
#ifndef MQBRIDGE_CONTROL_SERVER_H
#define MQBRIDGE_CONTROL_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct control_command;
struct control_server; /* opaque; used by the loop's thread */
struct event_base;

struct control_spec {
	/* Of the socket, made with mode 0660; a stale one is replaced; copied. */
	const char *path;
	const char *name; /* of the daemon, for "name" in JSON; copied */
	/* n of them, which outlive the server; "help" is added by it. */
	const struct control_command *commands;
	size_t n_commands;
	void *context;    /* for run(); borrowed */
	uint32_t idle_ms; /* 0: CONTROL_CLIENT_IDLE_MS */
};

/* Connections at once; a further one is answered "error: too many clients". */
#define CONTROL_CLIENTS_MAX 32
#define CONTROL_LINE_MAX    1024 /* bytes of a request, without its newline */
/* A client is closed that sends no whole request, or does not take an answer, for so long. */
#define CONTROL_CLIENT_IDLE_MS 60000

/* Returns 0 or -errno; -EADDRINUSE: another daemon answers there; -ENOTSOCK: path is
 * something else, which is left alone; -ENAMETOOLONG. */
int control_server_open(struct control_server **ret, struct event_base *base,
    const struct control_spec *spec) MUST_CHECK;
/* Unlinks the socket; NULL is fine. Not to be called by a command. */
void control_server_close(struct control_server *cs);

#endif
