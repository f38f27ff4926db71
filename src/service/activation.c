#include "service/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/quote.h"
#include "control/socket.h"
#include "net/address.h"
#include "net/sockname.h"
#include "net/tcpsock.h"
#include "net/unixsock.h"
#include "service/notify.h"

#define PASSED_MAX   1024 /* sockets; more is no service manager */
#define BACKLOG      128
#define CONTROL_MODE 0660
#define NAME_MAX_FD  256 /* bytes with the NUL; systemd takes no longer name */

static const char kept_prefix[] = "kept-";

struct held {
	int fd; /* -1: somebody took it */
	/* One more of what a socket unit passed and somebody took: nobody else can listen there, so it
	 * is in hand when he has closed his. -1: none. */
	int spare;
	enum activation_kind kind;
	bool kept; /* for us; else of a socket unit */
	char *name;
	struct address address; /* as soon as it is taken */
	struct stat file;       /* of a Unix socket that is kept */
};

struct activation {
	bool is_heard;
	struct held *held;
	size_t n_held;
};

static const struct kind_row {
	enum activation_kind kind;
	const char *name;
	bool is_prefix;
} kind_rows[] = {
	{ ACTIVATION_CONTROL, "control", false },
	{ ACTIVATION_LISTENER, "listener", true },
	{ ACTIVATION_METRICS, "metrics", false },
};

/* kept: what follows tells them apart. */
static enum activation_kind
kind_of(const char *name, bool kept)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_rows); i++) {
		const struct kind_row *row = &kind_rows[i];

		if (row->is_prefix || kept
			? strncmp(name, row->name, strlen(row->name)) == 0
			: strcmp(name, row->name) == 0)
			return row->kind;
	}
	return ACTIVATION_NONE;
}

/* ---- what was passed ------------------------------------------------------------- */

static int
add_held(struct activation *at, int fd, const char *name)
{
	size_t prefix = sizeof(kept_prefix) - 1;
	struct held *more = reallocarray(at->held, at->n_held + 1, sizeof(*more));
	struct held *hd;

	if (more == NULL)
		return -ENOMEM;
	at->held = more;
	hd = &more[at->n_held];
	*hd = (struct held){ .fd = fd, .spare = -1, .name = strdup(name) };
	if (hd->name == NULL)
		return -ENOMEM;
	hd->kept = strncmp(name, kept_prefix, prefix) == 0;
	hd->kind = kind_of(hd->kept ? name + prefix : name, hd->kept);
	at->n_held++;
	return 0;
}

/* As many as LISTEN_FDS says, if LISTEN_PID says that they are for us. */
static unsigned
passed_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t value, n;

	if (pid == NULL || count == NULL || parse_u64(&value, pid, 1, INT32_MAX) < 0 ||
	    value != (uint64_t)getpid() || parse_u64(&n, count, 1, PASSED_MAX) < 0)
		return 0;
	return (unsigned)n;
}

static int
read_passed(struct activation *at, int first_fd)
{
	const char *names = getenv("LISTEN_FDNAMES");
	unsigned n = passed_count();
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		size_t len = names == NULL ? 0 : strcspn(names, ":");
		char name[NAME_MAX_FD];

		(void)snprintf(
		    name, sizeof(name), "%.*s", (int)len, names == NULL ? "" : names);
		if (names != NULL)
			names += len + (names[len] == ':');
		(void)fcntl(first_fd + (int)i, F_SETFD, FD_CLOEXEC);
		rc = add_held(at, first_fd + (int)i, name);
	}
	return rc;
}

int
activation_new(struct activation **ret, int first_fd)
{
	struct activation *at = calloc(1, sizeof(*at));
	int rc;

	if (at == NULL)
		return -ENOMEM;
	at->is_heard = notify_is_heard();
	rc = read_passed(at, first_fd);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (rc < 0) {
		activation_free(at);
		return rc;
	}
	*ret = at;
	return 0;
}

void
activation_free(struct activation *at)
{
	if (at == NULL)
		return;
	for (size_t i = 0; i < at->n_held; i++) {
		if (at->held[i].fd >= 0)
			(void)close(at->held[i].fd);
		if (at->held[i].spare >= 0)
			(void)close(at->held[i].spare);
		free(at->held[i].name);
	}
	free(at->held);
	free(at);
}

/* ---- addresses -------------------------------------------------------------------- */

static bool
is_option(int fd, int option, int wanted)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

static bool
is_unix_at(const struct sockaddr_storage *sa, socklen_t len, const char *path)
{
	struct sockaddr_un un = { 0 };
	size_t before = offsetof(struct sockaddr_un, sun_path);

	if (sa->ss_family != AF_UNIX || len <= before || len > sizeof(un))
		return false;
	memcpy(&un, sa, len);
	return strnlen(un.sun_path, len - before) == strlen(path) &&
	       memcmp(un.sun_path, path, strlen(path)) == 0;
}

