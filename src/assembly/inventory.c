#include "assembly/inventory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assembly/found_logs.h"
#include "assembly/kept.h"
#include "base/file.h"
#include "base/log.h"
#include "base/quote.h"
#include "config/conf.h"
#include "endpoint/intake.h"
#include "endpoint/outlet.h"
#include "spool/deadletter.h"
#include "spool/log.h"
#include "spool/names.h"
#include "spool/ring.h"
#include "spool/runtime.h"
#include "spool/state_file.h"
#include "spool/stream.h"

#define LABEL_MAX 512 /* bytes with the NUL; spool/stream.h */

struct found_ring {
	TAILQ_ENTRY(found_ring) link;
	struct ring *ring; /* ours until claimed, then borrowed from the intake */
	bool claimed;
	uint64_t recovered;
};

struct found_stream {
	TAILQ_ENTRY(found_stream) link;
	struct found_ring *of;
	struct stream *stream; /* NULL until its ring is claimed */
	struct log *log;       /* of the stream, or NULL */
	char file[STATE_FILE_NAME];
	char label[LABEL_MAX];
};

struct inventory {
	struct runtime *runtime;
	struct log_env env;
	struct found_logs *logs;
	struct deadletters *dead; /* NULL: none */
	const struct kept *kept;  /* NULL: none */
	TAILQ_HEAD(, found_ring) rings;
	TAILQ_HEAD(, found_stream) streams;
};

static bool
is_ring(const char *name)
{
	return state_file_kind(name) == STATE_FILE_RING;
}

static bool
is_stream(const char *name)
{
	return state_file_kind(name) == STATE_FILE_STREAM;
}

/* Never overwritten, never deleted: out of the way under a name that says what it is. */
static int
set_aside(int dir_fd, const char *file, const char *why)
{
	char name[STATE_FILE_NAME + sizeof("damaged-") + 8];
	int rc;

	(void)snprintf(name, sizeof(name), "damaged-%s", file);
	rc = file_set_aside(dir_fd, file, name, sizeof(name));
	if (rc < 0) {
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "ring directory: cannot rename %s to %s: %s", file, name,
		    strerror(-rc));
		return rc;
	}
	log_event(EVENT_STORE_DAMAGED, NULL,
	    "ring directory: %s: %s; renamed to %s, where it stays until you move it away "
	    "(a reboot deletes it)",
	    file, why, name);
	return 0;
}

static void
log_span(const char *file, const struct ring *rg, const struct ring_span *sp)
{
	if (sp->records > 0)
		log_event(EVENT_STORE_DAMAGED,
		    &(struct log_fields){ .queue = ring_uri(rg) },
		    "queue %s: %s is damaged at offset %" PRIu64 ", %" PRIu64
		    " bytes: messages %" PRIu64 " to %" PRIu64 " are given up",
		    quote(ring_uri(rg)).text, file, sp->offset, sp->bytes, sp->number,
		    sp->number + sp->records - 1);
	else
		log_event(EVENT_STORE_DAMAGED,
		    &(struct log_fields){ .queue = ring_uri(rg) },
		    "queue %s: %s is damaged at offset %" PRIu64 ", %" PRIu64
		    " bytes: the newest messages, from number %" PRIu64
		    " on, may be lost",
		    quote(ring_uri(rg)).text, file, sp->offset, sp->bytes, sp->number);
}

