#include <errno.h>

#include "base/clock.h"
#include "lib/queue.h"

static size_t
piece_of(const struct ipcq_batch *batch, uint64_t message_size)
{
	size_t rest = batch->length - batch->sent_bytes;

	return rest < message_size ? rest : (size_t)message_size;
}

/* The timeout is that of all pieces together: what is left of it. */
static void
use_rest(struct ipcq_options *options, int64_t begun_ns, uint64_t timeout_ns)
{
	uint64_t used;

	if ((options->flags & IPCQ_TIMED) == 0)
		return;
	used = (uint64_t)(clock_monotonic_ns() - begun_ns);
	options->timeout_ns = used < timeout_ns ? timeout_ns - used : 0;
}

int
ipcq_send_all(
    struct ipcq *q, struct ipcq_batch *batch, const struct ipcq_options *options)
{
	struct ipcq_options each = { 0 };
	int64_t begun_ns = clock_monotonic_ns();
	struct ipcq_attributes at;
	int rc;

	if (options != NULL)
		each = *options;
	if (batch->sent_bytes > batch->length || (each.flags & IPCQ_HEADROOM) != 0)
		return -EINVAL;
	rc = ipcq_attributes(q, &at);
	if (rc < 0)
		return rc;
	if (at.message_size == 0 && batch->length > 0)
		return -EMSGSIZE;
	while (batch->sent_bytes < batch->length || batch->sent_messages == 0) {
		size_t len = piece_of(batch, at.message_size);

		use_rest(&each, begun_ns, options != NULL ? options->timeout_ns : 0);
		rc = ipcq_send_with(q,
		    batch->length > 0 ? (const char *)batch->body + batch->sent_bytes
				      : NULL,
		    len, batch->type, &each);
		if (rc < 0)
			return rc;
		batch->sent_bytes += len;
		batch->sent_messages++;
	}
	return 0;
}
