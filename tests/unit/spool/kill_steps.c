#include "kill_steps.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	return status;
}

/* The child stops itself, so that steps are counted from the work's beginning. _exit() leaves
 * out what the test's process would do at its end. */
static pid_t
start(int (*work)(void *arg), void *arg)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(2);
		(void)raise(SIGSTOP);
		_exit(work(arg) == 0 ? 0 : 1);
	}
	status = wait_for(pid);
	ck_assert_msg(WIFSTOPPED(status), "a child cannot be traced here");
	return pid;
}

static void
end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	while (!WIFSIGNALED(wait_for(pid)))
		;
}

/* Go on to the next step; false: the child has ended. */
static bool
advance(enum kill_unit unit, pid_t pid)
{
	int status;

	if (unit == KILL_AT_SYSCALL)
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
	else
		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	status = wait_for(pid);
	if (WIFSTOPPED(status)) {
		ck_assert_int_eq(WSTOPSIG(status), SIGTRAP);
		return true;
	}
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the work failed, status %d", status);
	return false;
}

static unsigned long
run(enum kill_unit unit, unsigned long steps, int (*work)(void *arg), void *arg)
{
	pid_t pid = start(work, arg);
	unsigned long at;

	for (at = 0; at < steps; at++)
		if (!advance(unit, pid))
			return at;
	end(pid);
	return at;
}

bool
kill_at(enum kill_unit unit, unsigned long step, int (*work)(void *arg), void *arg)
{
	return run(unit, step + 1, work, arg) == step + 1;
}

unsigned long
kill_count(enum kill_unit unit, int (*work)(void *arg), void *arg)
{
	return run(unit, ULONG_MAX, work, arg);
}
