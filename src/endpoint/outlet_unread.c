#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "endpoint/outlet_private.h"
#include "flow/sink.h"

/* A rejected sequence, and what its dead letter is to say. */
struct unread {
	TAILQ_ENTRY(unread) link;
	uint64_t seq;
	unsigned reason;
	char detail[160];
};

int
outlet_await_letter(
    struct outlet *ol, uint64_t seq, unsigned reason, const char *detail)
{
	struct unread *ur = calloc(1, sizeof(*ur));

	if (ur == NULL)
		return -ENOMEM;
	ur->seq = seq;
	ur->reason = reason;
	(void)snprintf(ur->detail, sizeof(ur->detail), "%s", detail);
	TAILQ_INSERT_TAIL(&ol->unread, ur, link);
	return 0;
}

bool
outlet_awaits_letter(const struct outlet *ol, uint64_t seq)
{
	const struct unread *ur;

	TAILQ_FOREACH (ur, &ol->unread, link)
		if (ur->seq == seq)
			return true;
	return false;
}

/* It turned out to be damaged: nothing is left to be stored. */
static void
give_up_letter(struct outlet *ol, uint64_t seq)
{
	struct sink *snk = ol->source.sink;

	stream_reject_stored(ol->stream, seq);
	if (snk != NULL)
		snk->ops->stored(snk, seq);
}

void
outlet_read_letters(struct outlet *ol)
{
	struct unread *ur = TAILQ_FIRST(&ol->unread), *next;

	for (; ur != NULL; ur = next) {
		const struct record *rec = stream_sent(ol->stream, ur->seq);

		next = TAILQ_NEXT(ur, link);
		if (rec == &record_void)
			give_up_letter(ol, ur->seq);
		else if (rec == NULL || outlet_write_letter(ol, rec, ur->seq,
					    ur->reason, ur->detail) < 0)
			continue;
		TAILQ_REMOVE(&ol->unread, ur, link);
		free(ur);
	}
}

void
outlet_done_unread(struct outlet *ol)
{
	struct unread *ur;

	/* The sink names them again when the stream is resumed. */
	while ((ur = TAILQ_FIRST(&ol->unread)) != NULL) {
		TAILQ_REMOVE(&ol->unread, ur, link);
		free(ur);
	}
}
