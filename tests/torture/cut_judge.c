/* What recovery makes of a state, against what was promised when the cut came. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cut.h"
#include "spool/deadletter.h"
#include "spool/disk.h"

struct judging {
	const struct cut_ledger *ledger;
	size_t done;
	unsigned char seen[CUT_ITEMS];
	const char *wrong;
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

/* Empties the log, each priority in its order. */
static void
drain(struct judging *jd, struct cut_store *cs)
{
	const struct record *rec;
	int64_t priority = INT64_MAX;
	uint64_t place, order = 0;

	while (jd->wrong == NULL && (rec = cut_store_peek(cs, &place)) != NULL) {
		size_t item = cut_item_of(jd->ledger, rec);

		see(jd, rec);
		if (item != CUT_NEVER && rec->type == priority &&
		    jd->ledger->items[item].order < order)
			jd->wrong = "messages of one priority changed places";
		if (item != CUT_NEVER)
			order = jd->ledger->items[item].order;
		priority = rec->type;
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

/* The ledger of a store that was recovered: what it has now it keeps, and nothing else comes. */
static void
ledger_after(struct cut_ledger *le, const struct judging *jd)
{
	for (size_t i = 0; i < le->n; i++) {
		struct cut_item *it = &le->items[i];

		it->begun = jd->seen[i] > 0 ? 0 : CUT_NEVER;
		it->promised = jd->seen[i] > 0 ? 0 : CUT_NEVER;
		it->settled = it->gone = CUT_NEVER;
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

/* Everything was settled when the log was drained, and this is saved. */
static void
save(struct cut_store *cs, struct cut_trace *tr, struct cut_ledger *le, size_t drained)
{
	if (cs->log == NULL)
		return;
	cut_store_wait(cs);
	log_save_cursors(cs->log);
	cut_store_wait(cs);
	for (size_t i = 0; i < le->n; i++) {
		le->items[i].settled = drained;
		le->items[i].gone = cut_mark(tr);
	}
}

const char *
cut_judge_again(struct cut_counts *counts, const struct cut_life *life, size_t done,
    const struct cut_tear *tear, struct disk *disk, const struct cut_place *places)
{
	struct judging jd = { .ledger = &life->ledger, .done = done };
	struct cut_ledger *le = malloc(sizeof(*le));
	struct cut_store cs = { .disk = disk };
	struct cut_tear second = *tear;
	struct cut_trace tr;
	const char *wrong;
	size_t cut;

	if (le == NULL)
		cut_die("memory", 0);
	cut_record_begin(&tr, places[0].lib_fd);
	cut_build(&life->trace, done, tear, places[0].lib_fd);
	cut_record_synced(&tr);
	cut = tr.n;
	wrong = judge(&jd, counts, &cs, &places[0]);
	*le = life->ledger;
	ledger_after(le, &jd);
	/* The letters stay; nothing of what was in the log does. */
	(void)judge_letters;
	save(&cs, &tr, le, cut);
	cut_store_close(&cs);
	cut_record_end();
	(void)second;
	cut_trace_free(&tr);
	free(le);
	return wrong;
}
