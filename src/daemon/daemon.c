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

#include "assembly/assembly.h"
#include "assembly/drain.h"
#include "assembly/numbers.h"
#include "assembly/survey.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/crash.h"
#include "base/journald.h"
#include "base/quote.h"
#include "change/reload.h"
#include "commands/commands.h"
#include "commands/events.h"
#include "config/conf.h"
#include "control/roles.h"
#include "control/server.h"
#include "daemon/access.h"
#include "daemon/adoption.h"
#include "daemon/monitor.h"
#include "daemon/status.h"
#include "needs/holder.h"
#include "service/activation.h"
#include "service/loop.h"
#include "service/notify.h"
#include "service/patience.h"
#include "service/turns.h"
#include "service/watchdog.h"
#include "spool/image.h"
#include "spool/runtime.h"

#define EVENTS_MAX        12
#define LOG_EVERY_MS      1000
#define DRAIN_EVERY_MS    20
#define STOP_EXTRA_MS     30000 /* for the image, beside what its bytes take */
#define SAVE_BYTES_PER_MS 16384 /* a slow disk */

struct daemon {
	struct conf *conf;
	struct event_base *base;
	struct runtime *runtime;
	struct assembly *assembly;
	struct control_server *control;
	struct monitor *monitor;
	struct reload *reload;
	const char *config; /* path */
	struct activation *activation;
	bool is_misfit; /* a socket was passed that nothing names */
	struct events *log_events;
	struct patience *patience; /* while the loop does not turn */
	struct watchdog *watchdog;
	struct survey *survey;
	struct commands_context context; /* of the commands */
	struct adoption adoption;        /* of a configuration, by a reload */
	struct event *events[EVENTS_MAX];
	size_t n_events;
	char status[STATUS_MAX]; /* as last told */
	uint64_t halted_ms;
	uint64_t backlog_bytes; /* when it stops */
};

static void
log_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	char place[CONF_PLACE_MAX];

	(void)arg;
	log_event(EVENT_CONFIG_FAULT, NULL, "%s: %s",
	    conf_fault_place(place, sizeof(place), file, line, key), why);
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
	log_event(EVENT_STOPPING, NULL, "signal %d: stopping", (int)number);
	dm->context.stopping = true;
	numbers_total(dm->assembly, &total);
	dm->backlog_bytes = total.backlog_bytes;
	notify_stopping();
	notify_extend(dm->conf->stop_timeout_ms + STOP_EXTRA_MS);
	assembly_halt(dm->assembly);
	dm->halted_ms = clock_monotonic_ms();
	if (daemon_every(dm, DRAIN_EVERY_MS, daemon_on_drain) < 0)
		(void)event_base_loopbreak(dm->base);
}

static void
daemon_on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct daemon *dm = arg;

	(void)number;
	(void)what;
	log_info("daemon", "SIGHUP: reading %s again", quote(dm->config).text);
	reload_signal(dm->reload);
}

static void
daemon_on_survey(void *owner, const struct numbers_total *total)
{
	struct daemon *dm = owner;
	char line[STATUS_MAX];

	if (dm->context.stopping)
		return;
	(void)status_of(line, sizeof(line), total);
	if (strcmp(line, dm->status) == 0)
		return;
	memcpy(dm->status, line, sizeof(line));
	notify_status(line);
}

static void
daemon_on_log(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_tick();
	notify_retry();
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
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct event *ev = daemon_event(
		    dm, signals[i].number, EV_SIGNAL | EV_PERSIST, signals[i].on_event);

		if (ev == NULL || event_add(ev, NULL) < 0)
			return -ENOMEM;
	}
	rc = daemon_every(dm, LOG_EVERY_MS, daemon_on_log);
	if (rc == 0)
		rc = survey_new(&dm->survey, dm->assembly, daemon_on_survey, dm);
	return rc < 0 ? rc : watchdog_new(&dm->watchdog, dm->base);
}

/* ---- the start ---------------------------------------------------------------- */

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
		log_event(EVENT_LIMIT_LOW, NULL,
		    "cannot raise RLIMIT_MSGQUEUE to its hard limit: %s",
		    strerror(errno));
	return 0;
}

