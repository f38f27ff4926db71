#include "spool/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "spool/ring_private.h"

static int
ring_new(struct ring **ret, int dir_fd)
{
	struct ring *rg;

	rg = calloc(1, sizeof(*rg));
	if (rg == NULL)
		return -ENOMEM;
	/* For ring_regrow(), whenever that comes. */
	rg->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	if (rg->dir_fd < 0) {
		int rc = -errno;

		ring_close(rg);
		return rc;
	}
	*ret = rg;
	return 0;
}

void
ring_close(struct ring *rg)
{
	if (rg == NULL)
		return;
	ring_file_unmap(&rg->map);
	if (rg->dir_fd >= 0)
		(void)close(rg->dir_fd);
	free(rg);
}

/* Take over a mapped file: what is in the struct for speed only. */
static void
ring_adopt(struct ring *rg, const struct ring_map *map)
{
	const struct ring_words *words = map->words;
	const struct ring_tail *tail = &words->tail[words->generation % 2];

	assert(rg != NULL);
	rg->map = *map;
	rg->header = *map->header;
	rg->open = NULL;
	rg->bytes = map->bytes;
	rg->max_body = rg->header.max_body;
	rg->body_stride = record_stride(rg->max_body);
	rg->type_open = rg->header.kind == RING_POSIX ? RECORD_TYPE_OPEN_POSIX
						      : RECORD_TYPE_OPEN_SYSV;
	rg->seed = record_seed(&rg->header.id);
	rg->tail = rg->head = tail->position;
	rg->tail_place = rg->tail % rg->bytes;
	rg->tail_number = rg->next_number = tail->number;
}

static void
words_start(struct ring_words *words, struct ring_tail tail, uint64_t uniform)
{
	words->generation = 0;
	words->tail[0] = words->tail[1] = tail;
	words->tail_check[0] = ring_tail_check(0, &tail);
	words->tail_check[1] = 0;
	words->type_slot = RECORD_TYPE_OPEN_SYSV;
	words->type_number = 0;
	words->uniform = uniform;
}

static int
header_start(struct ring_header *hd, const struct ring_spec *spec)
{
	size_t uri = strlen(spec->uri), take = strlen(spec->take);
	int rc;

	if (uri >= sizeof(hd->uri) || take >= sizeof(hd->take))
		return -ENAMETOOLONG;
	memcpy(hd->uri, spec->uri, uri);
	memcpy(hd->take, spec->take, take);
	hd->kind = spec->kind;
	rc = ring_file_size(hd, spec->max_body, spec->bytes);
	return rc < 0 ? rc : id_make(&hd->id);
}

int
ring_create(struct ring **ret, int dir_fd, const struct ring_spec *spec)
{
	struct ring_header hd = { 0 };
	struct ring_map map = { 0 };
	struct ring *rg = NULL;
	int rc;

	rc = header_start(&hd, spec);
	if (rc < 0)
		return rc;
	rc = ring_new(&rg, dir_fd);
	if (rc < 0)
		return rc;
	rc = ring_file_make(&map, dir_fd, &hd);
	if (rc < 0)
		goto fail;
	words_start(map.words, (struct ring_tail){ .number = 1 }, RING_UNIFORM_NONE);
	ring_adopt(rg, &map);
	rc = ring_file_publish(dir_fd, &hd.id);
	if (rc < 0)
		goto fail;
	*ret = rg;
	return 0;
fail:
	ring_close(rg);
	return rc;
}

int
ring_open(struct ring **ret, int dir_fd, const char *file, int64_t now_ns,
    struct ring_report *report)
{
	struct ring_report found = { 0 };
	struct ring_map map = { 0 };
	struct ring *rg = NULL;
	int rc;

	rc = ring_new(&rg, dir_fd);
	if (rc < 0)
		return rc;
	rc = ring_file_map(&map, dir_fd, file, RING_FILE_MEND);
	if (rc < 0)
		goto fail;
	found.missing = map.missing;
	found.header_mended = ring_file_mend_header(&map);
	rc = ring_tail_mend(&map, &found, &rg->lost_count);
	ring_adopt(rg, &map); /* also to unmap it */
	if (rc == 0)
		rc = ring_recover(rg, now_ns, &found);
	if (rc < 0)
		goto fail;
	*report = found;
	*ret = rg;
	return 0;
fail:
	ring_close(rg);
	return rc;
}

