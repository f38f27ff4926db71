/* The files in which a producer and a consumer leave what they did, for the checker. Both are
 * mapped shared and written message by message, so they are whole however the tool ends. Both
 * begin with a page whose first words are the same, for whoever only wants to see the progress. */
#ifndef TOOLS_LEDGER_H
#define TOOLS_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define LEDGER_PAGE   4096
#define LEDGER_SENT   UINT64_C(0x31746e657367626d) /* "mbgsent1" */
#define LEDGER_TAKEN  UINT64_C(0x316e6b617467626d) /* "mbgtakn1" */
#define LEDGER_INTACT 1u /* flag of a record: the body proved itself, and is left out */

struct ledger_head {
	uint64_t magic;
	uint64_t count;    /* messages sent, or received */
	uint64_t first_ns; /* CLOCK_MONOTONIC, at the first of them */
	uint64_t last_ns;
	uint64_t bytes;       /* of all bodies */
	uint64_t end;         /* of the records, from the start of the file */
	uint64_t removals;    /* how often this program removed its queue */
	uint64_t gone;        /* messages that were destroyed by that */
	struct recipe recipe; /* of a producer */
};

/* Of a producer: `length` messages from `number` on were destroyed with their queue. Of a
 * consumer: one received message; when it is not LEDGER_INTACT its body follows, padded to 8
 * bytes. */
struct ledger_record {
	uint32_t length;
	uint16_t flags;
	uint16_t producer; /* as the body says; valid when intact */
	int64_t type;      /* as received */
	uint64_t number;   /* as the body says; valid when intact */
};

struct ledger {
	int fd;
	size_t size;
	struct ledger_head *head; /* the mapping, size bytes */
};

/* Make (replacing) or map an existing one. Exits with a message on failure. */
void ledger_create(struct ledger *lg, const char *path, uint64_t magic);
void ledger_map(struct ledger *lg, const char *path, uint64_t magic);
void ledger_close(struct ledger *lg);

/* Count one message of that many bytes. */
void ledger_count(struct ledger *lg, size_t bytes);
/* So many messages from first on were in a queue that was destroyed. */
void ledger_gone(struct ledger *lg, uint64_t first, uint64_t count);
/* The queue was removed. */
void ledger_removed(struct ledger *lg);
/* Append a received message, before it is counted. */
void ledger_append(
    struct ledger *lg, const unsigned char *body, size_t length, int64_t type);
/* The record at that offset (LEDGER_PAGE is the first), or NULL at the end. */
const struct ledger_record *ledger_at(const struct ledger *lg, uint64_t offset);
uint64_t ledger_stride(const struct ledger_record *lr);

#endif
