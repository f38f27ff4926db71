#include <errno.h>
#include <linux/netlink.h>
#include <mqueue.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/watch.h"

/* How the kernel tells of SIGEV_THREAD: these bytes, which the caller chose, but for the
 * last one, come through a netlink socket. linux/mqueue.h; mq_notify(3) of the C library
 * does the same, but cannot say when a callback is no longer to be expected. */
#define COOKIE_BYTES 32
#define COOKIE_WOKEN 1

/* With the lock held. */
static void
forget(struct watch *wa, const struct notice *no)
{
	struct notice **at = &wa->notices;

	while (*at != NULL && *at != no)
		at = &(*at)->next;
	if (*at != NULL)
		*at = no->next;
	if (wa->registered == no)
		wa->registered = NULL;
	(void)pthread_cond_broadcast(&wa->changed);
}

static void
notice_free(struct notice *no)
{
	if (no->socket >= 0)
		(void)close(no->socket);
	free(no);
}

/* The kernel answers once: the message came, or the registration ended. */
static bool
wait_at_socket(struct watch *wa, struct notice *no)
{
	char cookie[COOKIE_BYTES] = { 0 };
	ssize_t len;

	do {
		len = recv(no->socket, cookie, sizeof(cookie), 0);
	} while (len < 0 && errno == EINTR);
	(void)pthread_mutex_lock(&wa->lock);
	if (wa->registered == no)
		wa->registered = NULL;
	(void)pthread_mutex_unlock(&wa->lock);
	return len == COOKIE_BYTES && cookie[COOKIE_BYTES - 1] == COOKIE_WOKEN;
}

static bool
wait_for_thread(struct watch *wa, const struct notice *no)
{
	bool fired;

	(void)pthread_mutex_lock(&wa->lock);
	while (no->state == NOTICE_WAITING)
		(void)pthread_cond_wait(&wa->changed, &wa->lock);
	fired = no->state == NOTICE_FIRED;
	(void)pthread_mutex_unlock(&wa->lock);
	return fired;
}

static void *
notice_main(void *arg)
{
	struct notice *no = arg;
	struct watch *wa = atomic_load(&no->q->watch);
	bool fired;

	fired = no->socket >= 0 ? wait_at_socket(wa, no) : wait_for_thread(wa, no);
	if (fired)
		no->callback(no->q, no->arg);
	if (no->q != NULL) {
		(void)pthread_mutex_lock(&wa->lock);
		forget(wa, no);
		(void)pthread_mutex_unlock(&wa->lock);
	}
	notice_free(no);
	return NULL;
}

static int
notice_new(struct notice **ret, struct ipcq *q, const struct ipcq_notification *what)
{
	struct notice *no = calloc(1, sizeof(*no));

	if (no == NULL)
		return -ENOMEM;
	no->q = q;
	no->callback = what->callback;
	no->arg = what->arg;
	no->socket = -1;
	*ret = no;
	return 0;
}

/* Give it its thread and put it into the list. It may run at once: it waits for the lock,
 * which is held. Its socket is heard from then on, so a registration made before is not
 * missed. */
static int
notice_start(struct watch *wa, struct notice *no)
{
	pthread_t thread;
	int rc;

	rc = watch_create_thread(&thread, 0, notice_main, no);
	if (rc != 0)
		return rc;
	no->thread = thread;
	(void)pthread_detach(thread);
	no->next = wa->notices;
	wa->notices = no;
	wa->registered = no;
	return 0;
}

static int
register_at_kernel(int fd, int socket)
{
	char cookie[COOKIE_BYTES] = { 0 };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_signo = socket };

	event.sigev_value.sival_ptr = cookie;
	return syscall(SYS_mq_notify, fd, &event) < 0 ? -errno : 0;
}

static int
notify_posix(struct ipcq *q, struct watch *wa, struct notice *no)
{
	int rc;

	no->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	rc = no->socket < 0 ? -errno : register_at_kernel(q->handle, no->socket);
	if (rc != 0)
		return rc;
	rc = notice_start(wa, no);
	if (rc != 0)
		(void)mq_notify(q->handle, NULL);
	return rc;
}

