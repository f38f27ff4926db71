#include "daemon/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/crash.h"
#include "base/quote.h"
#include "config/conf.h"
#include "control/server.h"
#include "daemon/assembly.h"
#include "daemon/commands.h"
#include "daemon/drain.h"
#include "daemon/holder.h"
#include "daemon/notify.h"
#include "daemon/numbers.h"
#include "daemon/status.h"
#include "spool/image.h"
#include "spool/runtime.h"

#define EVENTS_MAX        8
#define STATUS_EVERY_MS   2000
#define DRAIN_EVERY_MS    20
#define STOP_EXTRA_MS     30000 /* for the image, beside what its bytes take */
#define SAVE_BYTES_PER_MS 16384 /* a slow disk */

struct daemon {
	struct conf *conf;
	struct event_base *base;
	struct runtime *runtime;
	struct assembly *assembly;
	struct control_server *control;
	struct commands_context context; /* of the commands */
	struct event *events[EVENTS_MAX];
	size_t n_events;
	struct status_memory memory;
	char status[STATUS_MAX]; /* as last told */
	uint64_t halted_ms;
	uint64_t backlog_bytes; /* when it stops */
};

static void
log_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	(void)arg;
	log_error("daemon", "%s:%d: %s: %s", file, line, key, why);
}

/* ---- the loop ---------------------------------------------------------------- */

static struct event *
daemon_event(struct daemon *dm, int fd, short what, event_callback_fn on_event)
{
	struct event *ev = event_new(dm->base, fd, what, on_event, dm);

	if (ev != NULL)
		dm->events[dm->n_events++] = ev;
	return ev;
}

static int
daemon_every(struct daemon *dm, uint64_t ms, event_callback_fn on_event)
{
	const struct timeval tv = clock_timeval(ms);
	struct event *ev = daemon_event(dm, -1, EV_PERSIST, on_event);

	return ev != NULL && event_add(ev, &tv) == 0 ? 0 : -ENOMEM;
}

static void
daemon_on_drain(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *dm = arg;
	uint64_t now = clock_monotonic_ms();
	uint64_t in_flight;

	(void)fd;
	(void)what;
	if (now - dm->halted_ms < dm->conf->stop_timeout_ms &&
	    drain_is_busy(dm->assembly, dm->halted_ms, now))
		return;
	in_flight = drain_in_flight(dm->assembly);
	if (in_flight > 0)
		log_info("daemon",
		    "stopping: %" PRIu64 " messages that were sent are not "
		    "acknowledged; they are kept and sent again after the next start",
		    in_flight);
	(void)event_base_loopbreak(dm->base);
}

static void
daemon_on_stop(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;
	struct numbers_total total;

	(void)what;
	if (dm->context.stopping) {
		log_warn("daemon", "signal %d again: not waiting for acknowledgements",
		    (int)number);
		(void)event_base_loopbreak(dm->base);
		return;
	}
	log_info("daemon", "signal %d: stopping", (int)number);
	dm->context.stopping = true;
	numbers_total(dm->assembly, &total);
	dm->backlog_bytes = total.backlog_bytes;
	notify_stopping();
	assembly_halt(dm->assembly);
	dm->halted_ms = clock_monotonic_ms();
	if (daemon_every(dm, DRAIN_EVERY_MS, daemon_on_drain) < 0)
		(void)event_base_loopbreak(dm->base);
}

static void
daemon_on_hangup(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	(void)arg;
	log_warn("daemon", "SIGHUP: this version does not reload; restart it");
}

static void
daemon_on_status(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *dm = arg;
	char line[STATUS_MAX];

	(void)fd;
	(void)what;
	if (dm->context.stopping)
		return;
	(void)status_line(
	    line, sizeof(line), dm->assembly, &dm->memory, clock_monotonic_ms());
	if (strcmp(line, dm->status) == 0)
		return;
	memcpy(dm->status, line, sizeof(line));
	notify_status(line);
}

static void
daemon_on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_alive();
}

static int
start_events(struct daemon *dm)
{
	static const struct {
		int number;
		event_callback_fn on_event;
	} signals[] = {
		{ SIGTERM, daemon_on_stop },
		{ SIGINT, daemon_on_stop },
		{ SIGHUP, daemon_on_hangup },
	};
	uint64_t watchdog_ms = notify_watchdog_ms();
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct event *ev = daemon_event(
		    dm, signals[i].number, EV_SIGNAL | EV_PERSIST, signals[i].on_event);

		if (ev == NULL || event_add(ev, NULL) < 0)
			return -ENOMEM;
	}
	rc = daemon_every(dm, STATUS_EVERY_MS, daemon_on_status);
	if (rc == 0 && watchdog_ms > 0)
		rc = daemon_every(dm, watchdog_ms, daemon_on_watchdog);
	return rc;
}

