/* A test message: what it must be follows from the recipe of its producer and its number alone,
 * so that a receiver, or a checker long afterwards, can make it again and compare. Shares
 * nothing with the project's own code, on purpose. */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_TYPES  16 /* different priorities or types of one producer, at most */
#define MESSAGE_HEADER 56 /* bytes; a shorter body cannot say who it is */

struct recipe {
	uint32_t producer; /* 0..65535 */
	uint32_t sysv;     /* types instead of priorities */
	uint32_t random;   /* bodies of random bytes, else of letters */
	uint32_t fixed;    /* every body has max bytes, else 0..max */
	uint32_t max;      /* bytes */
	uint32_t n_types;
	int64_t types[MESSAGE_TYPES];
	uint64_t seed;
};

struct plan { /* of one message */
	uint32_t length;
	uint32_t type_index;
	int64_t type;
};

/* What a body says about itself. */
struct claim {
	uint32_t producer;
	uint32_t length;
	uint64_t number;
	int64_t type;
};

void message_plan(const struct recipe *rp, uint64_t number, struct plan *ret);

/* Fill body, which has room for recipe.max bytes. */
void message_make(const struct recipe *rp, uint64_t number, unsigned char *body);

/* Read the header alone: false when there is none. */
bool message_claim(const unsigned char *body, size_t length, struct claim *ret);

/* Is the whole body what its header says, and was it received with that length and type? */
bool message_intact(
    const unsigned char *body, size_t length, int64_t type, struct claim *ret);

#endif
