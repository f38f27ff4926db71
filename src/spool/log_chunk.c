#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "spool/log_private.h"

/* A disk that cannot be read may come back; what it cannot read for so long is damage. */
#define PATIENCE_MS 30000

/* ---- on the disk thread ------------------------------------------------------------ */

int64_t
log_captured_now(
    const struct log *lg, int64_t captured_ns, int64_t clock_ns, int64_t wall_ns)
{
	int64_t now_ns = clock_boot_ns() + lg->env.clock_offset_ns;
	int64_t age_ns = clock_ns - captured_ns;
	int64_t since_ns = clock_wall_ns() - wall_ns;

	if (wall_ns == 0)
		return captured_ns < now_ns ? captured_ns : now_ns;
	if (age_ns < 0)
		age_ns = 0;
	if (since_ns > 0)
		age_ns += since_ns;
	return now_ns - age_ns;
}

/* Records of another ring, or that come a second time, are sent as the present ring's. */
static void
adapt(const struct log *lg, struct segment_piece *pc, uint64_t number)
{
	for (size_t i = 0; i < pc->n_runs; i++) {
		const struct segment_run *run = &pc->runs[i];

		if (id_equal(&run->ring, &lg->ring) &&
		    (run->flags & SEGMENT_REQUEUED) == 0)
			continue;
		for (uint64_t at = run->from; at < run->to;) {
			struct record *rec = segment_record(pc, at);

			rec->number = log_place(number, at);
			rec->captured_ns = log_captured_now(
			    lg, rec->captured_ns, run->clock_ns, run->wall_ns);
			record_seal(rec, lg->seed);
			at += record_stride(rec->length);
		}
	}
}

