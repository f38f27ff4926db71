/* waits URI [COMMAND...]: each call that waits is made to wait, and takes its time, without
 * being busy meanwhile; so is the command, which has the same time. */
#include <ipcq.h>

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define WAIT_MS      300
#define GRANT_MS     10000
#define MOST_WAKINGS 20 /* of a call; whoever looked each millisecond has hundreds */
#define MOST_OF_ALL  60 /* of a program, which is loaded first */
#define NS_PER_MS    1000000
#define MESSAGES     4
#define SIZE         64

extern char **environ;

static const struct ipcq_options timed = { .flags = IPCQ_TIMED,
	.timeout_ns = (uint64_t)WAIT_MS * NS_PER_MS };

static char room[IPCQ_HEAD + SIZE * MESSAGES];

static long
receive(struct ipcq *q, const char *uri)
{
	struct ipcq_message got;

	(void)uri;
	return ipcq_receive(q, room, sizeof(room), &timed, &got);
}

static long
send_one(struct ipcq *q, const char *uri)
{
	(void)uri;
	return ipcq_send_with(q, "more", 4, 1, &timed);
}

static long
send_all(struct ipcq *q, const char *uri)
{
	char body[SIZE * 2] = { 0 };
	struct ipcq_batch batch = { .body = body, .length = sizeof(body), .type = 1 };

	(void)uri;
	return ipcq_send_all(q, &batch, &timed);
}

/* The thread of a System V queue waits for all of this time, and is ended. */
static long
poll_fd(struct ipcq *q, const char *uri)
{
	struct pollfd pfd = { .fd = -1, .events = POLLIN };
	struct ipcq *own = NULL;
	long rc = ipcq_open(&own, uri, IPCQ_READ, NULL);

	(void)q;
	if (rc < 0)
		return rc;
	pfd.fd = ipcq_poll_fd(own);
	rc = pfd.fd < 0 ? pfd.fd : poll(&pfd, 1, WAIT_MS);
	ipcq_close(own);
	return rc == 0 ? -ETIMEDOUT : rc;
}

static long
now_ms(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000 + at.tv_nsec / NS_PER_MS;
}

static int
judge(const char *what, long rc, long ms, long wakings, long most)
{
	int good = rc == -ETIMEDOUT && ms >= WAIT_MS && ms < GRANT_MS && wakings < most;

	(void)printf("%s %s: answered %ld after %ld ms, slept %ld times\n",
	    good ? "well" : "WRONG:", what, rc, ms, wakings);
	return good ? 0 : 1;
}

static int
check(const char *what, long (*wait)(struct ipcq *q, const char *uri), struct ipcq *q,
    const char *uri)
{
	struct rusage before;
	struct rusage after;
	long begun = now_ms();
	long rc;

	(void)getrusage(RUSAGE_SELF, &before);
	rc = wait(q, uri);
	(void)getrusage(RUSAGE_SELF, &after);
	return judge(
	    what, rc, now_ms() - begun, after.ru_nvcsw - before.ru_nvcsw, MOST_WAKINGS);
}

/* Status 6 of ipcq(1): it timed out. */
static int
check_command(char **words)
{
	struct rusage usage = { 0 };
	long begun = now_ms();
	int status = -1;
	pid_t pid;

	if (posix_spawnp(&pid, words[0], NULL, NULL, words, environ) != 0 ||
	    wait4(pid, &status, 0, &usage) != pid)
		return 1;
	status = WIFEXITED(status) && WEXITSTATUS(status) == 6 ? -ETIMEDOUT : status;
	return judge(words[0], status, now_ms() - begun, usage.ru_nvcsw, MOST_OF_ALL);
}

int
main(int argc, char **argv)
{
	const struct ipcq_create create = { .max_messages = MESSAGES,
		.message_size = SIZE,
		.max_bytes = (uint64_t)MESSAGES * SIZE };
	static const char full[SIZE];
	struct ipcq *q = NULL;
	int failed;
	int rc;

	if (argc < 2)
		return 2;
	rc = ipcq_open(&q, argv[1], IPCQ_READ | IPCQ_WRITE | IPCQ_CREATE, &create);
	if (rc < 0)
		return 1;
	failed = check("ipcq_receive", receive, q, argv[1]) |
		 check("ipcq_poll_fd", poll_fd, q, argv[1]);
	if (argc > 2)
		failed |= check_command(argv + 2);
	for (int i = 0; i < MESSAGES; i++)
		failed |= ipcq_send(q, full, SIZE, 1, IPCQ_NOWAIT) < 0;
	failed |= check("ipcq_send_with", send_one, q, argv[1]) |
		  check("ipcq_send_all", send_all, q, argv[1]);
	ipcq_close(q);
	return failed;
}
