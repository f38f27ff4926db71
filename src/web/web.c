#include "web/web.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "control/answer.h"
#include "control/server.h"
#include "web/budget.h"
#include "web/bytes.h"
#include "web/document.h"
#include "web/host.h"
#include "web/page.h"
#include "web/socket.h"
#include "web/visits.h"

#define HEADER_MAX 8192 /* bytes of a request */
#define BODY_MAX   0
#define SILENCE_S  30 /* evhttp's own; web/visits.h has the real bounds */
#define HOST_NONE  ""

#define TYPE_PAGE "text/html; charset=utf-8"
#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"

/* What nobody may load anything into. */
#define POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'"

/* The answers of commands that can be had: those that only look, and show no bodies. */
static const struct {
	const char *path, *command;
} answers[] = {
	{ "/api/1/status", "show status json" },
	{ "/api/1/queues", "show queues json" },
	{ "/api/1/routes", "show routes json" },
	{ "/api/1/peers", "show peers json" },
	{ "/api/1/dead-letters", "show dead-letters json" },
	{ "/api/1/in-doubt", "show in-doubt json" },
	{ "/api/1/events", "show events json" },
};
#define N_ANSWERS   ARRAY_LEN(answers)
#define N_DOCUMENTS (N_ANSWERS + WEB_METRICS)

/* A request that waits for its document. */
struct asked {
	TAILQ_ENTRY(asked) link;
	struct evhttp_request *request; /* ours until it is replied to */
	struct document *document;
	const char *type;
	uint64_t at_ms;
};
TAILQ_HEAD(asked_list, asked);

struct web {
	struct event_base *base; /* borrowed */
	struct web_socket socket;
	char **names; /* NULL at the end */
	size_t n_names;
	char *name;
	unsigned (*choose)(const char *accept);
	const char *metrics_type[WEB_METRICS];
	struct answerer *answerer;
	struct document *documents[N_DOCUMENTS]; /* answers, then metrics */
	struct bytes_pool *pool;
	struct budget budget;
	struct visits *visits;
	struct evhttp *http;
	struct asked_list asked;
	struct event *turn; /* serve one of them */
};

/* ---- replies ------------------------------------------------------------------- */

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 421, "Misdirected Request" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].status == status)
			return rows[i].reason;
	}
	return "Service Unavailable";
}

static int
add_headers(struct evhttp_request *rq, const char *type, const char *policy)
{
	const char *const headers[][2] = {
		{ "Content-Type", type },
		{ "Content-Security-Policy", policy },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cache-Control", "no-store" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
	};

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		if (evhttp_add_header(evhttp_request_get_output_headers(rq),
			headers[i][0], headers[i][1]) != 0)
			return -ENOMEM;
	}
	return 0;
}

static void
web_on_replied(struct evhttp_request *rq, void *arg)
{
	struct web *wb = arg;
	struct evhttp_connection *connection = evhttp_request_get_connection(rq);

	if (connection != NULL)
		visits_idle(wb->visits, evhttp_connection_get_bufferevent(connection));
}

struct reply {
	int status;
	const char *type, *policy;
	struct evbuffer *body; /* what is in it is sent, or for HEAD only measured */
};

static void
web_reply(struct web *wb, struct evhttp_request *rq, const struct reply *rp)
{
	char length[32];

	budget_spend(&wb->budget, BUDGET_FIXED + evbuffer_get_length(rp->body));
	(void)snprintf(length, sizeof(length), "%zu", evbuffer_get_length(rp->body));
	evhttp_request_set_on_complete_cb(rq, web_on_replied, wb);
	if (visits_crowded(wb->visits))
		(void)evhttp_add_header(
		    evhttp_request_get_output_headers(rq), "Connection", "close");
	if (add_headers(rq, rp->type, rp->policy) == 0 &&
	    evhttp_add_header(
		evhttp_request_get_output_headers(rq), "Content-Length", length) == 0)
		evhttp_send_reply(rq, rp->status, reason_of(rp->status),
		    evhttp_request_get_command(rq) == EVHTTP_REQ_HEAD ? NULL
								      : rp->body);
	else
		evhttp_send_error(rq, HTTP_SERVUNAVAIL, NULL);
}

