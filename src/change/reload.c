#include "change/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct reload {
	struct reload_spec spec;
	struct worker *worker;
	bool busy, check;
	bool again;                  /* SIGHUP came meanwhile */
	struct control_reply *reply; /* NULL: none, or its client has left */
	struct conf *loaded;
	struct reload_faults faults;
};

/* ---- in the thread ------------------------------------------------------------------- */

static int
reload_read(void *arg)
{
	struct reload *rl = arg;

	return conf_load(&rl->loaded, rl->spec.config, reload_fault, &rl->faults);
}

/* ---- in the loop --------------------------------------------------------------------- */

static int
reload_adopt(struct reload *rl, const struct conf *conf)
{
	const char *key = "file";
	struct conf_place place;
	int rc = rl->spec.adopt(rl->spec.owner, conf, &key);

	if (rc < 0) {
		place = conf_key_place(conf, key);
		reload_fault(&rl->faults, place.file, place.line, key, strerror(-rc));
	}
	return rc;
}

/* 0, and the new configuration is in force; or -errno, and the faults tell why not. */
static int
reload_apply(struct reload *rl, const struct diff *df)
{
	struct change_faults cf = { .tell = reload_fault, .arg = &rl->faults };
	int rc;

	if (rl->check) {
		change_check(rl->spec.assembly, rl->loaded, df, &cf);
		return cf.count > 0 ? -EINVAL : 0;
	}
	rc = reload_adopt(rl, rl->loaded);
	if (rc == 0)
		rc = change_apply(rl->spec.assembly, rl->loaded, df, &cf);
	if (rc < 0)
		(void)!reload_adopt(rl, *rl->spec.conf);
	return rc;
}

/* rl->loaded is the new one: compare, apply, answer. */
static void
reload_compare(struct reload *rl)
{
	struct conf *before = *rl->spec.conf;
	struct reload_answer answer = { .check = rl->check, .reply = rl->reply };
	struct diff df = { 0 };
	int rc = diff_make(&df, before, rl->loaded);

	if (rc == 0)
		rc = reload_answer_warn(&answer, rl->spec.assembly, rl->loaded);
	if (rc < 0)
		reload_fault(&rl->faults, rl->spec.config, 0, "file", strerror(-rc));
	else
		rc = reload_apply(rl, &df);
	if (rc < 0)
		reload_answer_refuse(&answer, rl->spec.config, &rl->faults);
	else
		reload_answer_done(&answer, &df);
	diff_done(&df);
	if (rc == 0 && !rl->check) {
		*rl->spec.conf = rl->loaded;
		rl->loaded = before;
	}
}

static void
reload_end(struct reload *rl)
{
	bool again = rl->again;

	conf_free(rl->loaded);
	rl->loaded = NULL;
	reload_faults_done(&rl->faults);
	rl->reply = NULL;
	rl->busy = rl->again = false;
	if (!rl->check)
		notify_ready();
	if (again)
		reload_signal(rl);
}

static void
reload_on_read(void *owner, int faults)
{
	struct reload *rl = owner;
	struct reload_answer answer = { .check = rl->check, .reply = rl->reply };

	if (faults == 0 && *rl->spec.stopping)
		reload_fault(
		    &rl->faults, rl->spec.config, 0, "file", "the daemon stops");
	if (rl->faults.count == 0)
		reload_compare(rl);
	else
		reload_answer_refuse(&answer, rl->spec.config, &rl->faults);
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

int
reload_new(struct reload **ret, const struct reload_spec *spec)
{
	struct reload *rl = calloc(1, sizeof(*rl));
	int rc;

	if (rl == NULL)
		return -ENOMEM;
	rl->spec = *spec;
	rc = worker_new(&rl->worker, spec->base, reload_on_read, rl);
	if (rc < 0) {
		reload_free(rl);
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
	worker_free(rl->worker);
	conf_free(rl->loaded);
	reload_faults_done(&rl->faults);
	free(rl);
}
