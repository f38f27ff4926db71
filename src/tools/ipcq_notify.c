#include <errno.h>
#include <semaphore.h>
#include <time.h>

#include "tools/ipcq_call.h"
#include "tools/ipcq_commands.h"
#include "tools/ipcq_fail.h"
#include "tools/ipcq_queue.h"
#include "tools/ipcq_stop.h"

#define NS_PER_S 1000000000L

/* In a thread of the library. */
static void
on_arrival(struct ipcq *q, void *arg)
{
	(void)q;
	(void)sem_post(arg);
}

static struct timespec
deadline(uint64_t timeout_ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(timeout_ms / 1000);
	at.tv_nsec += (long)(timeout_ms % 1000) * (NS_PER_S / 1000);
	if (at.tv_nsec >= NS_PER_S) {
		at.tv_nsec -= NS_PER_S;
		at.tv_sec++;
	}
	return at;
}

static int
wait_arrival(const struct call *ca, sem_t *arrived)
{
	struct timespec end = deadline(ca->timeout_ms);
	int rc;

	do {
		if (stop_asked())
			return -EINTR;
		if ((ca->given & CALL_TIMEOUT) != 0)
			rc = sem_clockwait(arrived, CLOCK_MONOTONIC, &end);
		else
			rc = sem_wait(arrived);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* 1: messages wait; 0; -errno, also of a queue that is gone. */
static int
look(const struct ipcq *q)
{
	int64_t waiting = ipcq_size(q);

	return waiting < 0 ? (int)waiting : waiting > 0;
}

/* A POSIX queue tells only of arrivals after the registration, so it is looked at after
 * that. A System V queue tells also of what is there, but may have to take it for that
 * and put it back in another place, so it is looked at before. */
static int
await(const struct call *ca, struct ipcq *q, sem_t *arrived)
{
	const struct ipcq_notification what = {
		.how = IPCQ_NOTIFY_CALLBACK,
		.arg = arrived,
		.callback = on_arrival,
	};
	int rc = 0;

	if (ca->kind == IPCQ_SYSV)
		rc = look(q);
	if (rc != 0)
		return rc;
	rc = ipcq_notify(q, &what);
	if (rc == 0 && ca->kind == IPCQ_POSIX)
		rc = look(q);
	if (rc == 0)
		rc = wait_arrival(ca, arrived);
	/* The callback comes for a queue that goes, too. */
	return rc == 0 ? look(q) : rc;
}

static int
run_notify(struct call *ca)
{
	struct ipcq *q;
	sem_t arrived;
	int status;
	int rc;

	status = queue_open(&q, ca, IPCQ_READ);
	if (status != CALL_DONE)
		return status;
	(void)sem_init(&arrived, 0, 0);
	rc = stop_catch(-1);
	if (rc == 0)
		rc = await(ca, q, &arrived);
	/* Closing waits for the callback, and a message that the library holds goes back. */
	if (rc < 0 && rc != -EINTR)
		status = rc == -EBUSY
			     ? fail_say(ca, rc,
				   "another process is registered already, and there "
				   "can be only one")
			     : fail_receive(ca, q, rc);
	ipcq_close(q);
	(void)sem_destroy(&arrived);
	if (rc == -EINTR)
		stop_die();
	return status;
}

const struct call_command notify_command = {
	.name = "notify",
	.synopsis = "URI [--timeout D]",
	.brief = "wait until a message is there, and take none",
	.help =
	    "Waits until a message arrives at the empty queue; ends at once when one is\n"
	    "there. Takes nothing and prints nothing. Of a POSIX queue only one process\n"
	    "can be notified at a time, and none while a program waits in mq_receive(3).\n"
	    "\n"
	    "  --timeout D  wait for so long (for ever)\n",
	.options = CALL_TIMEOUT,
	.has_uri = true,
	.run = run_notify,
};