static void
web_refuse(struct web *wb, struct evhttp_request *rq, int status, const char *why)
{
	struct reply rp = { .status = status,
		.type = TYPE_TEXT,
		.policy = POLICY_NOTHING,
		.body = evbuffer_new() };

	if (rp.body != NULL && evbuffer_add_printf(rp.body, "%s\n", why) > 0)
		web_reply(wb, rq, &rp);
	else
		evhttp_send_error(rq, HTTP_SERVUNAVAIL, NULL);
	if (rp.body != NULL)
		evbuffer_free(rp.body);
}

static void
web_send_page(struct web *wb, struct evhttp_request *rq)
{
	struct reply rp = { .status = HTTP_OK,
		.type = TYPE_PAGE,
		.policy = page_policy,
		.body = evbuffer_new() };

	if (rp.body != NULL &&
	    evbuffer_add_reference(rp.body, page_bytes, page_len, NULL, NULL) == 0)
		web_reply(wb, rq, &rp);
	else
		evhttp_send_error(rq, HTTP_SERVUNAVAIL, NULL);
	if (rp.body != NULL)
		evbuffer_free(rp.body);
}

static void
web_send_document(struct web *wb, const struct asked *as)
{
	struct reply rp = { .type = as->type, .policy = POLICY_NOTHING };
	struct bytes *bytes;

	rp.status = document_take(as->document, &bytes);
	if (bytes == NULL) {
		web_refuse(wb, as->request, rp.status, "it cannot be made now");
		return;
	}
	rp.body = evbuffer_new();
	if (rp.body != NULL && bytes_send(bytes, rp.body) == 0)
		web_reply(wb, as->request, &rp);
	else
		evhttp_send_error(as->request, HTTP_SERVUNAVAIL, NULL);
	if (rp.body != NULL)
		evbuffer_free(rp.body);
}

/* ---- requests ------------------------------------------------------------------ */

/* Serve one request, if there is one that can be served, on a later turn of the loop. */
static void
web_schedule(struct web *wb)
{
	struct timeval tv =
	    clock_timeval(budget_wait_ms(&wb->budget, clock_monotonic_ms()));

	if (!TAILQ_EMPTY(&wb->asked))
		(void)event_add(wb->turn, &tv);
}

/* The first whose document is there; the documents of those before it are begun. */
static struct asked *
web_next(struct web *wb, uint64_t now_ms)
{
	struct asked *as;

	TAILQ_FOREACH (as, &wb->asked, link) {
		if (as->document == NULL ||
		    document_is_ready(as->document, as->at_ms, now_ms))
			return as;
		document_make(as->document);
	}
	return NULL;
}

static void
web_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct web *wb = arg;
	struct asked *as = web_next(wb, clock_monotonic_ms());

	(void)fd;
	(void)what;
	if (as == NULL)
		return; /* web_on_made() comes */
	TAILQ_REMOVE(&wb->asked, as, link);
	if (as->document == NULL)
		web_send_page(wb, as->request);
	else
		web_send_document(wb, as);
	free(as);
	web_schedule(wb);
}

static void
web_on_made(void *owner)
{
	web_schedule(owner);
}

/* NULL in *ret: the page. Returns whether there is such a thing. */
static bool
web_find(const struct web *wb, struct evhttp_request *rq, struct document **ret,
    const char **ret_type)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(rq));
	unsigned form;

	*ret = NULL;
	*ret_type = TYPE_JSON;
	if (path == NULL || strcmp(path, "/") == 0)
		return path != NULL;
	if (strcmp(path, "/metrics") == 0) {
		form = wb->choose(
		    evhttp_find_header(evhttp_request_get_input_headers(rq), "Accept"));
		*ret = wb->documents[N_ANSWERS + form];
		*ret_type = wb->metrics_type[form];
		return true;
	}
	for (size_t i = 0; *ret == NULL && i < N_ANSWERS; i++) {
		if (strcmp(path, answers[i].path) == 0)
			*ret = wb->documents[i];
	}
	return *ret != NULL;
}