int
ring_regrow(struct ring *rg, uint32_t max_body, uint64_t bytes)
{
	struct ring_header hd = rg->header;
	struct ring_map map;
	int rc;

	if (rg->head != rg->tail || __atomic_load_n(&rg->map.words->type_slot,
					__ATOMIC_ACQUIRE) != RECORD_TYPE_OPEN_SYSV)
		return -EBUSY;
	rc = ring_file_size(&hd, max_body, bytes);
	if (rc < 0)
		return rc;
	rc = ring_file_make(&map, rg->dir_fd, &hd);
	if (rc < 0)
		return rc;
	words_start(map.words,
	    (struct ring_tail){ .position = rg->head, .number = rg->next_number },
	    rg->map.words->uniform);
	rc = ring_file_publish(rg->dir_fd, &hd.id);
	if (rc < 0) {
		ring_file_unmap(&map);
		return rc;
	}
	CRASH_POINT("ring.regrown");
	ring_file_unmap(&rg->map);
	ring_adopt(rg, &map);
	return 0;
}

bool
ring_lost_count(const struct ring *rg)
{
	return rg->lost_count;
}

const struct id *
ring_id(const struct ring *rg)
{
	return &rg->header.id;
}

enum ring_kind
ring_kind(const struct ring *rg)
{
	return (enum ring_kind)rg->header.kind;
}

const char *
ring_uri(const struct ring *rg)
{
	return rg->header.uri;
}

const char *
ring_take(const struct ring *rg)
{
	return rg->header.take;
}

uint32_t
ring_max_body(const struct ring *rg)
{
	return rg->max_body;
}

uint64_t
ring_bytes(const struct ring *rg)
{
	return rg->bytes;
}

uint64_t
ring_used(const struct ring *rg)
{
	return rg->head - rg->tail;
}

uint64_t
ring_records(const struct ring *rg)
{
	return rg->next_number - rg->tail_number;
}

uint32_t
ring_seed(const struct ring *rg)
{
	return rg->seed;
}

uint64_t
ring_next_number(const struct ring *rg)
{
	return rg->next_number;
}

uint64_t
ring_tail(const struct ring *rg)
{
	return rg->tail;
}

uint64_t
ring_head(const struct ring *rg)
{
	return rg->head;
}

struct record *
ring_at(const struct ring *rg, uint64_t position)
{
	assert(position >= rg->tail && position < rg->head);
	return ring_record(rg, position);
}

uint64_t
ring_after(const struct ring *rg, uint64_t position)
{
	return position + record_stride(ring_at(rg, position)->length);
}

int
ring_reserve(struct ring *rg, struct record **ret)
{
	struct record *rec;

	if (rg->open == NULL) {
		if (rg->bytes - (rg->head - rg->tail) < rg->body_stride)
			return -ENOSPC;
		rec = ring_record(rg, rg->head);
		rec->length = RECORD_LENGTH_NONE;
		rec->flags = 0;
		rec->reserved = 0;
		rec->captured_ns = 0;
		rec->header_crc = RECORD_CRC_UNSET;
		rec->body_crc = RECORD_CRC_UNSET;
		rec->state = 0;
		rec->reserved2 = 0;
		rec->type = rg->type_open;
		CRASH_POINT("ring.header");
		/* The number last: a record that has it is prepared, or recovery could
		 * take half a header for a message that was cut off. */
		__atomic_store_n(&rec->number, rg->next_number, __ATOMIC_RELEASE);
		CRASH_POINT("ring.number");
		rg->open = rec;
	}
	*ret = rg->open;
	return 0;
}

void
ring_advance(struct ring *rg, const struct record *rec)
{
	uint64_t *uniform = &rg->map.words->uniform;

	/* A guessed length says nothing about what the queue's programs send. Known
	 * before the next record is prepared, so that recovery can use it for that
	 * one. */
	if (*uniform != rec->length && rec->flags == 0)
		*uniform =
		    *uniform == RING_UNIFORM_NONE ? rec->length : RING_UNIFORM_MIXED;
	CRASH_POINT("ring.uniform");
	rg->head += record_stride(rec->length);
	rg->next_number++;
	rg->open = NULL;
}

void
ring_commit(struct ring *rg, struct record *rec, uint32_t length, int64_t now_ns)
{
	assert(rec == rg->open && length <= rg->max_body);
	CRASH_POINT("ring.received");
	__atomic_store_n(&rec->length, length, __ATOMIC_RELEASE);
	CRASH_POINT("ring.length");
	rec->captured_ns = now_ns;
	CRASH_POINT("ring.captured");
	record_seal(rec, rg->seed);
	CRASH_POINT("ring.sealed");
	ring_advance(rg, rec);
}

int64_t *
ring_type_slot(struct ring *rg)
{
	return &rg->map.words->type_slot;
}

/* Commit the message of the type slot. The length goes before the type: a record with a
 * length and an open type is one that never came to be. */
