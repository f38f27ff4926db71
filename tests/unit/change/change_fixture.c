#include "change_fixture.h"

#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "change/change.h"
#include "config/diff.h"
#include "endpoint/intake.h"
#include "net/address.h"
#include "net/tcpsock.h"

struct change_fixture cx;

int
fixture_listen_at(const char *host, uint16_t port)
{
	struct address at = { .kind = ADDRESS_TCP, .port = port };

	(void)snprintf(at.host, sizeof(at.host), "%s", host);
	return tcpsock_listen(&at, 1);
}

static void
on_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	if (cx.intruder_port != 0 && cx.intruder < 0)
		cx.intruder = fixture_listen_at("127.0.0.1", cx.intruder_port);
	(void)arg;
	(void)file;
	(void)line;
	(void)snprintf(cx.fault, sizeof(cx.fault), "%s: %s", key, why);
}

struct conf *
fixture_load(const char *text)
{
	char path[128], full[4096];
	struct conf *cf = NULL;
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/conf", cx.state_dir);
	(void)snprintf(full, sizeof(full),
	    "name = \"edge\"; ring_directory = \"%s\"; state_directory = \"%s\"; %s",
	    cx.runtime_dir, cx.state_dir, text);
	out = fopen(path, "we");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(full, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_msg(conf_load(&cf, path, on_fault, NULL) == 0, "%s", cx.fault);
	return cf;
}

void
fixture_start(const char *text)
{
	ck_assert_int_eq(
	    runtime_open(&cx.runtime, cx.runtime_dir, cx.state_dir, NULL), 0);
	cx.conf = fixture_load(text);
	ck_assert_int_eq(
	    assembly_new(&cx.assembly, cx.conf, cx.runtime, cx.base, NULL), 0);
	assembly_start(cx.assembly);
	(void)event_base_loop(cx.base, EVLOOP_NONBLOCK);
}

void
fixture_setup(void)
{
	cx = (struct change_fixture){ .runtime_dir = "/dev/shm/check_change.XXXXXX",
		.state_dir = "/tmp/check_change.XXXXXX",
		.intruder = -1 };
	ck_assert_ptr_nonnull(mkdtemp(cx.runtime_dir));
	ck_assert_ptr_nonnull(mkdtemp(cx.state_dir));
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	(void)unlink(SOCKET); /* of a run that failed */
	cx.base = event_base_new();
	fixture_start(QUEUES PEERS ROUTES);
	ck_assert_ptr_nonnull(intake_ring(cx.assembly->queues[0]->intake));
	cx.fault[0] = '\0';
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void
fixture_stop(void)
{
	assembly_halt(cx.assembly);
	ck_assert_int_eq(assembly_sync(cx.assembly), 0);
	assembly_free(cx.assembly);
	runtime_close(cx.runtime);
	(void)event_base_loop(cx.base, EVLOOP_NONBLOCK);
	conf_free(cx.conf);
}

void
fixture_teardown(void)
{
	fixture_stop();
	event_base_free(cx.base);
	ck_assert_int_eq(nftw(cx.runtime_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	ck_assert_int_eq(nftw(cx.state_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int
fixture_change(const char *text)
{
	struct change_faults cf = { .tell = on_fault, .log_rc = cx.log_rc };
	struct conf *next = fixture_load(text);
	struct diff df;
	int rc;

	ck_assert_int_eq(diff_make(&df, cx.conf, next), 0);
	rc = change_apply(cx.assembly, next, &df, &cf);
	diff_done(&df);
	ck_assert_int_eq(rc == 0, cf.count == 0);
	conf_free(rc == 0 ? cx.conf : next);
	if (rc == 0)
		cx.conf = next;
	(void)event_base_loop(cx.base, EVLOOP_NONBLOCK);
	return rc;
}

const struct assembly_route *
fixture_route(const char *name)
{
	size_t i = 0;

	while (i < cx.assembly->n_routes &&
	       strcmp(cx.assembly->routes[i]->conf->name, name) != 0)
		i++;
	ck_assert_msg(i < cx.assembly->n_routes, "there is no route %s", name);
	return cx.assembly->routes[i];
}

const struct assembly_queue *
fixture_queue(const char *name)
{
	const struct assembly_queue *aq = assembly_queue_find(cx.assembly, name);

	ck_assert_ptr_nonnull(aq);
	return aq;
}

void
fixture_spoil_logs(char *path, size_t size)
{
	int fd;

	(void)snprintf(path, size, "%s/logs", cx.state_dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

void
fixture_clear(void)
{
	ck_assert_int_eq(nftw(cx.runtime_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	ck_assert_int_eq(mkdir(cx.runtime_dir, 0700), 0);
}
