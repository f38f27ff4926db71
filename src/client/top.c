#include "client/top.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "client/query.h"
#include "client/top_model.h"
#include "client/top_screen.h"
#include "control/reply.h"

#define LINE_MAX_BYTES (TOP_NAME + 32)

struct top {
	struct query *query;
	struct top_table tables[2]; /* by enum top_kind */
	struct top_view view;
	json_t *status; /* the document; NULL: no answer */
	char said[QUERY_WHY_MAX + LINE_MAX_BYTES + 32];
	uint64_t every_ms;
	uint64_t asked_ms;
	int answered; /* the exit status of the last question */
	bool quits;
};

/* The items of an answer, which belong to the caller; NULL: there is none. */
static json_t *
ask_items(struct top *tp, const char *line)
{
	json_t *document = NULL, *items;
	int status = query_run(tp->query, &document, line);

	tp->answered = status;
	if (status != REPLY_DONE && status != REPLY_WARNED)
		return NULL;
	items = json_incref(json_object_get(document, "items"));
	json_decref(document);
	return items;
}

static void
take_table(struct top *tp, enum top_kind kind, const char *line, const json_t *queues)
{
	json_t *items = ask_items(tp, line);

	if (items == NULL || top_table_take(&tp->tables[kind], items, queues) == 0)
		top_table_sort(&tp->tables[kind], tp->view.order);
	json_decref(items);
}

static void
top_ask(struct top *tp)
{
	json_t *queues;

	json_decref(tp->status);
	tp->status = ask_items(tp, "show status");
	tp->view.status = json_array_get(tp->status, 0);
	tp->view.fault = tp->query->why;
	tp->asked_ms = clock_monotonic_ms();
	if (tp->status == NULL)
		return;
	queues = ask_items(tp, "show queues");
	take_table(tp, TOP_ROUTES, "show routes", queues);
	take_table(tp, TOP_PEERS, "show peers", NULL);
	json_decref(queues);
}

static const char *
selected_name(const struct top *tp)
{
	const struct top_table *tb = tp->view.table;

	return tp->view.selected < tb->n ? tb->rows[tp->view.selected].name : "";
}

/* The selected row stays so while the others move around it. */
static void
select_name(struct top *tp, const char *name)
{
	if (strcmp(selected_name(tp), name) == 0)
		return;
	for (size_t i = 0; i < tp->view.table->n; i++) {
		if (strcmp(tp->view.table->rows[i].name, name) != 0)
			continue;
		tp->view.selected = i;
		return;
	}
}

static void
top_refresh(struct top *tp)
{
	char name[TOP_NAME];

	(void)snprintf(name, sizeof(name), "%s", selected_name(tp));
	top_ask(tp);
	for (size_t i = 0; i < ARRAY_LEN(tp->tables); i++)
		top_table_sort(&tp->tables[i], tp->view.order);
	select_name(tp, name);
}

/* ---- keys -------------------------------------------------------------------------- */

/* "pause route orders" */
static void
top_steer(struct top *tp, const char *verb)
{
	const char *kind = tp->view.table->kind == TOP_ROUTES ? "route" : "peer";
	char line[LINE_MAX_BYTES];
	json_t *document = NULL;
	int status;

	if (selected_name(tp)[0] == '\0')
		return;
	(void)snprintf(line, sizeof(line), "%s %s %s", verb, kind, selected_name(tp));
	status = query_run(tp->query, &document, line);
	if (document != NULL)
		(void)snprintf(tp->said, sizeof(tp->said), "%s: done", line);
	else
		(void)snprintf(tp->said, sizeof(tp->said), "%s: %s (exit status %d)",
		    line, tp->query->why, status);
	json_decref(document);
	top_refresh(tp);
}

static void
top_order(struct top *tp)
{
	tp->view.order = (tp->view.order + 1) % TOP_ORDERS;
	for (size_t i = 0; i < ARRAY_LEN(tp->tables); i++)
		top_table_sort(&tp->tables[i], tp->view.order);
	tp->view.selected = 0;
}

static void
top_switch(struct top *tp)
{
	tp->view.table = tp->view.table == &tp->tables[TOP_ROUTES]
			     ? &tp->tables[TOP_PEERS]
			     : &tp->tables[TOP_ROUTES];
	tp->view.selected = 0;
}

static void
top_act(struct top *tp, int key)
{
	switch (key) {
	case 'q':
	case TOP_KEY_GONE:
		tp->quits = true;
		return;
	case 's':
		top_order(tp);
		return;
	case '\t':
		top_switch(tp);
		return;
	case 'p':
		top_steer(tp, "pause");
		return;
	case 'r':
		top_steer(tp, "resume");
		return;
	case 'h':
	case '?':
		tp->view.helps = !tp->view.helps;
		return;
	case 'k':
	case TOP_KEY_UP:
		tp->view.selected -= tp->view.selected > 0;
		return;
	case 'j':
	case TOP_KEY_DOWN:
		tp->view.selected += tp->view.selected + 1 < tp->view.table->n;
		return;
	default:
		return;
	}
}

static void
top_loop(struct top *tp)
{
	while (!tp->quits) {
		uint64_t passed = clock_monotonic_ms() - tp->asked_ms;
		int key;

		if (passed >= tp->every_ms) {
			top_refresh(tp);
			passed = 0;
		}
		top_screen_draw(&tp->view);
		key = top_screen_key((int)(tp->every_ms - passed));
		if (key >= 0 && key != TOP_KEY_RESIZE) {
			tp->said[0] = '\0';
			top_act(tp, key);
		}
	}
}

int
top_run(struct query *qu, uint64_t every_ms)
{
	struct top tp = { .query = qu,
		.tables = { { .kind = TOP_ROUTES }, { .kind = TOP_PEERS } },
		.view = { .fault = "" },
		.every_ms = every_ms };
	int rc;

	tp.view.table = &tp.tables[TOP_ROUTES];
	tp.view.said = tp.said;
	top_ask(&tp);
	if (tp.status == NULL)
		return tp.answered;
	rc = top_screen_begin();
	if (rc == 0) {
		top_loop(&tp);
		top_screen_end();
	} else {
		(void)snprintf(qu->why, sizeof(qu->why),
		    "top wants a terminal; --watch repeats a command anywhere");
	}
	for (size_t i = 0; i < ARRAY_LEN(tp.tables); i++)
		top_table_done(&tp.tables[i]);
	json_decref(tp.status);
	return rc == 0 ? REPLY_DONE : REPLY_USAGE;
}
