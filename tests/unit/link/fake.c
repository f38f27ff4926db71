#include "fake.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/listener.h"
#include "spool/runtime.h"
#include "wire/frame.h"

#define DEADLINE_MS 10000

static struct fake_source *
source_of(struct source *src)
{
	return (struct fake_source *)src;
}

static const struct record *
record_of(const struct fake_source *fs, uint64_t seq)
{
	return (const struct record *)(const void *)(fs->bytes + fs->at[seq]);
}

/* What is offered under that sequence. */
static const struct record *
offered(const struct fake_source *fs, uint64_t seq)
{
	if (fs->void_each != 0 && seq <= fs->high && seq % fs->void_each == 0)
		return &record_void;
	return record_of(fs, seq);
}

static int
fake_info(struct source *src, struct source_info *ret)
{
	const struct fake_source *fs = source_of(src);

	*ret = (struct source_info){ .stream = fs->stream,
		.ring = fs->ring,
		.acked = fs->acked,
		.next = fs->high + 1,
		.kind = FLOW_POSIX,
		.max_body = fs->max_body,
		.route = "r",
		.entry = "e",
		.uri = "posix:/e",
		.take = "" };
	return 0;
}

static const struct record *
fake_peek(struct source *src, uint64_t *ret_seq, bool *ret_new)
{
	const struct fake_source *fs = source_of(src);

	if (fs->taken == fs->count)
		return NULL;
	*ret_seq = fs->taken + 1;
	*ret_new = *ret_seq > fs->high;
	return offered(fs, *ret_seq);
}

static void
fake_take(struct source *src)
{
	struct fake_source *fs = source_of(src);

	fs->taken++;
	if (fs->taken > fs->high)
		fs->high = fs->taken;
	else
		fs->took_again++;
}

static uint32_t
fake_take_run(struct source *src, uint32_t max_count, uint64_t max_bytes,
    uint32_t max_body, struct source_run *ret)
{
	struct fake_source *fs = source_of(src);

	*ret = (struct source_run){ .first = record_of(fs, fs->taken + 1),
		.seq = fs->taken + 1 };
	while (fs->taken < fs->count && ret->count < max_count) {
		const struct record *rec = offered(fs, fs->taken + 1);
		uint64_t stride = record_stride(rec->length);

		if (rec == &record_void || ret->bytes + stride > max_bytes ||
		    rec->length > max_body)
			break;
		ret->bytes += stride;
		ret->count++;
		fake_take(src);
	}
	return ret->count;
}

static int
fake_settle(struct source *src, uint64_t seq)
{
	struct fake_source *fs = source_of(src);

	ck_assert_uint_le(seq, fs->high);
	if (seq > fs->acked)
		fs->acked = seq;
	return 0;
}

static int
fake_reject(struct source *src, uint64_t seq, unsigned reason, const char *detail)
{
	struct fake_source *fs = source_of(src);

	(void)detail;
	fs->rejected_seq = seq;
	fs->rejected_reason = reason;
	src->sink->ops->stored(src->sink, seq);
	return 0;
}

static int
fake_refuse(struct source *src, unsigned reason, const char *detail)
{
	struct fake_source *fs = source_of(src);

	(void)reason;
	(void)detail;
	/* Out of the order: the ones behind move up. */
	fs->refused++;
	memmove(&fs->at[fs->taken + 1], &fs->at[fs->taken + 2],
	    (fs->count - fs->taken) * sizeof(fs->at[0]));
	fs->count--;
	return 0;
}

static int
fake_rewind(struct source *src, uint64_t mark)
{
	struct fake_source *fs = source_of(src);

	if (mark < fs->acked || mark > fs->high)
		return -1;
	fs->taken = mark;
	return 0;
}

static const struct source_ops fake_source_ops = {
	.info = fake_info,
	.peek = fake_peek,
	.take = fake_take,
	.take_run = fake_take_run,
	.settle = fake_settle,
	.reject = fake_reject,
	.refuse = fake_refuse,
	.rewind = fake_rewind,
};