/* The value of the only "Host" there is; HOST_NONE: none or several. */
static const char *
host_of(struct evhttp_request *rq)
{
	struct evkeyval *header;
	const char *host = NULL;

	TAILQ_FOREACH (header, evhttp_request_get_input_headers(rq), next) {
		if (strcasecmp(header->key, "Host") != 0)
			continue;
		if (host != NULL)
			return HOST_NONE;
		host = header->value;
	}
	return host == NULL ? HOST_NONE : host;
}

/* Why that request is not served: the status, or 0. */
static int
fault_of(const struct web *wb, struct evhttp_request *rq, const char **ret_why)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(rq);
	enum evhttp_cmd_type method = evhttp_request_get_command(rq);

	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		*ret_why = "only GET and HEAD: nothing can be changed here";
		(void)evhttp_add_header(
		    evhttp_request_get_output_headers(rq), "Allow", "GET, HEAD");
		return HTTP_BADMETHOD;
	}
	if (uri == NULL || evhttp_uri_get_host(uri) != NULL) {
		*ret_why = "this is no proxy";
		return HTTP_BADREQUEST;
	}
	if (!host_is_ours(host_of(rq), (const char *const *)wb->names, wb->n_names)) {
		*ret_why = "that is no name of this host; metrics_names in "
			   "mqbridge.conf(5) has those that are";
		return 421;
	}
	return 0;
}

