/* The tail of a ring when its file is opened: proved by its checksum, by the records, or found
 * again by them. docs/spool-format.md, section 3, "Damage". */
#include <errno.h>

#include "spool/ring_private.h"

/* What looking at every place of the data area found. */
struct scan {
	uint64_t lowest;  /* number, 0: no record */
	uint64_t place;   /* of it */
	uint64_t highest; /* number */
	uint64_t end;     /* place behind it */
};

static bool
tail_sane(const struct ring_tail *tail)
{
	return tail->position <= RING_POSITION_MAX &&
	       tail->position % RECORD_ALIGN == 0 && tail->number > 0 &&
	       tail->number <= RING_POSITION_MAX;
}

static const struct record *
record_in(const struct ring_map *map, uint64_t place)
{
	return (const void *)(map->data + place);
}

/* Is that tail the place of a whole record with its number? */
static bool
tail_holds(const struct ring_map *map, const struct ring_tail *tail, uint32_t seed)
{
	const struct record *rec = record_in(map, tail->position % map->bytes);

	return rec->number == tail->number && record_check(rec, map->bytes, seed) == 0;
}

/* The records from number `from` on. */
static void
scan_records(const struct ring_map *map, uint32_t seed, uint64_t from, struct scan *sc)
{
	uint64_t place = 0;

	while (place < map->bytes) {
		const struct record *rec = record_in(map, place);

		if (rec->number < from || rec->number > RING_POSITION_MAX ||
		    record_check(rec, map->bytes, seed) < 0) {
			place += RECORD_ALIGN;
			continue;
		}
		if (sc->lowest == 0 || rec->number < sc->lowest) {
			sc->lowest = rec->number;
			sc->place = place;
		}
		place += record_stride(rec->length);
		if (rec->number >= sc->highest) {
			sc->highest = rec->number;
			sc->end = place;
		}
	}
}

/* A place of the data area as a position: the first that is not before base. */
static uint64_t
position_from(const struct ring_map *map, uint64_t base, uint64_t place)
{
	uint64_t position = base - base % map->bytes + place;

	return position < base ? position + map->bytes : position;
}

static bool
tail_proved(const struct ring_words *words, unsigned i)
{
	uint64_t check = words->tail_check[i];

	/* Each proof names the generation that it was made for. */
	return (check >> 32) % 2 == i && tail_sane(&words->tail[i]) &&
	       check == ring_tail_check(check >> 32, &words->tail[i]);
}

/* Which tail is proved, the newer if both are; or -1. */
static int
newest_proved(const struct ring_words *words)
{
	bool proved[2] = { tail_proved(words, 0), tail_proved(words, 1) };
	unsigned newer = words->tail_check[1] > words->tail_check[0];

	if (proved[newer])
		return (int)newer;
	return proved[!newer] ? (int)!newer : -1;
}

/* What can still be told of the tail from the words: the newest that is proved, else the
 * older one that may be right. All 0: nothing. */
static struct ring_tail
base_tail(const struct ring_words *words)
{
	const struct ring_tail *tail = words->tail;
	int proved = newest_proved(words);

	if (proved >= 0)
		return tail[proved];
	if (!tail_sane(&tail[0]) && !tail_sane(&tail[1]))
		return (struct ring_tail){ 0 };
	if (!tail_sane(&tail[0]))
		return tail[1];
	if (!tail_sane(&tail[1]))
		return tail[0];
	return tail[tail[1].position < tail[0].position];
}

/* Between the older tail and the first record: what is not padded there was one. */
static uint64_t
first_used(const struct ring_map *map, uint64_t from, uint64_t to)
{
	uint64_t start = from % map->bytes;

	for (uint64_t at = 0; at < to - from; at++)
		if (map->data[start + at] != RECORD_PAD)
			return from + at / RECORD_ALIGN * RECORD_ALIGN;
	return to;
}