static int
read_run(struct disk_job *job)
{
	struct log_read *lr = (struct log_read *)(void *)job;
	const struct log *lg = lr->log;
	char name[LOG_SEGMENT_NAME];
	int rc;

	log_segment_name(name, lr->file.number);
	lr->file.fd =
	    openat(lg->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (lr->file.fd < 0) {
		lr->gone = errno == ENOENT;
		return lr->gone ? 0 : -errno;
	}
	if (!lr->file.strict && !segment_is_readable(&lr->file))
		rc = -EIO;
	else
		rc = segment_load(&lr->piece, &lr->file, lr->hint, lr->want, &lg->ring);
	(void)close(lr->file.fd);
	if (rc == 0)
		adapt(lg, &lr->piece, lr->file.number);
	return rc;
}

/* ---- chunks ------------------------------------------------------------------------ */

static uint64_t
chunk_bytes(const struct log_chunk *ck)
{
	const struct segment_piece *pc = &ck->piece;
	uint64_t bytes = pc->bytes == NULL ? 0 : pc->to - pc->from;

	return sizeof(*ck) + bytes + pc->runs_room * sizeof(*pc->runs);
}

void
log_chunk_free(struct log *lg, struct log_chunk *ck)
{
	struct log_segment *sg = ck->segment;
	struct log_chunk **at = &sg->chunks;

	while (*at != ck)
		at = &(*at)->next;
	*at = ck->next;
	if (sg->reading == ck) {
		sg->reading = NULL;
		sg->hint = ck->piece.from;
	}
	TAILQ_REMOVE(&lg->chunks, ck, link);
	lg->memory -= chunk_bytes(ck);
	segment_piece_done(&ck->piece);
	free(ck);
}

static bool
chunk_pinned(const struct log_chunk *ck)
{
	return ck->pinned != 0 && ck->pinned >= ck->segment->settled;
}

static bool
chunk_next_read(const struct log *lg, const struct log_chunk *ck)
{
	return lg->top < lg->n_lanes && lg->lanes[lg->top].reading == ck->segment &&
	       ck->segment->reading == ck;
}

/* Of those that nobody points into a few stay, the newest. */
static void
chunks_evict(struct log *lg, const struct log_chunk *newest)
{
	uint64_t idle = 0;
	struct log_chunk *ck, *next;

	TAILQ_FOREACH (ck, &lg->chunks, link)
		if (!chunk_pinned(ck))
			idle += chunk_bytes(ck);
	for (ck = TAILQ_FIRST(&lg->chunks); ck != NULL && idle > LOG_IDLE_BYTES;
	     ck = next) {
		next = TAILQ_NEXT(ck, link);
		if (ck == newest || chunk_pinned(ck) || chunk_next_read(lg, ck))
			continue;
		idle -= chunk_bytes(ck);
		log_chunk_free(lg, ck);
	}
}

static int
chunk_add(struct log *lg, struct log_segment *sg, const struct segment_piece *pc)
{
	struct log_chunk *ck = calloc(1, sizeof(*ck));
	struct log_chunk **at = &sg->chunks;

	if (ck == NULL)
		return -ENOMEM;
	ck->segment = sg;
	ck->piece = *pc;
	while (*at != NULL && (*at)->piece.from < pc->from)
		at = &(*at)->next;
	ck->next = *at;
	*at = ck;
	TAILQ_INSERT_TAIL(&lg->chunks, ck, link);
	lg->memory += chunk_bytes(ck);
	chunks_evict(lg, ck);
	return 0;
}

struct log_chunk *
log_chunk_at(const struct log_segment *sg, uint64_t offset)
{
	struct log_chunk *ck = sg->chunks;

	while (ck != NULL && (offset < ck->piece.from || offset >= ck->piece.to))
		ck = ck->next;
	return ck;
}

void
log_damage_tell(struct log *lg, const char *file, uint64_t offset, uint64_t records)
{
	struct log_damage *dm = &lg->damages[lg->n_damages];

	lg->n_damaged += records;
	if (lg->n_damages == LOG_DAMAGES)
		return;
	*dm = (struct log_damage){ .offset = offset, .records = records };
	(void)snprintf(dm->file, sizeof(dm->file), "%s", file);
	lg->n_damages++;
}

void
log_damage_add(
    struct log *lg, struct log_segment *sg, uint64_t offset, uint64_t records)
{
	char id[ID_TEXT], name[LOG_SEGMENT_NAME], file[LOG_SEGMENT_NAME + ID_TEXT + 8];

	sg->damaged = true;
	(void)snprintf(file, sizeof(file), "logs/%s/%s", id_format(id, &lg->id),
	    log_segment_name(name, sg->number));
	log_damage_tell(lg, file, offset, records);
}

static bool
gap_settled(const struct log_segment *sg, const struct segment_gap *gap)
{
	return gap->end <= sg->settled ||
	       (gap->offset >= sg->skip_from && gap->end <= sg->skip_to);
}

/* What is lost in one place and found in another is not lost in all. */
static void
tell_gap(struct log *lg, struct log_segment *sg, const struct segment_gap *gap)
{
	uint64_t before = sg->given_up;

	/* Nothing that waited, unless more was found before than should be there. */
	if (gap->records >= 0 && sg->missing >= 0 && gap_settled(sg, gap)) {
		log_damage_add(lg, sg, gap->offset, 0);
		return;
	}
	sg->missing += gap->records;
	sg->given_up = sg->missing > 0 ? (uint64_t)sg->missing : 0;
	if (sg->given_up >= before) {
		log_damage_add(lg, sg, gap->offset, sg->given_up - before);
		return;
	}
	lg->n_damaged -= before - sg->given_up;
	log_damage_add(lg, sg, gap->offset, 0);
}

static void
tell_gaps(struct log *lg, struct log_segment *sg, const struct segment_piece *pc)
{
	for (size_t i = 0; i < pc->n_gaps; i++)
		if (pc->gaps[i].offset >= sg->told)
			tell_gap(lg, sg, &pc->gaps[i]);
	if (sg->told < pc->to)
		sg->told = pc->to;
}

static void
read_done(struct disk_job *job, int rc)
{
	struct log_read *lr = (struct log_read *)(void *)job;
	struct log *lg = lr->log;
	struct log_segment *sg = log_find(lg, lr->file.number);

	lg->reading = false;
	if (rc == 0 && lr->gone && sg != NULL) {
		lr->piece.to = lr->file.end;
		if (sg->told < sg->end)
			log_damage_add(lg, sg, 0, sg->waiting);
		sg->told = sg->end;
	}
	if (rc == 0 && sg != NULL) {
		tell_gaps(lg, sg, &lr->piece);
		rc = chunk_add(lg, sg, &lr->piece);
	}
	if (rc < 0 || sg == NULL)
		segment_piece_done(&lr->piece);
	lg->read_failure = rc;
	if (sg != NULL && rc != -EIO)
		sg->unreadable_ms = 0;
	else if (sg != NULL && sg->unreadable_ms == 0)
		sg->unreadable_ms = clock_monotonic_ms();
	/* After a failure the owner would only ask again at once. */
	log_job_end(lg, rc == 0);
}

void
log_chunk_request(
    struct log *lg, const struct log_segment *sg, uint64_t hint, uint64_t want)
{
	struct log_read *lr = &lg->reader;

	if (lg->reading || lg->read_failure != 0 || lg->closed)
		return;
	*lr = (struct log_read){
		.job = { .run = read_run, .done = read_done },
		.log = lg,
		.file = log_file(lg, sg),
		.hint = hint,
		.want = want,
	};
	lr->file.strict = sg->unreadable_ms == 0 ||
			  clock_monotonic_ms() < sg->unreadable_ms + PATIENCE_MS;
	lg->reading = true;
	log_job_start(lg, &lr->job);
}
