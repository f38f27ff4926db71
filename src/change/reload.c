#include "change/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assembly/assembly.h"
#include "base/log.h"
#include "base/quote.h"
#include "change/change.h"
#include "change/reload_answer.h"
#include "config/conf.h"
#include "config/diff.h"
#include "control/command.h"
#include "endpoint/worker.h"
#include "service/notify.h"
#include "spool/log.h"
#include "spool/runtime.h"

#define LEAVE_MS 1000 /* for its thread, when the daemon stops */

struct reload {
	struct reload_spec spec;
	struct worker *worker;
	int state_fd; /* of its own, as the thread may outlive all others */
	bool busy, check;
	bool again;  /* SIGHUP came meanwhile */
	bool trying; /* the thread finds out whether a log can be made */
	int log_rc;  /* what it found */
	struct control_reply *reply; /* NULL: none, or its client has left */
	struct conf *loaded;
	struct diff diff; /* from the one in force to that */
	struct reload_faults faults, untried;
};

/* ---- in the thread ------------------------------------------------------------------- */

static int
reload_read(void *arg)
{
	struct reload *rl = arg;

	return conf_load(&rl->loaded, rl->spec.config, reload_fault, &rl->faults);
}

static int
reload_try(void *arg)
{
	const struct reload *rl = arg;

	return log_try(rl->state_fd);
}

/* ---- in the loop --------------------------------------------------------------------- */

static int
reload_prepare(struct reload *rl)
{
	const char *key = "file";
	struct conf_place place;
	int rc = rl->spec.prepare(rl->spec.owner, rl->loaded, &key);

	if (rc < 0) {
		place = conf_key_place(rl->loaded, key);
		reload_fault(&rl->faults, place.file, place.line, key, strerror(-rc));
	}
	return rc;
}

/* 0: as far as can be told it could be applied; or -EINVAL, and the faults tell why not. */
static int
reload_check(struct reload *rl, struct change_faults *cf)
{
	const char *key = "file";
	struct conf_place place;
	int rc = rl->spec.try(rl->spec.owner, rl->loaded, &key);

	place = conf_key_place(rl->loaded, key);
	if (rc < 0)
		reload_fault(&rl->faults, place.file, place.line, key, strerror(-rc));
	else if (rc > 0)
		reload_fault(&rl->untried, place.file, place.line, key,
		    "not tried: to listen there, for which the one in use must stop");
	change_check(rl->spec.assembly, rl->loaded, &rl->diff, cf);
	return rl->faults.count > 0 ? -EINVAL : 0;
}

/* 0, and the new configuration is in force; or -errno, and the faults tell why not. */
static int
reload_apply(struct reload *rl)
{
	struct change_faults cf = { .tell = reload_fault,
		.arg = &rl->faults,
		.log_rc = rl->log_rc,
		.untried = reload_fault,
		.untried_arg = &rl->untried };
	int rc;

	if (rl->check)
		return reload_check(rl, &cf);
	rc = reload_prepare(rl);
	if (rc < 0)
		return rc;
	rc = change_apply(rl->spec.assembly, rl->loaded, &rl->diff, &cf);
	rl->faults.incomplete = cf.incomplete;
	if (rc == 0)
		rl->spec.commit(rl->spec.owner);
	else
		rl->spec.undo(rl->spec.owner);
	return rc;
}

/* rl->loaded is the new one: apply it, answer. */
static void
reload_use(struct reload *rl)
{
	struct conf *before = *rl->spec.conf;
	struct reload_answer answer = {
		.check = rl->check, .reply = rl->reply, .untried = &rl->untried
	};
	int rc = reload_answer_warn(&answer, rl->spec.assembly, rl->loaded, &rl->diff);

	if (rc < 0)
		reload_fault(&rl->faults, rl->spec.config, 0, "file", strerror(-rc));
	else
		rc = reload_apply(rl);
	if (rc < 0)
		reload_answer_refuse(&answer, rl->spec.config, &rl->faults);
	else
		reload_answer_done(&answer, &rl->diff);
	if (rc == 0 && !rl->check) {
		*rl->spec.conf = rl->loaded;
		rl->loaded = before;
	}
}