static void
web_on_request(struct evhttp_request *rq, void *arg)
{
	struct web *wb = arg;
	const char *why = "there is no such thing here";
	struct asked *as;
	int fault;

	visits_busy(wb->visits,
	    evhttp_connection_get_bufferevent(evhttp_request_get_connection(rq)));
	fault = fault_of(wb, rq, &why);
	as = calloc(1, sizeof(*as));
	if (as == NULL) {
		evhttp_send_error(rq, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	if (fault == 0 && !web_find(wb, rq, &as->document, &as->type))
		fault = HTTP_NOTFOUND;
	if (fault != 0) {
		free(as);
		web_refuse(wb, rq, fault, why);
		return;
	}
	as->request = rq;
	as->at_ms = clock_monotonic_ms();
	TAILQ_INSERT_TAIL(&wb->asked, as, link);
	web_schedule(wb);
}

/* ---- the beginning and the end ---------------------------------------------------- */

static int
start_documents(struct web *wb, const struct web_spec *spec)
{
	struct control_spec control = { .name = wb->name,
		.commands = spec->commands,
		.n_commands = spec->n_commands,
		.context = spec->context };
	int rc = answerer_new(&wb->answerer, &control);

	for (size_t i = 0; rc == 0 && i < N_DOCUMENTS; i++) {
		struct document_spec document = { .base = wb->base,
			.pool = wb->pool,
			.on_made = web_on_made,
			.owner = wb };

		if (i < N_ANSWERS) {
			document.command = answers[i].command;
			document.answerer = wb->answerer;
		} else {
			document.maker = spec->metrics[i - N_ANSWERS];
		}
		rc = document_new(&wb->documents[i], &document);
	}
	return rc;
}

static int
start_http(struct web *wb)
{
	struct evconnlistener *listener;

	wb->http = evhttp_new(wb->base);
	if (wb->http == NULL)
		return -ENOMEM;
	/* Those that we answer by "not allowed" too. */
	evhttp_set_allowed_methods(wb->http,
	    EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
		EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
	evhttp_set_max_headers_size(wb->http, HEADER_MAX);
	evhttp_set_max_body_size(wb->http, BODY_MAX);
	evhttp_set_timeout(wb->http, SILENCE_S);
	evhttp_set_default_content_type(wb->http, NULL);
	evhttp_set_bevcb(wb->http, visits_begin, wb->visits);
	evhttp_set_gencb(wb->http, web_on_request, wb);
	listener = evconnlistener_new(wb->base, NULL, NULL,
	    LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, wb->socket.fd);
	if (listener == NULL)
		return -ENOMEM;
	wb->socket.fd = -1; /* the listener's */
	if (evhttp_bind_listener(wb->http, listener) == NULL) {
		evconnlistener_free(listener);
		return -ENOMEM;
	}
	visits_watch(wb->visits, listener);
	return 0;
}

static int
copy_names(struct web *wb, const struct web_spec *spec)
{
	wb->name = strdup(spec->name);
	wb->names = calloc(spec->n_names + 1, sizeof(*wb->names));
	if (wb->name == NULL || wb->names == NULL)
		return -ENOMEM;
	for (; wb->n_names < spec->n_names; wb->n_names++) {
		wb->names[wb->n_names] = strdup(spec->names[wb->n_names]);
		if (wb->names[wb->n_names] == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
web_start(struct web *wb, const struct web_spec *spec)
{
	int rc = web_socket_open(&wb->socket, spec->address, spec->fd);

	if (rc == 0)
		rc = copy_names(wb, spec);
	if (rc == 0)
		rc = bytes_pool_new(&wb->pool);
	if (rc == 0)
		rc = visits_new(&wb->visits, wb->base, &wb->budget);
	if (rc == 0)
		rc = start_documents(wb, spec);
	if (rc == 0) {
		wb->turn = evtimer_new(wb->base, web_on_turn, wb);
		rc = wb->turn == NULL ? -ENOMEM : start_http(wb);
	}
	return rc;
}

int
web_open(struct web **ret, struct event_base *base, const struct web_spec *spec)
{
	struct web *wb = calloc(1, sizeof(*wb));
	int rc;

	if (wb == NULL) {
		if (spec->fd >= 0)
			(void)close(spec->fd);
		return -ENOMEM;
	}
	wb->base = base;
	wb->socket.fd = -1;
	wb->choose = spec->metrics_choose;
	memcpy(wb->metrics_type, spec->metrics_type, sizeof(wb->metrics_type));
	TAILQ_INIT(&wb->asked);
	budget_init(&wb->budget, clock_monotonic_ms());
	rc = web_start(wb, spec);
	if (rc != 0) {
		web_close(wb);
		return rc;
	}
	*ret = wb;
	return 0;
}

static void
free_names(struct web *wb)
{
	for (size_t i = 0; i < wb->n_names; i++)
		free(wb->names[i]);
	free(wb->names);
}

void
web_set_names(struct web *wb, char **names, size_t n_names)
{
	free_names(wb);
	wb->names = names;
	wb->n_names = n_names;
}

void
web_silence(struct web *wb)
{
	visits_silence(wb->visits);
}

int
web_listen(struct web *wb)
{
	return visits_listen(wb->visits);
}

void
web_close(struct web *wb)
{
	struct asked *as;

	if (wb == NULL)
		return;
	while ((as = TAILQ_FIRST(&wb->asked)) != NULL) {
		TAILQ_REMOVE(&wb->asked, as, link);
		/* The others go with their connections. */
		if (evhttp_request_get_connection(as->request) == NULL)
			evhttp_request_free(as->request);
		free(as);
	}
	if (wb->http != NULL)
		evhttp_free(wb->http);
	visits_free(wb->visits);
	if (wb->turn != NULL)
		event_free(wb->turn);
	for (size_t i = 0; i < N_DOCUMENTS; i++)
		document_free(wb->documents[i]);
	answerer_free(wb->answerer);
	bytes_pool_free(wb->pool);
	web_socket_close(&wb->socket);
	free_names(wb);
	free(wb->name);
	free(wb);
}
