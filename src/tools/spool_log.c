#include "tools/spool_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/names.h"
#include "tools/spool_store.h"

struct reader {
	struct spool_store *store;
	struct store_log *log;
	uint64_t first; /* lowest number that the ring has */
};

static int
add_log(struct spool_store *ss, const char *name)
{
	struct store_log *all = realloc(ss->logs, (ss->n_logs + 1) * sizeof(*ss->logs));
	struct store_log *sl;
	struct id id;
	int rc;

	if (all == NULL)
		return -ENOMEM;
	ss->logs = all;
	sl = &all[ss->n_logs++];
	*sl = (struct store_log){ 0 };
	(void)snprintf(sl->name, sizeof(sl->name), "%s", name);
	sl->aside = id_parse(&id, name) < 0;
	if (sl->aside)
		return 0;
	rc = log_identify(&sl->look.about, ss->state_fd, &id);
	sl->look.has_about = rc == 0;
	return rc == -ENOMEM ? rc : 0;
}

int
store_logs_list(struct spool_store *ss)
{
	struct names nm;
	int rc;

	if (ss->state_fd < 0)
		return 0;
	rc = log_look_list(&nm, ss->state_fd);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && rc == 0; i++)
		rc = add_log(ss, nm.at[i]);
	names_done(&nm);
	return rc;
}

int
store_logs_check(struct spool_store *ss)
{
	struct names nm;
	int rc;

	if (ss->state_fd < 0)
		return 0;
	rc = names_list(&nm, ss->scratch_fd, state_file_is);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && rc >= 0; i++) {
		rc = log_look_missing(ss->scratch_fd, ss->state_fd, nm.at[i]);
		if (rc == 1)
			store_fault(ss, nm.at[i], -1, STORE_MEND_ASIDE,
			    "tells that its log has messages that are not delivered, but "
			    "the log is not below logs in the state directory: is that "
			    "mounted? A start refuses");
	}
	names_done(&nm);
	return rc < 0 ? rc : 0;
}

struct store_log *
store_log_of(const struct spool_store *ss, const struct id *stream)
{
	for (size_t i = 0; i < ss->n_logs; i++)
		if (ss->logs[i].look.has_about && !ss->logs[i].aside &&
		    id_equal(&ss->logs[i].look.about.stream, stream))
			return &ss->logs[i];
	return NULL;
}

void
store_logs_free(struct spool_store *ss)
{
	for (size_t i = 0; i < ss->n_logs; i++) {
		free(ss->logs[i].flights);
		free(ss->logs[i].numbers);
	}
	free(ss->logs);
}

/* ---- what is in flight ---------------------------------------------------------------- */

static int
compare_flights(const void *a, const void *b)
{
	uint64_t left = ((const struct store_flight *)a)->place;
	uint64_t right = ((const struct store_flight *)b)->place;

	return left < right ? -1 : left > right;
}

static int
compare_numbers(const void *a, const void *b)
{
	uint64_t left = ((const struct store_number *)a)->number;
	uint64_t right = ((const struct store_number *)b)->number;

	return left < right ? -1 : left > right;
}

static const struct store_number *
find_number(const struct store_log *sl, uint64_t number)
{
	const struct store_number key = { .number = number };

	return sl->n_numbers == 0 ? NULL
				  : bsearch(&key, sl->numbers, sl->n_numbers,
					sizeof(key), compare_numbers);
}

static struct store_flight *
find_flight(const struct store_log *sl, uint64_t place)
{
	const struct store_flight key = { .place = place };

	return sl->n_flights == 0 ? NULL
				  : bsearch(&key, sl->flights, sl->n_flights,
					sizeof(key), compare_flights);
}

uint64_t
store_log_sequence(const struct store_log *sl, uint64_t place)
{
	const struct store_flight *sf = find_flight(sl, place);

	return sf == NULL ? 0 : sf->seq;
}

bool
store_log_has(const struct store_log *sl, uint64_t number)
{
	return find_number(sl, number) != NULL;
}

/* moved: those too whose move to the log was cut off, so that the journal has their place in
 * the ring. */
static int
list_flights(struct store_log *sl, bool moved)
{
	const struct journal *jn = &sl->of->journal;
	struct store_flight *flights;
	size_t n = 0;

	if (jn->words == NULL)
		return 0;
	flights = calloc(jn->words->next - jn->words->acked, sizeof(*flights));
	if (flights == NULL)
		return -ENOMEM;
	for (uint64_t seq = jn->words->acked + 1; seq < jn->words->next; seq++) {
		uint64_t place = journal_place(jn, seq);

		if (moved && (place & LOG_PLACE) == 0) {
			const struct store_number *sn =
			    find_number(sl, ring_at(sl->of->of->ring, place)->number);

			place = sn == NULL ? place : sn->place;
		}
		if ((place & LOG_PLACE) != 0)
			flights[n++] =
			    (struct store_flight){ .place = place, .seq = seq };
	}
	if (n > 1)
		qsort(flights, n, sizeof(*flights), compare_flights);
	free(sl->flights);
	sl->flights = flights;
	sl->n_flights = n;
	return 0;
}

/* ---- reading -------------------------------------------------------------------------- */