/* The oldest record, or what lay before it and is damaged. */
static struct ring_tail
tail_by_records(
    const struct ring_map *map, const struct ring_tail *base, const struct scan *sc)
{
	struct ring_tail tail = { .number = sc->lowest };
	uint64_t used, gap;

	tail.position = position_from(map, base->position, sc->place);
	used = first_used(map, base->position, tail.position);
	/* In a ring that is full to there no record can have been. */
	if (position_from(map, tail.position, sc->end % map->bytes) - used > map->bytes)
		return tail;
	if (base->number == 0 || tail.position - used < RECORD_HEADER ||
	    sc->lowest == 1)
		return tail;
	gap = tail.position - used;
	tail.position = used;
	/* How many they were is known only if the older tail was that of the first. */
	tail.number = sc->lowest - 1;
	if (used == base->position && base->number < sc->lowest &&
	    sc->lowest - base->number <= gap / RECORD_HEADER)
		tail.number = base->number;
	return tail;
}

/* Of a ring without records: no number may be used twice, so the highest that the tails allow. */
static uint64_t
number_unused(const struct ring_map *map, const struct ring_tail *base)
{
	uint64_t most = base->number + map->bytes / RECORD_HEADER;
	uint64_t ret = base->number;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t number = map->words->tail[i].number;

		if (number > ret)
			ret = number > most ? most : number;
	}
	return ret;
}

static int
find_tail(struct ring_map *map, uint32_t seed, struct ring_tail *ret)
{
	struct ring_tail base = base_tail(map->words);
	struct scan sc = { 0 };

	/* What was freed and not padded is found too: all settled it, so it is freed again. */
	scan_records(map, seed, 1, &sc);
	if (sc.lowest != 0) {
		*ret = tail_by_records(map, &base, &sc);
		return 0;
	}
	if (base.number == 0)
		return -EBADMSG;
	base.number = number_unused(map, &base);
	*ret = base;
	return 0;
}

/* Do the records fit a tail without proof, of an older program? */
static bool
tail_fits(const struct ring_map *map, const struct ring_tail *tail, uint32_t seed)
{
	struct scan sc = { 0 };
	uint64_t gap, numbers;

	if (!tail_sane(tail))
		return false;
	if (tail_holds(map, tail, seed))
		return true;
	scan_records(map, seed, tail->number, &sc);
	if (sc.lowest == 0)
		return true;
	/* The first records behind it may be damaged. */
	numbers = sc.lowest - tail->number;
	gap = position_from(map, tail->position, sc.place) - tail->position;
	return numbers > 0 && gap / RECORD_HEADER >= numbers;
}

/* Of the tails one that is where a record is: the newest proved, or that in force. -1: neither. */
static int
tail_at_record(const struct ring_map *map, uint32_t seed)
{
	const struct ring_words *words = map->words;
	int proved = newest_proved(words);
	int in_force = (int)(words->generation % 2);

	if (proved >= 0 && tail_holds(map, &words->tail[proved], seed))
		return proved;
	if (tail_sane(&words->tail[in_force]) &&
	    tail_holds(map, &words->tail[in_force], seed))
		return in_force;
	return -1;
}

int
ring_tail_mend(struct ring_map *map, struct ring_report *report, bool *ret_lost_count)
{
	struct ring_words *words = map->words;
	const struct ring_tail *tail = &words->tail[words->generation % 2];
	uint64_t *check = &words->tail_check[words->generation % 2];
	uint32_t seed = record_seed(&map->header->id);
	struct ring_tail found;
	int rc = 0;
	int at;

	if (tail_sane(tail) && *check == ring_tail_check(words->generation, tail))
		return 0;
	if (map->older && *check == 0 && tail_fits(map, tail, seed)) {
		*check = ring_tail_check(words->generation, tail);
		return 0;
	}
	report->tail_mended = true;
	at = tail_at_record(map, seed);
	if (at >= 0)
		found = words->tail[at];
	else
		rc = find_tail(map, seed, &found);
	*ret_lost_count = at < 0 && newest_proved(words) < 0;
	if (rc == 0)
		ring_tail_store(words, found);
	return rc;
}
