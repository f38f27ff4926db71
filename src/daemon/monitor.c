#include "daemon/monitor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "config/conf.h"
#include "metrics/metrics.h"
#include "net/address.h"
#include "net/tcpsock.h"
#include "service/activation.h"
#include "web/document.h"
#include "web/socket.h"
#include "web/web.h"

#define FORMS WEB_METRICS

/* What listens, or will; all NULL: nothing. */
struct listening {
	struct web *web; /* of what is prepared NULL also if it is the one there is */
	char *address;
	char **names; /* as configured */
	size_t n_names;
};

struct monitor {
	struct event_base *base;
	struct commands_context *context;
	struct document_maker makers[FORMS];
	struct listening now, next;
	bool silent;       /* now is, for next */
	char **next_names; /* of it, for the web there is; NULL: they are the same */
};

/* ---- metrics -------------------------------------------------------------------- */

static int
begin_text(void **ret, void *context)
{
	const struct commands_context *cx = context;

	return metrics_begin((struct metrics_writer **)ret, cx->assembly, METRICS_TEXT);
}

static int
begin_open(void **ret, void *context)
{
	const struct commands_context *cx = context;

	return metrics_begin((struct metrics_writer **)ret, cx->assembly, METRICS_OPEN);
}

static int
put_piece(void *work, struct text *out)
{
	return metrics_piece(work, out);
}

static void
end_metrics(void *work)
{
	metrics_end(work);
}

static unsigned
choose_form(const char *accept)
{
	return metrics_accepts(accept) == METRICS_OPEN ? 1 : 0;
}

/* ---- the listener ----------------------------------------------------------------- */

static void
names_free(char **names, size_t n)
{
	for (size_t i = 0; names != NULL && i < n; i++)
		free(names[i]);
	free(names);
}

static int
names_copy(char ***ret, const struct conf *conf)
{
	char **names = calloc(conf->n_metrics_names + 1, sizeof(*names));

	for (size_t i = 0; names != NULL && i < conf->n_metrics_names; i++) {
		names[i] = strdup(conf->metrics_names[i]);
		if (names[i] == NULL) {
			names_free(names, i);
			names = NULL;
		}
	}
	*ret = names;
	return names == NULL ? -ENOMEM : 0;
}

/* But the web. */
static void
forget(struct listening *li)
{
	names_free(li->names, li->n_names);
	free(li->address);
	*li = (struct listening){ 0 };
}

static int
remember(struct listening *li, const struct conf *conf)
{
	int rc;

	li->address = strdup(conf->metrics);
	if (li->address == NULL)
		return -ENOMEM;
	rc = names_copy(&li->names, conf);
	if (rc == 0)
		li->n_names = conf->n_metrics_names;
	return rc;
}

static bool
has_names(const struct listening *li, const struct conf *conf)
{
	if (li->n_names != conf->n_metrics_names)
		return false;
	for (size_t i = 0; i < li->n_names; i++) {
		if (strcmp(li->names[i], conf->metrics_names[i]) != 0)
			return false;
	}
	return true;
}

static void
tell_failure(const struct conf *conf, int rc)
{
	log_error("daemon", "metrics at %s: %s%s", quote(conf->metrics).text,
	    strerror(-rc), rc == -EADDRINUSE ? "; another process listens there" : "");
}

static int
open_web(struct monitor *mo, struct web **ret, const struct conf *conf, int passed)
{
	struct web_spec spec = { .address = conf->metrics,
		.fd = passed,
		.names = (const char *const *)conf->metrics_names,
		.n_names = conf->n_metrics_names,
		.name = conf->name,
		.context = mo->context,
		.metrics = { &mo->makers[0], &mo->makers[1] },
		.metrics_type = { metrics_content_type(METRICS_TEXT),
		    metrics_content_type(METRICS_OPEN) },
		.metrics_choose = choose_form };
	int rc;

	spec.commands = commands_table(&spec.n_commands);
	rc = web_open(ret, mo->base, &spec);
	if (rc < 0)
		tell_failure(conf, rc);
	return rc;
}

/* Does the one that is there keep the next from listening, and can that be helped? */
static bool
is_in_the_way(const struct monitor *mo, const struct address *next,
    const struct activation *activation)
{
	struct address now;

	return mo->now.web != NULL && web_socket_address(&now, mo->now.address) == 0 &&
	       tcpsock_overlap(&now, next) &&
	       !activation_is_passed(activation, ACTIVATION_METRICS, &now);
}

