#include "service/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#ifdef HAVE_LIBSYSTEMD
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define NOTICES_MAX 256 /* that wait; further ones are lost */

/* sd_notify(3) waits for a service manager that does not read. We do not: what must arrive is kept
 * here, in order, until it is read. */
struct notice {
	TAILQ_ENTRY(notice) link;
	int fd; /* to be passed, a copy of ours; or -1 */
	char *text;
};

/* Threads may tell something. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(notices, notice) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static size_t n_waiting;

/* Its length, or 0: there is none. */
static socklen_t
manager_address(struct sockaddr_un *un)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);

	if (len < 2 || len >= sizeof(un->sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return 0;
	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, path, len);
	if (path[0] == '@')
		un->sun_path[0] = '\0';
	else
		len++; /* the name in a file system has its NUL */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int
send_at(int sock, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct sockaddr_un un;
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_name = &un };

	mh.msg_namelen = manager_address(&un);
	if (mh.msg_namelen == 0)
		return -ENOENT;
	if (fd >= 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Returns false when it has to be tried again later. A service manager that is not there changes
 * nothing for the queues. */
static bool
send_now(const char *text, int fd)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = sock < 0 ? -errno : send_at(sock, text, fd);

	if (sock >= 0)
		(void)close(sock);
	return rc != -EAGAIN && rc != -ENOBUFS && rc != -ETOOMANYREFS &&
	       rc != -EMFILE && rc != -ENFILE;
}

static void
notice_free(struct notice *nt)
{
	if (nt->fd >= 0)
		(void)close(nt->fd);
	free(nt->text);
	free(nt);
}

static void
drop(struct notice *nt)
{
	TAILQ_REMOVE(&waiting, nt, link);
	n_waiting--;
	notice_free(nt);
}

/* What begins like the text is no longer so. */
static void
drop_like(const char *text, size_t len)
{
	struct notice *nt = TAILQ_FIRST(&waiting);

	while (nt != NULL) {
		struct notice *next = TAILQ_NEXT(nt, link);

		if (strncmp(nt->text, text, len) == 0)
			drop(nt);
		nt = next;
	}
}

/* Without memory or descriptors it is lost. */
static void
append(const char *text, int fd)
{
	struct notice *nt = n_waiting < NOTICES_MAX ? calloc(1, sizeof(*nt)) : NULL;

	if (nt == NULL)
		return;
	nt->text = strdup(text);
	/* The caller may close his before it is sent. */
	nt->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (nt->text == NULL || (fd >= 0 && nt->fd < 0)) {
		notice_free(nt);
		return;
	}
	TAILQ_INSERT_TAIL(&waiting, nt, link);
	n_waiting++;
}

static void
send_waiting(void)
{
	struct notice *nt;

	while ((nt = TAILQ_FIRST(&waiting)) != NULL && send_now(nt->text, nt->fd))
		drop(nt);
}

void
notify_retry(void)
{
	(void)pthread_mutex_lock(&mutex);
	send_waiting();
	(void)pthread_mutex_unlock(&mutex);
}

/* It must arrive, and takes the place of those that begin with the same len bytes; 0: it may be
 * lost. */
static void
notify_pass(const char *text, size_t len, int fd)
{
	(void)pthread_mutex_lock(&mutex);
	if (len > 0)
		drop_like(text, len);
	send_waiting();
	if ((!TAILQ_EMPTY(&waiting) || !send_now(text, fd)) && len > 0)
		append(text, fd);
	(void)pthread_mutex_unlock(&mutex);
}

uint64_t
notify_watchdog_ms(void)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	return usec / 2000 > 0 ? usec / 2000 : 1;
}

#else

static void
notify_pass(const char *text, size_t len, int fd)
{
	(void)text;
	(void)len;
	(void)fd;
}

void
notify_retry(void)
{
}

uint64_t
notify_watchdog_ms(void)
{
	return 0;
}

#endif

bool
notify_is_heard(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void
notify_ready(void)
{
	notify_pass("READY=1", strlen("READY=1"), -1);
}

void
notify_reloading(void)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    clock_monotonic_ns() / 1000);
	notify_pass(text, strlen("RELOADING=1"), -1);
}

void
notify_stopping(void)
{
	notify_pass("STOPPING=1\nSTATUS=stopping", strlen("STOPPING=1"), -1);
}

void
notify_status(const char *line)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "STATUS=%s", line);
	notify_pass(text, strlen("STATUS="), -1);
}

void
notify_alive(void)
{
	notify_pass("WATCHDOG=1", 0, -1);
}

void
notify_extend(uint64_t ms)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRIu64, ms * 1000);
	notify_pass(text, 0, -1);
}

void
notify_keep(const char *name, int fd)
{
	char text[512];

	/* Not watched for errors: a listening socket is kept until we say otherwise. */
	(void)snprintf(text, sizeof(text), "FDNAME=%s\nFDSTORE=1\nFDPOLL=0", name);
	/* Not in the place of notify_forget(): there may be an older one of the name. */
	notify_pass(text, strlen(text), fd);
}

void
notify_forget(const char *name)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "FDNAME=%s\nFDSTOREREMOVE=1", name);
	notify_pass(text, strlen("FDNAME=") + strlen(name) + 1, -1);
}