static struct fake_sink *
sink_of(struct sink *snk)
{
	return (struct fake_sink *)snk;
}

static void
sink_kick(struct sink *snk)
{
	struct fake_sink *fk = sink_of(snk);
	struct source *src = snk->source;
	const struct record *rec;
	uint64_t seq;
	bool is_new;

	fk->kicks++;
	while (fk->mark < fk->stop_at &&
	       (rec = src->ops->peek(src, &seq, &is_new)) != NULL) {
		const struct record *sent = record_of(fk->origin, seq);

		ck_assert_uint_eq(seq, fk->mark + 1);
		if (rec->flags & RECORD_DAMAGED)
			fk->voids++;
		else if (rec->length != sent->length || rec->type != sent->type ||
			 memcmp(rec->body, sent->body, rec->length) != 0)
			fk->altered++;
		src->ops->take(src);
		fk->mark = seq;
		if (seq == fk->reject_seq || rec->length > fk->max_body) {
			fk->rejected++;
			ck_assert_int_eq(src->ops->reject(src, seq, 1, "too big"), 0);
		}
		ck_assert_int_eq(src->ops->settle(src, seq), 0);
	}
}

static void
sink_stored(struct sink *snk, uint64_t seq)
{
	sink_of(snk)->stored_seq = seq;
}

static void
sink_memory(struct sink *snk, struct sink_memory *ret)
{
	ret->mark = sink_of(snk)->mark;
	ret->rejects = 0;
}

static void
sink_limits(struct sink *snk, struct sink_limits *ret)
{
	ret->max_body = sink_of(snk)->max_body;
	ret->kind = FLOW_POSIX;
}

static int
sink_give_up(struct sink *snk, uint64_t seq, unsigned reason, const char *detail)
{
	struct fake_sink *fk = sink_of(snk);

	ck_assert_uint_eq(seq, fk->mark + 1);
	fk->mark = seq;
	return snk->source->ops->reject(snk->source, seq, reason, detail);
}

static void
sink_close(struct sink *snk)
{
	struct fake_sink *fk = sink_of(snk);

	fk->open = false;
	fk->sink.source = NULL;
}

static void
sink_state(struct sink *snk, struct sink_state *ret)
{
	const struct fake_sink *fs = (const struct fake_sink *)snk;

	*ret = (struct sink_state){ sink_state_of(fs->says), fs->says,
		fs->says != REASON_NONE ? "the sink says so" : "", "" };
}

static const struct sink_ops fake_sink_ops = {
	.kick = sink_kick,
	.stored = sink_stored,
	.memory = sink_memory,
	.limits = sink_limits,
	.give_up = sink_give_up,
	.state = sink_state,
	.close = sink_close,
};

static int
fake_on_open(void *owner, const struct link_offer *offer, struct sink **ret,
    struct link_refusal *why)
{
	struct fake_pair *fp = owner;

	ck_assert_str_eq(offer->peer, "alpha");
	if (fp->refuse != 0) {
		why->code = fp->refuse;
		(void)snprintf(why->text, sizeof(why->text), "not for you");
		return -EPERM;
	}
	ck_assert(!fp->sink.open);
	fp->sink.open = true;
	fp->opened++;
	*ret = &fp->sink.sink;
	return 0;
}

static const struct link_ops fake_link_ops = { .on_open = fake_on_open };

/* count records of pseudo-random lengths up to max_body. */
static void
fake_fill(struct fake_source *fs, uint64_t count, uint32_t max_body)
{
	uint32_t seed = record_seed(&fs->ring), random = 1;
	uint64_t at = 0;

	ck_assert_uint_le(count, FAKE_RECORDS);
	fs->bytes = malloc((count + 1) * record_stride(max_body));
	ck_assert_ptr_nonnull(fs->bytes);
	for (uint64_t seq = 1; seq <= count; seq++) {
		struct record *rec = (struct record *)(void *)(fs->bytes + at);

		random = random * 1664525 + 1013904223;
		memset(rec, 0, sizeof(*rec));
		rec->length = (random >> 8) % (max_body + 1);
		rec->number = seq;
		rec->type = (int64_t)(random >> 20);
		memset(rec->body, (int)(random >> 16), record_stride(rec->length) - 48);
		record_seal(rec, seed);
		fs->at[seq] = at;
		at += record_stride(rec->length);
	}
	fs->count = count;
	fs->max_body = max_body;
}