static int
notify_sysv(struct ipcq *q, struct watch *wa, struct notice *no)
{
	struct msqid_ds ds = { 0 };
	int rc;

	/* At a queue that is gone the callback would come at once, each time. */
	rc = sysvq_status(&ds, q->handle);
	if (rc == 0)
		rc = watch_start_thread(q, wa);
	if (rc == 0 && wa->registered != NULL)
		return -EBUSY;
	if (rc == 0)
		rc = notice_start(wa, no);
	if (rc == 0)
		(void)pthread_cond_broadcast(&wa->changed);
	return rc;
}

static int
notify_callback(struct ipcq *q, struct watch *wa, const struct ipcq_notification *what)
{
	struct notice *no = NULL;
	int rc;

	rc = notice_new(&no, q, what);
	if (rc < 0)
		return rc;
	(void)pthread_mutex_lock(&wa->lock);
	rc = q->kind == IPCQ_POSIX ? notify_posix(q, wa, no) : notify_sysv(q, wa, no);
	(void)pthread_mutex_unlock(&wa->lock);
	if (rc != 0) /* else it is in the list */
		notice_free(no);
	return rc;
}

static int
notify_plain(struct ipcq *q, struct watch *wa, const struct ipcq_notification *what)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	int rc;

	if (what->how == IPCQ_NOTIFY_SIGNAL) {
		event.sigev_notify = SIGEV_SIGNAL;
		event.sigev_signo = what->signal;
		event.sigev_value.sival_ptr = what->arg;
	}
	rc = mq_notify(q->handle, &event) < 0 ? -errno : 0;
	(void)pthread_mutex_lock(&wa->lock);
	if (rc == 0)
		wa->plain = true;
	(void)pthread_mutex_unlock(&wa->lock);
	return rc;
}

int
ipcq_notify(struct ipcq *q, const struct ipcq_notification *what)
{
	struct watch *wa = NULL;
	int rc;

	switch (what->how) {
	case IPCQ_NOTIFY_NONE:
	case IPCQ_NOTIFY_SIGNAL:
		if (q->kind != IPCQ_POSIX)
			return -EOPNOTSUPP;
		break;
	case IPCQ_NOTIFY_CALLBACK:
		if (what->callback == NULL)
			return -EINVAL;
		if (q->kind == IPCQ_SYSV && (q->flags & IPCQ_READ) == 0)
			return -EBADF;
		break;
	default:
		return -EINVAL;
	}
	rc = watch_get(&wa, q);
	if (rc < 0)
		return rc;
	if (what->how == IPCQ_NOTIFY_CALLBACK)
		return notify_callback(q, wa, what);
	return notify_plain(q, wa, what);
}

/* With the lock held. The thread of a POSIX callback is told by the kernel. */
static void
cancel(const struct ipcq *q, struct watch *wa)
{
	if (q->kind == IPCQ_POSIX && (wa->registered != NULL || wa->plain))
		(void)mq_notify(q->handle, NULL);
	wa->plain = false;
	if (wa->registered != NULL)
		wa->registered->state = NOTICE_CANCELLED;
	wa->registered = NULL;
	(void)pthread_cond_broadcast(&wa->changed);
}

/* The notice of the callback that we are in, or NULL. With the lock held. */
static struct notice *
own_notice(const struct watch *wa)
{
	struct notice *no = wa->notices;

	while (no != NULL && !pthread_equal(no->thread, pthread_self()))
		no = no->next;
	return no;
}

/* Is there another callback to wait for? Two that cancel would wait for each other; who
 * closes waits for all, as they are about to use the handle. With the lock held. */
static bool
must_wait(const struct watch *wa, const struct notice *own, bool closing)
{
	for (const struct notice *no = wa->notices; no != NULL; no = no->next) {
		if (no != own && (own == NULL || closing || !no->cancelling))
			return true;
	}
	return false;
}

void
watch_cancel(struct ipcq *q, struct watch *wa, bool closing)
{
	struct notice *own;

	(void)pthread_mutex_lock(&wa->lock);
	own = own_notice(wa);
	if (own != NULL)
		own->cancelling = true;
	for (;;) {
		/* Again each time: a callback that runs may have registered anew. */
		cancel(q, wa);
		if (!must_wait(wa, own, closing))
			break;
		(void)pthread_cond_wait(&wa->changed, &wa->lock);
	}
	if (own != NULL)
		own->cancelling = false;
	(void)pthread_mutex_unlock(&wa->lock);
}

int
ipcq_notify_cancel(struct ipcq *q)
{
	struct watch *wa = watch_of(q);

	if (wa != NULL)
		watch_cancel(q, wa, false);
	return 0;
}
