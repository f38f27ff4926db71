#include "config/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/cross.h"
#include "config/fault.h"
#include "config/load.h"
#include "config/object.h"
#include "config/rows.h"
#include "config/source.h"

/* Where each key stands, for what is found later. */
static void
note_keys(struct load *ld)
{
	const config_setting_t *root = config_root_setting(&ld->lc);
	int count = config_setting_length(root);
	struct conf_key *keys = calloc((size_t)count + 1, sizeof(*keys));

	ld->cf->keys = keys;
	for (int i = 0; keys != NULL && i < count; i++) {
		const config_setting_t *st = config_setting_get_elem(root, (unsigned)i);

		keys[i].place = source_place(&ld->src, config_setting_source_line(st));
		keys[i].name = strdup(config_setting_name(st));
		ld->cf->n_keys++;
		if (keys[i].name == NULL)
			keys = NULL;
	}
	if (keys == NULL)
		fault_add(&ld->faults, 0, "file", "out of memory");
}

static int
compare_lines(const void *a, const void *b)
{
	uintptr_t first = (uintptr_t)((const struct conf_line *)a)->member;
	uintptr_t second = (uintptr_t)((const struct conf_line *)b)->member;

	return (first > second) - (first < second);
}

static void
parse(struct load *ld)
{
	config_init(&ld->lc);
	if (config_read_string(&ld->lc, ld->src.text == NULL ? "" : ld->src.text) !=
	    CONFIG_TRUE) {
		fault_add(&ld->faults, (size_t)config_error_line(&ld->lc), "syntax",
		    "%s", config_error_text(&ld->lc));
	} else {
		object_load(ld, &rows_global, config_root_setting(&ld->lc), ld->cf);
		note_keys(ld);
		if (ld->cf->n_lines > 0)
			qsort(ld->cf->lines, ld->cf->n_lines, sizeof(*ld->cf->lines),
			    compare_lines);
		/* Without all of the text, much would seem to be missing. */
		if (!ld->src.incomplete)
			cross_check(ld);
	}
	config_destroy(&ld->lc);
}

int
conf_load(struct conf **ret, const char *file, conf_fault_fn *fault, void *arg)
{
	struct load ld = { 0 };
	int count;
	int rc;

	rc = source_read(&ld.src, file, &ld.faults);
	ld.cf = calloc(1, sizeof(*ld.cf));
	if (ld.cf == NULL || rc == -ENOMEM)
		fault_add(&ld.faults, 0, "file", "out of memory");
	else if (rc == 0)
		parse(&ld);
	count = fault_count(&ld.faults);
	fault_report(&ld.faults, &ld.src, fault, arg);
	fault_done(&ld.faults);
	if (count == 0) {
		/* The places point to the names. */
		ld.cf->files = ld.src.files;
		ld.cf->n_files = ld.src.n_files;
		ld.src.files = NULL;
		ld.src.n_files = 0;
		*ret = ld.cf;
		ld.cf = NULL;
	}
	source_done(&ld.src);
	conf_free(ld.cf);
	return count;
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void
free_queues(struct conf *cf)
{
	for (size_t i = 0; i < cf->n_queues; i++) {
		free(cf->queues[i].name);
		free(cf->queues[i].uri);
		free(cf->queues[i].take_text);
	}
	free(cf->queues);
}

static void
free_role(struct conf_role *ro)
{
	free(ro->users);
	free(ro->groups);
}

static void
free_listeners(struct conf *cf)
{
	for (size_t i = 0; i < cf->n_listeners; i++) {
		free(cf->listeners[i].address);
		free(cf->listeners[i].users);
		free(cf->listeners[i].groups);
	}
	free(cf->listeners);
}

static void
free_peers(struct conf *cf)
{
	for (size_t i = 0; i < cf->n_peers; i++) {
		free(cf->peers[i].name);
		free(cf->peers[i].address);
		free_texts(cf->peers[i].may_send_to, cf->peers[i].n_may_send_to);
	}
	free(cf->peers);
}

static void
free_routes(struct conf *cf)
{
	for (size_t i = 0; i < cf->n_routes; i++) {
		free(cf->routes[i].name);
		free(cf->routes[i].from);
		free(cf->routes[i].to);
		free(cf->routes[i].to_peer);
		free(cf->routes[i].to_entry);
	}
	free(cf->routes);
}

void
conf_free(struct conf *cf)
{
	if (cf == NULL)
		return;
	free(cf->name);
	free(cf->control);
	free_role(&cf->operators);
	free_role(&cf->admins);
	free(cf->metrics);
	free_texts(cf->metrics_names, cf->n_metrics_names);
	free(cf->ring_directory);
	free(cf->state_directory);
	free_queues(cf);
	free_listeners(cf);
	free_peers(cf);
	free_routes(cf);
	for (size_t i = 0; i < cf->n_keys; i++)
		free(cf->keys[i].name);
	free(cf->keys);
	free(cf->lines);
	free_texts(cf->files, cf->n_files);
	free(cf);
}

char *
conf_fault_place(char *buf, size_t size, const char *file, int line, const char *key)
{
	if (line > 0)
		(void)snprintf(buf, size, "%s:%d: %s", file, line, key);
	else if (strcmp(key, "file") == 0)
		(void)snprintf(buf, size, "%s", file);
	else
		(void)snprintf(buf, size, "%s: %s", file, key);
	return buf;
}

struct conf_place
conf_key_place(const struct conf *cf, const char *key)
{
	for (size_t i = 0; i < cf->n_keys; i++) {
		if (strcmp(cf->keys[i].name, key) == 0)
			return cf->keys[i].place;
	}
	return (struct conf_place){ .file = cf->n_files > 0 ? cf->files[0] : "" };
}

const struct conf_queue *
conf_queue_find(const struct conf *cf, const char *name)
{
	for (size_t i = 0; i < cf->n_queues; i++) {
		if (cf->queues[i].name != NULL && strcmp(cf->queues[i].name, name) == 0)
			return &cf->queues[i];
	}
	return NULL;
}

const struct conf_peer *
conf_peer_find(const struct conf *cf, const char *name)
{
	for (size_t i = 0; i < cf->n_peers; i++) {
		if (cf->peers[i].name != NULL && strcmp(cf->peers[i].name, name) == 0)
			return &cf->peers[i];
	}
	return NULL;
}

bool
conf_peer_may_send(const struct conf_peer *pe, const char *entry)
{
	for (size_t i = 0; i < pe->n_may_send_to; i++) {
		if (strcmp(pe->may_send_to[i], entry) == 0)
			return true;
	}
	return false;
}
