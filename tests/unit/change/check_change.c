#include "change/change.h"

#include <check.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assembly/assembly.h"
#include "assembly/inventory.h"
#include "base/log.h"
#include "config/diff.h"
#include "control/text.h"
#include "endpoint/intake.h"
#include "metrics/metrics.h"
#include "spool/runtime.h"
#include "suites.h"

static char runtime_dir[] = "/dev/shm/check_change.XXXXXX";
static char state_dir[] = "/tmp/check_change.XXXXXX";
static struct event_base *base;
static struct runtime *runtime;
static struct assembly *assembly;
static struct conf *conf;
static char fault[1024]; /* the last one */

#define QUEUE(name)                                                                    \
	"{ name = \"" name "\"; uri = \"posix:/check-" name                            \
	"\"; ring_size = \"64KiB\";"                                                   \
	" create = { max_messages = 2; message_size = \"64B\"; }; }"
#define SOCKET "/dev/shm/check-change-socket"
#define LISTEN "listeners = ( { address = \"unix://" SOCKET "\"; } ); "
#define QUEUES "queues = ( " QUEUE("a") ", " QUEUE("b") ", " QUEUE("c") " ); "
#define PEERS  "peers = ( { name = \"hub\"; may_send_to = ( \"c\" ); } ); "
#define ROUTE(name, from, to, more)                                                    \
	"{ name = \"" name "\"; from = \"" from "\"; to = \"" to "\"; " more " }"
#define ROUTES                                                                         \
	"routes = ( " ROUTE("one", "a", "hub/x", "") ", " ROUTE(                       \
	    "two", "b", "hub/y", "") " ); "

static void
on_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	(void)arg;
	(void)file;
	(void)line;
	(void)snprintf(fault, sizeof(fault), "%s: %s", key, why);
}

