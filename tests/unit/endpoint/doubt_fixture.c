#include "doubt_fixture.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/private_ipc.h"
#include "base/clock.h"
#include "base/log.h"
#include "flow/sink.h"
#include "lib/ipcq.h"

struct doubt_fixture dt;

static struct doubt_stream *
stream_of(struct source *src)
{
	return (struct doubt_stream *)src;
}

static int
source_info(struct source *src, struct source_info *ret)
{
	const struct doubt_stream *ds = stream_of(src);

	*ret = (struct source_info){ .stream = ds->stream,
		.ring = state_id(77),
		.acked = ds->acked,
		.next = ds->acked + ds->n + 1,
		.kind = ds->kind,
		.max_body = DOUBT_BODY,
		.uri = "posix:/far" };
	return 0;
}

/* Its number is its sequence. */
static const struct record *
source_record(struct doubt_stream *ds, uint64_t seq)
{
	const struct doubt_message *dm = &ds->message[seq - ds->acked - 1];
	struct record *rec = (struct record *)(void *)ds->record;
	struct id ring = state_id(77);

	memset(ds->record, 0, sizeof(ds->record));
	rec->length = (uint32_t)strlen(dm->body);
	rec->number = seq;
	rec->type = dm->type;
	rec->flags = dm->flags;
	memcpy(rec->body, dm->body, rec->length);
	record_seal(rec, record_seed(&ring));
	return rec;
}

static const struct record *
source_peek(struct source *src, uint64_t *ret_seq, bool *ret_new)
{
	struct doubt_stream *ds = stream_of(src);

	if (ds->taken == ds->acked + ds->n)
		return NULL;
	*ret_seq = ds->taken + 1;
	*ret_new = true;
	return source_record(ds, *ret_seq);
}

static void
source_take(struct source *src)
{
	stream_of(src)->taken++;
}

static const struct record *
source_taken(struct source *src, uint64_t seq)
{
	struct doubt_stream *ds = stream_of(src);

	return seq > ds->settled && seq <= ds->taken ? source_record(ds, seq) : NULL;
}

static int
source_settle(struct source *src, uint64_t seq)
{
	stream_of(src)->settled = seq;
	return 0;
}

static const struct source_ops source_ops = {
	.info = source_info,
	.peek = source_peek,
	.take = source_take,
	.taken = source_taken,
	.settle = source_settle,
};

static void
on_disk(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	disk_collect(arg);
}

void
doubt_start(void)
{
	struct target_env env;
	uint64_t doubts;

	ck_assert_int_eq(marks_open(&dt.marks, dt.dirs.runtime_fd, &doubts), 0);
	ck_assert_int_eq(
	    deadletters_open(&dt.dead, dt.dirs.state_fd, dt.dead_limit), 0);
	ck_assert_int_eq(disk_new(&dt.disk), 0);
	dt.collect = event_new(
	    dt.base, disk_fd(dt.disk), EV_READ | EV_PERSIST, on_disk, dt.disk);
	(void)event_add(dt.collect, NULL);
	env = (struct target_env){ dt.base, dt.marks, dt.disk, dt.dead };
	ck_assert_int_eq(target_new(&dt.target, &env, &dt.spec), 0);
	target_start(dt.target);
}

static void
close_stream(struct doubt_stream *ds)
{
	if (ds->sink == NULL)
		return;
	ds->sink->ops->close(ds->sink);
	ds->sink = NULL;
}

void
doubt_crash(void)
{
	/* The streams first, so that what the disk has done is told to nobody. */
	for (unsigned i = 0; i < 2; i++)
		close_stream(&dt.stream[i]);
	event_free(dt.collect);
	disk_free(dt.disk);
	target_free(dt.target);
	deadletters_close(dt.dead);
	marks_close(dt.marks);
	dt.collect = NULL;
	dt.disk = NULL;
	dt.target = NULL;
	dt.dead = NULL;
	dt.marks = NULL;
}

