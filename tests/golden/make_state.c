/* Makes the state that tests/golden/README.md describes in two directories that are empty, with
 * the code it is linked with: what a daemon killed at a busy moment leaves. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/image.h"
#include "spool/log.h"
#include "spool/marks.h"
#include "spool/ring.h"
#include "spool/runtime.h"
#include "spool/stream.h"

#define NOW_NS   INT64_C(1700000000000000000)
#define MAX_BODY 64

/* Nothing here fails but for a full disk or a defect: then no golden file is wanted. */
static void
must(int rc, const char *what)
{
	if (rc >= 0)
		return;
	(void)fprintf(stderr, "make_state: %s: %s\n", what, strerror(-rc));
	exit(1);
}

/* The kernel's part: the body and the type, of POSIX only the low half. */
static struct record *
receive(struct ring *rg, const char *text, int64_t type)
{
	struct record *rec = NULL;

	must(ring_reserve(rg, &rec), "reserve");
	memcpy(rec->body, text, strlen(text));
	if (ring_kind(rg) == RING_POSIX)
		memcpy(&rec->type, &type, sizeof(uint32_t));
	else
		rec->type = type;
	return rec;
}

static void
put(struct ring *rg, const char *text, int64_t type)
{
	struct record *rec = receive(rg, text, type);

	ring_commit(rg, rec, (uint32_t)strlen(text), NOW_NS);
}

static int64_t
type_of(const struct ring *rg, int i)
{
	return ring_kind(rg) == RING_POSIX ? i % 3 : INT64_C(0x123456789) + i;
}

/* Ten messages "golden 1" to "golden 10"; three acknowledged, two in flight, five waiting; of
 * a second stream all waiting but the first. */
static void
fill(int dir_fd, struct ring *rg, const char *label)
{
	struct stream *st;
	struct stream *second;
	char text[MAX_BODY];
	uint64_t seq;
	bool is_new;

	must(stream_create(&st, dir_fd, rg, label), "stream");
	must(stream_create(&second, dir_fd, rg, "second/golden"), "stream");
	for (int i = 1; i <= 10; i++) {
		(void)snprintf(text, sizeof(text), "golden %d", i);
		put(rg, text, type_of(rg, i));
	}
	must(stream_admit(st), "admit");
	must(stream_admit(second), "admit");
	for (int i = 0; i < 5; i++)
		if (stream_peek(st, &seq, &is_new) != NULL)
			stream_take(st);
	must(stream_acknowledge(st, 3), "acknowledge");
	if (stream_peek(second, &seq, &is_new) != NULL)
		stream_take(second);
	must(stream_acknowledge(second, 1), "acknowledge");
	stream_close(st);
	stream_close(second);
}

static void
make_posix(int dir_fd)
{
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "posix:/golden",
		.take = "",
		.max_body = MAX_BODY,
		.bytes = 4096 };
	struct ring *rg;

	must(ring_create(&rg, dir_fd, &spec), "ring");
	fill(dir_fd, rg, "hub/golden");
	(void)receive(rg, "cut off", 2); /* killed before its length was stored */
	ring_close(rg);
}

static void
make_sysv(int dir_fd)
{
	struct ring_spec spec = { .kind = RING_SYSV,
		.uri = "sysv:0x4d51",
		.take = "not 7",
		.max_body = MAX_BODY,
		.bytes = 4096 };
	struct ring *rg;

	must(ring_create(&rg, dir_fd, &spec), "ring");
	fill(dir_fd, rg, "hub/jobs");
	*ring_type_slot(rg) =
	    8; /* a message without a body, killed before its record */
	ring_close(rg);
}

static void
on_moved(void *owner, int rc)
{
	must(rc, "move");
	*(bool *)owner = true;
}

static void
wait_disk(struct disk *dk)
{
	struct pollfd pfd = { .fd = disk_fd(dk), .events = POLLIN };

	must(poll(&pfd, 1, 20000) == 1 ? 0 : -ETIMEDOUT, "disk thread");
	disk_collect(dk);
}

static void
take(struct stream *st, struct disk *dk)
{
	uint64_t seq;
	bool is_new;

	while (stream_peek(st, &seq, &is_new) == NULL)
		wait_disk(dk);
	stream_take(st);
}

/* Three are sent, by priority 1, 3 and 5, and 1 is acknowledged; all before 9 moves; then 7 is
 * sent from the log, and 3 is acknowledged. */