static struct conf *
load(const char *text)
{
	char path[128], full[4096];
	struct conf *cf = NULL;
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/conf", state_dir);
	(void)snprintf(full, sizeof(full),
	    "name = \"edge\"; ring_directory = \"%s\"; state_directory = \"%s\"; %s",
	    runtime_dir, state_dir, text);
	out = fopen(path, "we");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(full, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_msg(conf_load(&cf, path, on_fault, NULL) == 0, "%s", fault);
	return cf;
}

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(runtime_dir));
	ck_assert_ptr_nonnull(mkdtemp(state_dir));
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_PLAIN);
	(void)unlink(SOCKET); /* of a run that failed */
	base = event_base_new();
	ck_assert_int_eq(runtime_open(&runtime, runtime_dir, state_dir, NULL), 0);
	conf = load(QUEUES PEERS ROUTES);
	ck_assert_int_eq(assembly_new(&assembly, conf, runtime, base, NULL), 0);
	assembly_start(assembly);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_ptr_nonnull(intake_ring(assembly->queues[0]->intake));
	fault[0] = '\0';
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void
teardown(void)
{
	assembly_halt(assembly);
	ck_assert_int_eq(assembly_sync(assembly), 0);
	assembly_free(assembly);
	runtime_close(runtime);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	conf_free(conf);
	ck_assert_int_eq(nftw(runtime_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	ck_assert_int_eq(nftw(state_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* 0, and conf is the new one; or what change_apply() returned. */
static int
change(const char *text)
{
	struct change_faults cf = { .tell = on_fault };
	struct conf *next = load(text);
	struct diff df;
	int rc;

	ck_assert_int_eq(diff_make(&df, conf, next), 0);
	rc = change_apply(assembly, next, &df, &cf);
	diff_done(&df);
	ck_assert_int_eq(rc == 0, cf.count == 0);
	conf_free(rc == 0 ? conf : next);
	if (rc == 0)
		conf = next;
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	return rc;
}

static const struct assembly_route *
route(const char *name)
{
	size_t i = 0;

	while (i < assembly->n_routes &&
	       strcmp(assembly->routes[i]->conf->name, name) != 0)
		i++;
	ck_assert_msg(i < assembly->n_routes, "there is no route %s", name);
	return assembly->routes[i];
}

static const struct assembly_queue *
queue(const char *name)
{
	const struct assembly_queue *aq = assembly_queue_find(assembly, name);

	ck_assert_ptr_nonnull(aq);
	return aq;
}

START_TEST(unaffected_objects_go_on)
{
	const struct assembly_route *one = route("one");
	const struct route *ro = one->route;
	const struct outlet *ol = one->outlet;
	const struct intake *in = one->from->intake;
	const struct peer *pe = one->peer->peer;

	ck_assert_int_eq(
	    change(QUEUES PEERS "routes = ( " ROUTE("one", "a", "hub/x", "") " );"), 0);
	one = route("one");
	ck_assert_uint_eq(assembly->n_routes, 1);
	ck_assert_ptr_eq(one->route, ro);
	ck_assert_ptr_eq(one->outlet, ol);
	ck_assert_ptr_eq(one->from->intake, in);
	ck_assert_ptr_eq(one->peer->peer, pe);
}
END_TEST

static size_t
count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

START_TEST(metrics_begun_before_tell_what_is_there_after)
{
	struct metrics_writer *mw = NULL;
	struct text out;
	int rc;

	text_init(&out, 1 << 20);
	ck_assert_int_eq(metrics_begin(&mw, assembly, METRICS_TEXT), 0);
	ck_assert_int_eq(
	    change("queues = ( " QUEUE("b") ", " QUEUE(
		"c") " ); " PEERS "routes = ( " ROUTE("two", "b", "hub/y", "") " );"),
	    0);
	do
		rc = metrics_piece(mw, &out);
	while (rc == 1);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_route_info{"), 1);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_route_info{route=\"two\""), 1);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_queue_info{"), 2);
	ck_assert_uint_eq(count(out.bytes, "\nmqbridge_queue_info{queue=\"c\""), 1);
	metrics_end(mw);
	text_done(&out);
}
END_TEST

START_TEST(removed_route_is_kept_and_claimed)
{
	const struct outlet *ol = route("two")->outlet;
	struct inventory_stream is = { 0 };

	ck_assert_int_eq(change(QUEUES PEERS), 0);
	ck_assert_uint_eq(assembly->n_routes, 0);
	ck_assert_uint_eq(inventory_streams(assembly->inventory), 2);
	ck_assert_uint_eq(inventory_rings(assembly->inventory), 2);
	inventory_stream_at(assembly->inventory, 1, &is);
	ck_assert_str_eq(is.label, "hub/y");
	ck_assert_int_eq(
	    change(QUEUES PEERS "routes = ( " ROUTE("other", "b", "hub/y", "") " );"),
	    0);
	ck_assert_ptr_eq(route("other")->outlet, ol);
	ck_assert_uint_eq(inventory_streams(assembly->inventory), 1);
	ck_assert_uint_eq(inventory_rings(assembly->inventory), 1);
}
END_TEST

START_TEST(renamed_queue_keeps_its_ring)
{
	const struct ring *rg = intake_ring(route("one")->from->intake);

	ck_assert_int_eq(
	    change("queues = ( { name = \"z\"; uri = \"posix:/check-a\"; }, " QUEUE(
		"c") " ); " PEERS "routes = ( " ROUTE("one", "z", "hub/x", "") " );"),
	    0);
	ck_assert_ptr_eq(intake_ring(route("one")->from->intake), rg);
	ck_assert_str_eq(intake_name(route("one")->from->intake), "z");
}
END_TEST

static size_t
count_files(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/* Faults that are found when the rest is there already. */
static const struct {
	const char *text, *fault;
} late[] = {
	{ QUEUES PEERS
	    "listeners = ( { address = \"unix:///nowhere/at/all\"; } ); " ROUTES,
	    "listeners[0].address: cannot listen at unix:///nowhere/at/all: No such file "
	    "or directory" },
	{ LISTEN "queues = ( " QUEUE("a") ", " QUEUE(
	      "d") " ); peers = ( { name = \"new\"; } ); "
		   "routes = ( " ROUTE("one", "a", "new/x", "") ", " ROUTE(
		       "d", "d", "new/y", "") ", " ROUTE("last", "a", "new/z",
		       "log_limit = \"1MiB\";") " );",
	    "routes.last: cannot be set up: Not a directory" },
	{ QUEUES PEERS "control = \"/elsewhere\"; " ROUTES,
	    "control: cannot change while the daemon runs: its clients are connected "
	    "there; restart the daemon" },
};

START_TEST(fault_leaves_everything_as_it_was)
{
	const struct assembly_route *one = route("one");
	const struct assembly before = *assembly;
	const struct assembly_route was = *one;
	size_t files = count_files(runtime_dir);
	char logs[128];
	int fd;

	(void)snprintf(logs, sizeof(logs), "%s/logs", state_dir);
	fd = open(logs, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	ck_assert_int_lt(change(late[_i].text), 0);
	ck_assert_str_eq(fault, late[_i].fault);
	ck_assert_ptr_eq(assembly->conf, before.conf);
	ck_assert_ptr_eq(assembly->routes, before.routes);
	ck_assert_ptr_eq(route("one"), one);
	ck_assert_mem_eq(one, &was, sizeof(was));
	ck_assert_uint_eq(inventory_streams(assembly->inventory), 0);
	ck_assert_uint_eq(inventory_rings(assembly->inventory), 0);
	ck_assert_uint_eq(count_files(runtime_dir), files);
	ck_assert_int_lt(access(SOCKET, F_OK), 0);
	(void)unlink(logs);
	/* And it goes on as ever. */
	ck_assert_int_eq(
	    change(QUEUES PEERS "routes = ( " ROUTE("two", "b", "hub/y", "") " );"), 0);
	ck_assert_int_eq(change(QUEUES PEERS ROUTES), 0);
	ck_assert_ptr_eq(route("one")->outlet, was.outlet);
}
END_TEST

START_TEST(route_of_absent_queue_leaves_nothing_behind)
{
	ck_assert_int_eq(
	    change("queues = ( { name = \"no\"; uri = \"posix:/check-no\"; } ); "
		   "peers = ( { name = \"hub\"; } ); "
		   "routes = ( " ROUTE("one", "no", "hub/x", "") " );"),
	    0);
	ck_assert_uint_eq(inventory_streams(assembly->inventory), 2);
	ck_assert_int_eq(change(QUEUES PEERS), 0);
	ck_assert_uint_eq(inventory_streams(assembly->inventory), 2);
	ck_assert_uint_eq(inventory_rings(assembly->inventory), 2);
}
END_TEST

START_TEST(route_gets_and_loses_its_log)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(
		    change(QUEUES PEERS "routes = ( " ROUTE("one", "a", "hub/x",
			"log_limit = \"1MiB\"; durability = \"disk\";") " );"),
		    0);
		ck_assert_int_eq(
		    change(QUEUES PEERS "reserve_space = \"1MiB\"; " ROUTES), 0);
	}
}
END_TEST

START_TEST(target_comes_and_goes_with_permission)
{
	ck_assert_ptr_nonnull(queue("c")->target);
	ck_assert_int_eq(change(QUEUES "peers = ( { name = \"hub\"; } ); " ROUTES), 0);
	ck_assert_ptr_null(queue("c")->target);
	ck_assert_int_eq(change(QUEUES PEERS ROUTES), 0);
	ck_assert_ptr_nonnull(queue("c")->target);
}
END_TEST

START_TEST(local_route_follows_its_target)
{
	static const char local[] = "routes = ( " ROUTE("l", "a", "c", "") " );";
	char text[2048];

	(void)snprintf(text, sizeof(text), "%s%s", QUEUES PEERS, local);
	ck_assert_int_eq(change(text), 0);
	(void)snprintf(text, sizeof(text), "queues = ( %s, %s ); %s", QUEUE("a"),
	    "{ name = \"c\"; uri = \"posix:/check-b\"; }", local);
	ck_assert_int_eq(change(text), 0);
	ck_assert_uint_eq(assembly->n_routes, 1);
	ck_assert_uint_eq(inventory_streams(assembly->inventory), 2);
}
END_TEST

Suite *
suite_change(void)
{
	Suite *s = suite_create("change");
	TCase *tc = tcase_create("change");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, unaffected_objects_go_on);
	tcase_add_test(tc, metrics_begun_before_tell_what_is_there_after);
	tcase_add_test(tc, removed_route_is_kept_and_claimed);
	tcase_add_test(tc, renamed_queue_keeps_its_ring);
	tcase_add_loop_test(tc, fault_leaves_everything_as_it_was, 0,
	    (int)(sizeof(late) / sizeof(late[0])));
	tcase_add_test(tc, route_of_absent_queue_leaves_nothing_behind);
	tcase_add_test(tc, route_gets_and_loses_its_log);
	tcase_add_test(tc, target_comes_and_goes_with_permission);
	tcase_add_test(tc, local_route_follows_its_target);
	suite_add_tcase(s, tc);
	return s;
}