static int
start_base(struct daemon *dm)
{
	return loop_new(&dm->base);
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
		log_event(EVENT_STORE_RESTORED, NULL,
		    "went on from the image of the last stop");
	if (runtime_damage(dm->runtime) != NULL)
		log_event(EVENT_STORE_DAMAGED, NULL, "%s", runtime_damage(dm->runtime));
	else if (runtime_is_new(dm->runtime))
		log_event(EVENT_STORE_NEW, NULL,
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
		log_event(EVENT_NOT_STARTED, NULL, "%s%s%s",
		    error == NULL ? strerror(-rc) : error, holder, mend_of(rc));
	else
		report_store(dm);
	free(error);
	return rc;
}

static int
start_assembly(struct daemon *dm)
{
	int rc = assembly_new(
	    &dm->assembly, dm->conf, dm->runtime, dm->base, dm->activation);

	dm->context.assembly = dm->assembly;
	return rc;
}

static int
start_control(struct daemon *dm)
{
	const gid_t *group = &dm->conf->control_group;
	struct control_roles roles;
	struct control_spec spec = { .path = dm->conf->control,
		.group = *group == (gid_t)-1 ? NULL : group,
		.name = dm->conf->name,
		.context = &dm->context,
		.roles = &roles,
		.on_change = access_log_change };
	int fd = activation_control(dm->activation, spec.path, spec.group), rc = fd;

	access_roles(&roles, dm->conf);
	spec.commands = commands_table(&spec.n_commands);
	spec.passed = fd >= 0 ? &fd : NULL;
	if (fd >= 0 || fd == -ENOENT)
		rc = control_server_open(&dm->control, dm->base, &spec);
	dm->context.control = dm->control;
	if (rc < 0)
		log_error("daemon", "control socket %s: %s%s", quote(spec.path).text,
		    strerror(-rc),
		    rc == -EADDRINUSE ? "; another process listens there" : "");
	return rc;
}

static int
start_reload(struct daemon *dm)
{
	const struct reload_spec spec = { .base = dm->base,
		.config = dm->config,
		.assembly = dm->assembly,
		.stopping = &dm->context.stopping,
		.conf = &dm->conf,
		.prepare = adoption_prepare,
		.commit = adoption_commit,
		.undo = adoption_undo,
		.try = adoption_try,
		.owner = &dm->adoption };
	int rc;

	dm->adoption = (struct adoption){ .control = dm->control,
		.monitor = dm->monitor,
		.activation = dm->activation };
	rc = reload_new(&dm->reload, &spec);
	dm->context.reload = dm->reload;
	return rc;
}

static int
start_monitor(struct daemon *dm)
{
	int rc = monitor_new(&dm->monitor, dm->base, &dm->context);

	if (rc == 0)
		rc = monitor_prepare(dm->monitor, dm->conf, dm->activation);
	if (rc == 0)
		monitor_commit(dm->monitor, dm->activation);
	return rc;
}

static int
start_activation(struct daemon *dm)
{
	return activation_new(&dm->activation, ACTIVATION_FIRST_FD);
}

static int
finish_activation(struct daemon *dm)
{
	dm->is_misfit = activation_finish(dm->activation) > 0;
	return dm->is_misfit ? -EINVAL : 0;
}

static int
start_flow(struct daemon *dm)
{
	struct numbers_total total;

	CRASH_POINT("daemon.recovered");
	assembly_start(dm->assembly);
	log_event(EVENT_STARTED, NULL,
	    "%s is ready: queues %zu, routes %zu, peers %zu; version %s",
	    quote(dm->conf->name).text, dm->assembly->n_queues, dm->assembly->n_routes,
	    dm->assembly->n_peers, PACKAGE_VERSION);
	patience_end(dm->patience);
	dm->patience = NULL;
	notify_ready();
	numbers_total(dm->assembly, &total);
	daemon_on_survey(dm, &total);
	return 0;
}

/* Without it there is only the time that the unit allows. */
static void
start_patience(struct daemon *dm)
{
	int rc = patience_begin(&dm->patience);

	if (rc < 0)
		log_warn("daemon", "cannot ask the service manager for more time: %s",
		    strerror(-rc));
}

static int
daemon_start(struct daemon *dm)
{
	static const struct {
		const char *what;
		int (*run)(struct daemon *dm);
	} steps[] = {
		{ "limits", raise_limits },
		{ "passed sockets", start_activation },
		{ "event loop", start_base },
		{ "runtime directory", start_runtime },
		{ "queues, peers and routes", start_assembly },
		{ "control socket", start_control },
		{ "listener for metrics", start_monitor },
		{ "reload", start_reload },
		{ "use for a passed socket", finish_activation },
		{ "signals", start_events },
		{ "flow", start_flow },
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i].run(dm);

		if (rc < 0) {
			log_event(EVENT_NOT_STARTED, NULL, "not started: no %s (%s)",
			    steps[i].what, strerror(-rc));
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
		log_event(EVENT_STORE_NOT_SAVED, NULL,
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
	if (dm->patience == NULL)
		start_patience(dm);
	control_server_close(dm->control);
	monitor_free(dm->monitor);
	reload_free(dm->reload);
	watchdog_free(dm->watchdog);
	survey_free(dm->survey);
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
	activation_free(dm->activation);
	conf_free(dm->conf);
	patience_end(dm->patience);
	return rc < 0 ? rc : synced;
}

static void
setup_log(const struct daemon_options *options)
{
	enum log_style style = LOG_STYLE_PLAIN;

	if (!options->foreground && journald_is_stderr())
		style = LOG_STYLE_NATIVE;
	else if (!options->foreground && notify_is_heard())
		style = LOG_STYLE_JOURNAL;
	log_setup(options->level, style);
}

static int
daemon_live(struct daemon *dm, const char *config)
{
	int faults = conf_load(&dm->conf, config, log_fault, NULL);
	int rc, saved;

	if (faults != 0) {
		log_event(EVENT_NOT_STARTED, NULL, "%s: %d fault%s, not started",
		    quote(config).text, faults, faults == 1 ? "" : "s");
		return EX_CONFIG;
	}
	dm->context.started_ms = clock_monotonic_ms();
	dm->context.events = dm->log_events;
	start_patience(dm);
	rc = daemon_start(dm);
	turns_begin();
	if (rc == 0 && event_base_dispatch(dm->base) < 0) {
		log_error("daemon", "the event loop failed");
		rc = -EIO;
	}
	saved = daemon_end(dm);
	log_flush();
	if (rc == 0 && saved == 0)
		log_event(EVENT_STOPPED, NULL, "stopped");
	/* A damaged store waits for a person, since a restart would go on without it, and so do
	 * socket units that do not fit. */
	if (rc == -EBADMSG || dm->is_misfit)
		return EX_CONFIG;
	return rc < 0 || saved < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
daemon_run(const struct daemon_options *options)
{
	struct daemon dm = { .config = options->config };
	int status = EXIT_FAILURE;

	setup_log(options);
	(void)umask(0077);
	(void)signal(SIGPIPE, SIG_IGN);
	if (events_new(&dm.log_events) < 0)
		log_error("daemon", "not started: no memory");
	else
		status = daemon_live(&dm, options->config);
	log_flush();
	events_free(dm.log_events);
	return status;
}