static void
use_log(struct stream *st, struct ring *rg, struct disk *dk, struct log *lg)
{
	bool moved = false;
	uint64_t end;

	must(stream_use_log(st, lg), "log");
	must(stream_admit(st), "admit");
	for (int i = 0; i < 3; i++)
		take(st, dk);
	must(stream_acknowledge(st, 1), "acknowledge");
	end = ring_tail(rg);
	while (ring_at(rg, end)->number < 9)
		end = ring_after(rg, end);
	must(stream_move(st, 3, end, on_moved, &moved), "move");
	while (!moved)
		wait_disk(dk);
	take(st, dk);
	must(stream_acknowledge(st, 2), "acknowledge");
	log_sync(lg);
	while (log_busy(lg))
		wait_disk(dk);
}

/* Ten messages "golden 1" to "golden 10" of which a log has seven. */
static void
make_logged(int runtime_fd, int state_fd)
{
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "posix:/logged",
		.take = "",
		.max_body = MAX_BODY,
		.bytes = 4096 };
	struct log_env env = { .runtime_fd = runtime_fd, .state_fd = state_fd };
	struct log_spec about = { .uri = spec.uri,
		.take = spec.take,
		.label = "hub/logged",
		.limit = UINT64_C(1) << 30 };
	struct stream *st;
	struct ring *rg;
	struct log *lg;
	char text[MAX_BODY];

	must(disk_new(&env.disk), "disk thread");
	must(ring_create(&rg, runtime_fd, &spec), "ring");
	must(stream_create(&st, runtime_fd, rg, about.label), "stream");
	about.stream = *stream_id(st);
	about.ring = *ring_id(rg);
	about.seed = ring_seed(rg);
	must(log_create(&lg, &env, &about), "log");
	for (int i = 1; i <= 10; i++) {
		(void)snprintf(text, sizeof(text), "golden %d", i);
		put(rg, text, i % 2);
	}
	use_log(st, rg, env.disk, lg);
	stream_close(st);
	log_close(lg);
	disk_free(env.disk);
	ring_close(rg);
}

static struct id
made_id(uint8_t n)
{
	struct id ret = { { 0 } };

	ret.bytes[0] = n;
	ret.bytes[ID_BYTES - 1] = 0x60;
	return ret;
}

static void
make_marks(int dir_fd)
{
	struct id one = made_id(1), two = made_id(2), three = made_id(3);
	struct marks *mk;
	struct mark *m;
	uint64_t found;

	must(marks_open(&mk, dir_fd, &found), "marks");
	must(mark_new(mk, &one, "hub/one", 41, &m), "mark");
	mark_intend(m, 42);
	must(mark_new(mk, &two, "hub/two", 6, &m), "mark");
	must(mark_reject(m, 7, DEAD_TOO_BIG), "reject");
	must(mark_new(mk, &three, "local", 0, &m), "mark");
	mark_lose_state(mk, m, 10, 15);
	marks_close(mk);
}

static void
make_letter(int state_fd)
{
	struct deadletter dt = { .ring = made_id(9),
		.number = 7,
		.stream = made_id(8),
		.reason = DEAD_TOO_BIG,
		.wall_ns = NOW_NS,
		.uri = "posix:/golden",
		.label = "hub/golden",
		.route = "golden",
		.detail = "64 bytes, the queue takes 32" };
	struct record *rec = calloc(1, RECORD_HEADER + MAX_BODY);
	struct deadletters *dl;

	if (rec == NULL)
		must(-12, "memory");
	rec->length = MAX_BODY;
	rec->number = 7;
	rec->captured_ns = NOW_NS;
	rec->type = 3;
	memset(rec->body, 'x', MAX_BODY);
	record_seal(rec, record_seed(&dt.ring));
	dt.rec = rec;
	must(deadletters_open(&dl, state_fd, 1 << 20), "dead letters");
	must(deadletters_store(dl, &dt), "dead letter");
	deadletters_close(dl);
	free(rec);
}

int
main(int argc, char **argv)
{
	struct runtime *rt;
	char *error = NULL;
	int rc;

	if (argc != 3) {
		(void)fputs(
		    "usage: make_state RUNTIME-DIRECTORY STATE-DIRECTORY\n", stderr);
		return 2;
	}
	rc = runtime_open(&rt, argv[1], argv[2], &error);
	must(rc, error == NULL ? "runtime directory" : error);
	make_posix(runtime_dir_fd(rt));
	make_sysv(runtime_dir_fd(rt));
	make_logged(runtime_dir_fd(rt), runtime_state_fd(rt));
	make_marks(runtime_dir_fd(rt));
	make_letter(runtime_state_fd(rt));
	must(image_save(rt, &error), "image");
	runtime_close(rt);
	return 0;
}
