#include "daemon/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/quote.h"
#include "commands/commands.h"
#include "config/conf.h"
#include "metrics/metrics.h"
#include "net/address.h"
#include "service/activation.h"
#include "web/document.h"
#include "web/socket.h"
#include "web/web.h"

#define FORMS WEB_METRICS

struct monitor {
	struct event_base *base;
	struct commands_context *context;
	struct document_maker makers[FORMS];
	struct web *web; /* NULL: nothing listens */
	/* How it was opened. */
	char *address;
	char *daemon; /* name */
	char **names;
	size_t n_names;
	int passed; /* a socket that the service manager has too, -1: none */
	char *passed_at;
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
forget(struct monitor *mo)
{
	for (size_t i = 0; i < mo->n_names; i++)
		free(mo->names[i]);
	free(mo->names);
	free(mo->daemon);
	free(mo->address);
	mo->names = NULL;
	mo->n_names = 0;
	mo->address = mo->daemon = NULL;
}

static int
remember(struct monitor *mo, const struct conf *conf)
{
	forget(mo);
	mo->address = strdup(conf->metrics);
	mo->daemon = strdup(conf->name);
	mo->names = calloc(conf->n_metrics_names + 1, sizeof(*mo->names));
	if (mo->address == NULL || mo->daemon == NULL || mo->names == NULL)
		return -ENOMEM;
	for (; mo->n_names < conf->n_metrics_names; mo->n_names++) {
		mo->names[mo->n_names] = strdup(conf->metrics_names[mo->n_names]);
		if (mo->names[mo->n_names] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static bool
is_same(const struct monitor *mo, const struct conf *conf)
{
	if (mo->web == NULL || mo->names == NULL ||
	    strcmp(mo->address, conf->metrics) != 0 ||
	    strcmp(mo->daemon, conf->name) != 0 || mo->n_names != conf->n_metrics_names)
		return false;
	for (size_t i = 0; i < mo->n_names; i++) {
		if (strcmp(mo->names[i], conf->metrics_names[i]) != 0)
			return false;
	}
	return true;
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
		log_error("daemon", "metrics at %s: %s%s", quote(conf->metrics).text,
		    strerror(-rc),
		    rc == -EADDRINUSE ? "; another process listens there" : "");
	return rc;
}

/* The socket that the service manager has for it; -1: none. Nobody else can listen there as
 * long as it has it, so that one more of it stays here for the next change. */
static int
passed_socket(
    struct monitor *mo, const struct conf *conf, struct activation *activation)
{
	struct address ad;
	int fd = -1;

	if (mo->passed >= 0)
		return strcmp(mo->passed_at, conf->metrics) == 0
			   ? fcntl(mo->passed, F_DUPFD_CLOEXEC, 0)
			   : -1;
	if (web_socket_address(&ad, conf->metrics) == 0)
		fd = activation_take(activation, ACTIVATION_METRICS, &ad);
	if (fd < 0)
		return -1;
	mo->passed_at = strdup(conf->metrics);
	if (mo->passed_at != NULL)
		mo->passed = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd;
}

static int
change(struct monitor *mo, const struct conf *conf, struct activation *activation)
{
	struct web *web = NULL;
	int rc;

	/* The same address cannot be listened on twice. */
	if (mo->web != NULL && strcmp(mo->address, conf->metrics) == 0) {
		web_close(mo->web);
		mo->web = NULL;
	}
	rc = open_web(mo, &web, conf, passed_socket(mo, conf, activation));
	if (rc < 0)
		return rc;
	web_close(mo->web);
	mo->web = web;
	log_info("daemon", "metrics and status page at %s", quote(conf->metrics).text);
	return remember(mo, conf);
}

int
monitor_configure(
    struct monitor *mo, const struct conf *conf, struct activation *activation)
{
	if (conf->metrics != NULL)
		return is_same(mo, conf) ? 0 : change(mo, conf, activation);
	web_close(mo->web);
	mo->web = NULL;
	forget(mo);
	return 0;
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
	mo->passed = -1;
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
	web_close(mo->web);
	forget(mo);
	if (mo->passed >= 0)
		(void)close(mo->passed);
	free(mo->passed_at);
	free(mo);
}