static void
log_report(const char *file, const struct ring *rg, const struct ring_report *rp)
{
	if (rp->recovered)
		log_event(EVENT_STORE_RECOVERED,
		    &(struct log_fields){ .queue = ring_uri(rg) },
		    "queue %s: recovered a message of %" PRIu32
		    " bytes that a kill cut off while it was received; its end is "
		    "a guess (%s)",
		    quote(ring_uri(rg)).text, rp->recovered_length, file);
	if (rp->header_mended || rp->tail_mended)
		log_event(EVENT_STORE_RECOVERED,
		    &(struct log_fields){ .queue = ring_uri(rg) },
		    "queue %s: the %s of %s was damaged and could be told all the same",
		    quote(ring_uri(rg)).text,
		    rp->header_mended ? "header" : "beginning", file);
	if (rp->missing > 0)
		log_event(EVENT_STORE_DAMAGED,
		    &(struct log_fields){ .queue = ring_uri(rg) },
		    "queue %s: the last %" PRIu64 " bytes of %s are gone",
		    quote(ring_uri(rg)).text, rp->missing, file);
	if (rp->damaged > 0)
		log_event(EVENT_STORE_DAMAGED,
		    &(struct log_fields){ .queue = ring_uri(rg) },
		    "queue %s: gave up %" PRIu64 " damaged messages of %s in all",
		    quote(ring_uri(rg)).text, rp->damaged, file);
	for (uint64_t i = 0; i < rp->spans && i < RING_SPANS; i++)
		log_span(file, rg, &rp->span[i]);
}

static int
add_ring(struct inventory *inv, const char *file)
{
	int dir_fd = runtime_dir_fd(inv->runtime);
	struct ring_report report = { 0 };
	struct found_ring *fr;
	int rc;

	fr = calloc(1, sizeof(*fr));
	if (fr == NULL)
		return -ENOMEM;
	rc =
	    ring_open(&fr->ring, dir_fd, file, runtime_clock_ns(inv->runtime), &report);
	if (rc < 0) {
		free(fr);
		if (rc == -EBADMSG)
			return set_aside(dir_fd, file, "not a ring, or damaged");
		if (rc == -ENOTSUP)
			return set_aside(dir_fd, file, "made by a newer version");
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "ring directory: cannot open %s: %s", file, strerror(-rc));
		return rc;
	}
	fr->recovered = report.recovered ? 1 : 0;
	log_report(file, fr->ring, &report);
	TAILQ_INSERT_TAIL(&inv->rings, fr, link);
	return 0;
}

static struct found_ring *
ring_of(struct inventory *inv, const struct id *id)
{
	struct found_ring *fr;

	TAILQ_FOREACH (fr, &inv->rings, link) {
		if (id_equal(ring_id(fr->ring), id))
			return fr;
	}
	return NULL;
}

static int
add_stream(struct inventory *inv, const char *file)
{
	int dir_fd = runtime_dir_fd(inv->runtime);
	struct found_stream *fs;
	struct found_ring *of;
	struct id ring;
	int rc;

	fs = calloc(1, sizeof(*fs));
	if (fs == NULL)
		return -ENOMEM;
	rc = stream_identify(dir_fd, file, &ring, fs->label, sizeof(fs->label));
	if (rc < 0) {
		free(fs);
		/* Without it, what its ring still holds for it would count as settled. */
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "ring directory: cannot read %s: %s; what its ring holds for it would "
		    "count as delivered, so the daemon does not start with it: "
		    "mqbridge-spool repair --apply --export FILE writes the messages to "
		    "FILE and renames it",
		    file,
		    rc == -EBADMSG ? "damaged, or something else" : strerror(-rc));
		return rc;
	}
	of = ring_of(inv, &ring);
	if (of == NULL) {
		free(fs);
		return set_aside(dir_fd, file, "its ring is gone");
	}
	fs->of = of;
	(void)snprintf(fs->file, sizeof(fs->file), "%s", file);
	TAILQ_INSERT_TAIL(&inv->streams, fs, link);
	return 0;
}

static int
scan(struct inventory *inv, bool (*wanted)(const char *name),
    int (*add)(struct inventory *inv, const char *file))
{
	struct names nm;
	int rc;

	rc = names_list(&nm, runtime_dir_fd(inv->runtime), wanted);
	if (rc < 0) {
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "ring directory: cannot be listed: %s", strerror(-rc));
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < nm.n; i++)
		rc = add(inv, nm.at[i]);
	names_done(&nm);
	return rc;
}

