/* A kill at every instruction. A child works with ring and stream while it is stepped
 * one machine instruction at a time; whenever its files changed, they are copied, which
 * is what a kill there would leave, and the copy is opened and checked. The kernel's
 * part of a receive is a read(2), so that it happens at once, as in the kernel, and the
 * file's offset tells exactly which messages have left the "queue". */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring_fixture.h"
#include "spool/journal.h"
#include "spool/ring_file.h"
#include "spool/stream.h"
#include "suites.h"

#define SIZE     64 /* bytes of body at most */
#define MESSAGES 80 /* enough for the smallest ring to go round once */
#define USED     (JOURNAL_ENTRIES_OFFSET + MESSAGES * 8 + 8) /* bytes; of the journal */

/* What the child has done, shared; each is stored after the call that does it. */
static struct progress {
	uint64_t sent;          /* taken, so its bytes may be at the peer */
	uint64_t acknowledging; /* stored before the call */
	uint64_t acknowledged;
} * progress;

static struct ring_dir dir, copy;
static char ring_name[256], stream_name[256];
static struct ring *ring;
static struct stream *stream;
static int queue; /* a file of messages: the 8-byte type and the body */

struct
    image { /* of one file: the child's, what was checked last, and the copy to open */
	uint8_t *live, *last, *copied;
	size_t size;
} images[2];

/* Message n, which becomes the ring's number n and the stream's sequence n. */
static uint32_t
message_length(uint64_t n)
{
	return n % 5 == 0 ? 0 : (uint32_t)(n * 29 % (SIZE + 1));
}

static void
message_body(char body[SIZE], uint64_t n)
{
	memset(body, 'a' + (int)(n % 26), SIZE);
}

static void
queue_fill(void)
{
	char body[SIZE];

	queue = memfd_create("messages", MFD_CLOEXEC);
	ck_assert_int_ge(queue, 0);
	for (uint64_t n = 1; n <= MESSAGES; n++) {
		int64_t type = (int64_t)n;
		ssize_t len = (ssize_t)message_length(n);

		message_body(body, n);
		ck_assert_int_eq(write(queue, &type, 8), 8);
		ck_assert_int_eq(write(queue, body, (size_t)len), len);
	}
	(void)lseek(queue, 0, SEEK_SET);
}

/* How many messages have left it. */
static uint64_t
queue_taken(void)
{
	off_t at = lseek(queue, 0, SEEK_CUR);
	uint64_t n = 0;

	while (at > 0)
		at -= 8 + (off_t)message_length(++n);
	ck_assert_int_eq(at, 0);
	return n;
}

/* The kernel's part: type and body in one call. */
static bool
queue_receive(struct record *rec, uint32_t len)
{
	struct iovec parts[2] = { { &rec->type, sizeof(rec->type) },
		{ rec->body, len } };

	return readv(queue, parts, 2) == (ssize_t)(sizeof(rec->type) + len);
}

/* The child's side. Every fifth message has no body and comes by the type slot. */
static void
receive(uint64_t n)
{
	uint32_t len = message_length(n);
	struct record *rec;

	if (len == 0) {
		if (read(queue, ring_type_slot(ring), 8) != 8 ||
		    ring_commit_zero(ring, 1) != 1)
			_exit(1);
	} else {
		if (ring_reserve(ring, &rec) < 0 || !queue_receive(rec, len))
			_exit(2);
		ring_commit(ring, rec, len, 1);
	}
	if (stream_admit(stream) < 0)
		_exit(3);
}

static void
take(uint32_t count)
{
	struct stream_run run;

	if (stream_take_run(stream, count, UINT64_MAX, SIZE, &run) != count)
		_exit(4);
	__atomic_store_n(&progress->sent, run.seq + count - 1, __ATOMIC_RELEASE);
}

static void
acknowledge(uint64_t seq)
{
	__atomic_store_n(&progress->acknowledging, seq, __ATOMIC_RELEASE);
	if (stream_acknowledge(stream, seq) < 0)
		_exit(5);
	__atomic_store_n(&progress->acknowledged, seq, __ATOMIC_RELEASE);
}

static void
work(uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n <= to; n += 2) {
		receive(n);
		receive(n + 1);
		take(n % 4 == 1 ? 2 : 1);
		if (n % 4 == 3)
			take(1);
		if (n > 4)
			acknowledge(n - 4);
	}
}

static void
assert_message(const struct ring *rg, const struct record *rec, uint64_t n)
{
	char body[SIZE];

	message_body(body, n);
	ck_assert_uint_eq(rec->number, n);
	ck_assert_int_eq(rec->type, (int64_t)n);
	ck_assert_uint_eq(rec->length, message_length(n));
	ck_assert_mem_eq(rec->body, body, rec->length);
	ck_assert_int_eq(record_check(rec, ring_bytes(rg), ring_seed(rg)), 0);
	/* The length of a message without a body is never guessed. */
	if (rec->length == 0)
		ck_assert_uint_eq(rec->flags, 0);
}

/* The copy, opened, holds every message that left the queue and was not settled, once,
 * exactly; what may have been sent has its sequence. */
