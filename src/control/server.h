/* The control socket: one request line in, an answer out, ended by an empty line; "json" as
 * the last word gives one JSON document {"schema": "org.mqbridge/1", "time", "name", "kind",
 * "items", "warnings"}. An error is a line "error: why" (text; control/reply.h has the kinds)
 * or {"schema", "error", "code"} (JSON). Every limit on clients is here.
 *
 * Requests of a client are answered in order, each when the answer before it has been taken.
 * A line that the client leaves open when it ends its side counts as complete. All clients
 * together have a share of the loop's time (control/share.h); when it is used up they wait for
 * their turns, the user who has had least of it first. */
#ifndef MQBRIDGE_CONTROL_SERVER_H
#define MQBRIDGE_CONTROL_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

struct control_change;
struct control_command;
struct control_roles;
struct control_server; /* opaque; used by the loop's thread */
struct event_base;

/* Of every use of a command that is above the viewer's, when it has ended; control/change.h. */
typedef void control_change_fn(void *context, const struct control_change *change);

struct control_spec {
	/* Of the socket, made with mode 0660; a stale one is replaced; copied. */
	const char *path;
	const gid_t *group; /* of that file; NULL: as created; copied */
	/* A socket that listens at path already, taken over, also when opening fails; its file is not
	 * ours. NULL: it is made here. */
	const int *passed;
	const char *name; /* of the daemon, for "name" in JSON; copied */
	/* n of them, which outlive the server; "help" is added by it. */
	const struct control_command *commands;
	size_t n_commands;
	void *context;                     /* for run() and on_change(); borrowed */
	const struct control_roles *roles; /* NULL: nobody is configured; copied */
	control_change_fn *on_change;      /* or NULL */
	uint32_t idle_ms;                  /* 0: CONTROL_CLIENT_IDLE_MS */
};

/* Connections at once; a further one is answered "error: too many clients". The last few are
 * for admins. A user who has all that one may have loses the connection that has been silent
 * for longest, if it was for CONTROL_SILENT_MS; or else the one that has had most of the loop's
 * time, if it was CONTROL_HEAVY_MS. */
#define CONTROL_CLIENTS_MAX       64
#define CONTROL_CLIENTS_ADMIN     8
#define CONTROL_CLIENTS_PER_USER  16
#define CONTROL_CLIENTS_PER_ADMIN 32
#define CONTROL_SILENT_MS         2000
#define CONTROL_HEAVY_MS          10
#define CONTROL_LINE_MAX          1024 /* bytes of a request, without its newline */
/* A client is closed that sends no whole request, or does not take an answer, for so long. */
#define CONTROL_CLIENT_IDLE_MS 60000
/* Of memory for answers that clients have not taken. When there is more, those are closed that
 * have taken nothing for longest. */
#define CONTROL_PENDING_MAX (16UL << 20) /* bytes */

/* Returns 0 or -errno; -EADDRINUSE: another daemon answers there; -ENOTSOCK: path is
 * something else, which is left alone; -ENAMETOOLONG; -EPERM: we are not in that group. */
int control_server_open(struct control_server **ret, struct event_base *base,
    const struct control_spec *spec) MUST_CHECK;
/* Unlinks the socket; NULL is fine. Not to be called by a command. */
void control_server_close(struct control_server *cs);

/* Connections that have a place now. */
unsigned control_server_clients(const struct control_server *cs);

/* Other users have roles from now on, also those who are connected. What roles has is taken over, and
 * it is all 0 then. */
void control_server_take_roles(struct control_server *cs, struct control_roles *roles);

#endif
