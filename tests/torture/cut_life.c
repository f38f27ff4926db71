/* A life: everything that a daemon does with what lies on its disk, in an order of chance. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cut.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/image.h"
#include "spool/runtime.h"

#define STEPS 70
#define BATCH 12

struct living {
	struct cut_life *life;
	struct cut_ledger *ledger;
	struct cut_store store;
	const struct cut_place *place;
	enum log_sync sync;
	uint64_t seed;
	size_t moving[BATCH], n_moving;     /* of the append that is on its way */
	struct record *records[BATCH];      /* the same */
	size_t flight[CUT_ITEMS], n_flight; /* popped, in their order */
	uint64_t places[CUT_ITEMS];
	bool requeued;
};

static size_t
now(struct living *lv)
{
	return cut_mark(&lv->life->trace);
}

static size_t
pick(struct living *lv, size_t below)
{
	return (size_t)cut_random(&lv->seed, below);
}

static size_t
item_new(struct living *lv)
{
	static const int64_t priorities[] = { 1, 4, 9 };
	struct cut_item *it = &lv->ledger->items[lv->ledger->n];
	size_t length = pick(lv, 6) == 0 ? 600 + pick(lv, 9000) : 8 + pick(lv, 300);

	*it = (struct cut_item){
		.priority = priorities[pick(lv, 3)],
		.length = (uint32_t)length,
		.begun = now(lv),
		.promised = CUT_NEVER,
		.settled = CUT_NEVER,
		.gone = CUT_NEVER,
	};
	return lv->ledger->n++;
}

static bool
is_full(const struct living *lv)
{
	return lv->ledger->n + BATCH > CUT_ITEMS;
}

/* ---- the disk thread ------------------------------------------------------------------- */

static bool passed; /* by the disk thread */

static int
barrier_run(struct disk_job *job)
{
	(void)job;
	__atomic_store_n(&passed, true, __ATOMIC_RELEASE);
	return 0;
}

static void
barrier_done(struct disk_job *job, int rc)
{
	(void)rc;
	free(job);
}

/* What was submitted was done, but nobody knows yet. So a life depends on its seed alone. */
static void
quiesce(struct living *lv)
{
	struct disk_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		cut_die("memory", 0);
	*job = (struct disk_job){ .run = barrier_run, .done = barrier_done };
	passed = false;
	disk_submit(lv->store.disk, job);
	while (!__atomic_load_n(&passed, __ATOMIC_ACQUIRE))
		(void)sched_yield();
}

static void
collect(struct living *lv)
{
	quiesce(lv);
	disk_collect(lv->store.disk);
	quiesce(lv);
}

/* What a log that calls itself synced promises. */
static void
note_synced(struct living *lv)
{
	struct cut_ledger *le = lv->ledger;
	size_t at;

	if (!log_synced(lv->store.log))
		return;
	at = now(lv);
	for (size_t i = 0; i < le->n; i++) {
		struct cut_item *it = &le->items[i];

		if (it->committed && it->promised == CUT_NEVER)
			it->promised = at;
		if (it->committed && it->settled != CUT_NEVER && it->gone == CUT_NEVER)
			it->gone = at;
	}
}

static void
wait_all(struct living *lv)
{
	while (log_busy(lv->store.log) || lv->n_moving > 0)
		collect(lv);
	note_synced(lv);
}

/* ---- steps ------------------------------------------------------------------------------ */

static void
on_moved(void *owner, const struct log_item *items, size_t count, int rc)
{
	struct living *lv = owner;

	(void)items;
	(void)count;
	if (rc < 0)
		cut_die("log_append", rc);
	for (size_t i = 0; i < lv->n_moving; i++) {
		struct cut_item *it = &lv->ledger->items[lv->moving[i]];

		it->committed = true;
		if (lv->sync == LOG_SYNC_ALWAYS)
			it->promised = now(lv);
		free(lv->records[i]);
	}
	lv->n_moving = 0;
}

