/* What a stream asks of its log when it is opened again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "spool/log_private.h"

static int
add_known(struct log *lg, uint64_t number, uint64_t place)
{
	if (lg->n_known == lg->known_room) {
		size_t room = lg->known_room == 0 ? 256 : 2 * lg->known_room;
		struct log_known *known = realloc(lg->known, room * sizeof(*known));

		if (known == NULL)
			return -ENOMEM;
		lg->known = known;
		lg->known_room = room;
	}
	lg->known[lg->n_known++] =
	    (struct log_known){ .number = number, .place = place };
	return 0;
}

/* The records of the present ring, but those that were put there from dead letters. */
static int
take_piece(
    struct log *lg, uint64_t segment, const struct segment_piece *pc, uint64_t first)
{
	for (size_t i = 0; i < pc->n_runs; i++) {
		const struct segment_run *run = &pc->runs[i];

		if (!id_equal(&run->ring, &lg->ring) ||
		    (run->flags & SEGMENT_REQUEUED) != 0)
			continue;
		for (uint64_t at = run->from; at < run->to;) {
			const struct record *rec = segment_record(pc, at);
			int rc = rec->number < first ? 0
						     : add_known(lg, rec->number,
							   log_place(segment, at));

			if (rc < 0)
				return rc;
			at += record_stride(rec->length);
		}
	}
	return 0;
}

static bool
is_wanted(const struct log *lg, const struct segment_frame *fr, uint64_t first)
{
	return id_equal(&fr->ring, &lg->ring) && (fr->flags & SEGMENT_REQUEUED) == 0 &&
	       fr->last_number >= first;
}

static int
load_segment(struct log *lg, const struct segment_file *sf, uint64_t first)
{
	uint64_t at = 0;

	while (at < sf->end) {
		struct segment_frame fr;
		struct segment_piece pc;
		int rc = segment_frame_read(&fr, sf, at);

		if (rc == 1 && !is_wanted(lg, &fr, first)) {
			at = segment_frame_end(&fr, sf);
			continue;
		}
		if (rc >= 0)
			rc = segment_load(&pc, sf, at, at, &lg->ring);
		if (rc < 0)
			return rc;
		rc = take_piece(lg, sf->number, &pc, first);
		at = pc.to;
		segment_piece_done(&pc);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
compare_known(const void *a, const void *b)
{
	uint64_t left = ((const struct log_known *)a)->number;
	uint64_t right = ((const struct log_known *)b)->number;

	return left < right ? -1 : left > right;
}

static int
load_file(struct log *lg, const struct log_segment *sg, uint64_t first)
{
	struct segment_file sf = log_file(lg, sg);
	char name[LOG_SEGMENT_NAME];
	int rc;

	sf.fd = openat(lg->dir_fd, log_segment_name(name, sg->number),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (sf.fd < 0)
		return errno == ENOENT ? 0 : -errno;
	rc = load_segment(lg, &sf, first);
	(void)close(sf.fd);
	return rc;
}

/* Numbers in a ring are less than 2^31 apart, so the low halves tell what is not there. */
static bool
is_before(const struct log_segment *sg, uint64_t first)
{
	return sg->summed && (int32_t)((uint32_t)sg->sum.highest - (uint32_t)first) < 0;
}

int
log_numbers_load(struct log *lg, uint64_t first)
{
	for (size_t i = 0; i < lg->n_segments; i++) {
		int rc = is_before(lg->segments[i], first)
			     ? 0
			     : load_file(lg, lg->segments[i], first);

		if (rc < 0)
			return rc;
	}
	if (lg->n_known > 1)
		qsort(lg->known, lg->n_known, sizeof(*lg->known), compare_known);
	return 0;
}

uint64_t
log_number_place(const struct log *lg, uint64_t number)
{
	const struct log_known key = { .number = number };
	const struct log_known *found =
	    lg->n_known == 0
		? NULL
		: bsearch(&key, lg->known, lg->n_known, sizeof(key), compare_known);

	return found == NULL ? 0 : found->place;
}

void
log_numbers_done(struct log *lg)
{
	free(lg->known);
	free(lg->letters);
	lg->known = NULL;
	lg->letters = NULL;
	lg->n_known = lg->known_room = lg->n_letters = lg->letters_room = 0;
}

bool
log_has_letter(const struct log *lg, const struct id *ring, uint64_t number,
    const struct id *stream)
{
	for (size_t i = 0; i < lg->n_letters; i++) {
		const struct log_letter *lt = &lg->letters[i];

		if (lt->number == number && id_equal(&lt->ring, ring) &&
		    id_equal(&lt->stream, stream) && !log_place_settled(lg, lt->place))
			return true;
	}
	return false;
}

bool
log_place_settled(const struct log *lg, uint64_t place)
{
	const struct log_segment *sg = log_find(lg, log_place_segment(place));
	uint64_t offset = log_place_offset(place);

	if (sg == NULL)
		return !lg->guessed;
	return offset < sg->settled ||
	       (offset >= sg->skip_from && offset < sg->skip_to);
}

int
log_place_sent(struct log *lg, uint64_t place)
{
	struct log_segment *sg = log_find(lg, log_place_segment(place));
	uint64_t offset = log_place_offset(place);

	if (sg == NULL && lg->guessed)
		return 0; /* as log_lost() says */
	if (sg == NULL || offset % RECORD_ALIGN != 0 ||
	    offset < sizeof(struct segment_frame))
		return -EBADMSG;
	/* Then it is lost, or its end was saved and the journal's word counts. */
	if (!sg->guessed && (offset >= sg->end || log_place_settled(lg, place)))
		return -EBADMSG;
	/* Nothing is in flight twice, and the first was the first read. */
	if (sg->in_flight > 0 && offset < sg->read)
		return -EBADMSG;
	if (log_segment_skips(sg) && offset >= sg->skip_to)
		sg->behind_skip = true;
	sg->in_flight++;
	sg->read = offset + 1;
	if (sg->waiting > 0) {
		sg->waiting--;
		lg->waiting--;
	}
	if (sg->waiting == 0 && !sg->lost)
		sg->read = sg->end;
	log_lane_update(lg, sg->priority);
	return 0;
}
