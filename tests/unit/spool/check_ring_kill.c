/* Real queues, real kills: a child receives into the ring while a producer floods the
 * queue, and is killed at random. Every message says which one it is, so that what is
 * lost, repeated or altered shows. */
#include <check.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/private_ipc.h"
#include "ring_fixture.h"
#include "suites.h"

#define ROUNDS     200  /* kills */
#define MOST       400  /* messages sent before a kill */
#define SIZE       64   /* bytes of body at most */
#define DEPTH      4    /* messages in the POSIX queue */
#define SYSV_ROOM  1024 /* bytes in the System V queue */
#define RING_BYTES (UINT64_C(1024) * 1024)
#define DEADLINE   60 /* seconds; for a kill's messages to be sent */
#define PRIORITY   5

struct message {
	int64_t type;
	char body[SIZE];
	uint32_t length;
};

static struct ring_dir dir;
static mqd_t posix_queue = (mqd_t)-1;
static int sysv_queue = -1;
static uint64_t seen;

/* Shared with the producer. */
static struct flood {
	uint64_t sent;
	bool stop;
} * flood;

/* Message n is always the same: text of any length, of System V every fourth is
 * empty. */
static void
message_make(struct message *ms, uint64_t n)
{
	uint64_t random = n * 7919 + 1;
	uint32_t more = ring_random(&random, SIZE - 20);

	ms->type = sysv_queue >= 0 ? (int64_t)n : PRIORITY;
	memset(ms->body, 'a' + (int)(n % 26), sizeof(ms->body));
	ms->length = (uint32_t)snprintf(ms->body, 20, "%llu:", (unsigned long long)n);
	ms->body[ms->length] = 'x';
	ms->length += more;
	if (sysv_queue >= 0 && n % 4 == 0)
		ms->length = 0;
}

static void
assert_message(const struct ring *rg, const struct record *rec, uint64_t n)
{
	struct message want;

	message_make(&want, n);
	ck_assert_int_eq(record_check(rec, ring_bytes(rg), ring_seed(rg)), 0);
	ck_assert_int_eq(rec->type, want.type);
	ck_assert_uint_eq(rec->length, want.length);
	ck_assert_mem_eq(rec->body, want.body, want.length);
}

/* The child: what intake does, blocking. Waits to be killed when the ring is full. */
static void
receive_posix(struct ring *rg)
{
	/* A descriptor of its own, which waits. */
	mqd_t queue = mq_open("/kill", O_RDONLY);
	struct record *rec;
	ssize_t n;

	while (ring_reserve(rg, &rec) == 0) {
		n = mq_receive(
		    queue, (char *)rec->body, SIZE, (unsigned *)(void *)&rec->type);
		if (n < 0)
			_exit(1);
		ring_commit(rg, rec, (uint32_t)n, 1);
	}
}

/* Until the queue is empty; false: the ring is full. */
static bool
drain_sysv(struct ring *rg)
{
	struct record *rec;
	ssize_t n;

	while (ring_reserve(rg, &rec) == 0) {
		n = msgrcv(sysv_queue, &rec->type, SIZE, 0, IPC_NOWAIT);
		if (n < 0)
			return true;
		ring_commit(rg, rec, (uint32_t)n, 1);
	}
	return false;
}

static void
receive_sysv(struct ring *rg)
{
	do {
		if (msgrcv(sysv_queue, ring_type_slot(rg), 0, 0, 0) == 0 &&
		    ring_commit_zero(rg, 1) < 0)
			return;
	} while (drain_sysv(rg));
}