static bool
is_tcp_at(const struct sockaddr_storage *sa, const struct address *ad)
{
	struct sockaddr_storage wanted;
	socklen_t len;

	if (tcpsock_address(&wanted, &len, ad) < 0 || sa->ss_family != wanted.ss_family)
		return false;
	if (sa->ss_family == AF_INET) {
		const struct sockaddr_in *a = (const void *)sa,
					 *b = (const void *)&wanted;

		return a->sin_port == b->sin_port &&
		       a->sin_addr.s_addr == b->sin_addr.s_addr;
	}
	const struct sockaddr_in6 *a = (const void *)sa, *b = (const void *)&wanted;

	return a->sin6_port == b->sin6_port &&
	       memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
}

/* Is it a stream socket that listens at the address? */
static bool
listens_at(int fd, const struct address *ad)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (!is_option(fd, SO_ACCEPTCONN, 1) || !is_option(fd, SO_TYPE, SOCK_STREAM) ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return false;
	return ad->kind == ADDRESS_UNIX ? is_unix_at(&sa, len, ad->path)
					: is_tcp_at(&sa, ad);
}

static struct held *
find_untaken(struct activation *at, enum activation_kind kind, const struct address *ad,
    bool kept)
{
	for (size_t i = 0; i < at->n_held; i++) {
		struct held *hd = &at->held[i];

		if (hd->fd >= 0 && hd->kind == kind && hd->kept == kept &&
		    listens_at(hd->fd, ad))
			return hd;
	}
	return NULL;
}

static int
take_held(struct held *hd, const struct address *ad)
{
	int fd = hd->fd, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	hd->fd = -1;
	if (!hd->kept)
		hd->spare = fcntl(fd, F_DUPFD_CLOEXEC, ACTIVATION_FIRST_FD);
	hd->address = *ad;
	return fd;
}

int
activation_take(
    struct activation *at, enum activation_kind kind, const struct address *ad)
{
	struct held *hd = at == NULL ? NULL : find_untaken(at, kind, ad, false);

	if (hd == NULL)
		return -ENOENT;
	log_event(EVENT_SOCKET_PASSED, NULL,
	    "socket %s is passed by the service manager", quote(hd->name).text);
	return take_held(hd, ad);
}

/* ---- what is kept ------------------------------------------------------------------- */

/* A name that systemd takes: no ':', and nothing that is not printable. Each address has one of its
 * own. 0 or -ENAMETOOLONG. */
static int
name_kept(char name[NAME_MAX_FD], enum activation_kind kind, const struct address *ad)
{
	const char *rest = ad->kind == ADDRESS_UNIX ? ad->path : ad->host;
	const char *what = kind == ACTIVATION_METRICS ? "metrics" : "listener";
	size_t len;

	if (kind == ACTIVATION_CONTROL)
		return snprintf(name, NAME_MAX_FD, "%scontrol", kept_prefix) < 0
			   ? -EINVAL
			   : 0;
	len = (size_t)snprintf(name, NAME_MAX_FD, "%s%s-", kept_prefix, what);
	if (ad->kind == ADDRESS_TCP)
		len += (size_t)snprintf(name + len, NAME_MAX_FD - len, "%u-", ad->port);
	for (; *rest != '\0'; rest++) {
		bool plain =
		    *rest > ' ' && *rest < 0x7f && *rest != ':' && *rest != '%';

		if (len + 4 > NAME_MAX_FD)
			return -ENAMETOOLONG;
		len += (size_t)snprintf(name + len, NAME_MAX_FD - len,
		    plain ? "%c" : "%%%02x", (unsigned char)*rest);
	}
	return 0;
}

/* The file of one that was kept: is it there still? Then it gets what the configuration says. */
static bool
mend_file(struct held *hd, const char *path, const struct activation_file *file)
{
	if (lstat(path, &hd->file) != 0 || !S_ISSOCK(hd->file.st_mode))
		return false;
	return (file->group == NULL || lchown(path, (uid_t)-1, *file->group) == 0) &&
	       chmod(path, file->mode) == 0;
}

static int
open_new(enum activation_kind kind, const struct address *ad,
    const struct activation_file *file)
{
	struct control_socket sk;
	struct stat st;
	int rc;

	if (ad->kind == ADDRESS_TCP)
		return tcpsock_listen(ad, BACKLOG);
	if (kind != ACTIVATION_CONTROL)
		return unixsock_listen(ad->path, file->mode, BACKLOG, &st);
	rc = control_socket_open(&sk, ad->path, file->mode, file->group);
	return rc < 0 ? rc : sk.fd;
}