static void
step_append(struct living *lv)
{
	struct log_item items[BATCH];
	size_t count = 1 + pick(lv, BATCH);
	int rc;

	if (lv->n_moving > 0 || is_full(lv))
		return;
	for (size_t i = 0; i < count; i++) {
		size_t item = item_new(lv);

		lv->ledger->items[item].order = lv->ledger->orders++;
		lv->moving[i] = item;
		lv->records[i] = cut_record_of(lv->ledger, item);
		items[i] = (struct log_item){ .rec = lv->records[i],
			.priority = lv->ledger->items[item].priority };
	}
	lv->n_moving = count;
	rc = log_append(lv->store.log, items, count, on_moved, lv);
	if (rc == 0)
		return;
	if (rc != -EDQUOT)
		cut_die("log_append", rc);
	for (size_t i = 0; i < count; i++) {
		lv->ledger->items[lv->moving[i]].begun = CUT_NEVER;
		free(lv->records[i]);
	}
	lv->n_moving = 0;
}

static void
step_take(struct living *lv)
{
	size_t count = 1 + pick(lv, 20);

	while (count-- > 0) {
		uint64_t place;
		const struct record *rec = log_peek(lv->store.log, &place);
		size_t item;

		if (rec == NULL) {
			collect(lv);
			continue;
		}
		item = cut_item_of(lv->ledger, rec);
		if (item == CUT_NEVER)
			cut_die("what was appended is not what is read", 0);
		lv->places[lv->n_flight] = place;
		lv->flight[lv->n_flight++] = item;
		log_pop(lv->store.log);
	}
}

static void
settle(struct living *lv, size_t count)
{
	count = count < lv->n_flight ? count : lv->n_flight;
	for (size_t i = 0; i < count; i++) {
		lv->ledger->items[lv->flight[i]].settled = now(lv);
		log_settle(lv->store.log, lv->places[i]);
	}
	lv->n_flight -= count;
	memmove(lv->flight, lv->flight + count, lv->n_flight * sizeof(*lv->flight));
	memmove(lv->places, lv->places + count, lv->n_flight * sizeof(*lv->places));
}

static void
step_settle(struct living *lv)
{
	settle(lv, 1 + pick(lv, 24));
}

static void
step_sync(struct living *lv)
{
	log_sync(lv->store.log);
}

/* What was settled before the cursors were saved does not come again. */
static void
step_save(struct living *lv)
{
	struct cut_ledger *le = lv->ledger;
	size_t at;

	wait_all(lv);
	log_save_cursors(lv->store.log);
	wait_all(lv);
	at = now(lv);
	for (size_t i = 0; i < le->n; i++)
		if (le->items[i].committed && le->items[i].settled != CUT_NEVER &&
		    le->items[i].gone == CUT_NEVER)
			le->items[i].gone = at;
}

static void
step_letter(struct living *lv)
{
	size_t item = item_new(lv);
	struct record *rec = cut_record_of(lv->ledger, item);
	struct deadletter dt = cut_letter_of(rec);
	int rc;

	rc = deadletters_store(lv->store.dead, &dt);
	if (rc < 0)
		cut_die("deadletters_store", rc);
	lv->ledger->items[item].letter = true;
	lv->ledger->items[item].promised = now(lv);
	free(rec);
}

static size_t
any_letter(struct living *lv)
{
	for (size_t i = 0; i < lv->ledger->n; i++)
		if (lv->ledger->items[i].letter)
			return i;
	return CUT_NEVER;
}

static void
remove_letter(struct living *lv, size_t item)
{
	struct record *rec = cut_record_of(lv->ledger, item);
	const struct deadletter dt = cut_letter_of(rec);
	const struct deadletter_key key = { dt.ring, dt.number, dt.stream };
	int rc;

	rc = deadletters_remove(lv->store.dead, &key);
	if (rc == 0)
		rc = deadletters_sync(lv->store.dead);
	if (rc < 0)
		cut_die("deadletters_remove", rc);
	lv->ledger->items[item].letter = false;
	free(rec);
}

