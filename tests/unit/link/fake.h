/* Two daemons' links in one loop, joined over a Unix socket, with a source of made-up records at one end and a sink that
 * keeps what it gets at the other. */
#ifndef MQBRIDGE_TESTS_UNIT_LINK_FAKE_H
#define MQBRIDGE_TESTS_UNIT_LINK_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/sink.h"
#include "link/link.h"
#include "record/record.h"

#define FAKE_RECORDS 20000

struct fake_source {
	struct source source; /* first */
	struct id stream, ring;
	uint8_t *bytes;                /* all records, one behind the other */
	uint64_t at[FAKE_RECORDS + 2]; /* byte offset by sequence */
	uint64_t count;                /* sequences 1..count exist */
	uint64_t taken, acked;         /* up to and with */
	uint64_t high;                 /* highest ever taken */
	uint32_t max_body;
	uint64_t refused; /* records that never fit */
	uint64_t rejected_seq;
	unsigned rejected_reason;
	uint64_t took_again; /* records offered a second time */
	/* When offered again, each n-th sequence is damaged by then; 0: none is. */
	uint64_t void_each;
};

struct fake_sink {
	struct sink sink;           /* first */
	struct fake_source *origin; /* to compare with */
	uint64_t mark;
	uint64_t altered, kicks;
	uint64_t stop_at;    /* takes nothing after that sequence; UINT64_MAX: all */
	uint64_t reject_seq; /* rejects this one */
	uint64_t stored_seq, rejected;
	uint64_t voids; /* sequences of which nothing was left */
	uint32_t max_body;
	bool open;
	enum reason says; /* what holds it */
};

struct fake_pair {
	struct event_base *base;
	struct runtime *runtime;
	char dir[64];
	struct link *a, *b;        /* "alpha" dials, "beta" listens */
	struct peer *beta, *alpha; /* of a, of b */
	struct sink *sender;
	struct fake_source source;
	struct fake_sink sink;
	unsigned refuse; /* code with which beta refuses streams, 0: none */
	uint64_t opened;
};

void fake_setup(struct fake_pair *fp, uint64_t count, uint32_t max_body);
void fake_teardown(struct fake_pair *fp);
void fake_start(
    struct fake_pair *fp, const char *name_at_beta); /* how beta calls alpha */
/* Turn the loop until done says so: false after 10 s. */
bool fake_until(struct fake_pair *fp, bool (*done)(struct fake_pair *fp));
char *fake_path(
    const struct fake_pair *fp, char *buf, size_t size); /* of beta's socket */

#endif
