/* What another program, started by one that has queues open, gets of them. */
#include <check.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ipcq.h"
#include "private_ipc.h"
#include "suites.h"

#define READWRITE (IPCQ_READ | IPCQ_WRITE)
#define SIZE      16

static const char *const uris[] = { "posix:/exec", "sysv:0xf0" };

static struct ipcq *queue;

static void
open_queue(int i)
{
	const struct ipcq_create create = { .max_messages = 2, .message_size = SIZE };

	ck_assert_int_eq(
	    ipcq_open(&queue, uris[i], READWRITE | IPCQ_CREATE, &create), 0);
}

static void
close_queue(void)
{
	ipcq_close(queue);
	queue = NULL;
}

static void
ignore(struct ipcq *q, void *arg)
{
	(void)q;
	(void)arg;
}

/* That another program, started by this one, has open. */
static int
descriptors_of_another_program(void)
{
	char program[] = "ls";
	char directory[] = "/proc/self/fd";
	char *words[] = { program, directory, NULL };
	posix_spawn_file_actions_t actions;
	int status = -1;
	int lines = 0;
	int fds[2];
	pid_t pid;
	FILE *out;
	int c;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	ck_assert_int_eq(
	    posix_spawnp(&pid, words[0], &actions, NULL, words, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	out = fdopen(fds[0], "re");
	ck_assert_ptr_nonnull(out);
	while ((c = getc(out)) != EOF)
		lines += c == '\n';
	(void)fclose(out);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	return lines;
}

START_TEST(another_program_inherits_nothing)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = ignore };
	int before = descriptors_of_another_program();

	open_queue(_i);
	ck_assert_int_ge(ipcq_poll_fd(queue), 0);
	ck_assert_int_eq(ipcq_notify(queue, &what), 0);
	ck_assert_int_gt(before, 0);
	ck_assert_int_eq(descriptors_of_another_program(), before);
}
END_TEST

Suite *
suite_exec(void)
{
	Suite *suite = suite_create("exec");
	TCase *tc = tcase_create("exec");

	if (!private_ipc_possible("exec"))
		return suite;
	tcase_add_checked_fixture(tc, private_ipc_enter, close_queue);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, another_program_inherits_nothing, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
