#include "assembly/found_logs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/file.h"
#include "base/log.h"
#include "base/quote.h"
#include "spool/log.h"
#include "spool/log_look.h"
#include "spool/names.h"
#include "spool/state_file.h"

struct found_log {
	TAILQ_ENTRY(found_log) link;
	struct log_about about;
	bool found;
};

struct found_logs {
	TAILQ_HEAD(, found_log) logs;
};

/* Never overwritten, never deleted. */
static int
set_aside(int state_fd, const char *name, int why)
{
	char file[sizeof("logs/") + ID_TEXT];
	char aside[sizeof("logs/damaged-") + ID_TEXT + 4];
	int rc;

	(void)snprintf(file, sizeof(file), "logs/%s", name);
	(void)snprintf(aside, sizeof(aside), "logs/damaged-%s", name);
	rc = file_set_aside(state_fd, file, aside, sizeof(aside));
	if (rc < 0)
		return rc;
	log_event(EVENT_STORE_DAMAGED, NULL,
	    "state directory: overflow log %s: %s; renamed to %s, where its messages stay "
	    "(mqbridge-spool export shows them)",
	    file, why == -ENOTSUP ? "made by a newer version" : "damaged", aside);
	return 0;
}

static int
add_log(struct found_logs *fl, int state_fd, const char *name)
{
	struct found_log *lf = calloc(1, sizeof(*lf));
	struct id id;
	int rc;

	if (lf == NULL)
		return -ENOMEM;
	rc = id_parse(&id, name);
	if (rc == 0)
		rc = log_identify(&lf->about, state_fd, &id);
	if (rc < 0) {
		free(lf);
		if (rc == -ENOENT)
			rc = log_remove_begun(state_fd, &id);
		return rc == -ENOTEMPTY || rc == -EBADMSG || rc == -ENOTSUP
			   ? set_aside(state_fd, name, rc)
			   : rc;
	}
	TAILQ_INSERT_TAIL(&fl->logs, lf, link);
	return 0;
}

static int
add_logs(struct found_logs *fl, int state_fd)
{
	struct names nm;
	int rc = log_list(&nm, state_fd);

	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < nm.n; i++)
		rc = add_log(fl, state_fd, nm.at[i]);
	names_done(&nm);
	return rc;
}

/* Renamed, it would not be found any more when its file "about" is put back. */
static int
check_known(int runtime_fd, int state_fd, const char *file)
{
	const char *name = file + strlen("log-");
	struct log_about about;
	struct id id;
	int rc = log_look_owed(runtime_fd, file);

	if (rc != 1)
		return rc;
	rc = id_parse(&id, name);
	if (rc == 0)
		rc = log_identify(&about, state_fd, &id);
	if (rc != -EBADMSG && rc != -ENOTSUP)
		return 0;
	if (rc == -ENOTSUP)
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "state directory: the overflow log logs/%s was made by a newer "
		    "version: start that program",
		    name);
	else
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "state directory: logs/%s/about is damaged, and the log has messages "
		    "that are not delivered: the daemon does not start without them: put "
		    "that file back, or rename logs/%s to logs/damaged-%s, where "
		    "mqbridge-spool export shows its messages",
		    name, name, name);
	return rc;
}

/* Without it the daemon would go on as if its messages had never been. */
static int
check_there(int runtime_fd, int state_fd, const char *file)
{
	int rc = log_look_missing(runtime_fd, state_fd, file);

	if (rc < 0)
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "state directory: cannot look for the log of %s: %s", file,
		    strerror(-rc));
	if (rc != 1)
		return rc < 0 ? rc : check_known(runtime_fd, state_fd, file);
	log_event(EVENT_STORE_DAMAGED, NULL,
	    "state directory: logs/%s is not there, and %s in the ring directory tells "
	    "that it has messages that are not delivered: is the state directory mounted? "
	    "The daemon does not start without it: bring it back, or give its messages up "
	    "with mqbridge-spool repair --apply",
	    file + strlen("log-"), file);
	return -ENOENT;
}

int
found_logs_check(int runtime_fd, int state_fd)
{
	struct names nm;
	int rc = names_list(&nm, runtime_fd, state_file_is);

	if (rc < 0) {
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "ring directory: cannot be listed: %s", strerror(-rc));
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < nm.n; i++)
		rc = check_there(runtime_fd, state_fd, nm.at[i]);
	names_done(&nm);
	return rc;
}

int
found_logs_open(struct found_logs **ret, int state_fd)
{
	struct found_logs *fl = calloc(1, sizeof(*fl));
	int rc;

	if (fl == NULL)
		return -ENOMEM;
	TAILQ_INIT(&fl->logs);
	rc = add_logs(fl, state_fd);
	if (rc < 0) {
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "state directory: cannot look through logs: %s", strerror(-rc));
		found_logs_close(fl);
		return rc;
	}
	*ret = fl;
	return 0;
}

void
found_logs_close(struct found_logs *fl)
{
	struct found_log *lf;

	if (fl == NULL)
		return;
	while ((lf = TAILQ_FIRST(&fl->logs)) != NULL) {
		TAILQ_REMOVE(&fl->logs, lf, link);
		free(lf);
	}
	free(fl);
}

const struct id *
found_logs_of(struct found_logs *fl, const struct id *stream)
{
	struct found_log *lf;

	TAILQ_FOREACH (lf, &fl->logs, link) {
		if (lf->found || !id_equal(&lf->about.stream, stream))
			continue;
		lf->found = true;
		return &lf->about.log;
	}
	return NULL;
}

const struct id *
found_logs_lost(
    struct found_logs *fl, const char *uri, const char *take, const char *label)
{
	struct found_log *lf;

	TAILQ_FOREACH (lf, &fl->logs, link) {
		if (lf->found || strcmp(lf->about.uri, uri) != 0 ||
		    strcmp(lf->about.take, take) != 0 ||
		    strcmp(lf->about.label, label) != 0)
			continue;
		lf->found = true;
		return &lf->about.log;
	}
	return NULL;
}

void
found_logs_give_back(struct found_logs *fl, const struct id *log)
{
	struct found_log *lf;

	TAILQ_FOREACH (lf, &fl->logs, link)
		if (id_equal(&lf->about.log, log))
			lf->found = false;
}

void
found_logs_report(const struct found_logs *fl)
{
	const struct found_log *lf;
	char id[ID_TEXT];

	TAILQ_FOREACH (lf, &fl->logs, link) {
		if (!lf->found)
			log_event(EVENT_STORE_KEPT, NULL,
			    "kept: the overflow log logs/%s of %s to %s, for which no "
			    "enabled route stands (mqbridge-spool export shows its "
			    "messages)",
			    id_format(id, &lf->about.log), quote(lf->about.uri).text,
			    quote(lf->about.label).text);
	}
}