static void
check_copy(void)
{
	struct stream_numbers nb;
	struct ring_report report;
	struct ring *rg = ring_dir_reopen(&copy, &report);
	struct stream *st = NULL;
	const struct record *rec;
	uint64_t seq = 0, expected;
	bool is_new = false;

	ck_assert_uint_eq(report.damaged, 0);
	ck_assert_int_eq(stream_open(&st, copy.fd, stream_name, rg, NULL), 0);
	stream_numbers(st, &nb);
	ck_assert_uint_ge(nb.acked, progress->acknowledged);
	ck_assert_uint_le(nb.acked, progress->acknowledging);
	ck_assert_uint_gt(nb.next, progress->sent);
	expected = nb.acked;
	while ((rec = stream_peek(st, &seq, &is_new)) != NULL) {
		ck_assert_uint_eq(seq, ++expected);
		assert_message(rg, rec, expected);
		ck_assert(!is_new || expected > progress->sent);
		stream_take(st);
	}
	ck_assert_uint_eq(expected, queue_taken());
	stream_close(st);
	ring_close(rg);
}

static bool
image_changed(struct image *im)
{
	if (memcmp(im->live, im->last, im->size) == 0)
		return false;
	memcpy(im->last, im->live, im->size);
	return true;
}

static void
image_map(struct image *im, const char *name, size_t used)
{
	im->live = ring_dir_map(&dir, name, &im->size);
	im->copied = ring_dir_map(&copy, name, &im->size);
	if (used > 0)
		im->size = used;
	im->last = calloc(1, im->size);
	ck_assert_ptr_nonnull(im->last);
	(void)image_changed(im);
}

/* One instruction; false: the child has ended, and well. */
static bool
step(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status)) {
		ck_assert_int_eq(WSTOPSIG(status), SIGTRAP);
		return true;
	}
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	return false;
}

static unsigned
step_and_check(pid_t pid)
{
	unsigned checked = 0;
	bool running = true;

	while (running) {
		bool changed;

		running = step(pid);
		changed = image_changed(&images[0]);
		changed |= image_changed(&images[1]);
		if (!changed)
			continue;
		for (int i = 0; i < 2; i++)
			memcpy(images[i].copied, images[i].last, images[i].size);
		check_copy();
		checked++;
	}
	return checked;
}

static void
setup(void)
{
	ring_dir_open(&dir);
	ring_dir_open(&copy);
	ring = ring_dir_make(&dir, RING_SYSV, SIZE);
	ck_assert_int_eq(stream_create(&stream, dir.fd, ring, "x"), 0);
	ring_dir_find(&dir, "ring-", ring_name);
	ring_dir_find(&dir, "stream-", stream_name);
	queue_fill();
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(progress != MAP_FAILED);
}

static void
teardown(void)
{
	stream_close(stream);
	ring_close(ring);
	ring_dir_close(&dir);
	ring_dir_close(&copy);
}

/* A stopped child that goes on with traced(). */
static pid_t
start_traced(void (*traced)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(9);
		(void)raise(SIGSTOP);
		traced();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSTOPPED(status));
	return pid;
}

static void
map_images(void)
{
	ring_dir_copy(&dir, &copy);
	image_map(&images[0], ring_name, 0);
	image_map(&images[1], stream_name, USED);
}

static void
work_traced(void)
{
	work(49, 60);
}

START_TEST(kill_at_any_instruction_of_work_loses_nothing)
{
	work(1, 48);
	ck_assert_uint_lt(ring_head(ring), ring_bytes(ring));
	map_images();
	ck_assert_uint_gt(step_and_check(start_traced(work_traced)), 100);
	ring_close(ring);
	ring = ring_dir_reopen(&dir, NULL);
	ck_assert_uint_gt(ring_head(ring), ring_bytes(ring)); /* the end was crossed */
}
END_TEST

/* Recovery itself: a cut-off record, freed space not yet padded, an acknowledgement
 * without acked, and a message in the type slot. */
static void
crash(void)
{
	struct record *rec;

	work(1, 8);
	ck_assert_int_eq(ring_reserve(ring, &rec), 0);
	ck_assert(queue_receive(rec, message_length(9)));
	ck_assert_int_eq(read(queue, ring_type_slot(ring), 8), 8);
	ring_find(ring, 5)->state |= RECORD_SETTLED(0);
	progress->acknowledging = 5;
}

static void
recover_traced(void)
{
	struct ring_report report;

	if (ring_open(&ring, dir.fd, ring_name, 1, &report) < 0)
		_exit(6);
	if (stream_open(&stream, dir.fd, stream_name, ring, NULL) < 0)
		_exit(7);
}

START_TEST(kill_at_any_instruction_of_recovery_loses_nothing)
{
	crash();
	map_images();
	/* The copy's first opening sees what the crash left: the last release not padded. */
	memset(images[0].live + RING_DATA_OFFSET + ring_tail(ring) - 64, 'x', 64);
	check_copy();
	ck_assert_uint_gt(step_and_check(start_traced(recover_traced)), 20);
}
END_TEST

static bool
tracing_possible(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == 0)
		return true;
	(void)fprintf(stderr, "SKIP ring_steps: tracing is not permitted here\n");
	return false;
}

Suite *
suite_ring_steps(void)
{
	Suite *suite = suite_create("ring_steps");
	TCase *tc = tcase_create("steps");

	suite_add_tcase(suite, tc);
	if (!tracing_possible())
		return suite;
	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, kill_at_any_instruction_of_work_loses_nothing);
	tcase_add_test(tc, kill_at_any_instruction_of_recovery_loses_nothing);
	return suite;
}