static void
reload_end(struct reload *rl)
{
	bool again = rl->again;

	diff_done(&rl->diff);
	conf_free(rl->loaded);
	rl->loaded = NULL;
	reload_faults_done(&rl->faults);
	reload_faults_done(&rl->untried);
	rl->reply = NULL;
	rl->busy = rl->again = rl->trying = false;
	rl->log_rc = 0;
	if (!rl->check)
		notify_ready();
	if (again)
		reload_signal(rl);
}

/* May it need a log that is not there? */
static bool
reload_needs_log(const struct reload *rl)
{
	bool logs = false;

	for (size_t i = 0; i < rl->loaded->n_routes; i++)
		logs = logs || rl->loaded->routes[i].log_limit > 0;
	for (size_t i = 0; logs && i < rl->diff.count; i++) {
		const struct diff_item *it = &rl->diff.items[i];

		if (it->kind != DIFF_DAEMON && it->kind != DIFF_LISTENER &&
		    it->change != DIFF_REMOVED)
			return true;
	}
	return false;
}

static void
reload_refuse(struct reload *rl)
{
	struct reload_answer answer = {
		.check = rl->check, .reply = rl->reply, .untried = &rl->untried
	};

	reload_answer_refuse(&answer, rl->spec.config, &rl->faults);
}

/* false: the thread is asked once more. */
static bool
reload_compare(struct reload *rl)
{
	int rc = diff_make(&rl->diff, *rl->spec.conf, rl->loaded);

	if (rc < 0) {
		reload_fault(&rl->faults, rl->spec.config, 0, "file", strerror(-rc));
		return true;
	}
	rl->trying = reload_needs_log(rl);
	if (rl->trying)
		worker_run(rl->worker, reload_try, rl);
	return !rl->trying;
}

static void
reload_on_worked(void *owner, int rc)
{
	struct reload *rl = owner;

	if (rl->trying)
		rl->log_rc = rc;
	else if (rc == 0 && !reload_compare(rl))
		return;
	if (rl->faults.count == 0 && *rl->spec.stopping)
		reload_fault(
		    &rl->faults, rl->spec.config, 0, "file", "the daemon stops");
	if (rl->faults.count == 0)
		reload_use(rl);
	else
		reload_refuse(rl);
	reload_end(rl);
}

int
reload_begin(struct reload *rl, bool check, struct control_reply *reply)
{
	if (rl->busy)
		return -EBUSY;
	rl->busy = true;
	rl->check = check;
	rl->reply = reply;
	if (!check)
		notify_reloading();
	worker_run(rl->worker, reload_read, rl);
	return 0;
}

void
reload_forget(struct reload *rl)
{
	rl->reply = NULL;
}

void
reload_signal(struct reload *rl)
{
	if (reload_begin(rl, false, NULL) < 0)
		rl->again = true;
}

/* The worker has ended, or there is none. */
static void
reload_done(struct reload *rl)
{
	if (rl->state_fd >= 0)
		(void)close(rl->state_fd);
	diff_done(&rl->diff);
	conf_free(rl->loaded);
	reload_faults_done(&rl->faults);
	reload_faults_done(&rl->untried);
	free(rl);
}

int
reload_new(struct reload **ret, const struct reload_spec *spec)
{
	struct reload *rl = calloc(1, sizeof(*rl));
	int rc;

	if (rl == NULL)
		return -ENOMEM;
	rl->spec = *spec;
	rl->state_fd =
	    fcntl(runtime_state_fd(spec->assembly->runtime), F_DUPFD_CLOEXEC, 0);
	rc = rl->state_fd < 0
		 ? -errno
		 : worker_new(&rl->worker, spec->base, reload_on_worked, rl);
	if (rc < 0) {
		reload_done(rl);
		return rc;
	}
	*ret = rl;
	return 0;
}

void
reload_free(struct reload *rl)
{
	if (rl == NULL)
		return;
	if (worker_leave(rl->worker, LEAVE_MS))
		reload_done(rl);
	else /* its thread may use all that */
		log_warn("daemon",
		    "the reload that was under way hangs; it is not waited for");
}
