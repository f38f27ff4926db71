#include "spool/look.h"

#include <errno.h>
#include <string.h>

#include "record/record.h"

static const struct record *
record_at(const struct ring_map *map, uint64_t position)
{
	return (const void *)(map->data + position % map->header->bytes);
}

/* What the kernel was given has the next number too; a type in it came with a message. */
static bool
is_unfinished(const struct look_ring *lr, const struct record *rec)
{
	int64_t open =
	    lr->kind == RING_SYSV ? RECORD_TYPE_OPEN_SYSV : RECORD_TYPE_OPEN_POSIX;

	return rec->number == lr->next_number && rec->type != open;
}

static int
walk(struct look_ring *lr, const struct ring_map *map)
{
	struct ring_tail tail = map->words->tail[map->words->generation % 2];
	uint32_t seed = record_seed(&lr->id);

	if (tail.position > RING_POSITION_MAX || tail.position % RECORD_ALIGN != 0 ||
	    tail.number == 0 || tail.number > RING_POSITION_MAX)
		return -EBADMSG;
	lr->next_number = tail.number;
	while (lr->bytes - lr->used >= RECORD_HEADER) {
		const struct record *rec = record_at(map, tail.position + lr->used);

		if (rec->number != lr->next_number ||
		    record_check(rec, lr->bytes - lr->used, seed) < 0) {
			lr->unfinished = is_unfinished(lr, rec);
			break;
		}
		lr->used += record_stride(rec->length);
		lr->records++;
		lr->next_number++;
	}
	return 0;
}

int
look_ring(struct look_ring *ret, int dir_fd, const char *file)
{
	struct look_ring lr = { 0 };
	struct ring_map map;
	int rc;

	rc = ring_file_map(&map, dir_fd, file, RING_FILE_LOOK);
	if (rc < 0)
		return rc;
	lr.id = map.header->id;
	lr.kind = (enum ring_kind)map.header->kind;
	memcpy(lr.uri, map.header->uri, sizeof(lr.uri));
	memcpy(lr.take, map.header->take, sizeof(lr.take));
	lr.max_body = map.header->max_body;
	lr.bytes = map.header->bytes;
	rc = walk(&lr, &map);
	ring_file_unmap(&map);
	if (rc == 0)
		*ret = lr;
	return rc;
}

static uint64_t
count_logged(const struct journal *jn)
{
	uint64_t count = 0;

	for (uint64_t seq = jn->words->acked + 1;
	     seq < jn->words->next && seq - jn->words->acked <= STREAM_WINDOW; seq++)
		count += (journal_place(jn, seq) & JOURNAL_IN_LOG) != 0;
	return count;
}

int
look_stream(struct look_stream *ret, int dir_fd, const char *file)
{
	struct journal jn = { 0 };
	int rc;

	rc = journal_open(&jn, dir_fd, file);
	if (rc < 0)
		return rc;
	ret->id = jn.header->stream;
	ret->ring = jn.header->ring;
	memcpy(ret->label, jn.header->label, sizeof(ret->label));
	ret->acked = jn.words->acked;
	ret->next = jn.words->next;
	ret->logged = count_logged(&jn);
	journal_close(&jn);
	return 0;
}
