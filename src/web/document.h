/* What can be asked for again and again and changes: an answer of the control socket's
 * commands, or what the daemon writes in pieces. It is made when it is asked for and kept for
 * a moment, so that many who ask cost no more than one. */
#ifndef MQBRIDGE_WEB_DOCUMENT_H
#define MQBRIDGE_WEB_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct answerer;
struct bytes;
struct bytes_pool;
struct document; /* opaque */
struct event_base;
struct text;

#define DOCUMENT_MAX     (8UL << 20) /* bytes; a longer one is not sent */
#define DOCUMENT_KEPT_MS 500
#define DOCUMENT_MAKE_MS 10000 /* for one that takes longer there is no answer */

/* Writes one in pieces, each on a turn of the loop of its own. */
struct document_maker {
	/* 0 or -errno. */
	int (*begin)(void **ret, void *context);
	/* Appends to out. 1: there is more, 0: that was the last, or -errno. */
	int (*piece)(void *work, struct text *out);
	void (*end)(void *work);
	void *context;
};

struct document_spec { /* copied, but not what it points to */
	struct event_base *base;
	struct bytes_pool *pool;
	/* Either a request line, whose last word is "json", and who answers it, ... */
	const char *command;
	struct answerer *answerer;
	/* ... or a maker. */
	const struct document_maker *maker;
	/* Made, or not; never called from within document_make(). */
	void (*on_made)(void *owner);
	void *owner;
};

/* 0 or -ENOMEM. */
int document_new(struct document **ret, const struct document_spec *spec) MUST_CHECK;
void document_free(struct document *dc); /* not from on_made(); NULL is fine */

/* Is there one for somebody who asked at that time? */
bool document_is_ready(const struct document *dc, uint64_t asked_ms, uint64_t now_ms);
/* Make it anew, unless that is going on. */
void document_make(struct document *dc);

/* When it is ready: its bytes, borrowed until the next turn of the loop, and the status: 200; or
 * NULL and 503. */
int document_take(const struct document *dc, struct bytes **ret);

#endif
