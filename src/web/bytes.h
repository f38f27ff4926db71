/* The bytes of an answer, shared by all connections that still send it, and a bound for all
 * of them together. They may outlive the listener. */
#ifndef MQBRIDGE_WEB_BYTES_H
#define MQBRIDGE_WEB_BYTES_H

#include <stddef.h>

#include "base/compiler.h"

#define BYTES_MAX (32UL << 20) /* of all answers of a pool */

struct bytes_pool; /* counts; ends with its last bytes */
struct evbuffer;

struct bytes {
	unsigned uses;
	struct bytes_pool *pool;
	char *data;
	size_t len;
};

/* 0 or -ENOMEM. */
int bytes_pool_new(struct bytes_pool **ret) MUST_CHECK;
void bytes_pool_free(struct bytes_pool *bp); /* no new bytes any more; NULL is fine */

/* Takes over data, of malloc(). The first use is the caller's. 0; -ENOBUFS: the pool has enough;
 * -ENOMEM. */
int bytes_new(
    struct bytes **ret, struct bytes_pool *bp, char *data, size_t len) MUST_CHECK;
void bytes_drop(struct bytes *by); /* ends a use; NULL is fine */

/* Put them at the end of a buffer, without copying: a use of its own. 0 or -ENOMEM. */
int bytes_send(struct bytes *by, struct evbuffer *out) MUST_CHECK;

#endif