int
inventory_open(struct inventory **ret, struct runtime *rt, const struct log_env *env)
{
	struct inventory *inv;
	int rc;

	inv = calloc(1, sizeof(*inv));
	if (inv == NULL)
		return -ENOMEM;
	inv->runtime = rt;
	inv->env = *env;
	TAILQ_INIT(&inv->rings);
	TAILQ_INIT(&inv->streams);
	rc = found_logs_open(&inv->logs, runtime_state_fd(rt));
	if (rc == 0)
		rc = scan(inv, is_ring, add_ring);
	if (rc == 0)
		rc = scan(inv, is_stream, add_stream);
	if (rc < 0) {
		inventory_close(inv);
		return rc;
	}
	*ret = inv;
	return 0;
}

void
inventory_use_dead(struct inventory *inv, struct deadletters *dead)
{
	inv->dead = dead;
}

void
inventory_close(struct inventory *inv)
{
	struct found_stream *fs;
	struct found_ring *fr;

	if (inv == NULL)
		return;
	while ((fs = TAILQ_FIRST(&inv->streams)) != NULL) {
		TAILQ_REMOVE(&inv->streams, fs, link);
		stream_close(fs->stream);
		log_close(fs->log);
		free(fs);
	}
	while ((fr = TAILQ_FIRST(&inv->rings)) != NULL) {
		TAILQ_REMOVE(&inv->rings, fr, link);
		if (!fr->claimed)
			ring_close(fr->ring);
		free(fr);
	}
	found_logs_close(inv->logs);
	free(inv);
}

/* The overflow log of a stream that is to be opened, if it has one. */
static int
open_log(struct inventory *inv, struct found_stream *fs)
{
	const struct ring *rg = fs->of->ring;
	struct log_spec spec = { .ring = *ring_id(rg),
		.seed = ring_seed(rg),
		.uri = ring_uri(rg),
		.take = ring_take(rg),
		.label = fs->label };
	const struct id *id;
	uint64_t replayed = 0;
	int rc;

	rc = id_parse(&spec.stream, fs->file + strlen("stream-"));
	if (rc < 0)
		return rc;
	id = found_logs_of(inv->logs, &spec.stream);
	return id == NULL ? 0 : log_open(&fs->log, &inv->env, id, &spec, &replayed);
}

/* A crash while dead letters were requeued left them in both: the log's count. */
static int
settle_letters(const struct inventory *inv, const struct found_stream *fs)
{
	int n;

	if (fs->log == NULL || inv->dead == NULL)
		return 0;
	n = deadletters_settle(inv->dead, fs->log);
	if (n > 0)
		log_info("daemon",
		    "queue %s: %d dead letters had been requeued to %s when the daemon "
		    "ended; they are deleted",
		    quote(ring_uri(fs->of->ring)).text, n, quote(fs->label).text);
	return n < 0 ? n : 0;
}

/* All of them at once: a ring frees what no attached stream wants. */
static int
open_streams(struct inventory *inv, struct found_ring *fr)
{
	int dir_fd = runtime_dir_fd(inv->runtime);
	struct found_stream *fs;
	int rc;

	TAILQ_FOREACH (fs, &inv->streams, link) {
		if (fs->of != fr || fs->stream != NULL)
			continue;
		rc = open_log(inv, fs);
		if (rc == 0)
			rc = settle_letters(inv, fs);
		if (rc == 0)
			rc = stream_open(
			    &fs->stream, dir_fd, fs->file, fr->ring, fs->log);
		if (rc < 0) {
			log_event(EVENT_STORE_DAMAGED,
			    &(struct log_fields){ .queue = ring_uri(fr->ring) },
			    "queue %s: cannot open %s, its stream to %s: %s; "
			    "mqbridge-spool repair --apply gives it a new journal: what "
			    "was in flight is then sent again, perhaps twice",
			    quote(ring_uri(fr->ring)).text, fs->file,
			    quote(fs->label).text,
			    rc == -EBADMSG ? "what is in flight cannot be told any more"
					   : strerror(-rc));
			return rc;
		}
		if (stream_mended(fs->stream) > 0)
			log_event(EVENT_STORE_RECOVERED,
			    &(struct log_fields){ .queue = ring_uri(fr->ring) },
			    "queue %s: %s, its stream to %s, had %u damaged fields that "
			    "could be told all the same",
			    quote(ring_uri(fr->ring)).text, fs->file,
			    quote(fs->label).text, stream_mended(fs->stream));
	}
	return 0;
}