/* ---- the start ---------------------------------------------------------------- */

static void
on_libevent_log(int severity, const char *text)
{
	if (severity == EVENT_LOG_ERR)
		log_error("daemon", "libevent: %s", text);
	else if (severity == EVENT_LOG_WARN)
		log_warn("daemon", "libevent: %s", text);
	else
		log_debug("daemon", "libevent: %s", text);
}

/* Queues that we make are charged to this limit; the service may have been given a higher
 * hard one. */
static int
raise_limits(struct daemon *dm)
{
	struct rlimit limit;

	(void)dm;
	if (getrlimit(RLIMIT_MSGQUEUE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_MSGQUEUE, &limit) < 0)
		log_warn("daemon", "cannot raise RLIMIT_MSGQUEUE to its hard limit: %s",
		    strerror(errno));
	return 0;
}

#define TURN_CALLBACKS 32

/* Only epoll can poll message queues beside sockets at this rate; no environment variable
 * chooses another. It is polled also while callbacks keep activating each other: a queue that is
 * never empty must not keep signals and heartbeats waiting. */
static int
start_base(struct daemon *dm)
{
	struct event_config *config = event_config_new();
	const char *method;

	event_set_log_callback(on_libevent_log);
	if (config == NULL)
		return -ENOMEM;
	if (event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
	    event_config_set_max_dispatch_interval(config, NULL, TURN_CALLBACKS, 0) ==
		0)
		dm->base = event_base_new_with_config(config);
	event_config_free(config);
	method = dm->base == NULL ? "none" : event_base_get_method(dm->base);
	if (strcmp(method, "epoll") != 0) {
		log_error("daemon",
		    "cannot make an event loop on epoll (libevent has: %s)", method);
		return -ENOSYS;
	}
	return 0;
}

static const char *
mend_of(int rc)
{
	switch (rc) {
	case -EMEDIUMTYPE:
		return " (mount -t tmpfs -o mode=0750,size=25% tmpfs DIRECTORY)";
	case -ENOENT:
		return "; make it (systemd-tmpfiles --create, or install -d -m 0750 -o "
		       "mqbridge -g mqbridge DIRECTORY), or set ring_directory and "
		       "state_directory";
	case -EACCES:
		return "; it must belong to the user that the daemon runs as";
	default:
		return "";
	}
}

/* What was found of an earlier run. */
static void
report_store(const struct daemon *dm)
{
	const struct conf *cf = dm->conf;

	if (runtime_restored(dm->runtime))
		log_info("daemon", "went on from the image of the last stop");
	if (runtime_damage(dm->runtime) != NULL)
		log_error("daemon", "%s", runtime_damage(dm->runtime));
	else if (runtime_is_new(dm->runtime))
		log_info("daemon",
		    "nothing of an earlier run is in %s and %s: beginning with a new "
		    "store",
		    cf->ring_directory, cf->state_directory);
}

static int
start_runtime(struct daemon *dm)
{
	const struct conf *cf = dm->conf;
	char *error = NULL;
	char path[4096];
	char holder[64] = "";
	pid_t pid;
	int rc;

	rc =
	    runtime_open(&dm->runtime, cf->ring_directory, cf->state_directory, &error);
	if (rc == -EBUSY) {
		(void)snprintf(path, sizeof(path), "%s/lock", cf->ring_directory);
		pid = holder_find(path);
		if (pid > 0)
			(void)snprintf(
			    holder, sizeof(holder), " (process %ld)", (long)pid);
	}
	if (rc < 0)
		log_error("daemon", "%s%s%s", error == NULL ? strerror(-rc) : error,
		    holder, mend_of(rc));
	else
		report_store(dm);
	free(error);
	return rc;
}

static int
start_assembly(struct daemon *dm)
{
	int rc = assembly_new(&dm->assembly, dm->conf, dm->runtime, dm->base);

	dm->context.assembly = dm->assembly;
	return rc;
}

