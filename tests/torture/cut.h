/* The power cut torture: a life of a store is recorded call by call, and what a cut could have
 * left of it on the disk is built again and recovered. Linked with the spool that it tests. */
#ifndef MQBRIDGE_TORTURE_CUT_H
#define MQBRIDGE_TORTURE_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/id.h"
#include "spool/deadletter.h"
#include "spool/log.h"

#define CUT_NEVER SIZE_MAX
#define CUT_NAME  96 /* bytes with NUL; of a dead letter that is being written */

struct deadletters;
struct disk;
struct runtime;

void cut_die(const char *what, int rc) __attribute__((noreturn));
uint64_t cut_random(uint64_t *seed, uint64_t below);

/* ---- cut_record.c: what was done to the directory ----------------------------------- */

enum cut_op { CUT_LINK, CUT_RENAME, CUT_UNLINK, CUT_WRITE, CUT_TRUNCATE, CUT_SYNC };

struct cut_event {
	enum cut_op op;
	size_t node; /* the file, or of a name the directory */
	size_t made; /* CUT_LINK: what got the name */
	char name[CUT_NAME], to[CUT_NAME];
	uint64_t at; /* offset, or the new size */
	size_t len;
	uint8_t *bytes;
	size_t synced; /* index of the event that did, or CUT_NEVER */
};

struct cut_node {
	ino_t inode;
	bool is_directory;
};

struct cut_trace {
	dev_t device;
	struct cut_event *events;
	size_t n, room;
	struct cut_node *nodes; /* the first is the state directory */
	size_t n_nodes, nodes_room;
	bool *marked; /* by events done: something was promised then */
};

/* All calls on the directory and what is made below it, until cut_record_end(); it is empty. */
void cut_record_begin(struct cut_trace *tr, int state_fd);
void cut_record_end(void);
/* What was done so far is on the disk. */
void cut_record_synced(struct cut_trace *tr);
/* Something is promised or taken back from here on: how many calls were made before. */
size_t cut_mark(struct cut_trace *tr);
void cut_trace_free(struct cut_trace *tr);

/* ---- cut_build.c: what a cut leaves -------------------------------------------------- */

struct cut_tear {      /* which of the calls that nothing synced came to the disk */
	uint64_t mask; /* the first 64; of later ones the seed says */
	uint64_t seed;
	unsigned block; /* bytes of which each is written or is not; 0: whole writes */
};

/* The calls before the first `done` that no sync covers; as many as `room` at most. */
size_t cut_pending(const struct cut_trace *tr, size_t done, size_t *ret, size_t room);
/* All different states of the disk, as masks of the pending calls: their number, the first *ret_old
 * of them such that may be there without the last call as well. 0: more than `most`, for which there is
 * room, or more than 64 calls. */
size_t cut_states(const struct cut_trace *tr, size_t done, size_t most,
    uint64_t *ret_masks, size_t *ret_old);
/* Make that state in an empty directory. */
void cut_build(
    const struct cut_trace *tr, size_t done, const struct cut_tear *tear, int state_fd);

/* ---- cut_place.c: directories ---------------------------------------------------------- */

struct cut_place {
	char run[80], lib[80];
	int run_fd, lib_fd;
};

void cut_place_make(struct cut_place *pl, const char *base, const char *name);
void cut_place_remove(struct cut_place *pl);
void cut_empty(int dir_fd);

/* ---- cut_life.c: what a daemon does with its store -------------------------------------- */

struct cut_item { /* a message; the times are counts of calls, or CUT_NEVER */
	int64_t priority;
	uint32_t length;
	uint64_t order;  /* of its appending */
	size_t begun;    /* it may be there from then on */
	size_t promised; /* it must be there */
	size_t settled;  /* it need not be there any more */
	size_t gone;     /* it must not */
	bool committed;  /* the log has said so */
	bool letter;     /* it is in the dead letters */
};

#define CUT_ITEMS 1024

struct cut_store { /* a store that is open */
	struct disk *disk;
	struct runtime *runtime;
	struct deadletters *dead;
	struct log *log; /* NULL: there is none */
	struct log_env env;
};

struct cut_ledger {
	struct cut_item items[CUT_ITEMS];
	size_t n;
	uint64_t orders;
};

struct cut_life {
	struct cut_trace trace;
	struct cut_ledger ledger;
};

/* 0, or -errno with what failed in *what. */
int cut_store_open(struct cut_store *cs, const struct cut_place *pl, enum log_sync sync,
    const char **what);
void cut_store_create(struct cut_store *cs, enum log_sync sync); /* a log */
void cut_store_close(struct cut_store *cs);
void cut_store_wait(struct cut_store *cs); /* for the disk thread, and collect */
/* The next that waits, or NULL. */
const struct record *cut_store_peek(struct cut_store *cs, uint64_t *ret_place);
/* Which one it is: its index; CUT_NEVER: none that we made. */
size_t cut_item_of(const struct cut_ledger *le, const struct record *rec);
struct record *cut_record_of(const struct cut_ledger *le, size_t item);
struct deadletter cut_letter_of(const struct record *rec);

void cut_live(struct cut_life *life, struct disk *disk, const struct cut_place *pl,
    uint64_t seed);

/* ---- cut_judge.c ------------------------------------------------------------------------ */

struct cut_counts {
	uint64_t lives, states, prefixes, whole, torn,
	    again; /* again: cut while recovering */
	uint64_t missing, wrong, promised, repeated, slowest_us;
	/* Cuts of which all states were played; such with at most 30 calls that nothing synced; of
	 * these, all. */
	uint64_t cuts_all, cuts_few, cuts_few_all;
};

/* Recover what lies there: a text of what is wrong, or NULL. */
const char *cut_judge(struct cut_counts *counts, const struct cut_ledger *le,
    size_t done, struct disk *disk, const struct cut_place *pl);

struct again {
	struct disk *disk;
	const struct cut_place *places;
	const struct cut_tear *tear;
	struct cut_ledger *after; /* memory for it */
};

/* Build the state, recover and empty it; this is recorded, cut as well, and judged. */
const char *cut_judge_again(struct cut_counts *counts, const struct cut_life *life,
    size_t done, struct again *ag);

#endif