static int
on_segment(void *owner, const struct log_look_segment *sg)
{
	const struct reader *rd = owner;

	for (size_t i = 0; i < rd->log->n_flights; i++) {
		struct store_flight *sf = &rd->log->flights[i];
		uint64_t place = sf->place & ~LOG_PLACE;
		uint64_t offset = place % (UINT64_C(1) << LOG_PLACE_OFFSET_BITS);

		if (place >> LOG_PLACE_OFFSET_BITS != sg->number || offset >= sg->end)
			continue;
		sf->there = true;
		sf->settled = offset < sg->settled ||
			      (offset >= sg->skip_from && offset < sg->skip_to);
	}
	return 0;
}

static int
on_message(void *owner, const struct log_look_message *ms)
{
	const struct reader *rd = owner;
	struct store_log *sl = rd->log;

	if (sl->of == NULL || ms->requeued || ms->rec->number < rd->first ||
	    !id_equal(&ms->ring, &sl->of->header.ring))
		return 0;
	if (sl->n_numbers == sl->numbers_room) {
		size_t room = sl->numbers_room == 0 ? 256 : 2 * sl->numbers_room;
		struct store_number *all = realloc(sl->numbers, room * sizeof(*all));

		if (all == NULL)
			return -ENOMEM;
		sl->numbers = all;
		sl->numbers_room = room;
	}
	sl->numbers[sl->n_numbers++] =
	    (struct store_number){ .number = ms->rec->number, .place = ms->place };
	return 0;
}

static void
on_fault(void *owner, enum log_look_fault kind, const char *file, int64_t offset,
    const char *what)
{
	const struct reader *rd = owner;

	store_fault(rd->store, file, offset,
	    kind == LOG_LOOK_USELESS ? STORE_MEND_ASIDE : STORE_MEND_START, what);
}

/* What is in flight must be somewhere, but for those that are settled and not yet acknowledged,
 * whose segment may be gone. */
static void
check_flights(struct spool_store *ss, const struct store_log *sl)
{
	const struct journal *jn = &sl->of->journal;
	bool begun = false;

	for (uint64_t seq = jn->words->acked + 1; seq < jn->words->next; seq++) {
		uint64_t place = journal_place(jn, seq);
		const struct store_flight *sf = find_flight(sl, place);

		if (sf == NULL || sf->there) {
			begun = begun || sf == NULL || !sf->settled;
			continue;
		}
		if (!begun)
			continue;
		store_fault(ss, sl->of->file,
		    (int64_t)(JOURNAL_ENTRIES_OFFSET + seq % STREAM_WINDOW * 8),
		    STORE_MEND_JOURNAL, "what is in flight is not in its log");
		return;
	}
}

static int
read_log(struct spool_store *ss, struct store_log *sl)
{
	static const struct log_look_ops ops = {
		.segment = on_segment,
		.message = on_message,
		.fault = on_fault,
	};
	struct reader rd = { .store = ss, .log = sl };
	const struct log_look_place at = {
		.runtime_fd = ss->scratch_fd, .state_fd = ss->state_fd, .name = sl->name
	};
	int rc = 0;

	if (sl->of != NULL) {
		const struct ring *rg = sl->of->of->ring;

		rd.first = ring_next_number(rg) - ring_records(rg);
		rc = list_flights(sl, false);
	}
	if (rc == 0)
		rc = log_look(&sl->look, &at, &ops, &rd);
	if (rc < 0 || sl->of == NULL || sl->of->journal.words == NULL)
		return rc;
	check_flights(ss, sl);
	if (sl->n_numbers > 1)
		qsort(
		    sl->numbers, sl->n_numbers, sizeof(*sl->numbers), compare_numbers);
	return list_flights(sl, true);
}

static void
fault_whole(struct spool_store *ss, const struct store_log *sl, int rc)
{
	char file[sizeof("logs/") + sizeof(sl->name)];

	(void)snprintf(file, sizeof(file), "logs/%s", sl->name);
	if (rc < 0)
		store_fault(ss, file, -1, STORE_MEND_START, strerror(-rc));
	else
		store_fault(ss, file, -1, STORE_MEND_START,
		    "was set aside; when it is of no use any more move it away, and "
		    "log-<id> with it, if there is one in the runtime directory");
}

int
store_logs_read(struct spool_store *ss)
{
	for (size_t i = 0; i < ss->n_logs; i++) {
		struct store_log *sl = &ss->logs[i];
		int rc;

		for (size_t st = 0; st < ss->n_streams && sl->look.has_about; st++)
			if (!sl->aside && ss->streams[st].of != NULL &&
			    id_equal(
				&ss->streams[st].header.stream, &sl->look.about.stream))
				sl->of = &ss->streams[st];
		rc = read_log(ss, sl);
		if (rc == -ENOMEM)
			return rc;
		if (rc < 0 || sl->aside)
			fault_whole(ss, sl, rc);
	}
	return 0;
}

int
store_log_each(const struct spool_store *ss, const struct store_log *sl,
    int (*message)(void *owner, const struct log_look_message *ms), void *owner)
{
	const struct log_look_ops ops = { .message = message };
	const struct log_look_place at = {
		.runtime_fd = ss->scratch_fd, .state_fd = ss->state_fd, .name = sl->name
	};
	struct log_look again;

	return log_look(&again, &at, &ops, owner);
}
