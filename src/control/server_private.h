/* Of server.c and client.c only: the server and its clients. */
#ifndef MQBRIDGE_CONTROL_SERVER_PRIVATE_H
#define MQBRIDGE_CONTROL_SERVER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/time.h>

#include "base/compiler.h"
#include "control/command.h"
#include "control/places.h"
#include "control/roles.h"
#include "control/server.h"
#include "control/share.h"
#include "control/socket.h"
#include "control/text.h"

#define CLIENT_INPUT_MAX (CONTROL_LINE_MAX + 2) /* a line with CR and LF */

struct answer;
struct answerer;
struct event;

struct client {
	struct control_server *cs; /* borrowed */
	struct client **place;     /* in its table */
	struct place_account *account;
	int fd;
	struct control_caller caller;
	/* Only one of the two is pending: requests are not read while an answer waits. */
	struct event *readable;
	struct event *writable;
	/* Ends the client; made active at once by client_kill(). */
	struct event *deadline;
	/* What its event has called for, while it waits for a turn; else NULL. */
	void (*due)(struct client *cl);
	TAILQ_ENTRY(client) link; /* of those that wait */
	int64_t due_ns;           /* since when */
	int64_t spent_ns;         /* of the loop's time, for what it did last */
	int64_t total_ns;         /* the same for all that it did */
	int64_t progress_ns;      /* when it last sent a request, or took an answer */
	bool at_end;              /* the client sends no more */
	bool is_last;             /* no request is read after this answer */
	char in[CLIENT_INPUT_MAX];
	size_t in_len;
	struct text out;
	size_t out_sent; /* bytes of out */
	/* One that comes later, or NULL; then no event is pending while the command works. */
	struct answer *answer;
	bool is_whole; /* it has been ended */
	bool is_dead;  /* killed, and not yet freed */
};

struct control_server {
	struct event_base *base; /* borrowed */
	char *path;
	char *name;
	struct timeval idle;
	struct control_socket socket;
	struct control_roles roles;
	struct answerer *answerer;
	struct event *acceptable;
	struct event *resume; /* accepting, after a pause */
	struct share share;
	struct event *look; /* for clients that have left */
	struct event *turn; /* pending while somebody waits for one */
	TAILQ_HEAD(clients, client) waiting;
	bool accept_waits;
	struct places places;
	struct client *clients[CONTROL_CLIENTS_MAX]; /* NULL: free */
};

/* A new client for a free place of the table. Takes over fd. Returns 0 or -ENOMEM. */
int client_new(struct control_server *cs, struct client **place, int fd,
    const struct control_caller *caller) MUST_CHECK;
/* Never under a running callback but that of the client's own deadline. */
void client_free(struct client *cl);
/* It is freed on the next turn; none of its other callbacks comes before. */
void client_kill(struct client *cl);
/* Does it owe us something: a request, or that it takes an answer? */
bool client_owes(const struct client *cl);

/* The client has something to do: at once, or on a turn of its own. */
void server_admit(struct client *cl, void (*due)(struct client *cl));
/* The client has no more to do. */
void server_forget(struct client *cl);
/* A command works for a client, of which nothing is read until then: it may leave. */
void server_look_later(struct control_server *cs);
/* Its memory has grown: see to it that all together do not take too much. */
void server_bound_memory(const struct client *grown);

#endif
