/* The listener for browsers and for what scrapes metrics. HTTP/1.1, read-only: GET and HEAD of
 * the status page at "/", of "/metrics", and of answers of the control socket's commands
 * below "/api/1/", the same documents as `mqbridgectl --json` shows. Whoever can connect is
 * a viewer; the bodies of messages are not to be had here.
 *
 * What it costs has bounds: connections and their time (web/visits.h), a header of 8 KiB, no
 * request bodies, bytes that are being sent (web/bytes.h), the loop's time (web/budget.h); and what is
 * asked for is made at most twice a second (web/document.h). */
#ifndef MQBRIDGE_WEB_WEB_H
#define MQBRIDGE_WEB_WEB_H

#include <stddef.h>

#include "base/compiler.h"

struct control_command;
struct document_maker;
struct event_base;
struct web; /* opaque; used by the loop's thread */

#define WEB_METRICS 2 /* forms of the metrics */

struct web_spec {
	/* "http://NUMBER:PORT", "http://localhost:PORT" or "unix:///PATH"; copied. */
	const char *address;
	/* A socket for it that listens already, which is taken over, also on failure; -1: none. */
	int fd;
	/* Names beside numbers and "localhost" by which it is asked for; copied. */
	const char *const *names;
	size_t n_names;
	const char *name; /* of the daemon, for "name" in JSON; copied */
	/* What "/api/1/" answers with; all as for the control socket. */
	const struct control_command *commands;
	size_t n_commands;
	void *context;
	/* Both forms, how each is called, and which one a request wants by its "Accept"
	 * header (NULL: it has none). Borrowed. */
	const struct document_maker *metrics[WEB_METRICS];
	const char *metrics_type[WEB_METRICS];
	unsigned (*metrics_choose)(const char *accept);
};

/* Listen. 0 or -errno; -EINVAL: not such an address, or fd does not listen there; -EADDRINUSE;
 * -EEXIST: path is another kind of file. */
int web_open(
    struct web **ret, struct event_base *base, const struct web_spec *spec) MUST_CHECK;
/* Hangs up on everybody; the loop must turn once more. Not to be called by a command. NULL is
 * fine. */
void web_close(struct web *wb);
/* For one at an address that overlaps: it listens no more, and again on the same socket; connections
 * go on. 0; or -errno: somebody else listens there now, and it is tried again until it works. */
void web_silence(struct web *wb);
int web_listen(struct web *wb) MUST_CHECK;
/* Other names from now on. The array and all in it were malloc'ed, and are taken over. */
void web_set_names(struct web *wb, char **names, size_t n_names);

#endif