static void
step_purge(struct living *lv)
{
	size_t item = any_letter(lv);

	if (item == CUT_NEVER)
		return;
	lv->ledger->items[item].settled = now(lv);
	remove_letter(lv, item);
	lv->ledger->items[item].gone = now(lv);
}

static void
on_requeued(void *owner, const struct log_item *items, size_t count, int rc)
{
	struct living *lv = owner;

	(void)items;
	(void)count;
	if (rc < 0)
		cut_die("log_requeue", rc);
	lv->requeued = true;
}

static void
step_requeue(struct living *lv)
{
	size_t item = any_letter(lv);
	struct record *rec;
	struct deadletter dt;
	int rc;

	if (item == CUT_NEVER)
		return;
	wait_all(lv);
	rec = cut_record_of(lv->ledger, item);
	dt = cut_letter_of(rec);
	lv->requeued = false;
	lv->ledger->items[item].order = lv->ledger->orders++;
	rc = log_requeue(lv->store.log, &dt, rec->type, on_requeued, lv);
	if (rc < 0)
		cut_die("log_requeue", rc);
	while (!lv->requeued)
		collect(lv);
	lv->ledger->items[item].committed = true;
	(void)now(lv);
	remove_letter(lv, item);
	(void)now(lv);
	free(rec);
}

static void
reopen(struct living *lv)
{
	const char *what;
	int rc = cut_store_open(&lv->store, lv->place, lv->sync, &what);

	lv->n_flight = 0;
	if (rc < 0)
		cut_die(what, rc);
	/* One that has appended nothing yet is nowhere in the state directory. */
	if (lv->store.log == NULL)
		cut_store_create(&lv->store, lv->sync);
}

/* The program alone ends: what it had in flight waits again. */
static void
step_kill(struct living *lv)
{
	wait_all(lv);
	cut_store_close(&lv->store);
	reopen(lv);
}

/* A clean stop, and the host starts again. */
static void
step_reboot(struct living *lv)
{
	struct cut_ledger *le = lv->ledger;
	size_t at;
	int rc;

	wait_all(lv);
	while (!log_synced(lv->store.log)) {
		log_sync(lv->store.log);
		wait_all(lv);
	}
	log_close(lv->store.log);
	lv->store.log = NULL;
	rc = image_save(lv->store.runtime, NULL);
	if (rc < 0)
		cut_die("image_save", rc);
	at = now(lv);
	for (size_t i = 0; i < le->n; i++)
		if (le->items[i].settled != CUT_NEVER && le->items[i].gone == CUT_NEVER)
			le->items[i].gone = at;
	cut_store_close(&lv->store);
	cut_empty(lv->place->run_fd);
	reopen(lv);
}

static void (*const steps[])(struct living *lv) = { step_append, step_append,
	step_append, step_append, step_append, step_append, step_take, step_take,
	step_take, step_settle, step_settle, step_settle, step_sync, step_sync,
	step_save, step_letter, step_purge, step_requeue, step_kill, step_reboot,
	wait_all, collect };

void
cut_live(
    struct cut_life *life, struct disk *disk, const struct cut_place *pl, uint64_t seed)
{
	struct living *lv = calloc(1, sizeof(*lv));

	if (lv == NULL)
		cut_die("memory", 0);
	memset(&life->ledger, 0, sizeof(life->ledger));
	lv->life = life;
	lv->ledger = &life->ledger;
	lv->place = pl;
	lv->seed = seed;
	lv->sync = (enum log_sync)pick(lv, 3);
	lv->store.disk = disk;
	cut_record_begin(&life->trace, pl->lib_fd);
	reopen(lv);
	for (unsigned i = 0; i < STEPS; i++) {
		steps[pick(lv, ARRAY_LEN(steps))](lv);
		quiesce(lv);
	}
	wait_all(lv);
	cut_store_close(&lv->store);
	cut_record_end();
	cut_empty(pl->run_fd);
	cut_empty(pl->lib_fd);
	free(lv);
}
