/* A runtime directory on tmpfs and a state directory, for the tests of what lies in them. */
#ifndef MQBRIDGE_TESTS_STATE_FIXTURE_H
#define MQBRIDGE_TESTS_STATE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

struct runtime;

struct state_dirs {
	char base[64];
	char runtime[80];
	char state[80];
	int runtime_fd;
	int state_fd;
};

/* All of these fail the test when they cannot do their work. */
void state_dirs_make(struct state_dirs *sd);
void state_dirs_remove(struct state_dirs *sd); /* with all their files */

/* A state as a daemon leaves it: a ring of each kind with records, three streams with messages
 * in flight, marks of two streams, one with a delivery in doubt, one with a rejected sequence. */
void state_dirs_fill(const struct state_dirs *sd);
void state_dirs_reboot(const struct state_dirs *sd); /* empties the runtime directory */

bool state_has(int dir_fd, const char *name);
void state_put(int dir_fd, const char *name, const void *bytes, size_t len);
/* malloc'ed; belongs to the caller. */
uint8_t *state_get(int dir_fd, const char *name, size_t *ret_len);
/* The only file whose name begins so, into name (>= 256 bytes). */
void state_find_file(int dir_fd, const char *prefix, char *name);
unsigned state_count(int dir_fd, const char *prefix);

/* CRC-32C over names and bytes of all rings, journals and marks in dir_fd: two states that have
 * the same are the same. */
uint32_t state_digest(int dir_fd);

/* runtime_open() that must succeed. */
struct runtime *state_open(const struct state_dirs *sd);

struct id state_id(uint8_t n); /* a stream id with n in it */

#endif
