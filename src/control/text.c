#include "control/text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256 /* bytes; most cells and errors fit */

static void
terminate(struct text *tx)
{
	if (tx->bytes != NULL)
		tx->bytes[tx->len] = '\0';
}

void
text_init(struct text *tx, size_t max)
{
	*tx = (struct text){ .max = max };
}

void
text_done(struct text *tx)
{
	free(tx->bytes);
	text_init(tx, tx->max);
}

void
text_clear(struct text *tx)
{
	tx->len = 0;
	tx->rc = 0;
	terminate(tx);
}

/* Space for len more bytes and the NUL, or NULL with the failure kept. */
static char *
reserve(struct text *tx, size_t len)
{
	size_t size = tx->size == 0 ? FIRST_SIZE : tx->size;
	char *bytes;

	if (tx->rc != 0)
		return NULL;
	if (len > tx->max - tx->len) {
		tx->rc = -EFBIG;
		return NULL;
	}
	while (size <= tx->len + len)
		size *= 2;
	if (size != tx->size) {
		bytes = realloc(tx->bytes, size);
		if (bytes == NULL) {
			tx->rc = -ENOMEM;
			return NULL;
		}
		tx->bytes = bytes;
		tx->size = size;
	}
	return tx->bytes + tx->len;
}

void
text_put(struct text *tx, const void *bytes, size_t len)
{
	char *to = reserve(tx, len);

	if (to == NULL)
		return;
	if (len > 0) /* else bytes may be NULL */
		memcpy(to, bytes, len);
	tx->len += len;
	terminate(tx);
}

void
text_puts(struct text *tx, const char *string)
{
	text_put(tx, string, strlen(string));
}

void
text_pad(struct text *tx, size_t blanks)
{
	char *to = reserve(tx, blanks);

	if (to == NULL)
		return;
	memset(to, ' ', blanks);
	tx->len += blanks;
	terminate(tx);
}

void
text_cut(struct text *tx, size_t len)
{
	assert(len <= tx->len);
	tx->len = len;
	terminate(tx);
}
