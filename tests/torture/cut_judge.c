/* What recovery makes of a state, against what was promised when the cut came. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "spool/deadletter.h"
#include "spool/disk.h"

#define CUTS_AGAIN 3 /* of one recovery */

struct judging {
	const struct cut_ledger *ledger;
	size_t done;
	unsigned char seen[CUT_ITEMS];
	struct cut_trace *trace;         /* of this recovery, or NULL */
	size_t settled[CUT_ITEMS];       /* when, in that; 0: not */
	uint64_t turns, turn[CUT_ITEMS]; /* in which they came */
	const char *wrong;
};

struct last {
	int64_t priority;
	uint64_t order;
};

static void
see(struct judging *jd, const struct record *rec)
{
	size_t item = cut_item_of(jd->ledger, rec);

	if (item == CUT_NEVER)
		jd->wrong = "a message came that nobody sent";
	else if (jd->seen[item]++ > 0)
		jd->wrong = "a message came twice";
}

static int
see_letter(const struct deadletter *dt, void *arg)
{
	see(arg, dt->rec);
	return 0;
}

/* Among those that were promised: what no sync covers may lie behind a hole. */
static void
see_order(struct judging *jd, const struct record *rec, struct last *last)
{
	size_t item = cut_item_of(jd->ledger, rec);
	const struct cut_item *it;

	if (item == CUT_NEVER || jd->ledger->items[item].promised > jd->done)
		return;
	it = &jd->ledger->items[item];
	if (it->priority == last->priority && it->order < last->order)
		jd->wrong = "messages of one priority changed places";
	*last = (struct last){ .priority = it->priority, .order = it->order };
}

/* Empties the log. */
static void
drain(struct judging *jd, struct cut_store *cs)
{
	struct last last = { .priority = INT64_MAX };
	const struct record *rec;
	uint64_t place;

	while (jd->wrong == NULL && (rec = cut_store_peek(cs, &place)) != NULL) {
		size_t item = cut_item_of(jd->ledger, rec);

		see(jd, rec);
		see_order(jd, rec, &last);
		if (item != CUT_NEVER) {
			jd->turn[item] = ++jd->turns;
			if (jd->trace != NULL)
				jd->settled[item] = cut_mark(jd->trace);
		}
		log_pop(cs->log);
		log_settle(cs->log, place);
	}
}

static void
judge_letters(struct judging *jd, struct cut_store *cs)
{
	uint64_t damaged = 0;
	int rc = deadletters_each(cs->dead, CUT_ITEMS, see_letter, jd, &damaged);

	if (rc < 0)
		jd->wrong = "the dead letters cannot be read";
	else if (damaged > 0 || deadletters_aside(cs->dead) > 0)
		jd->wrong = "a dead letter is damaged";
}

static void
judge_items(struct judging *jd, struct cut_counts *counts)
{
	for (size_t i = 0; i < jd->ledger->n; i++) {
		const struct cut_item *it = &jd->ledger->items[i];
		bool must = it->promised <= jd->done && it->settled > jd->done;

		counts->promised += must;
		if (must && jd->seen[i] == 0) {
			counts->missing++;
			jd->wrong = "a message is missing that was on the disk";
		}
		if (jd->seen[i] > 0 && it->settled <= jd->done)
			counts->repeated++;
		if (jd->seen[i] > 0 && it->begun > jd->done)
			jd->wrong = "a message came that was not sent yet";
		if (jd->seen[i] > 0 && it->gone <= jd->done)
			jd->wrong = "a message came again though its end was saved";
	}
}

/* The ledger of a store that was recovered: what it has now it keeps, in the order that it has now,
 * in which what was not promised may stand elsewhere; and nothing else comes. */
static void
ledger_after(struct cut_ledger *le, const struct judging *jd)
{
	for (size_t i = 0; i < le->n; i++) {
		struct cut_item *it = &le->items[i];

		it->begun = jd->seen[i] > 0 ? 0 : CUT_NEVER;
		it->promised = jd->seen[i] > 0 ? 0 : CUT_NEVER;
		it->settled = jd->settled[i] > 0 ? jd->settled[i] : CUT_NEVER;
		it->gone = CUT_NEVER;
		it->order = jd->turn[i];
	}
}

static const char *
judge(struct judging *jd, struct cut_counts *counts, struct cut_store *cs,
    const struct cut_place *pl)
{
	const char *what;

	if (cut_store_open(cs, pl, LOG_SYNC_INTERVAL, &what) < 0)
		return what;
	judge_letters(jd, cs);
	if (cs->log != NULL)
		drain(jd, cs);
	if (jd->wrong == NULL) /* else not all were looked at */
		judge_items(jd, counts);
	return jd->wrong;
}

const char *
cut_judge(struct cut_counts *counts, const struct cut_ledger *le, size_t done,
    struct disk *disk, const struct cut_place *pl)
{
	struct judging jd = { .ledger = le, .done = done };
	struct cut_store cs = { .disk = disk };
	const char *wrong = judge(&jd, counts, &cs, pl);

	cut_store_close(&cs);
	return wrong;
}

/* How it was saved that everything is settled. */
static void
save(struct cut_store *cs, struct cut_trace *tr, struct cut_ledger *le)
{
	size_t at;

	cut_store_wait(cs);
	log_save_cursors(cs->log);
	cut_store_wait(cs);
	at = cut_mark(tr);
	for (size_t i = 0; i < le->n; i++)
		if (le->items[i].settled != CUT_NEVER)
			le->items[i].gone = at;
}

/* Cuts of a recovery and of what came after it. */
static const char *
judge_cuts(struct cut_counts *counts, const struct cut_trace *tr, size_t first,
    const struct again *ag)
{
	uint64_t seed = ag->tear->seed;
	const char *wrong = NULL;

	for (unsigned i = 0; i < CUTS_AGAIN && wrong == NULL; i++) {
		size_t done =
		    i == 0 ? tr->n : first + cut_random(&seed, tr->n - first + 1);
		const struct cut_tear tear = {
			.mask = i == 0 ? 0 : cut_random(&seed, UINT64_MAX),
			.seed = seed,
			.block = ag->tear->block,
		};

		cut_build(tr, done, &tear, ag->places[1].lib_fd);
		wrong = cut_judge(counts, ag->after, done, ag->disk, &ag->places[1]);
		counts->again++;
		cut_empty(ag->places[1].lib_fd);
		cut_empty(ag->places[1].run_fd);
	}
	return wrong;
}

const char *
cut_judge_again(struct cut_counts *counts, const struct cut_life *life, size_t done,
    struct again *ag)
{
	struct judging jd = { .ledger = &life->ledger, .done = done };
	struct cut_store cs = { .disk = ag->disk };
	struct cut_trace tr;
	const char *wrong;
	size_t first;

	cut_record_begin(&tr, ag->places[0].lib_fd);
	cut_build(&life->trace, done, ag->tear, ag->places[0].lib_fd);
	cut_record_synced(&tr);
	first = tr.n;
	jd.trace = &tr;
	wrong = judge(&jd, counts, &cs, &ag->places[0]);
	*ag->after = life->ledger;
	ledger_after(ag->after, &jd);
	if (wrong == NULL && cs.log != NULL)
		save(&cs, &tr, ag->after);
	cut_store_close(&cs);
	cut_record_end();
	if (wrong == NULL)
		wrong = judge_cuts(counts, &tr, first, ag);
	cut_trace_free(&tr);
	return wrong;
}
