/* Credit of one incoming stream: how many bytes of records its sender may have sent since the
 * channel was opened. What is not yet delivered of them is at most the window, which is
 * reserved from the daemon's receive_memory. docs/wire-protocol.md, section 10. Pure. */
#ifndef MQBRIDGE_LINK_CREDIT_H
#define MQBRIDGE_LINK_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define CREDIT_WINDOW_FIRST ((uint64_t)64 << 10) /* bytes */
#define CREDIT_WINDOW_MAX                                                              \
	((uint64_t)4 << 20) /* bytes; one stream, whatever the memory */

struct credit {
	uint64_t window; /* reserved, bytes */
	uint64_t received,
	    released;       /* bytes of records, since the channel was opened */
	uint64_t announced; /* highest credit that the sender was told */
	uint64_t grown_at;  /* released when the window last grew */
};

/* *memory: bytes of receive_memory that are left; the window is taken from it.
 * largest: stride of the largest record that must fit. false: there is not enough. */
bool credit_open(struct credit *cr, uint64_t largest, uint64_t *memory);
void credit_close(struct credit *cr, uint64_t *memory);

/* Bytes arrived; false: more than was announced. */
bool credit_receive(struct credit *cr, uint64_t bytes);
/* Bytes were delivered. kept_up: nothing was left waiting, so a larger window would be used well:
 * it is doubled once per window delivered, while memory lasts. */
void credit_release(struct credit *cr, uint64_t bytes, bool kept_up, uint64_t *memory);
/* What to announce now. */
uint64_t credit_announce(struct credit *cr);

#endif
