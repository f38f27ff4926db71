#include "tools/spool_export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/quote.h"
#include "spool/deadletter.h"
#include "spool/stream.h"

/* One line being made, or written. */
struct line {
	struct spool_store *store;
	FILE *out;
	json_t *object; /* NULL after a failed allocation */
	int rc;
};

/* What a record is written with. */
struct message {
	const struct record *rec;
	const char *state;
	const char *queue, *destination; /* NULL: none */
	const struct id *ring, *stream;  /* stream NULL: none */
	uint64_t seq;                    /* 0: none yet */
	int64_t captured_ns;             /* on the wall clock; 0: as rec tells */
};

static void
set(struct line *li, const char *key, json_t *value)
{
	if (json_object_set_new(li->object, key, value) < 0 && li->rc == 0)
		li->rc = -ENOMEM;
}

static void
set_number(struct line *li, const char *key, uint64_t value)
{
	set(li, key, json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

/* Names of queues and routes may be no UTF-8, which JSON cannot carry. */
static void
set_text(struct line *li, const char *key, const char *text)
{
	json_t *value = json_string(text);

	set(li, key, value != NULL ? value : json_string(quote(text).text));
}

static void
set_id(struct line *li, const char *key, const struct id *id)
{
	char text[ID_TEXT];

	set(li, key, json_string(id_format(text, id)));
}

static void
set_time(struct line *li, const char *key, int64_t wall_ns)
{
	char text[40];

	set(li, key, json_string(clock_format(text, sizeof(text), wall_ns)));
}

static void
set_body(struct line *li, const struct record *rec)
{
	json_t *text = json_stringn((const char *)rec->body, rec->length);
	char *encoded;

	if (text != NULL) {
		set(li, "body", text);
		return;
	}
	encoded = malloc(BASE64_LEN((size_t)rec->length));
	set(li, "body_base64",
	    encoded == NULL ? NULL
			    : json_stringn(encoded,
				  base64_encode(encoded, rec->body, rec->length)));
	free(encoded);
}

/* 0: on the wall clock when it was captured, by the present runtime clock. */
static void
set_record(struct line *li, const struct record *rec, int64_t captured_ns)
{
	const struct anchor *an = &li->store->anchor;

	if (captured_ns == 0)
		captured_ns = an->wall_ns - (an->clock_ns - rec->captured_ns);
	set_number(li, "number", rec->number);
	set(li, "type", json_integer(rec->type));
	set_number(li, "length", rec->length);
	set_time(li, "captured", captured_ns);
	if (rec->flags & RECORD_RECOVERED)
		set(li, "recovered", json_true());
	set_body(li, rec);
}

static void
line_begin(struct line *li, const char *state)
{
	li->object = json_object();
	set_text(li, "state", state);
}

static int
line_end(struct line *li)
{
	if (li->rc == 0 &&
	    json_dumpf(li->object, li->out, JSON_COMPACT | JSON_PRESERVE_ORDER) < 0)
		li->rc = -EIO;
	json_decref(li->object);
	li->object = NULL;
	if (li->rc == 0 && fputc('\n', li->out) == EOF)
		li->rc = errno == 0 ? -EIO : -errno;
	return li->rc;
}

static int
put_message(struct line *li, const struct message *ms)
{
	line_begin(li, ms->state);
	if (ms->queue != NULL)
		set_text(li, "queue", ms->queue);
	if (ms->destination != NULL)
		set_text(li, "destination", ms->destination);
	set_id(li, "ring", ms->ring);
	if (ms->stream != NULL)
		set_id(li, "stream", ms->stream);
	if (ms->seq != 0)
		set_number(li, "sequence", ms->seq);
	set_record(li, ms->rec, ms->captured_ns);
	return line_end(li);
}

static bool
is_open(const struct record *rec, const struct journal_header *hd)
{
	return rec->number >= hd->first_number && !(rec->flags & RECORD_DAMAGED) &&
	       !(rec->state & RECORD_SETTLED(hd->slot));
}

/* Of the ring's records, by number from the oldest on, the sequence in flight, 0: none. */
static uint64_t *
sequences(const struct store_stream *st, uint64_t oldest)
{
	uint64_t *seqs = calloc(ring_records(st->of->ring) + 1, sizeof(*seqs));
	struct stream_numbers nb = { .next = 1 };

	if (seqs == NULL)
		return seqs;
	if (st->stream != NULL) {
		stream_numbers(st->stream, &nb);
	} else if (st->journal.words != NULL) {
		nb.acked = st->journal.words->acked;
		nb.next = st->journal.words->next;
	}
	for (uint64_t seq = nb.acked + 1; seq < nb.next; seq++) {
		const struct record *rec;
		uint64_t place;

		if (st->stream != NULL) {
			rec = stream_sent(st->stream, seq);
		} else {
			place = journal_place(&st->journal, seq);
			rec = place & LOG_PLACE ? NULL : ring_at(st->of->ring, place);
		}
		if (rec != NULL)
			seqs[rec->number - oldest] = seq;
	}
	return seqs;
}

/* Without a journal nothing tells which of them were sent. */
static const char *
state_of(const struct store_stream *st, uint64_t seq)
{
	if (st->stream == NULL && st->journal.words == NULL)
		return "waiting or in flight";
	return seq != 0 ? "in flight" : "waiting";
}

static int
export_ring_of(
    struct line *li, const struct store_stream *st, const struct store_log *sl)
{
	const struct ring *rg = st->of->ring;
	uint64_t oldest = ring_next_number(rg) - ring_records(rg);
	uint64_t *seqs = sequences(st, oldest);
	int rc = seqs == NULL ? -ENOMEM : 0;

	for (uint64_t at = ring_tail(rg); at < ring_head(rg) && rc == 0;
	     at = ring_after(rg, at)) {
		const struct record *rec = ring_at(rg, at);
		uint64_t seq = seqs[rec->number - oldest];
		struct message ms = { .rec = rec,
			.state = state_of(st, seq),
			.queue = ring_uri(rg),
			.destination = st->header.label,
			.ring = ring_id(rg),
			.stream = &st->header.stream,
			.seq = seq };

		if (is_open(rec, &st->header) &&
		    (sl == NULL || !store_log_has(sl, rec->number)))
			rc = put_message(li, &ms);
	}
	free(seqs);
	return rc;
}

struct log_export {
	struct line *line;
	const struct store_log *log;
};

static int
on_logged(void *owner, const struct log_look_message *lm)
{
	const struct log_export *le = owner;
	const struct store_log *sl = le->log;
	const struct log_about *about = sl->look.has_about ? &sl->look.about : NULL;
	uint64_t seq = store_log_sequence(sl, lm->place);
	struct message ms = { .rec = lm->rec,
		.state = sl->of == NULL ? "kept" : state_of(sl->of, seq),
		.ring = &lm->ring,
		.seq = seq };

	if (lm->settled)
		return 0;
	if (about != NULL) {
		ms.queue = about->uri;
		ms.destination = about->label;
		ms.stream = &about->stream;
	}
	if (lm->wall_ns != 0)
		ms.captured_ns = lm->wall_ns - (lm->clock_ns - lm->rec->captured_ns);
	return put_message(le->line, &ms);
}

static int
export_log(struct line *li, const struct store_log *sl)
{
	struct log_export le = { .line = li, .log = sl };

	return store_log_each(li->store, sl, on_logged, &le);
}

int
spool_export_stream(struct spool_store *ss, const struct store_stream *st, FILE *out)
{
	struct line li = { .store = ss, .out = out };
	const struct store_log *sl = store_log_of(ss, &st->header.stream);
	/* What is in the log came first. */
	int rc = sl == NULL ? 0 : export_log(&li, sl);

	return rc == 0 ? export_ring_of(&li, st, sl) : rc;
}

int
spool_export_log(struct spool_store *ss, const struct store_log *sl, FILE *out)
{
	struct line li = { .store = ss, .out = out };

	return export_log(&li, sl);
}

int
spool_export_ring(struct spool_store *ss, const struct store_ring *sr, FILE *out)
{
	struct line li = { .store = ss, .out = out };
	const struct ring *rg = sr->ring;
	int rc = 0;

	for (uint64_t at = ring_tail(rg); at < ring_head(rg) && rc == 0;
	     at = ring_after(rg, at)) {
		struct message ms = { .rec = ring_at(rg, at),
			.state = "kept",
			.queue = ring_uri(rg),
			.ring = ring_id(rg) };

		if (!(ms.rec->flags & RECORD_DAMAGED))
			rc = put_message(&li, &ms);
	}
	return rc;
}

static int
put_letter(const struct deadletter *dt, void *arg)
{
	struct line *li = arg;

	line_begin(li, "dead letter");
	set_text(li, "queue", dt->uri);
	set_text(li, "destination", dt->label);
	set_text(li, "route", dt->route);
	set_text(li, "reason", dead_reason_text(dt->reason));
	set_text(li, "detail", dt->detail);
	set_time(li, "stored", dt->wall_ns);
	set_id(li, "ring", &dt->ring);
	set_id(li, "stream", &dt->stream);
	set_record(li, dt->rec, 0);
	return line_end(li);
}

static int
export_letters(struct spool_store *ss, FILE *out)
{
	struct line li = { .store = ss, .out = out };
	struct deadletters *dl;
	uint64_t damaged;
	int rc;

	if (ss->state_fd < 0)
		return 0;
	rc = deadletters_look(&dl, ss->state_fd);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = deadletters_each(dl, SIZE_MAX, put_letter, &li, &damaged);
	deadletters_close(dl);
	return rc;
}

/* A doubt has no body here: whoever sent the message has it, or the store of held ones. */
static int
export_doubts(struct spool_store *ss, FILE *out)
{
	struct line li = { .store = ss, .out = out };
	int rc = 0;

	for (unsigned i = 0;
	     ss->marks != NULL && rc == 0 && i < marks_doubts_listed(ss->marks); i++) {
		struct doubt db;

		marks_doubt_at(ss->marks, i, &db);
		line_begin(&li, "in doubt");
		set_text(&li, "destination", marks_doubt_label(ss->marks, &db));
		set_id(&li, "stream", &db.stream);
		set_number(&li, "first_sequence", db.seq);
		set_number(&li, "last_sequence", db.last_seq);
		set_text(&li, "outcome", doubt_outcome_name(db.outcome));
		set_time(&li, "noticed", db.wall_ns);
		rc = line_end(&li);
	}
	return rc;
}

int
spool_export(struct spool_store *ss, FILE *out)
{
	int rc = 0;

	for (size_t i = 0; i < ss->n_streams && rc == 0; i++)
		if (ss->streams[i].of != NULL)
			rc = spool_export_stream(ss, &ss->streams[i], out);
	for (size_t i = 0; i < ss->n_rings && rc == 0; i++)
		if (ss->rings[i].ring != NULL && ss->rings[i].streams == 0)
			rc = spool_export_ring(ss, &ss->rings[i], out);
	for (size_t i = 0; i < ss->n_logs && rc == 0; i++)
		if (ss->logs[i].of == NULL)
			rc = spool_export_log(ss, &ss->logs[i], out);
	if (rc == 0)
		rc = export_letters(ss, out);
	return rc == 0 ? export_doubts(ss, out) : rc;
}