static int
commit_type(struct ring *rg, int64_t type, int64_t now_ns)
{
	struct ring_words *words = rg->map.words;
	struct record *rec;
	int rc;

	rc = ring_reserve(rg, &rec);
	if (rc < 0)
		return rc;
	__atomic_store_n(&words->type_number, rg->next_number, __ATOMIC_RELEASE);
	CRASH_POINT("ring.type_number");
	__atomic_store_n(&rec->length, 0, __ATOMIC_RELEASE);
	CRASH_POINT("ring.type_length");
	__atomic_store_n(&rec->type, type, __ATOMIC_RELEASE);
	CRASH_POINT("ring.type_type");
	ring_commit(rg, rec, 0, now_ns);
	return 1;
}

int
ring_commit_zero(struct ring *rg, int64_t now_ns)
{
	struct ring_words *words = rg->map.words;
	int64_t type = __atomic_load_n(&words->type_slot, __ATOMIC_ACQUIRE);
	int rc = 0;

	if (type != RECORD_TYPE_OPEN_SYSV) {
		/* A number below the next one: a kill came between the commit and
		 * here. */
		if (words->type_number == 0 || words->type_number >= rg->next_number)
			rc = commit_type(rg, type, now_ns);
		if (rc < 0)
			return rc;
		CRASH_POINT("ring.type_committed");
		__atomic_store_n(
		    &words->type_slot, RECORD_TYPE_OPEN_SYSV, __ATOMIC_RELEASE);
		CRASH_POINT("ring.type_opened");
	}
	/* Only with the slot open again: a type without a number was never
	 * committed. */
	if (words->type_number != 0)
		__atomic_store_n(&words->type_number, 0, __ATOMIC_RELEASE);
	return rc;
}

int
ring_attach(struct ring *rg, unsigned slot, uint64_t first_number)
{
	if (slot >= RECORD_SLOTS || first_number == 0 || first_number > rg->next_number)
		return -EINVAL;
	if (rg->attached & RECORD_SETTLED(slot))
		return -EBUSY;
	rg->attached |= RECORD_SETTLED(slot);
	rg->first_number[slot] = first_number;
	if (first_number > rg->first_highest)
		rg->first_highest = first_number;
	return 0;
}

void
ring_detach(struct ring *rg, unsigned slot)
{
	rg->attached &= ~RECORD_SETTLED(slot);
}

int
ring_free_slot(const struct ring *rg)
{
	for (unsigned slot = 0; slot < RECORD_SLOTS; slot++)
		if (!(rg->attached & RECORD_SETTLED(slot)))
			return (int)slot;
	return -ENOSPC;
}

bool
ring_wants(const struct ring *rg, unsigned slot, const struct record *rec)
{
	return (rg->attached & RECORD_SETTLED(slot)) != 0 &&
	       rec->number >= rg->first_number[slot] && !(rec->flags & RECORD_DAMAGED);
}

void
ring_settle_record(struct ring *rg, const struct record *rec, unsigned slot)
{
	struct record *own =
	    (void *)(rg->map.data + ((const uint8_t *)rec - rg->map.data));

	own->state |= RECORD_SETTLED(slot);
}

/* The settled bits that a record needs to be free. */
static uint32_t
ring_wanted_bits(const struct ring *rg, uint64_t number)
{
	uint32_t bits = 0;

	if (number >= rg->first_highest)
		return rg->attached;
	for (unsigned slot = 0; slot < RECORD_SLOTS; slot++)
		if (rg->first_number[slot] <= number)
			bits |= RECORD_SETTLED(slot);
	return bits & rg->attached;
}

uint64_t
ring_release(struct ring *rg)
{
	struct ring_words *words = rg->map.words;
	uint64_t position = rg->tail, number = rg->tail_number, freed;
	uint8_t *from;

	if (rg->attached == 0)
		return 0;
	while (position < rg->head) {
		const struct record *rec = ring_record(rg, position);
		uint32_t wanted = ring_wanted_bits(rg, number);

		if ((rec->state & wanted) != wanted)
			break;
		position += record_stride(rec->length);
		number++;
	}
	freed = number - rg->tail_number;
	if (freed == 0)
		return 0;
	ring_tail_store(
	    words, (struct ring_tail){ .position = position, .number = number });
	CRASH_POINT("ring.tail");
	/* The pad must not be seen before the tail; against the compiler, as all
	 * here. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	from = rg->map.data + rg->tail_place;
	memset(from, RECORD_PAD, position - rg->tail);
	CRASH_POINT("ring.padded");
	rg->tail_place += position - rg->tail;
	if (rg->tail_place >= rg->bytes)
		rg->tail_place -= rg->bytes;
	rg->tail = position;
	rg->tail_number = number;
	return freed;
}