int
inventory_claim_ring(struct inventory *inv, const struct conf_queue *queue,
    struct ring **ret, uint64_t *ret_recovered)
{
	struct found_ring *fr;
	int rc;

	TAILQ_FOREACH (fr, &inv->rings, link) {
		if (!fr->claimed && strcmp(ring_uri(fr->ring), queue->uri) == 0 &&
		    strcmp(ring_take(fr->ring), queue->take_text) == 0)
			break;
	}
	*ret = NULL;
	*ret_recovered = 0;
	if (fr == NULL)
		return 0;
	rc = open_streams(inv, fr);
	if (rc < 0)
		return rc;
	fr->claimed = true;
	*ret = fr->ring;
	*ret_recovered = fr->recovered;
	return 0;
}

void
inventory_unclaim_ring(struct inventory *inv, struct ring *rg)
{
	struct found_ring *fr;

	TAILQ_FOREACH (fr, &inv->rings, link)
		if (rg != NULL && fr->ring == rg)
			fr->claimed = false;
}

void
inventory_use_kept(struct inventory *inv, const struct kept *kp)
{
	inv->kept = kp;
}

void
inventory_set_reserve(struct inventory *inv, uint64_t bytes, unsigned percent)
{
	struct found_stream *fs;

	inv->env.reserve_bytes = bytes;
	inv->env.reserve_percent = percent;
	TAILQ_FOREACH (fs, &inv->streams, link)
		if (fs->log != NULL)
			log_set_reserve(fs->log, bytes, percent);
}

struct stream *
inventory_claim_stream(struct inventory *inv, const struct ring *rg, const char *label)
{
	struct found_stream *fs;
	struct stream *st;

	TAILQ_FOREACH (fs, &inv->streams, link) {
		if (fs->of->ring == rg && fs->stream != NULL &&
		    strcmp(fs->label, label) == 0)
			break;
	}
	if (fs == NULL)
		return NULL;
	st = fs->stream;
	TAILQ_REMOVE(&inv->streams, fs, link);
	free(fs);
	return st;
}

const struct id *
inventory_claim_log(
    struct inventory *inv, const struct conf_queue *queue, const char *label)
{
	return found_logs_lost(inv->logs, queue->uri, queue->take_text, label);
}

void
inventory_unclaim_log(struct inventory *inv, const struct id *log)
{
	if (log != NULL)
		found_logs_give_back(inv->logs, log);
}

size_t
inventory_rings(const struct inventory *inv)
{
	const struct found_ring *fr;
	const struct kept_ring *kr = NULL;
	size_t n = 0;

	TAILQ_FOREACH (fr, &inv->rings, link)
		n += fr->claimed ? 0 : 1;
	while (inv->kept != NULL && (kr = kept_next_ring(inv->kept, kr)) != NULL)
		n++;
	return n;
}

/* The ring i of those that are no longer claimed, or never were; NULL: there is none. */
static const struct ring *
left_ring(const struct inventory *inv, size_t i)
{
	const struct found_ring *fr;
	const struct kept_ring *kr = NULL;

	TAILQ_FOREACH (fr, &inv->rings, link) {
		if (!fr->claimed && i-- == 0)
			return fr->ring;
	}
	while (inv->kept != NULL && (kr = kept_next_ring(inv->kept, kr)) != NULL) {
		if (i-- == 0)
			return intake_ring(kr->intake);
	}
	return NULL;
}