void
doubt_setup(void)
{
	private_ipc_enter();
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	memset(&dt, 0, sizeof(dt));
	state_dirs_make(&dt.dirs);
	dt.base = event_base_new();
	dt.dead_limit = 1 << 20;
	for (unsigned i = 0; i < 2; i++) {
		dt.stream[i].source.ops = &source_ops;
		dt.stream[i].stream = state_id((uint8_t)(i + 1));
		dt.stream[i].kind = FLOW_POSIX;
	}
}

void
doubt_teardown(void)
{
	if (dt.target != NULL)
		doubt_crash();
	ipcq_close(dt.queue);
	event_base_free(dt.base);
	state_dirs_remove(&dt.dirs);
}

void
doubt_make_queue(const char *uri)
{
	const struct ipcq_create cr = { .max_messages = 4,
		.message_size = DOUBT_BODY,
		.max_bytes = 64,
		.mode = 0600,
		.owner = (uid_t)-1,
		.group = (gid_t)-1 };

	ck_assert_int_eq(
	    ipcq_open(&dt.queue, uri, IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &cr), 0);
	dt.spec.name = "in";
	dt.spec.uri = uri;
	if (ipcq_kind(dt.queue) == IPCQ_SYSV)
		dt.stream[0].kind = dt.stream[1].kind = FLOW_SYSV;
}

void
doubt_message(unsigned i, const char *body, int64_t type, uint16_t flags)
{
	struct doubt_stream *ds = &dt.stream[i];

	ck_assert_uint_lt(ds->n, DOUBT_MESSAGES);
	ds->message[ds->n++] = (struct doubt_message){ body, type, flags };
}

struct mark *
doubt_mark(unsigned i)
{
	return mark_find(dt.marks, &dt.stream[i].stream);
}

int
doubt_open(unsigned i)
{
	struct doubt_stream *ds = &dt.stream[i];
	struct source_info info;
	int rc;

	(void)source_info(&ds->source, &info);
	rc = delivery_open(&ds->sink, dt.target, &info, i == 0 ? "edge/in" : "far/in");
	if (rc != 0)
		return rc;
	ds->taken = ds->settled = mark_value(doubt_mark(i));
	flow_join(&ds->source, ds->sink);
	return 0;
}

void
doubt_leave(unsigned i)
{
	struct doubt_stream *ds = &dt.stream[i];
	struct mark *m;

	if (dt.marks == NULL)
		doubt_start();
	m = doubt_mark(i);
	if (m == NULL)
		ck_assert_int_eq(
		    mark_new(dt.marks, &ds->stream, "edge/in", ds->acked, &m), 0);
	mark_intend(m, mark_value(m) + 1);
	doubt_crash();
}

void
doubt_turn(void)
{
	const struct timeval tick = { .tv_usec = 10000 };

	(void)event_base_loopexit(dt.base, &tick);
	(void)event_base_loop(dt.base, EVLOOP_ONCE);
}

void
doubt_expect(const char *body)
{
	struct {
		int64_t type;
		char body[DOUBT_BODY];
	} got = { 0 };
	ssize_t len =
	    ipcq_receive_slot(dt.queue, got.body, sizeof(got.body), 0, IPCQ_NOWAIT);

	if (body == NULL) {
		ck_assert_int_eq(len, -EAGAIN);
		return;
	}
	ck_assert_int_eq(len, strlen(body));
	ck_assert_mem_eq(got.body, body, (size_t)len);
}

uint64_t
doubt_settled(unsigned i)
{
	return dt.stream[i].settled;
}

static int
take_letter(const struct deadletter_info *in, void *arg)
{
	*(struct deadletter_info *)arg = *in;
	return 0;
}

struct deadletter_info
doubt_letter(void)
{
	struct deadletter_info in = { 0 };

	ck_assert_uint_eq(deadletters_count(dt.dead), 1);
	(void)deadletters_list(dt.dead, NULL, take_letter, &in);
	return in;
}

enum doubt_outcome
doubt_outcome(void)
{
	unsigned n = marks_doubts_listed(dt.marks);
	struct doubt db;

	ck_assert_uint_gt(n, 0);
	marks_doubt_at(dt.marks, n - 1, &db);
	return db.outcome;
}
