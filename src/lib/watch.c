#include "lib/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define NS_PER_S       1000000000
#define KICK_REPEAT_NS 200000 /* a signal may come just before the call begins: again */

static struct watch *
watch_new(void)
{
	struct watch *wa = calloc(1, sizeof(*wa));
	pthread_condattr_t attr;

	if (wa == NULL)
		return NULL;
	wa->pid = getpid();
	wa->fd = -1;
	(void)pthread_mutex_init(&wa->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&wa->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	return wa;
}

/* Without its thread. */
static void
watch_delete(struct watch *wa)
{
	if (wa->fd >= 0)
		(void)close(wa->fd);
	(void)pthread_cond_destroy(&wa->changed);
	(void)pthread_mutex_destroy(&wa->lock);
	free(wa);
}

/* The threads of the parent are not here; their lock may be in any state, so it is left
 * alone. */
static struct watch *
forget_parents(struct ipcq *q, struct watch *wa)
{
	if (!atomic_compare_exchange_strong(&q->watch, &wa, NULL))
		return wa;
	if (wa->fd >= 0)
		(void)close(wa->fd);
	while (wa->notices != NULL) {
		struct notice *no = wa->notices;

		wa->notices = no->next;
		if (no->socket >= 0)
			(void)close(no->socket);
		free(no);
	}
	free(wa);
	return NULL;
}

struct watch *
watch_of(struct ipcq *q)
{
	struct watch *wa = atomic_load(&q->watch);

	if (wa != NULL && wa->pid != getpid())
		return forget_parents(q, wa);
	return wa;
}

int
watch_get(struct watch **ret, struct ipcq *q)
{
	struct watch *wa = watch_of(q);
	struct watch *other = NULL;

	if (wa == NULL) {
		wa = watch_new();
		if (wa == NULL)
			return -ENOMEM;
		if (!atomic_compare_exchange_strong(&q->watch, &other, wa)) {
			watch_delete(wa); /* another thread was faster */
			wa = other;
		}
	}
	*ret = wa;
	return 0;
}

int
watch_create_thread(pthread_t *ret, int except, void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	sigset_t mask;
	sigset_t old;
	int rc;

	(void)sigfillset(&mask);
	if (except != 0)
		(void)sigdelset(&mask, except);
	(void)pthread_sigmask(SIG_SETMASK, &mask, &old);
	rc = pthread_create(ret != NULL ? ret : &thread, NULL, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0 && ret == NULL)
		(void)pthread_detach(thread);
	return -rc;
}

/* ---- the thread that waits; all with the lock held -------------------------------- */

/* Tell whoever wants to know that there is something to receive, be it an error. */
static void
tell(struct watch *wa)
{
	const uint64_t one = 1;

	if (wa->armed) {
		wa->armed = false;
		(void)!write(wa->fd, &one, sizeof(one));
	}
	if (wa->registered != NULL) {
		wa->registered->state = NOTICE_FIRED;
		wa->registered = NULL;
	}
	(void)pthread_cond_broadcast(&wa->changed);
}

/* Wait for a message in the kernel, or be interrupted. */
static void
wait_for_message(struct ipcq *q, struct watch *wa)
{
	int rc;

	wa->in_kernel = true;
	(void)pthread_mutex_unlock(&wa->lock);
	rc = sysvq_wait(q, 0, 0, &wa->slot);
	(void)pthread_mutex_lock(&wa->lock);
	wa->in_kernel = false;
	(void)pthread_cond_broadcast(&wa->changed);
	if (rc == 1) {
		wa->held = true;
		wa->held_type = wa->slot;
	}
	if (rc != -EINTR)
		tell(wa);
}

static void *
watch_main(void *arg)
{
	struct ipcq *q = arg;
	struct watch *wa = atomic_load(&q->watch);

	(void)pthread_mutex_lock(&wa->lock);
	while (!wa->ending) {
		if (wa->receivers > 0 || (!wa->armed && wa->registered == NULL))
			(void)pthread_cond_wait(&wa->changed, &wa->lock);
		else if (wa->held)
			tell(wa);
		else
			wait_for_message(q, wa);
	}
	(void)pthread_mutex_unlock(&wa->lock);
	return NULL;
}

int
watch_start_thread(struct ipcq *q, struct watch *wa)
{
	int rc;

	if (wa->started)
		return 0;
	wa->signal = wait_signal();
	if (wa->signal < 0)
		return wa->signal;
	rc = watch_create_thread(&wa->thread, wa->signal, watch_main, q);
	if (rc == 0)
		wa->started = true;
	return rc;
}

/* Make it leave the kernel. */
static void
interrupt(struct watch *wa)
{
	while (wa->in_kernel) {
		int64_t until = clock_monotonic_ns() + KICK_REPEAT_NS;
		const struct timespec ts = { until / NS_PER_S, until % NS_PER_S };

		(void)pthread_kill(wa->thread, wa->signal);
		(void)pthread_cond_timedwait(&wa->changed, &wa->lock, &ts);
	}
}

void
watch_free(struct ipcq *q)
{
	struct watch *wa = watch_of(q);

	if (wa == NULL)
		return;
	if (wa->started) {
		(void)pthread_mutex_lock(&wa->lock);
		wa->ending = true;
		(void)pthread_cond_broadcast(&wa->changed);
		interrupt(wa);
		(void)pthread_mutex_unlock(&wa->lock);
		(void)pthread_join(wa->thread, NULL);
	}
	/* There is nobody left to report a failure to: the queue is gone or quite full. */
	if (wa->held)
		(void)msgsnd(q->handle, &wa->held_type, 0, IPC_NOWAIT);
	atomic_store(&q->watch, NULL);
	watch_delete(wa);
}

/* ---- receiving --------------------------------------------------------------------- */

static bool
selects_held(const struct watch *wa, const struct ipcq_options *options)
{
	int64_t select = options->select;

	if (!wa->held)
		return false;
	if (select == 0)
		return true;
	if (select < 0)
		return select == INT64_MIN || wa->held_type <= -select;
	return ((options->flags & IPCQ_EXCEPT) != 0) != (wa->held_type == select);
}

/* The held message is older than all in the queue, but there may be a lower type. */
static ssize_t
receive_lower(const struct ipcq *q, const struct watch *wa, void *buf, size_t size,
    struct ipcq_message *ret)
{
	const struct ipcq_options lower = { .flags = IPCQ_NOWAIT,
		.select = 1 - wa->held_type };

	if (wa->held_type == 1)
		return -EAGAIN;
	return sysvq_receive(q, buf, size, &lower, ret);
}

static ssize_t
receive_held(struct watch *wa, void *buf, struct ipcq_message *ret)
{
	memcpy(buf, &wa->held_type, sizeof(wa->held_type));
	wa->held = false;
	return queue_message(ret, buf, 0);
}

/* Nothing was there: make the descriptor quiet until something comes. */
static void
arm(struct watch *wa)
{
	uint64_t count;

	if (wa->fd < 0 || wa->armed || wa->held)
		return;
	(void)!read(wa->fd, &count, sizeof(count));
	wa->armed = true;
	(void)pthread_cond_broadcast(&wa->changed);
}

/* With the lock held. */
static ssize_t
receive_now(struct ipcq *q, void *buf, size_t size, const struct ipcq_options *options,
    struct ipcq_message *ret)
{
	const struct ipcq_options now = { .select = options->select,
		.flags = (options->flags & ~IPCQ_TIMED) | IPCQ_NOWAIT };
	struct watch *wa = atomic_load(&q->watch);
	ssize_t len;

	if (selects_held(wa, options)) {
		len = options->select < 0 ? receive_lower(q, wa, buf, size, ret)
					  : -EAGAIN;
		if (len != -EAGAIN && len != -EIDRM)
			return len;
		return receive_held(wa, buf, ret);
	}
	len = sysvq_receive(q, buf, size, &now, ret);
	if (len == -EAGAIN)
		arm(wa);
	return len;
}

ssize_t
watch_receive(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	struct watch *wa = atomic_load(&q->watch);
	ssize_t len;

	(void)pthread_mutex_lock(&wa->lock);
	len = receive_now(q, buf, size, options, ret);
	if (len != -EAGAIN || (options->flags & IPCQ_NOWAIT) != 0)
		goto out;
	wa->receivers++;
	interrupt(wa);
	len = receive_now(q, buf, size, options, ret);
	if (len == -EAGAIN) {
		(void)pthread_mutex_unlock(&wa->lock);
		len = sysvq_receive(q, buf, size, options, ret);
		(void)pthread_mutex_lock(&wa->lock);
	}
	wa->receivers--;
	(void)pthread_cond_broadcast(&wa->changed);
out:
	(void)pthread_mutex_unlock(&wa->lock);
	return len;
}

int
ipcq_poll_fd(struct ipcq *q)
{
	struct watch *wa = NULL;
	int rc;

	if (q->kind == IPCQ_POSIX)
		return q->handle;
	if ((q->flags & IPCQ_READ) == 0)
		return -EBADF;
	rc = watch_get(&wa, q);
	if (rc < 0)
		return rc;
	(void)pthread_mutex_lock(&wa->lock);
	rc = watch_start_thread(q, wa);
	if (rc == 0 && wa->fd < 0) {
		wa->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (wa->fd < 0)
			rc = -errno;
		else
			arm(wa);
		if (rc == 0 && wa->held) {
			wa->armed = true;
			tell(wa);
		}
	}
	if (rc == 0)
		rc = wa->fd;
	(void)pthread_mutex_unlock(&wa->lock);
	return rc;
}