static int
start_control(struct daemon *dm)
{
	struct control_spec spec = { .path = dm->conf->control,
		.name = dm->conf->name,
		.context = &dm->context };
	int rc;

	spec.commands = commands_table(&spec.n_commands);
	rc = control_server_open(&dm->control, dm->base, &spec);
	if (rc < 0)
		log_error("daemon", "control socket %s: %s%s", quote(spec.path).text,
		    strerror(-rc),
		    rc == -EADDRINUSE ? "; another process listens there" : "");
	return rc;
}

static int
start_flow(struct daemon *dm)
{
	CRASH_POINT("daemon.recovered");
	assembly_start(dm->assembly);
	dm->memory.at_ms = clock_monotonic_ms();
	log_info("daemon", "%s is ready: queues %zu, routes %zu, peers %zu; version %s",
	    quote(dm->conf->name).text, dm->assembly->n_queues, dm->assembly->n_routes,
	    dm->assembly->n_peers, PACKAGE_VERSION);
	notify_ready();
	daemon_on_status(-1, 0, dm);
	return 0;
}

static int
daemon_start(struct daemon *dm)
{
	static const struct {
		const char *what;
		int (*run)(struct daemon *dm);
	} steps[] = {
		{ "limits", raise_limits },
		{ "event loop", start_base },
		{ "runtime directory", start_runtime },
		{ "queues, peers and routes", start_assembly },
		{ "control socket", start_control },
		{ "signals", start_events },
		{ "flow", start_flow },
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i].run(dm);

		if (rc < 0) {
			log_error("daemon", "not started: no %s (%s)", steps[i].what,
			    strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* ---- the end ------------------------------------------------------------------ */

/* Everything is closed: what the ring directory holds goes to disk, or the stop has failed. */
static int
save_image(struct daemon *dm)
{
	char *error = NULL;
	int rc;

	if (dm->runtime == NULL)
		return 0;
	notify_extend(STOP_EXTRA_MS + dm->backlog_bytes / SAVE_BYTES_PER_MS);
	rc = image_save(dm->runtime, &error);
	if (rc < 0)
		log_error("daemon",
		    "%s; the messages in %s survive a restart of the daemon, but NOT a "
		    "reboot: free space in %s and run mqbridge-spool save",
		    error == NULL ? strerror(-rc) : error, dm->conf->ring_directory,
		    dm->conf->state_directory);
	free(error);
	return rc;
}

/* From here on nothing may end us before the image is written. */
static void
block_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static int
daemon_end(struct daemon *dm)
{
	int synced = 0, rc;

	block_signals();
	control_server_close(dm->control);
	for (size_t i = 0; i < dm->n_events; i++)
		event_free(dm->events[i]);
	CRASH_POINT("daemon.stopping");
	if (dm->assembly != NULL)
		synced = assembly_sync(dm->assembly);
	assembly_free(dm->assembly);
	CRASH_POINT("daemon.stopped");
	rc = save_image(dm);
	CRASH_POINT("daemon.saved");
	runtime_close(dm->runtime);
	if (dm->base != NULL) {
		/* What was to be freed on the next turn. */
		(void)event_base_loop(dm->base, EVLOOP_NONBLOCK);
		event_base_free(dm->base);
	}
	libevent_global_shutdown();
	conf_free(dm->conf);
	return rc < 0 ? rc : synced;
}

static void
setup_log(const struct daemon_options *options)
{
	bool journal =
	    getenv("JOURNAL_STREAM") != NULL || getenv("NOTIFY_SOCKET") != NULL;

	log_setup(options->level,
	    journal && !options->foreground ? LOG_STYLE_JOURNAL : LOG_STYLE_PLAIN);
}

int
daemon_run(const struct daemon_options *options)
{
	struct daemon dm = { 0 };
	int faults, rc, saved;

	setup_log(options);
	(void)umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	faults = conf_load(&dm.conf, options->config, log_fault, NULL);
	if (faults != 0) {
		log_error("daemon", "%s: %d faults, not started",
		    quote(options->config).text, faults);
		return EX_CONFIG;
	}
	dm.context.started_ms = clock_monotonic_ms();
	rc = daemon_start(&dm);
	if (rc == 0 && event_base_dispatch(dm.base) < 0) {
		log_error("daemon", "the event loop failed");
		rc = -EIO;
	}
	saved = daemon_end(&dm);
	if (rc == 0 && saved == 0)
		log_info("daemon", "stopped");
	/* A damaged store waits for a person: a restart would go on without it. */
	if (rc == -EBADMSG)
		return EX_CONFIG;
	return rc < 0 || saved < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