/* Is it another socket than the one that is there? */
static bool
is_another(const struct monitor *mo, const struct conf *conf)
{
	return mo->now.web == NULL || strcmp(mo->now.address, conf->metrics) != 0;
}

bool
monitor_must_move(const struct monitor *mo, const struct conf *conf,
    const struct activation *activation)
{
	struct address ad;

	return conf->metrics != NULL && is_another(mo, conf) &&
	       web_socket_address(&ad, conf->metrics) == 0 &&
	       is_in_the_way(mo, &ad, activation);
}

/* Of the service manager, or one that it keeps from now on. */
static int
open_next(struct monitor *mo, const struct conf *conf, struct activation *activation)
{
	const struct activation_file file = { .mode = WEB_SOCKET_MODE };
	struct address ad;
	int fd, rc;

	rc = web_socket_address(&ad, conf->metrics);
	if (rc < 0)
		return rc;
	mo->silent = is_in_the_way(mo, &ad, activation);
	if (mo->silent)
		web_silence(mo->now.web);
	fd = activation_listen(activation, ACTIVATION_METRICS, &ad, &file);
	if (fd < 0 && fd != -ENOENT) {
		tell_failure(conf, fd);
		return fd;
	}
	rc = open_web(mo, &mo->next.web, conf, fd < 0 ? -1 : fd);
	if (rc < 0)
		activation_forget(activation, ACTIVATION_METRICS, &ad);
	return rc;
}

static void
end(struct listening *li, struct activation *activation)
{
	struct address ad;

	if (li->web != NULL) {
		web_close(li->web);
		if (web_socket_address(&ad, li->address) == 0)
			activation_forget(activation, ACTIVATION_METRICS, &ad);
	}
	forget(li);
}

static void
listen_again(struct monitor *mo)
{
	int rc = web_listen(mo->now.web);

	mo->silent = false;
	if (rc < 0)
		log_event(EVENT_LISTENER_LOST, NULL,
		    "metrics at %s: they do not listen any more: %s; it is tried again "
		    "every few seconds",
		    quote(mo->now.address).text, strerror(-rc));
}

void
monitor_undo(struct monitor *mo, struct activation *activation)
{
	/* The service manager may have one more of it for a moment. */
	if (mo->next.web != NULL && mo->silent)
		web_silence(mo->next.web);
	names_free(mo->next_names, mo->next.n_names);
	mo->next_names = NULL;
	end(&mo->next, activation);
	if (mo->silent)
		listen_again(mo);
}

int
monitor_prepare(
    struct monitor *mo, const struct conf *conf, struct activation *activation)
{
	int rc;

	if (conf->metrics == NULL)
		return 0;
	rc = remember(&mo->next, conf);
	if (rc == 0 && is_another(mo, conf))
		rc = open_next(mo, conf, activation);
	else if (rc == 0 && !has_names(&mo->now, conf))
		rc = names_copy(&mo->next_names, conf);
	if (rc < 0)
		monitor_undo(mo, activation);
	return rc;
}

void
monitor_commit(struct monitor *mo, struct activation *activation)
{
	if (mo->next.address != NULL && mo->next.web == NULL) {
		mo->next.web = mo->now.web;
		mo->now.web = NULL;
		if (mo->next_names != NULL)
			web_set_names(mo->next.web, mo->next_names, mo->next.n_names);
	} else if (mo->next.web != NULL) {
		log_info("daemon", "metrics and status page at %s",
		    quote(mo->next.address).text);
	}
	end(&mo->now, activation);
	mo->now = mo->next;
	mo->next = (struct listening){ 0 };
	mo->next_names = NULL;
	mo->silent = false;
}

int
monitor_new(
    struct monitor **ret, struct event_base *base, struct commands_context *context)
{
	struct monitor *mo = calloc(1, sizeof(*mo));

	if (mo == NULL)
		return -ENOMEM;
	mo->base = base;
	mo->context = context;
	for (size_t i = 0; i < FORMS; i++)
		mo->makers[i] =
		    (struct document_maker){ i == 0 ? begin_text : begin_open,
			    put_piece, end_metrics, context };
	*ret = mo;
	return 0;
}

void
monitor_free(struct monitor *mo)
{
	if (mo == NULL)
		return;
	web_close(mo->now.web);
	forget(&mo->now);
	free(mo);
}
