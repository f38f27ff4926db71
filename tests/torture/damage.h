/* What the damage torture knows of a state before it is damaged, and how it damages files. Linked
 * with the spool that it tests; what it expects is written down before anything is damaged. */
#ifndef MQBRIDGE_TORTURE_DAMAGE_H
#define MQBRIDGE_TORTURE_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/ring.h"

#define STREAMS     2
#define RECORDS_MAX 512
#define BODY_MAX    200 /* bytes */

enum file { FILE_RING, FILE_STREAM, FILE_MARKS = FILE_STREAM + STREAMS, FILES };

struct bytes { /* of a file, and which of them were touched */
	char name[64];
	uint8_t *at;
	size_t len;
	bool *touched; /* one a byte of the file as it was */
	size_t was;    /* its size */
};

enum fate { FATE_WAITS, FATE_IN_FLIGHT, FATE_SETTLED };

struct known_record {
	uint64_t number;
	uint64_t offset; /* in the file */
	uint32_t length;
	uint16_t flags;
	int64_t type;
	uint8_t body[BODY_MAX];
	enum fate fate[STREAMS];
	uint64_t seq[STREAMS];
};

struct known { /* the undamaged state, after a recovery */
	struct known_record records[RECORDS_MAX];
	size_t n;
	uint64_t acked[STREAMS];
	uint64_t next[STREAMS];
	uint64_t data_offset, data_bytes;
	uint32_t max_body;
	enum ring_kind kind;
};

struct state {
	struct bytes files[FILES];
	struct known known;
	bool swapped; /* blocks of a file changed places */
};

uint64_t damage_random(uint64_t *seed, uint64_t below);

/* Make a state in the directory, which is empty, and leave it empty. Ends the program when that
 * fails: nothing is damaged yet. */
void state_make(struct state *st, int dir_fd, enum ring_kind kind, uint64_t *seed);
void state_free(struct state *st);
void state_write(const struct state *st, int dir_fd);
void state_copy(struct state *to, const struct state *from);
void damage_file(struct bytes *by, uint64_t *seed, char *what, size_t what_size);
bool damage_touched(const struct bytes *by, uint64_t from, uint64_t len);

/* Recover what lies in the directory and compare: a static text of what is wrong, or NULL. */
const char *state_judge(const struct state *st, int dir_fd);

struct judged { /* over all cases */
	uint64_t cases, lost, reported, rings_refused, streams_refused, marks_refused,
	    mended;
};
extern struct judged judged;

void damage_die(const char *what, int rc) __attribute__((noreturn));
int damage_empty(int dir_fd);

#endif
