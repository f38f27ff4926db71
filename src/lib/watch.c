#include "lib/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/message.h"

#define KICK_REPEAT_NS 200000 /* a signal may come just before the call begins: again */

static struct watch *
watch_new(void)
{
	struct watch *wa = calloc(1, sizeof(*wa));

	if (wa == NULL)
		return NULL;
	wa->pid = getpid();
	wa->fd = -1;
	(void)pthread_mutex_init(&wa->lock, NULL);
	(void)pthread_cond_init(&wa->changed, NULL);
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
		if (q->kind == IPCQ_SYSV)
			message_receive_slowly(q);
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
	wa->state =
	    wait_timer(&wa->timer, wa->signal) == 0 ? WATCH_RUNNING : WATCH_FAILED;
	(void)pthread_cond_broadcast(&wa->changed);
	while (wa->state == WATCH_RUNNING && !wa->ending) {
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

	while (wa->starting) /* another caller waits for the answer just now */
		(void)pthread_cond_wait(&wa->changed, &wa->lock);
	if (wa->state == WATCH_RUNNING)
		return 0;
	wa->signal = wait_signal();
	if (wa->signal < 0)
		return wa->signal;
	rc = watch_create_thread(&wa->thread, wa->signal, watch_main, q);
	if (rc < 0)
		return rc;
	wa->starting = true;
	while (wa->state == WATCH_IDLE)
		(void)pthread_cond_wait(&wa->changed, &wa->lock);
	if (wa->state == WATCH_FAILED) {
		(void)pthread_join(wa->thread, NULL);
		wa->state = WATCH_IDLE;
		rc = -ENOBUFS;
	}
	wa->starting = false;
	(void)pthread_cond_broadcast(&wa->changed);
	return rc;
}

/* Make it leave the kernel; before, something was set that keeps it out. */
static void
interrupt(struct watch *wa)
{
	const struct itimerspec on = { .it_value = { .tv_nsec = 1 },
		.it_interval = { .tv_nsec = KICK_REPEAT_NS } };
	const struct itimerspec off = { 0 };

	if (!wa->in_kernel)
		return;
	wait_keep_signal(wa->signal);
	(void)timer_settime(wa->timer, 0, &on, NULL);
	while (wa->in_kernel)
		(void)pthread_cond_wait(&wa->changed, &wa->lock);
	(void)timer_settime(wa->timer, 0, &off, NULL);
}

void
watch_free(struct ipcq *q)
{
	struct watch *wa = watch_of(q);

	if (wa == NULL)
		return;
	if (wa->state == WATCH_RUNNING) {
		(void)pthread_mutex_lock(&wa->lock);
		wa->ending = true;
		(void)pthread_cond_broadcast(&wa->changed);
		interrupt(wa);
		(void)pthread_mutex_unlock(&wa->lock);
		(void)pthread_join(wa->thread, NULL);
		(void)timer_delete(wa->timer);
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
receive_lower(const struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	const struct watch *wa = atomic_load(&q->watch);
	const struct ipcq_options lower = { .flags = (options->flags & IPCQ_TRUNCATE) |
						     IPCQ_NOWAIT,
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
		len = options->select < 0 ? receive_lower(q, buf, size, options, ret)
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

/* From here on the thread stays out of the kernel; what it took there is held by then, so
 * that nothing newer is received before it. With the lock held. */
static void
begin_receiving(struct watch *wa)
{
	wa->receivers++;
	interrupt(wa);
}

/* The thread is woken only when it has something to wait for. */
static void
end_receiving(struct watch *wa)
{
	wa->receivers--;
	if (wa->receivers == 0 && (wa->armed || wa->registered != NULL))
		(void)pthread_cond_broadcast(&wa->changed);
}

ssize_t
watch_receive(struct ipcq *q, void *buf, size_t size,
    const struct ipcq_options *options, struct ipcq_message *ret)
{
	struct watch *wa = atomic_load(&q->watch);
	ssize_t len;

	(void)pthread_mutex_lock(&wa->lock);
	begin_receiving(wa);
	len = receive_now(q, buf, size, options, ret);
	if (len == -EAGAIN && (options->flags & IPCQ_NOWAIT) == 0) {
		(void)pthread_mutex_unlock(&wa->lock);
		len = sysvq_receive(q, buf, size, options, ret);
		(void)pthread_mutex_lock(&wa->lock);
	}
	end_receiving(wa);
	(void)pthread_mutex_unlock(&wa->lock);
	return len;
}

/* ---- looking ------------------------------------------------------------------------ */

/* The lock, and the thread out of the kernel, so that a message on its way is either held
 * or in the queue; NULL when no thread is there. */
static struct watch *
pause_thread(const struct ipcq *q)
{
	struct watch *wa = atomic_load(&q->watch);

	if (wa == NULL || wa->pid != getpid())
		return NULL;
	(void)pthread_mutex_lock(&wa->lock);
	begin_receiving(wa);
	return wa;
}

static void
resume_thread(struct watch *wa)
{
	end_receiving(wa);
	(void)pthread_mutex_unlock(&wa->lock);
}

/* The held message is older than all in the queue. */
ssize_t
watch_peek(
    struct ipcq *q, void *buf, size_t size, uint64_t position, struct ipcq_message *ret)
{
	struct watch *wa = pause_thread(q);
	ssize_t len;

	if (wa == NULL)
		return sysvq_peek(q, buf, size, position, ret);
	if (wa->held && position == 0) {
		memcpy(buf, &wa->held_type, sizeof(wa->held_type));
		len = queue_message(ret, buf, 0);
	} else {
		len = sysvq_peek(q, buf, size, position - wa->held, ret);
	}
	resume_thread(wa);
	return len;
}

int
watch_attributes(const struct ipcq *q, struct ipcq_attributes *ret)
{
	struct watch *wa = pause_thread(q);
	int rc = sysvq_attributes(q, ret);

	if (wa == NULL)
		return rc;
	if (rc == 0 && wa->held)
		ret->messages++;
	resume_thread(wa);
	return rc;
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
