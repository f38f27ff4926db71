/* The receiving end of a stream: a source to the sink that delivers. Records are handed on
 * straight from the connection's buffer; only what the sink does not take at once is copied,
 * at most the stream's window. */
#ifndef MQBRIDGE_LINK_RECEIVER_H
#define MQBRIDGE_LINK_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flow/sink.h"
#include "link/credit.h"
#include "wire/frame.h"

struct record;
struct session;

struct receiver {
	struct source source;       /* first: a source is cast to its receiver */
	TAILQ_ENTRY(receiver) link; /* of the session's */
	TAILQ_ENTRY(receiver) due_link;
	struct session *session;
	struct sink *sink;
	uint32_t channel;
	char entry[FRAME_NAME_MAX + 1]; /* what it opened */
	struct id stream;
	uint32_t seed;     /* of the records' checksums */
	uint32_t max_body; /* of the source */
	struct credit credit;
	uint64_t delivered; /* settled up to here */
	uint64_t
	    accepted; /* received and good up to here; the rest of (delivered, accepted] waits */
	enum reason told; /* that the sender knows of */
	char told_detail[FRAME_TEXT_MAX + 1];
	bool due; /* is in the session's due list */
	bool closing;
	const uint8_t *at; /* records of the frame in hand, not yet delivered */
	uint32_t at_length;
	uint8_t *stash; /* records that wait, in order */
	size_t stash_first, stash_length, stash_size;
	size_t chunk_length; /* of an unfinished record behind those, 0: none */
	uint32_t chunk_total;
};

/* OPEN: asks the daemon, makes the receiver and answers. 0 or a close_code. */
unsigned receiver_on_open(
    struct session *ss, uint32_t channel, const struct frame_open *op);
void receiver_free(struct receiver *rv); /* closes its sink */
struct link_refusal;
/* Refuse it after it was taken, and free it. 0, or nothing was done: -ENOMEM; -EOPNOTSUPP: the peer
 * speaks version 1, which knows no such thing. */
int receiver_revoke(struct receiver *rv, const struct link_refusal *why) MUST_CHECK;
/* 0 or a close_code, *ret_why in words. */
unsigned receiver_on_data(
    struct receiver *rv, const struct frame_data *da, const char **ret_why);
unsigned receiver_on_chunk(
    struct receiver *rv, const struct frame_chunk *ch, const char **ret_why);
unsigned receiver_on_void(struct receiver *rv, uint64_t seq, const char **ret_why);
unsigned receiver_on_stored(struct receiver *rv, uint64_t seq);
/* Credit is given again: let its sender know. */
void receiver_release(struct receiver *rv);
/* Tell the sender why nothing goes on, if that has changed since it was told. */
void receiver_tell(struct receiver *rv);
/* Encode what is due: 0 or -errno. */
int receiver_acknowledge(struct receiver *rv) MUST_CHECK;

#endif
