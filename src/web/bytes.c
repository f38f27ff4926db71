#include "web/bytes.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>

struct bytes_pool {
	size_t sum;
	unsigned uses; /* by bytes, and by the owner */
};

int
bytes_pool_new(struct bytes_pool **ret)
{
	struct bytes_pool *bp = calloc(1, sizeof(*bp));

	if (bp == NULL)
		return -ENOMEM;
	bp->uses = 1;
	*ret = bp;
	return 0;
}

void
bytes_pool_free(struct bytes_pool *bp)
{
	if (bp != NULL && --bp->uses == 0)
		free(bp);
}

int
bytes_new(struct bytes **ret, struct bytes_pool *bp, char *data, size_t len)
{
	struct bytes *by = NULL;
	int rc = -ENOBUFS;

	if (len <= BYTES_MAX - bp->sum) {
		by = malloc(sizeof(*by));
		rc = -ENOMEM;
	}
	if (by == NULL) {
		free(data);
		return rc;
	}
	*by = (struct bytes){ .uses = 1, .pool = bp, .data = data, .len = len };
	bp->sum += len;
	bp->uses++;
	*ret = by;
	return 0;
}

void
bytes_drop(struct bytes *by)
{
	if (by == NULL || --by->uses > 0)
		return;
	by->pool->sum -= by->len;
	bytes_pool_free(by->pool);
	free(by->data);
	free(by);
}

static void
bytes_on_sent(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	bytes_drop(arg);
}

int
bytes_send(struct bytes *by, struct evbuffer *out)
{
	by->uses++;
	if (evbuffer_add_reference(out, by->data, by->len, bytes_on_sent, by) == 0)
		return 0;
	by->uses--;
	return -ENOMEM;
}
