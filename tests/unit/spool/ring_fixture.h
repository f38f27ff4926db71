/* A directory on tmpfs with a ring, for the tests of rings and streams. */
#ifndef MQBRIDGE_TESTS_RING_FIXTURE_H
#define MQBRIDGE_TESTS_RING_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "spool/ring.h"

struct ring_dir {
	char path[64];
	int fd;
};

/* All of these fail the test when they cannot do their work. */
void ring_dir_open(struct ring_dir *rd);
void ring_dir_close(struct ring_dir *rd); /* with all its files */
/* Every file of one directory into the other, as a kill would leave it. */
void ring_dir_copy(const struct ring_dir *from, const struct ring_dir *to);
/* The only file whose name begins so, into name (>= 256 bytes). */
void ring_dir_find(const struct ring_dir *rd, const char *prefix, char *name);
/* Map a whole file to look at its bytes and to change them; the test's end unmaps. */
uint8_t *ring_dir_map(const struct ring_dir *rd, const char *name, size_t *ret_size);

/* A small ring for bodies up to max_body. */
struct ring *ring_dir_make(
    const struct ring_dir *rd, enum ring_kind kind, uint32_t max_body);
struct ring *ring_dir_reopen(const struct ring_dir *rd, struct ring_report *report);

/* What intake does with one message, the kernel's part done by memcpy. */
void ring_put(struct ring *rg, const void *body, uint32_t len, int64_t type);
/* The kernel's part alone. */
struct record *ring_receive(
    struct ring *rg, const void *body, uint32_t len, int64_t type);
/* The live record of that number, or NULL. */
struct record *ring_find(const struct ring *rg, uint64_t number);
/* Settle for that slot all up to number, and release. */
void ring_settle(struct ring *rg, unsigned slot, uint64_t number);

/* Small random numbers that a test can repeat. */
uint32_t ring_random(uint64_t *state, uint32_t below);

#endif
