#include "daemon/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/quote.h"
#include "config/conf.h"
#include "lib/ipcq.h"
#include "lib/limits.h"
#include "needs/needs.h"

#define SIZE_TEXT    32
#define EXPLAIN_TEXT 1024

static void
print_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	char place[CONF_PLACE_MAX];

	(void)arg;
	(void)fprintf(stderr, "%s: %s\n",
	    conf_fault_place(place, sizeof(place), file, line, key), why);
}

/* ---- rings -------------------------------------------------------------------- */

static void
print_ring(const struct conf_queue *cq)
{
	uint64_t bytes, message = needs_message_size(cq);
	char ring[SIZE_TEXT], body[SIZE_TEXT];

	if (needs_ring(&bytes, cq) < 0) {
		(void)printf("warning: queue %s: no ring can be made for messages of "
			     "%" PRIu64 " bytes\n",
		    quote(cq->name).text, message);
		return;
	}
	(void)printf("  queue %s: %s for %s, messages up to %s%s\n",
	    quote(cq->name).text, format_size(ring, sizeof(ring), bytes),
	    quote(cq->uri).text, format_size(body, sizeof(body), message),
	    cq->create ? "" : " (more if the queue has larger ones)");
}

static void
print_room(const struct conf *cf, uint64_t needed)
{
	int fd = open(cf->ring_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statvfs fs;
	char room[SIZE_TEXT], need[SIZE_TEXT];
	uint64_t left;

	if (fd < 0) {
		(void)printf("warning: %s: %s (systemd-tmpfiles --create makes the one "
			     "of the package)\n",
		    cf->ring_directory, strerror(errno));
		return;
	}
	if (file_is_tmpfs(fd) == 0)
		(void)printf("warning: %s is not on tmpfs, the daemon will not start: "
			     "use a directory below /run, or mount a tmpfs there\n",
		    cf->ring_directory);
	else if (fstatvfs(fd, &fs) == 0) {
		left = (uint64_t)fs.f_bavail * fs.f_frsize;
		(void)printf("  %s is on tmpfs with %s free\n", cf->ring_directory,
		    format_size(room, sizeof(room), left));
		if (left < needed)
			(void)printf("warning: %s has not room for %s beside what is "
				     "there; mount -o remount,size=... enlarges it\n",
			    cf->ring_directory,
			    format_size(need, sizeof(need), needed));
	}
	(void)close(fd);
}

static void
print_rings(const struct conf *cf)
{
	uint64_t sum = needs_ring_directory(cf);
	char text[SIZE_TEXT];

	(void)printf("rings in %s:\n", cf->ring_directory);
	for (size_t i = 0; i < cf->n_queues; i++) {
		if (cf->queues[i].enabled && needs_reading(cf, &cf->queues[i]))
			print_ring(&cf->queues[i]);
	}
	(void)printf(
	    "  with send journals: %s\n", format_size(text, sizeof(text), sum));
	print_room(cf, sum);
}

/* ---- limits ------------------------------------------------------------------- */

static void
warn_explained(const struct conf_queue *cq, const struct ipcq_create *create, int rc)
{
	char text[EXPLAIN_TEXT];

	(void)printf("warning: queue %s: %s\n", quote(cq->name).text,
	    ipcq_explain(text, sizeof(text), cq->uri, create, rc));
}

static uint64_t
print_posix(const struct conf_queue *cq)
{
	struct ipcq_create create;
	uint64_t messages, size, charge;

	needs_create(&create, cq);
	charge = limits_posix_charge(create.max_messages, create.message_size);
	(void)printf("  queue %s: %" PRIu64 " messages of %" PRIu64
		     " bytes count as %" PRIu64 " bytes\n",
	    quote(cq->name).text, create.max_messages, create.message_size, charge);
	if (limits_read(&messages, "fs.mqueue.msg_max") == 0 &&
	    limits_read(&size, "fs.mqueue.msgsize_max") == 0 &&
	    (create.max_messages > messages || create.message_size > size))
		warn_explained(cq, &create, -EINVAL);
	return charge;
}

static void
print_msgqueue(const struct conf *cf)
{
	struct rlimit limit;
	uint64_t sum = 0;
	size_t count = 0;

	if (getrlimit(RLIMIT_MSGQUEUE, &limit) < 0)
		return;
	(void)printf("POSIX queues that are made if absent, and RLIMIT_MSGQUEUE:\n");
	for (size_t i = 0; i < cf->n_queues; i++) {
		const struct conf_queue *cq = &cf->queues[i];

		if (!cq->enabled || !cq->create || cq->kind != CONF_POSIX)
			continue;
		sum += print_posix(cq);
		count++;
	}
	(void)printf("  together %" PRIu64
		     " bytes; the limit here is %ju bytes for all "
		     "POSIX queues of the user\n",
	    sum, (uintmax_t)limit.rlim_max);
	if (count > 0 && sum > limit.rlim_max)
		(void)printf("warning: not enough for the queues above; in the unit of "
			     "the service: LimitMSGQUEUE=%" PRIu64 "\n",
		    sum);
}

static void
print_sysv(const struct conf *cf)
{
	uint64_t msgmax = 0, msgmnb = 0;

	if (limits_read(&msgmax, "kernel.msgmax") < 0 ||
	    limits_read(&msgmnb, "kernel.msgmnb") < 0)
		return;
	(void)printf("System V: messages up to %" PRIu64 " bytes (kernel.msgmax), new "
		     "queues hold %" PRIu64 " bytes (kernel.msgmnb)\n",
	    msgmax, msgmnb);
	for (size_t i = 0; i < cf->n_queues; i++) {
		const struct conf_queue *cq = &cf->queues[i];

		if (cq->enabled && cq->create && cq->kind == CONF_SYSV &&
		    cq->max_bytes > msgmnb)
			(void)printf("warning: queue %s: max_bytes %" PRIu64
				     " is above kernel.msgmnb; sysctl -w "
				     "kernel.msgmnb=%" PRIu64 "\n",
			    quote(cq->name).text, cq->max_bytes, cq->max_bytes);
	}
}

/* ---- the user ----------------------------------------------------------------- */

/* Who the daemon will be: ourselves, or the service's user when root asks. */
static void
print_user(void)
{
	uid_t uid = geteuid();
	const struct passwd *pw =
	    uid == 0 ? getpwnam(NEEDS_SERVICE_USER) : getpwuid(uid);
	const char *name = pw == NULL ? "?" : pw->pw_name;

	if (pw != NULL)
		uid = pw->pw_uid;
	if (needs_user_kind(uid) == NEEDS_USER_DYNAMIC)
		(void)printf("warning: user %s is a dynamic one: DynamicUser= implies "
			     "RemoveIPC=, so systemd deletes its queues whenever the "
			     "service stops; use a system user\n",
		    name);
	else if (needs_user_kind(uid) == NEEDS_USER_PERSON)
		(void)printf("warning: user %s is no system user: logind deletes its "
			     "queues when it logs out, unless logind.conf says "
			     "RemoveIPC=no\n",
		    name);
}

int
check_run(const char *config)
{
	struct conf *cf;
	int faults;

	faults = conf_load(&cf, config, print_fault, NULL);
	if (faults != 0)
		return EX_CONFIG;
	(void)printf("%s: good: %s with %zu queues, %zu peers, %zu routes\n",
	    quote(config).text, quote(cf->name).text, cf->n_queues, cf->n_peers,
	    cf->n_routes);
	print_rings(cf);
	print_msgqueue(cf);
	print_sysv(cf);
	print_user();
	conf_free(cf);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
