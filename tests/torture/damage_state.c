#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "damage.h"
#include "spool/marks.h"
#include "spool/names.h"
#include "spool/ring_file.h"
#include "spool/stream.h"

#define NOW INT64_C(1000000)

void
damage_die(const char *what, int rc)
{
	(void)fprintf(stderr, "damage: %s: %s\n", what, strerror(-rc));
	exit(2);
}

uint64_t
damage_random(uint64_t *seed, uint64_t below)
{
	/* xorshift64*, Vigna 2016; the seed must not be 0. */
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (*seed * UINT64_C(2685821657736338717) >> 16) % below;
}

static void
must(int rc, const char *what)
{
	if (rc < 0)
		damage_die(what, rc);
}

static bool
is_any(const char *name)
{
	return name[0] != '.';
}

int
damage_empty(int dir_fd)
{
	return names_remove(dir_fd, is_any);
}

/* The kernel's part. Never more than the ring has room for. */
static struct record *
receive(struct ring *rg, uint64_t *seed, uint32_t *ret_len)
{
	struct record *rec;
	int64_t type = (int64_t)damage_random(seed, 5) + 1;

	if (ring_reserve(rg, &rec) < 0)
		return NULL;
	*ret_len = (uint32_t)damage_random(seed, BODY_MAX + 1);
	for (uint32_t i = 0; i < *ret_len; i++)
		rec->body[i] = (uint8_t)damage_random(seed, 0xf5);
	if (ring_kind(rg) == RING_POSIX)
		memcpy(&rec->type, &type, sizeof(uint32_t));
	else
		rec->type = type;
	return rec;
}

static void
step(struct ring *rg, struct stream *streams[STREAMS], uint64_t *seed)
{
	struct stream *st = streams[damage_random(seed, STREAMS)];
	struct stream_numbers nb;
	struct record *rec;
	uint64_t seq;
	uint32_t len;
	bool is_new;

	switch (damage_random(seed, 5)) {
	case 0:
	case 1:
	case 2:
		rec = receive(rg, seed, &len);
		if (rec != NULL)
			ring_commit(rg, rec, len, NOW);
		must(stream_admit(streams[0]), "admit");
		must(stream_admit(streams[1]), "admit");
		break;
	case 3:
		if (stream_peek(st, &seq, &is_new) != NULL)
			stream_take(st);
		break;
	default:
		stream_numbers(st, &nb);
		if (nb.in_flight > 0)
			must(stream_acknowledge(st, nb.acked + 1), "acknowledge");
	}
}

static void
make_marks(int dir_fd, uint64_t *seed)
{
	struct marks *mk;
	struct mark *m;
	uint64_t found;

	must(marks_open(&mk, dir_fd, &found), "marks");
	for (unsigned i = 0; i < 5; i++) {
		struct id id;
		char label[32];

		must(id_make(&id), "id");
		(void)snprintf(label, sizeof(label), "peer/%u", i);
		must(mark_new(mk, &id, label, damage_random(seed, 1000), &m), "mark");
		if (i % 2 == 0)
			mark_intend(m, mark_value(m) + 1);
	}
	marks_close(mk);
}

static void
work(int dir_fd, enum ring_kind kind, uint64_t *seed)
{
	struct ring_spec spec = { .kind = kind,
		.uri = kind == RING_POSIX ? "posix:/damage" : "sysv:0x4d51",
		.take = "",
		.max_body = BODY_MAX,
		.bytes = 4096 * (2 + damage_random(seed, 4)) };
	struct stream *streams[STREAMS];
	uint64_t steps = 100 + damage_random(seed, 400);
	struct ring *rg;
	uint32_t len;

	must(ring_create(&rg, dir_fd, &spec), "ring");
	for (unsigned i = 0; i < STREAMS; i++)
		must(stream_create(&streams[i], dir_fd, rg, i == 0 ? "hub/a" : "hub/b"),
		    "stream");
	while (steps-- > 0)
		step(rg, streams, seed);
	/* Killed while the kernel delivered, or with a record prepared, or at rest. */
	switch (damage_random(seed, 3)) {
	case 0:
		(void)receive(rg, seed, &len);
		break;
	case 1: {
		struct record *rec;

		(void)!ring_reserve(rg, &rec);
		break;
	}
	default:
		break;
	}
	for (unsigned i = 0; i < STREAMS; i++)
		stream_close(streams[i]);
	ring_close(rg);
	make_marks(dir_fd, seed);
}

static void
load(struct bytes *by, int dir_fd, const char *name)
{
	char *bytes;

	(void)snprintf(by->name, sizeof(by->name), "%s", name);
	must(file_read(&bytes, &by->len, dir_fd, name, 1 << 24), name);
	by->at = (uint8_t *)bytes;
	by->was = by->len;
	by->touched = calloc(by->len, sizeof(*by->touched));
	if (by->touched == NULL)
		damage_die("memory", -ENOMEM);
}