/* Without memory or with too long a name it is only not kept. */
static void
keep(struct activation *at, enum activation_kind kind, const struct address *ad, int fd)
{
	char name[NAME_MAX_FD];
	struct held *hd;

	if (name_kept(name, kind, ad) < 0 || add_held(at, -1, name) < 0)
		return;
	hd = &at->held[at->n_held - 1];
	hd->address = *ad;
	if (ad->kind == ADDRESS_UNIX)
		(void)lstat(ad->path, &hd->file);
	notify_keep(name, fd);
}

int
activation_listen(struct activation *at, enum activation_kind kind,
    const struct address *ad, const struct activation_file *file)
{
	struct held *hd;
	int fd = activation_take(at, kind, ad);

	if (fd != -ENOENT || at == NULL || !at->is_heard)
		return fd;
	hd = find_untaken(at, kind, ad, true);
	if (hd != NULL && (ad->kind == ADDRESS_TCP || mend_file(hd, ad->path, file)))
		return take_held(hd, ad);
	fd = open_new(kind, ad, file);
	if (fd >= 0)
		keep(at, kind, ad, fd);
	return fd;
}

int
activation_control(struct activation *at, const char *path, const gid_t *group)
{
	const struct activation_file file = { CONTROL_MODE, group };
	struct address ad = { .kind = ADDRESS_UNIX };

	if (strlen(path) >= sizeof(ad.path))
		return -ENAMETOOLONG;
	memcpy(ad.path, path, strlen(path) + 1);
	return activation_listen(at, ACTIVATION_CONTROL, &ad, &file);
}

/* ---- what is left ------------------------------------------------------------------- */

static void
tell_unwanted(const struct held *hd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	char where[SOCKNAME_MAX] = "";

	if (getsockname(hd->fd, (struct sockaddr *)&sa, &len) == 0)
		(void)sockname_format(where, &sa, len);
	if (hd->kind == ACTIVATION_NONE)
		log_event(EVENT_SOCKET_REFUSED, NULL,
		    "the service manager passed a socket named %s: the names are control, "
		    "listener..., metrics (FileDescriptorName= of its unit)",
		    quote(hd->name).text);
	else if (!is_option(hd->fd, SO_ACCEPTCONN, 1))
		log_event(EVENT_SOCKET_REFUSED, NULL,
		    "the service manager passed %s, which is no stream socket that "
		    "listens (ListenStream= and Accept=no in its unit)",
		    quote(hd->name).text);
	else
		log_event(EVENT_SOCKET_REFUSED, NULL,
		    "the service manager passed the socket %s at %s, and the configuration "
		    "names none of that kind there: name it, or stop and disable its unit",
		    quote(hd->name).text, where[0] == '\0' ? "?" : where);
}

unsigned
activation_finish(struct activation *at)
{
	unsigned faults = 0;

	for (size_t i = 0; i < at->n_held; i++) {
		struct held *hd = &at->held[i];

		if (hd->fd < 0)
			continue;
		if (hd->kept) {
			notify_forget(hd->name);
		} else {
			tell_unwanted(hd);
			faults++;
		}
		(void)close(hd->fd);
		hd->fd = -1;
		hd->kind = ACTIVATION_NONE; /* of no interest to activation_forget() */
	}
	return faults;
}

static bool
address_equal(const struct address *a, const struct address *b)
{
	return a->kind == b->kind && a->port == b->port &&
	       strcmp(a->host, b->host) == 0 && strcmp(a->path, b->path) == 0;
}

bool
activation_is_passed(
    const struct activation *at, enum activation_kind kind, const struct address *ad)
{
	for (size_t i = 0; at != NULL && i < at->n_held; i++) {
		const struct held *hd = &at->held[i];

		if (hd->kind == kind && hd->fd < 0 && !hd->kept &&
		    address_equal(&hd->address, ad))
			return true;
	}
	return false;
}

void
activation_forget(
    struct activation *at, enum activation_kind kind, const struct address *ad)
{
	for (size_t i = 0; at != NULL && i < at->n_held; i++) {
		struct held *hd = &at->held[i];

		if (hd->kind != kind || hd->fd >= 0 || !address_equal(&hd->address, ad))
			continue;
		if (hd->kept) {
			notify_forget(hd->name);
			if (ad->kind == ADDRESS_UNIX)
				unixsock_unlink(ad->path, &hd->file);
		} else {
			log_event(EVENT_SOCKET_REFUSED, NULL,
			    "the socket %s is not used any more, but its unit still "
			    "listens and nobody answers there: stop and disable it",
			    quote(hd->name).text);
		}
		hd->fd = hd->spare;
		hd->spare = -1;
		if (hd->fd < 0)
			hd->kind = ACTIVATION_NONE;
	}
}