static bool
streams_are_open(const struct inventory *inv, const struct ring *rg)
{
	const struct found_stream *fs;

	TAILQ_FOREACH (fs, &inv->streams, link)
		if (fs->stream != NULL && fs->of->ring == rg)
			return true;
	return inv->kept != NULL && kept_has_stream(inv->kept, rg);
}

void
inventory_ring_at(const struct inventory *inv, size_t i, struct inventory_ring *ret)
{
	const struct ring *rg = left_ring(inv, i);

	if (rg == NULL)
		return;
	*ret = (struct inventory_ring){ .uri = ring_uri(rg),
		.take = ring_take(rg),
		.records = ring_records(rg),
		.used = ring_used(rg),
		.bytes = ring_bytes(rg),
		.streams_tell = streams_are_open(inv, rg) };
	if (ret->records > 0)
		ret->oldest_captured_ns = ring_at(rg, ring_tail(rg))->captured_ns;
}

size_t
inventory_streams(const struct inventory *inv)
{
	const struct found_stream *fs;
	const struct kept_stream *ks = NULL;
	size_t n = 0;

	TAILQ_FOREACH (fs, &inv->streams, link)
		n++;
	while (inv->kept != NULL && (ks = kept_next_stream(inv->kept, ks)) != NULL)
		n++;
	return n;
}

static void
kept_stream_at(const struct inventory *inv, size_t i, struct inventory_stream *ret)
{
	const struct kept_stream *ks = NULL;
	struct outlet_numbers numbers;

	if (inv->kept == NULL)
		return;
	do
		ks = kept_next_stream(inv->kept, ks);
	while (ks != NULL && i-- > 0);
	if (ks == NULL)
		return;
	outlet_numbers(ks->outlet, &numbers);
	*ret = (struct inventory_stream){ .uri = intake_spec(ks->intake)->uri,
		.label = outlet_label(ks->outlet),
		.waiting = numbers.stream.waiting,
		.in_flight = numbers.stream.in_flight,
		.oldest_captured_ns = numbers.stream.oldest_captured_ns };
}

void
inventory_stream_at(const struct inventory *inv, size_t i, struct inventory_stream *ret)
{
	const struct found_stream *fs;
	struct stream_numbers numbers = { 0 };

	TAILQ_FOREACH (fs, &inv->streams, link) {
		if (i == 0)
			break;
		i--;
	}
	if (fs == NULL) {
		kept_stream_at(inv, i, ret);
		return;
	}
	if (fs->stream != NULL)
		stream_numbers(fs->stream, &numbers);
	*ret = (struct inventory_stream){ .uri = ring_uri(fs->of->ring),
		.label = fs->label,
		.waiting = numbers.waiting,
		.in_flight = numbers.in_flight,
		.oldest_captured_ns = numbers.oldest_captured_ns };
}

void
inventory_log(const struct inventory *inv)
{
	const struct found_ring *fr;
	const struct found_stream *fs;
	char id[ID_TEXT];

	TAILQ_FOREACH (fr, &inv->rings, link) {
		if (fr->claimed)
			continue;
		log_event(EVENT_STORE_KEPT,
		    &(struct log_fields){ .queue = ring_uri(fr->ring) },
		    "kept: the ring of %s with %" PRIu64
		    " messages, from which no enabled route takes (to see them, stop and "
		    "use mqbridge-spool export; it is ring-%s)",
		    quote(ring_uri(fr->ring)).text, ring_records(fr->ring),
		    id_format(id, ring_id(fr->ring)));
	}
	TAILQ_FOREACH (fs, &inv->streams, link)
		log_event(EVENT_STORE_KEPT,
		    &(struct log_fields){ .queue = ring_uri(fs->of->ring) },
		    "kept: the stream of %s to %s, for which no enabled route stands; what "
		    "waits for it fills the ring (to give it up, stop and use "
		    "mqbridge-spool repair --drop-stream with the id in %s)",
		    quote(ring_uri(fs->of->ring)).text, quote(fs->label).text,
		    fs->file);
	found_logs_report(inv->logs);
}