static void
load_all(struct state *st, int dir_fd)
{
	unsigned stream = 0;
	struct names nm;

	must(names_list(&nm, dir_fd, is_any), "list");
	for (size_t i = 0; i < nm.n; i++) {
		enum file file = FILE_MARKS;

		if (strncmp(nm.at[i], "ring-", 5) == 0)
			file = FILE_RING;
		else if (strncmp(nm.at[i], "stream-", 7) == 0)
			file = FILE_STREAM + stream++;
		load(&st->files[file], dir_fd, nm.at[i]);
	}
	names_done(&nm);
}

void
state_write(const struct state *st, int dir_fd)
{
	for (unsigned i = 0; i < FILES; i++) {
		const struct bytes *by = &st->files[i];
		int fd = openat(
		    dir_fd, by->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		must(fd < 0 ? -errno : 0, by->name);
		must(file_write_all(fd, by->at, by->len), by->name);
		(void)close(fd);
	}
}

static void
learn_stream(struct known *kn, unsigned s, const struct stream *st, unsigned slot,
    const struct ring *rg)
{
	struct stream_numbers nb;

	stream_numbers(st, &nb);
	kn->acked[s] = nb.acked;
	kn->next[s] = nb.next;
	for (size_t i = 0; i < kn->n; i++) {
		uint64_t at = ring_tail(rg);

		while (ring_at(rg, at)->number != kn->records[i].number)
			at = ring_after(rg, at);
		if (ring_at(rg, at)->state & RECORD_SETTLED(slot))
			kn->records[i].fate[s] = FATE_SETTLED;
	}
	for (uint64_t seq = nb.acked + 1; seq < nb.next; seq++) {
		const struct record *rec = stream_sent(st, seq);
		struct known_record *kr =
		    &kn->records[rec->number - kn->records[0].number];

		kr->fate[s] = FATE_IN_FLIGHT;
		kr->seq[s] = seq;
	}
}

static void
learn_ring(struct known *kn, const struct ring *rg)
{
	kn->kind = ring_kind(rg);
	kn->max_body = ring_max_body(rg);
	kn->data_offset = RING_DATA_OFFSET;
	kn->data_bytes = ring_bytes(rg);
	for (uint64_t at = ring_tail(rg); at < ring_head(rg); at = ring_after(rg, at)) {
		const struct record *rec = ring_at(rg, at);
		struct known_record *kr = &kn->records[kn->n++];

		kr->number = rec->number;
		kr->offset = kn->data_offset + at % kn->data_bytes;
		kr->length = rec->length;
		kr->flags = rec->flags;
		kr->type = rec->type;
		memcpy(kr->body, rec->body, rec->length);
	}
}

/* By a recovery of the undamaged state, which must find nothing wrong. */
static void
learn(struct state *st, int dir_fd)
{
	struct stream *streams[STREAMS];
	struct ring_report report;
	struct ring *rg;

	must(ring_open(&rg, dir_fd, st->files[FILE_RING].name, NOW, &report), "ring");
	if (report.damaged > 0 || report.lost_bytes > 0 || report.tail_mended)
		damage_die("an undamaged ring is found damaged", -EBADMSG);
	learn_ring(&st->known, rg);
	for (unsigned i = 0; i < STREAMS; i++) {
		must(stream_open(&streams[i], dir_fd, st->files[FILE_STREAM + i].name,
			 rg, NULL),
		    "stream");
		if (stream_mended(streams[i]) > 0)
			damage_die("an undamaged journal is found damaged", -EBADMSG);
	}
	/* Which of the two has which slot is in the file. */
	for (unsigned i = 0; i < STREAMS; i++)
		learn_stream(
		    &st->known, i, streams[i], st->files[FILE_STREAM + i].at[12], rg);
	for (unsigned i = 0; i < STREAMS; i++)
		stream_close(streams[i]);
	ring_close(rg);
}

void
state_make(struct state *st, int dir_fd, enum ring_kind kind, uint64_t *seed)
{
	memset(st, 0, sizeof(*st));
	work(dir_fd, kind, seed);
	load_all(st, dir_fd);
	learn(st, dir_fd);
	must(damage_empty(dir_fd), "empty");
}

void
state_free(struct state *st)
{
	for (unsigned i = 0; i < FILES; i++) {
		free(st->files[i].at);
		free(st->files[i].touched);
	}
}

void
state_copy(struct state *to, const struct state *from)
{
	*to = *from;
	for (unsigned i = 0; i < FILES; i++) {
		const struct bytes *by = &from->files[i];

		to->files[i].at = malloc(by->len);
		to->files[i].touched = calloc(by->was, sizeof(*by->touched));
		if (to->files[i].at == NULL || to->files[i].touched == NULL)
			damage_die("memory", -ENOMEM);
		memcpy(to->files[i].at, by->at, by->len);
	}
}
