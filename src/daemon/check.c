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
#include "spool/journal.h"
#include "spool/ring_file.h"

#define SERVICE_USER "mqbridge" /* as systemd/mqbridge.sysusers makes it */
/* Users of people start at 1000 and nobody is 65534; systemd takes dynamic users from between.
 * systemd.exec(5), DynamicUser=. */
#define SYSTEM_UID_MAX  999
#define DYNAMIC_UID_MIN 61184
#define DYNAMIC_UID_MAX 65519

#define SIZE_TEXT    32
#define EXPLAIN_TEXT 1024

static void
print_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	(void)arg;
	(void)fprintf(stderr, "%s:%d: %s: %s\n", file, line, key, why);
}

static bool
queue_is_from(const struct conf *cf, const struct conf_queue *cq)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		if (cf->routes[i].enabled && strcmp(cf->routes[i].from, cq->name) == 0)
			return true;
	}
	return false;
}

/* ---- rings -------------------------------------------------------------------- */

/* The largest message that the queue will have room for, if it is made as configured. */
static uint64_t
queue_message_size(const struct conf_queue *cq)
{
	uint64_t size = 0;

	if (cq->kind == CONF_POSIX)
		return cq->message_size > 0 ? cq->message_size
					    : limits_posix_default_size();
	if (limits_sysv_message(&size) < 0)
		size = 8192; /* the kernel's preset of kernel.msgmax */
	return cq->max_bytes > 0 && cq->max_bytes < size ? cq->max_bytes : size;
}

static uint64_t
print_ring(const struct conf_queue *cq)
{
	struct ring_header hd = { 0 };
	uint64_t bytes, message = queue_message_size(cq);
	char ring[SIZE_TEXT], body[SIZE_TEXT];

	if (message > UINT32_MAX ||
	    ring_file_size(&hd, (uint32_t)message, cq->ring_size) < 0) {
		(void)printf("warning: queue %s: no ring can be made for messages of "
			     "%" PRIu64 " bytes\n",
		    quote(cq->name).text, message);
		return 0;
	}
	bytes = hd.data_offset + hd.bytes;
	(void)printf("  queue %s: %s for %s, messages up to %s%s\n",
	    quote(cq->name).text, format_size(ring, sizeof(ring), bytes),
	    quote(cq->uri).text, format_size(body, sizeof(body), message),
	    cq->create ? "" : " (more if the queue has larger ones)");
	return bytes;
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
	uint64_t sum = 0;
	char text[SIZE_TEXT];

	(void)printf("rings in %s:\n", cf->ring_directory);
	for (size_t i = 0; i < cf->n_queues; i++) {
		if (cf->queues[i].enabled && queue_is_from(cf, &cf->queues[i]))
			sum += print_ring(&cf->queues[i]);
	}
	for (size_t i = 0; i < cf->n_routes; i++)
		sum += cf->routes[i].enabled ? JOURNAL_FILE_BYTES : 0;
	(void)printf(
	    "  with send journals: %s\n", format_size(text, sizeof(text), sum));
	print_room(cf, sum);
}

/* ---- limits ------------------------------------------------------------------- */

static struct ipcq_create
queue_create(const struct conf_queue *cq)
{
	struct ipcq_create create = { .max_messages = cq->max_messages,
		.message_size = cq->message_size,
		.max_bytes = cq->max_bytes };

	if (create.max_messages == 0)
		create.max_messages = limits_posix_default_messages();
	if (create.message_size == 0)
		create.message_size = limits_posix_default_size();
	return create;
}

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
	struct ipcq_create create = queue_create(cq);
	uint64_t charge = limits_posix_charge(create.max_messages, create.message_size);
	uint64_t messages, size;

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
	const struct passwd *pw = uid == 0 ? getpwnam(SERVICE_USER) : getpwuid(uid);
	const char *name = pw == NULL ? "?" : pw->pw_name;

	if (pw != NULL)
		uid = pw->pw_uid;
	if (uid >= DYNAMIC_UID_MIN && uid <= DYNAMIC_UID_MAX)
		(void)printf("warning: user %s is a dynamic one: DynamicUser= implies "
			     "RemoveIPC=, so systemd deletes its queues whenever the "
			     "service stops; use a system user\n",
		    name);
	else if (uid > SYSTEM_UID_MAX && uid < DYNAMIC_UID_MIN)
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