char *
fake_path(const struct fake_pair *fp, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s/beta", fp->dir);
	return buf;
}

void
fake_setup(struct fake_pair *fp, uint64_t count, uint32_t max_body)
{
	memset(fp, 0, sizeof(*fp));
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	(void)snprintf(fp->dir, sizeof(fp->dir), "/dev/shm/mqbridge-link-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fp->dir));
	ck_assert_int_eq(runtime_open(&fp->runtime, fp->dir, fp->dir, NULL), 0);
	fp->base = event_base_new();
	ck_assert_int_eq(id_make(&fp->source.stream), 0);
	ck_assert_int_eq(id_make(&fp->source.ring), 0);
	fp->source.source.ops = &fake_source_ops;
	fake_fill(&fp->source, count, max_body);
	fp->sink.sink.ops = &fake_sink_ops;
	fp->sink.origin = &fp->source;
	fp->sink.stop_at = UINT64_MAX;
	fp->sink.max_body = max_body;
}

void
fake_start(struct fake_pair *fp, const char *name_at_beta)
{
	char path[128], address[160];
	struct link_spec la = { .base = fp->base,
		.runtime = fp->runtime,
		.name = "alpha",
		.receive_memory = 64 << 20,
		.ops = &fake_link_ops,
		.owner = fp };
	struct link_spec lb = la;
	struct peer_spec beta = { "beta", address, 200 };
	struct peer_spec alpha = { name_at_beta, NULL, 200 };
	struct address ad;
	struct listener_spec ls = { .address = &ad, .mode = 0600 };

	lb.name = "beta";
	(void)snprintf(
	    address, sizeof(address), "unix://%s", fake_path(fp, path, sizeof(path)));
	ck_assert_int_eq(address_parse(&ad, address), 0);
	ck_assert_int_eq(link_new(&fp->a, &la), 0);
	ck_assert_int_eq(link_new(&fp->b, &lb), 0);
	ck_assert_int_eq(link_listen(fp->b, address, &ls), 0);
	ck_assert_int_eq(peer_new(&fp->beta, fp->a, &beta), 0);
	ck_assert_int_eq(peer_new(&fp->alpha, fp->b, &alpha), 0);
	ck_assert_int_eq(sender_new(&fp->sender, fp->beta, "orders"), 0);
	flow_join(&fp->source.source, fp->sender);
	peer_start(fp->beta);
}

static void
fake_remove(const char *dir)
{
	DIR *dp = opendir(dir);
	const struct dirent *de;

	ck_assert_ptr_nonnull(dp);
	while ((de = readdir(dp)) != NULL)
		if (de->d_name[0] != '.')
			(void)unlinkat(dirfd(dp), de->d_name, 0);
	(void)closedir(dp);
	ck_assert_int_eq(rmdir(dir), 0);
}

void
fake_teardown(struct fake_pair *fp)
{
	if (fp->sender != NULL)
		fp->sender->ops->close(fp->sender);
	link_free(fp->a);
	link_free(fp->b);
	(void)event_base_loop(fp->base, EVLOOP_NONBLOCK); /* deferred memory */
	event_base_free(fp->base);
	runtime_close(fp->runtime);
	free(fp->source.bytes);
	fake_remove(fp->dir);
}

bool
fake_until(struct fake_pair *fp, bool (*done)(struct fake_pair *fp))
{
	uint64_t deadline = clock_monotonic_ms() + DEADLINE_MS;
	const struct timeval tick = { .tv_usec = 20000 };

	while (!done(fp)) {
		if (clock_monotonic_ms() > deadline)
			return false;
		(void)event_base_loopexit(fp->base, &tick);
		(void)event_base_loop(fp->base, EVLOOP_ONCE);
	}
	return true;
}