/* fork(2); no child outlives a test that fails. */
static pid_t
start_process(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static pid_t
start_child(void)
{
	struct ring *rg;
	pid_t pid = start_process();

	if (pid > 0)
		return pid;
	rg = ring_dir_reopen(&dir, NULL);
	if (sysv_queue >= 0)
		receive_sysv(rg);
	else
		receive_posix(rg);
	for (;;)
		(void)pause();
}

/* The producer: sends, blocking, until told to stop. */
static void
send_all(void)
{
	mqd_t queue = sysv_queue < 0 ? mq_open("/kill", O_WRONLY) : (mqd_t)-1;
	struct message ms;

	for (uint64_t n = 1; !__atomic_load_n(&flood->stop, __ATOMIC_ACQUIRE); n++) {
		int rc;

		message_make(&ms, n);
		if (sysv_queue >= 0)
			rc = msgsnd(sysv_queue, &ms, ms.length, 0);
		else
			rc = mq_send(queue, ms.body, ms.length, (unsigned)ms.type);
		if (rc < 0)
			_exit(1);
		__atomic_store_n(&flood->sent, n, __ATOMIC_RELEASE);
	}
	_exit(0);
}

static uint64_t
sent(void)
{
	return __atomic_load_n(&flood->sent, __ATOMIC_ACQUIRE);
}

/* More than fits into the queue, so the child has begun. */
static void
wait_sent(uint64_t number)
{
	time_t end = time(NULL) + DEADLINE;

	while (sent() < number && time(NULL) < end)
		(void)sched_yield();
	ck_assert_uint_ge(sent(), number);
}

/* What the dead child left: the next messages in order, and nothing else. */
static unsigned
check_ring_file(void)
{
	struct ring_report report;
	struct ring *rg = ring_dir_reopen(&dir, &report);
	uint64_t position = ring_tail(rg);

	ck_assert_uint_eq(report.damaged, 0);
	ck_assert_uint_eq(ring_next_number(rg), seen + ring_records(rg) + 1);
	for (; position < ring_head(rg); position = ring_after(rg, position))
		assert_message(rg, ring_at(rg, position), ++seen);
	ck_assert_int_eq(ring_attach(rg, 0, 1), 0);
	ring_settle(rg, 0, UINT64_MAX);
	ck_assert_uint_eq(ring_used(rg), 0);
	ring_close(rg);
	return report.recovered ? 1 : 0;
}

static void
make_queue(enum ring_kind kind)
{
	struct mq_attr at = { .mq_maxmsg = DEPTH, .mq_msgsize = SIZE };
	struct msqid_ds ds;

	if (kind == RING_POSIX) {
		posix_queue = mq_open(
		    "/kill", O_RDONLY | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &at);
		ck_assert_int_ge(posix_queue, 0);
		return;
	}
	sysv_queue = msgget(IPC_PRIVATE, 0600);
	ck_assert_int_ge(sysv_queue, 0);
	ck_assert_int_eq(msgctl(sysv_queue, IPC_STAT, &ds), 0);
	ds.msg_qbytes = SYSV_ROOM;
	ck_assert_int_eq(msgctl(sysv_queue, IPC_SET, &ds), 0);
}

static void
make_ring(enum ring_kind kind)
{
	struct ring_spec spec = { .kind = kind,
		.uri = "posix:/kill",
		.take = "",
		.max_body = SIZE,
		.bytes = RING_BYTES };
	struct ring *rg = NULL;

	ring_dir_open(&dir);
	ck_assert_int_eq(ring_create(&rg, dir.fd, &spec), 0);
	ring_close(rg);
}

/* The producer's process. */
static pid_t
kill_rounds(enum ring_kind kind)
{
	uint64_t random = 20260101;
	unsigned recovered = 0;
	pid_t producer, pid;

	private_ipc_enter();
	make_ring(kind);
	make_queue(kind);
	flood = mmap(NULL, sizeof(*flood), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(flood != MAP_FAILED);
	producer = start_process();
	if (producer == 0)
		send_all();
	for (int round = 0; round < ROUNDS; round++) {
		pid = start_child();
		wait_sent(sent() + SYSV_ROOM / 4 + ring_random(&random, MOST));
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		recovered += check_ring_file();
	}
	/* Under load this is the normal case; without it nothing was tried here. */
	ck_assert_uint_gt(recovered, 0);
	__atomic_store_n(&flood->stop, true, __ATOMIC_RELEASE);
	ring_dir_close(&dir);
	return producer;
}

static ssize_t
next_left(struct message *got)
{
	return sysv_queue >= 0 ? msgrcv(sysv_queue, got, SIZE, 0, IPC_NOWAIT)
			       : mq_receive(posix_queue, got->body, SIZE, NULL);
}

static void
assert_left(const struct message *got, ssize_t n)
{
	struct message want;

	message_make(&want, ++seen);
	ck_assert_int_eq(n, want.length);
	ck_assert_mem_eq(got->body, want.body, want.length);
}

/* What is left in the queue is the rest, to the last message. */
static void
drain(pid_t producer)
{
	struct message got;
	bool ended = false;

	for (;;) {
		ssize_t n;

		/* Looked at first: what it sent before its end is in the queue then. */
		ended = ended || waitpid(producer, NULL, WNOHANG) == producer;
		n = next_left(&got);
		if (n < 0 && ended)
			break;
		if (n >= 0)
			assert_left(&got, n);
	}
	ck_assert_uint_eq(seen, sent());
}

START_TEST(receiver_killed_at_random_loses_nothing)
{
	drain(kill_rounds(_i == 0 ? RING_POSIX : RING_SYSV));
	if (sysv_queue >= 0)
		(void)msgctl(sysv_queue, IPC_RMID, NULL);
}
END_TEST

Suite *
suite_ring_kill(void)
{
	Suite *suite = suite_create("ring_kill");
	TCase *tc = tcase_create("kill");

	suite_add_tcase(suite, tc);
	if (!private_ipc_possible("ring_kill"))
		return suite;
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, receiver_killed_at_random_loses_nothing, 0, 2);
	return suite;
}
