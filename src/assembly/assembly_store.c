#include "assembly/assembly_parts.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <string.h>

#include "assembly/found_logs.h"
#include "assembly/inventory.h"
#include "assembly/letters.h"
#include "assembly/pauses.h"
#include "base/log.h"
#include "config/conf.h"
#include "endpoint/resolver.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/log.h"
#include "spool/marks.h"
#include "spool/runtime.h"

static void
on_disk(evutil_socket_t fd, short what, void *arg)
{
	struct assembly *as = arg;

	(void)fd;
	(void)what;
	disk_collect(as->disk);
	letters_report(as->dead);
}

static int
make_disk(struct assembly *as)
{
	int rc;

	rc = disk_new(&as->disk);
	if (rc < 0) {
		log_error("daemon", "cannot start the disk thread: %s", strerror(-rc));
		return rc;
	}
	as->disk_event =
	    event_new(as->base, disk_fd(as->disk), EV_READ | EV_PERSIST, on_disk, as);
	if (as->disk_event == NULL || event_add(as->disk_event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

struct log_env
assembly_log_env(const struct assembly *as)
{
	return (struct log_env){ .runtime_fd = runtime_dir_fd(as->runtime),
		.state_fd = runtime_state_fd(as->runtime),
		.disk = as->disk,
		.reserve_bytes = as->conf->reserve_space,
		.reserve_percent = (unsigned)as->conf->reserve_percent };
}

/* What the two directories hold: marks, dead letters, rings and streams. */
static int
open_files(struct assembly *as)
{
	uint64_t doubts = 0;
	struct log_env env;
	int rc;

	rc = marks_open(&as->marks, runtime_dir_fd(as->runtime), &doubts);
	if (rc < 0) {
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "%s/marks: cannot open: %s; it knows what was delivered, so the "
		    "daemon does not start without it (mqbridge-spool repair --apply "
		    "renames it: what was in flight to this host is then in doubt)",
		    as->conf->ring_directory, strerror(-rc));
		return rc;
	}
	if (doubts > 0)
		log_event(EVENT_IN_DOUBT, NULL,
		    "%" PRIu64 " messages are in doubt: the daemon was killed while "
		    "it delivered them; when they come again, in_doubt of their queue "
		    "says what happens (mqbridgectl show in-doubt)",
		    doubts);
	marks_share(as->marks, as->conf->n_peers);
	rc = letters_open(&as->dead, as->conf, runtime_state_fd(as->runtime));
	if (rc < 0)
		return rc;
	rc = make_disk(as);
	if (rc == 0)
		rc = pauses_open(&as->pauses, runtime_state_fd(as->runtime), as->disk);
	if (rc == 0)
		rc = found_logs_check(
		    runtime_dir_fd(as->runtime), runtime_state_fd(as->runtime));
	if (rc < 0)
		return rc;
	env = assembly_log_env(as);
	rc = inventory_open(&as->inventory, as->runtime, &env);
	if (rc == 0)
		inventory_use_dead(as->inventory, as->dead);
	return rc;
}

static struct target *
find_target(const void *owner, const char *name)
{
	const struct assembly_queue *aq = assembly_queue_find(owner, name);

	return aq == NULL ? NULL : aq->target;
}

static int
make_resolver(struct assembly *as)
{
	const struct resolver_env env = { as->disk, as->dead, find_target, as };

	return resolver_new(&as->resolver, &env);
}

int
assembly_store_open(struct assembly *as)
{
	int rc = open_files(as);

	return rc < 0 ? rc : make_resolver(as);
}
