#include "tools/ipcq_stop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define AGAIN_US 20000

/* A handler has no argument for it. */
static volatile sig_atomic_t stop_signal;

/* Interrupts, and nothing else. */
static void
on_alarm(int number)
{
	(void)number;
}

/* A signal that comes between looking at stop_signal and waiting would be slept over; so
 * alarms follow until the program has ended. */
static void
on_stop(int number)
{
	const struct itimerval again = { { 0, AGAIN_US }, { 0, AGAIN_US } };

	stop_signal = number;
	(void)setitimer(ITIMER_REAL, &again, NULL);
}

static int
catch_one(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

/* Ignored means that it is to go on: nohup(1), or a job in the background. */
static int
catch_unless_ignored(int number, int flags)
{
	struct sigaction old;

	if (sigaction(number, NULL, &old) < 0)
		return -errno;
	return old.sa_handler == SIG_IGN ? 0 : catch_one(number, on_stop, flags);
}

/* Without events asked for, poll(2) tells only that nobody reads any more. */
static void
watch_once(int fd, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd };

	while (poll(&pfd, 1, timeout_ms) < 0 && errno == EINTR)
		;
	if ((pfd.revents & (POLLERR | POLLHUP)) != 0)
		(void)kill(getpid(), SIGPIPE);
}

static void *
watch_reader(void *arg)
{
	const int *fd = arg;

	watch_once(*fd, -1);
	return NULL;
}

static int
start_watch(int fd)
{
	static int watched; /* as long as the thread, which ends with the program */
	sigset_t all;
	sigset_t old;
	pthread_t thread;
	int rc;

	/* One that has gone already must not wait for the thread. */
	watch_once(fd, 0);
	watched = fd;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, watch_reader, &watched);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return -rc;
	(void)pthread_detach(thread);
	return 0;
}

int
stop_catch(int fd)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	/* Writing a message goes on after a signal; the calls that wait for one do not,
	 * whatever is said here: signal(7). */
	int flags = fd >= 0 ? SA_RESTART : 0;
	struct stat st;
	int rc;

	rc = catch_one(SIGALRM, on_alarm, flags);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(numbers); i++)
		rc = catch_unless_ignored(numbers[i], flags);
	if (rc == 0)
		rc = catch_one(SIGPIPE, on_stop, flags);
	if (rc < 0 || fstat(fd, &st) < 0 ||
	    !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return rc;
	return start_watch(fd);
}

bool
stop_asked(void)
{
	return stop_signal != 0;
}

void
stop_die(void)
{
	int number = stop_signal;

	(void)signal(number, SIG_DFL);
	(void)raise(number);
	abort(); /* cannot be reached: all of them end a process */
}
