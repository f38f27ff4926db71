/* Overflow logs in mqbridge-spool. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../spool/ring_fixture.h"
#include "../spool/state_fixture.h"
#include "base/compiler.h"
#include "spool/disk.h"
#include "spool/log.h"
#include "spool/log_cursor.h"
#include "spool/ring.h"
#include "spool/runtime.h"
#include "spool/segment.h"
#include "spool/stream.h"
#include "suites.h"
#include "tools/spool_tool.h"

#define MESSAGES 12
#define SENT     3 /* to the peer before the others moved; the first is acknowledged */
#define LOGGED   9 /* numbers up to there are in the log */

static struct state_dirs dirs;
static struct disk *disk;
static struct id log_name;
static char stream_file[256];
static int logs_fd; /* logs/<id> */
static char *out;
static char *err;

/* ---- a stream with a log -------------------------------------------------------------- */

static void
wait_disk(void)
{
	struct pollfd pfd = { .fd = disk_fd(disk), .events = POLLIN };

	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	disk_collect(disk);
}

static void
take(struct stream *st)
{
	uint64_t seq;
	bool is_new;

	while (stream_peek(st, &seq, &is_new) == NULL)
		wait_disk();
	stream_take(st);
}

static void
on_moved(void *owner, int rc)
{
	ck_assert_int_gt(rc, 0);
	*(bool *)owner = true;
}

/* The ring's file, and what it was before the move. */
static char ring_file[256];
static uint8_t *ring_before;
static size_t ring_len;

/* 1, 2 and 3 are sent and 1 is acknowledged; up to 9 moves; then 4 is sent from the log. */
static void
use_log(struct stream *st, struct ring *rg)
{
	bool moved = false;
	uint64_t end;

	for (int i = 0; i < SENT; i++)
		take(st);
	ck_assert_int_eq(stream_acknowledge(st, 1), 0);
	end = ring_tail(rg);
	while (ring_at(rg, end)->number <= LOGGED)
		end = ring_after(rg, end);
	ring_before = state_get(dirs.runtime_fd, ring_file, &ring_len);
	ck_assert_int_gt(stream_move(st, SENT, end, on_moved, &moved), 0);
	while (!moved)
		wait_disk();
	take(st);
}

static struct log *
make_log(const struct ring *rg, const struct stream *st)
{
	struct log_env env = {
		.runtime_fd = dirs.runtime_fd, .state_fd = dirs.state_fd, .disk = disk
	};
	struct log_spec spec = { .stream = *stream_id(st),
		.ring = *ring_id(rg),
		.seed = ring_seed(rg),
		.uri = ring_uri(rg),
		.take = ring_take(rg),
		.label = stream_label(st),
		.limit = 1 << 30 };
	struct log *lg = NULL;

	ck_assert_int_eq(log_create(&lg, &env, &spec), 0);
	return lg;
}

static void
fill(void)
{
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "posix:/logged",
		.take = "",
		.max_body = 64,
		.bytes = 4096 };
	struct ring *rg = NULL;
	struct stream *st;
	struct log *lg;
	char text[64];

	ck_assert_int_eq(ring_create(&rg, dirs.runtime_fd, &spec), 0);
	state_find_file(dirs.runtime_fd, "ring-", ring_file);
	ck_assert_int_eq(stream_create(&st, dirs.runtime_fd, rg, "hub/logged"), 0);
	lg = make_log(rg, st);
	ck_assert_int_eq(stream_use_log(st, lg), 0);
	for (int i = 1; i <= MESSAGES; i++) {
		(void)snprintf(text, sizeof(text), "message %d;", i);
		ring_put(rg, text, (uint32_t)strlen(text), 1);
	}
	ck_assert_int_eq(stream_admit(st), 0);
	use_log(st, rg);
	log_name = *log_id(lg);
	stream_close(st);
	log_close(lg);
	ring_close(rg);
}

static void
setup(void)
{
	char path[160], id[ID_TEXT];

	state_dirs_make(&dirs);
	runtime_close(state_open(&dirs));
	ck_assert_int_eq(disk_new(&disk), 0);
	fill();
	disk_free(disk);
	state_find_file(dirs.runtime_fd, "stream-", stream_file);
	(void)snprintf(
	    path, sizeof(path), "%s/logs/%s", dirs.state, id_format(id, &log_name));
	logs_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(logs_fd, 0);
}

static void
teardown(void)
{
	free(ring_before);
	free(out);
	free(err);
	ring_before = NULL;
	out = err = NULL;
	(void)close(logs_fd);
	state_dirs_remove(&dirs);
}

/* ---- the program ---------------------------------------------------------------------- */

static int
run(const char *word, ...)
{
	static char program[] = "mqbridge-spool";
	char *argv[16] = { program, dirs.runtime, dirs.state };
	int argc = 1;
	size_t len[2];
	va_list words;
	FILE *files[2];
	int status;

	free(out);
	free(err);
	va_start(words, word);
	for (; word != NULL; word = va_arg(words, const char *))
		argv[argc++] = (char *)(uintptr_t)word;
	va_end(words);
	argv[argc++] = dirs.runtime;
	argv[argc] = dirs.state;
	files[0] = open_memstream(&out, &len[0]);
	files[1] = open_memstream(&err, &len[1]);
	status = spool_tool_run(argc + 1, argv, files[0], files[1]);
	(void)fclose(files[0]);
	(void)fclose(files[1]);
	return status;
}

static void
assert_says(const char *text)
{
	ck_assert_msg(
	    strstr(out, text) != NULL, "\"%s\" is not in\n%s%s", text, out, err);
}

static unsigned
lines_with(const char *text)
{
	unsigned n = 0;

	for (const char *at = out; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

static void
flip(int dir_fd, const char *name, size_t at)
{
	size_t len;
	uint8_t *bytes = state_get(dir_fd, name, &len);

	ck_assert_uint_lt(at, len);
	bytes[at] ^= 4;
	state_put(dir_fd, name, bytes, len);
	free(bytes);
}

/* The segment with the messages that wait, and where the body of one lies. */
static size_t
find_body(const char *text, char *name)
{
	for (unsigned i = 1; i <= 2; i++) {
		uint8_t *bytes;
		const uint8_t *at;
		size_t len;

		(void)snprintf(name, 256, "segment-%016x", i);
		bytes = state_get(logs_fd, name, &len);
		at = memmem(bytes, len, text, strlen(text));
		len = at == NULL ? 0 : (size_t)(at - bytes);
		free(bytes);
		if (len != 0)
			return len;
	}
	ck_abort_msg("%s is in no segment", text);
	return 0;
}

/* ---- tests ---------------------------------------------------------------------------- */

START_TEST(check_of_sound_log_is_quiet_and_changes_nothing)
{
	char name[256];
	size_t len, after;
	uint8_t *bytes, *again;

	(void)find_body("message 5;", name);
	bytes = state_get(logs_fd, name, &len);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_DONE);
	ck_assert_str_eq(out, "1 rings, 1 streams, 1 logs, 0 faults\n");
	again = state_get(logs_fd, name, &after);
	ck_assert_uint_eq(len, after);
	ck_assert_mem_eq(bytes, again, len);
	free(bytes);
	free(again);
}
END_TEST

START_TEST(list_shows_what_is_in_the_log)
{
	ck_assert_int_eq(run("list", NULL), SPOOL_TOOL_DONE);
	assert_says("overflow logs: 1");
	assert_says("posix:/logged to hub/logged");
	/* 2 to 9. */
	assert_says(": 8 messages");
	assert_says("in flight 3, of these 3 in the log");
	ck_assert_int_eq(run("list", "--json", NULL), SPOOL_TOOL_DONE);
	assert_says("\"in_flight_in_log\": 3");
	assert_says("\"messages\": 8");
}
END_TEST

static void
assert_exported(void)
{
	ck_assert_int_eq(run("export", NULL), SPOOL_TOOL_DONE);
	for (int i = 1; i <= MESSAGES; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "\"body\":\"message %d;\"", i);
		ck_assert_msg(lines_with(text) == (i > 1), "%s: %s", text, out);
	}
	ck_assert_uint_eq(lines_with("\"state\":\"in flight\""), 3);
	ck_assert_uint_eq(lines_with("\"state\":\"waiting\""), MESSAGES - 4);
	ck_assert_uint_eq(lines_with("\"queue\":\"posix:/logged\""), MESSAGES - 1);
	ck_assert_uint_eq(lines_with("\"destination\":\"hub/logged\""), MESSAGES - 1);
	for (int seq = 2; seq <= 4; seq++) {
		char text[64];

		(void)snprintf(
		    text, sizeof(text), "\"sequence\":%d,\"number\":%d", seq, seq);
		ck_assert_uint_eq(lines_with(text), 1);
	}
}

START_TEST(export_has_every_message_once_from_tmpfs_and_from_image)
{
	assert_exported();
	ck_assert_int_eq(run("save", NULL), SPOOL_TOOL_DONE);
	state_dirs_reboot(&dirs);
	assert_exported();
}
END_TEST

/* A move that a kill cut off behind its commit: the ring has them too. */
START_TEST(export_of_cut_off_move_has_every_message_once)
{
	state_put(dirs.runtime_fd, ring_file, ring_before, ring_len);
	assert_exported();
}
END_TEST

START_TEST(check_tells_a_damaged_message_with_file_and_offset)
{
	char name[256], text[320];
	size_t at = find_body("message 5;", name);

	flip(logs_fd, name, at);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_FAILED);
	(void)snprintf(text, sizeof(text), "%s, offset %zu: 1 damaged messages", name,
	    at - RECORD_HEADER);
	assert_says(text);
	assert_says(", 1 faults");
	ck_assert_int_eq(run("export", NULL), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(lines_with("\"body\":"), MESSAGES - 2);
	/* A start goes on, so there is nothing to do. */
	ck_assert_int_eq(run("repair", NULL), SPOOL_TOOL_DONE);
}
END_TEST

START_TEST(check_tells_a_damaged_frame)
{
	char name[256];

	(void)find_body("message 5;", name);
	flip(logs_fd, name, 80);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_FAILED);
	assert_says("offset 0: the header of a frame is damaged");
	assert_exported();
}
END_TEST

START_TEST(check_tells_a_missing_segment)
{
	char name[256];

	(void)find_body("message 5;", name);
	ck_assert_int_eq(unlinkat(logs_fd, name, 0), 0);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_FAILED);
	assert_says("is not there, with its messages");
	/* 4 is in flight there. */
	assert_says("what is in flight is not in its log; repair: give the stream");
	ck_assert_int_eq(run("repair", "--apply", NULL), SPOOL_TOOL_DONE);
	assert_says("new journal");
}
END_TEST

/* All of segment 2 is settled; all of 1 was too, and is gone. */
static void
settle_all(void)
{
	struct log_cursor cu;
	struct log_slot_state ss;

	ck_assert_int_eq(log_cursor_open(&cu, dirs.runtime_fd, &log_name), 0);
	for (uint32_t slot = 0; slot < cu.n_slots; slot++) {
		if (log_cursor_read(&cu, slot, &ss) == 0)
			continue;
		if (ss.value[LOG_SEGMENT] == 2)
			log_cursor_store(
			    &cu, slot, 2, LOG_SETTLED, ss.value[LOG_COMMITTED]);
		else
			log_cursor_free(&cu, slot);
	}
	log_cursor_close(&cu);
}

/* A kill came before the journal's word, while the segments went. */
START_TEST(settled_segment_that_is_gone_behind_one_that_is_not_is_no_fault)
{
	char name[256];

	(void)find_body("message 5;", name);
	ck_assert_str_eq(name, "segment-0000000000000001");
	ck_assert_int_eq(unlinkat(logs_fd, name, 0), 0);
	settle_all();
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_DONE);
	assert_says(" 0 faults");
}
END_TEST

START_TEST(log_without_a_stream_is_shown_and_kept)
{
	char name[256];

	ck_assert_int_eq(unlinkat(dirs.runtime_fd, stream_file, 0), 0);
	state_find_file(dirs.runtime_fd, "ring-", name);
	ck_assert_int_eq(unlinkat(dirs.runtime_fd, name, 0), 0);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_DONE);
	assert_says("1 logs, 0 faults");
	ck_assert_int_eq(run("list", NULL), SPOOL_TOOL_DONE);
	assert_says(": 8 messages");
	ck_assert_int_eq(run("export", NULL), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(lines_with("\"state\":\"kept\""), 8);
	ck_assert_int_eq(run("repair", "--apply", NULL), SPOOL_TOOL_DONE);
	ck_assert(state_has(logs_fd, "about"));
}
END_TEST

START_TEST(repair_sets_damaged_cursors_aside)
{
	char name[256], text[300];

	state_put(logs_fd, "cursors", "x", 1);
	state_find_file(dirs.runtime_fd, "log-", name);
	flip(dirs.runtime_fd, name, 4);
	flip(dirs.runtime_fd, name, LOG_CURSOR_AGAIN + 4);
	ck_assert_int_eq(run("repair", NULL), SPOOL_TOOL_FAILED);
	ck_assert(state_has(logs_fd, "cursors"));
	ck_assert_int_eq(run("repair", "--apply", NULL), SPOOL_TOOL_DONE);
	ck_assert(!state_has(logs_fd, "cursors"));
	ck_assert(state_has(logs_fd, "damaged-cursors"));
	(void)snprintf(text, sizeof(text), "damaged-%s", name);
	ck_assert(state_has(dirs.runtime_fd, text));
	ck_assert(!state_has(dirs.runtime_fd, name));
}
END_TEST

/* As when the state directory is not mounted. */
START_TEST(log_that_is_not_there_is_a_fault_and_given_up_by_repair_only)
{
	ck_assert_int_eq(renameat(dirs.state_fd, "logs", dirs.state_fd, "away"), 0);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_FAILED);
	assert_says("is that mounted?");
	ck_assert_int_eq(renameat(dirs.state_fd, "away", dirs.state_fd, "logs"), 0);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_DONE);
	ck_assert_int_eq(renameat(dirs.state_fd, "logs", dirs.state_fd, "away"), 0);
	ck_assert_int_eq(run("repair", "--apply", NULL), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "log-"), 0);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "damaged-log-"), 1);
	(void)run("check", NULL);
	ck_assert_ptr_null(strstr(out, "is that mounted?"));
}
END_TEST

START_TEST(check_tells_a_damaged_about)
{
	flip(logs_fd, "about", 100);
	ck_assert_int_eq(run("check", NULL), SPOOL_TOOL_FAILED);
	assert_says(
	    "/about: damaged, or made by a newer version: a start sets the log aside");
	ck_assert_int_eq(run("list", NULL), SPOOL_TOOL_DONE);
	assert_says("of nobody knows what: 8 messages");
	ck_assert_int_eq(run("export", NULL), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(lines_with("\"state\":\"kept\""), 8);
}
END_TEST

START_TEST(drop_of_stream_exports_its_log_and_sets_it_aside)
{
	char file[100], id[ID_TEXT], path[200];

	(void)snprintf(file, sizeof(file), "%s/dropped", dirs.base);
	ck_assert_int_eq(run("repair", "--apply", "--drop-stream",
			     stream_file + strlen("stream-"), "--export", file, NULL),
	    SPOOL_TOOL_DONE);
	(void)snprintf(path, sizeof(path), "%s/logs/damaged-%s", dirs.state,
	    id_format(id, &log_name));
	ck_assert_int_eq(access(path, F_OK), 0);
	free(out);
	out = (char *)state_get(dirs.state_fd, "../dropped", &(size_t){ 0 });
	ck_assert_uint_eq(lines_with("\"body\":"), MESSAGES - 1);
}
END_TEST

/* After a kill: with what was saved a reboot loses nothing, and nothing waits twice. */
START_TEST(save_takes_the_log_over_a_reboot)
{
	struct log_env env = { .runtime_fd = dirs.runtime_fd,
		.state_fd = dirs.state_fd };
	struct log_numbers nb;
	struct log_about about;
	struct log_spec spec;
	uint64_t replayed = 1;
	struct log *lg = NULL;

	ck_assert_int_eq(run("save", NULL), SPOOL_TOOL_DONE);
	state_dirs_reboot(&dirs);
	runtime_close(state_open(&dirs));
	ck_assert_int_eq(log_identify(&about, dirs.state_fd, &log_name), 0);
	spec = (struct log_spec){ .stream = about.stream,
		.ring = about.ring,
		.seed = record_seed(&about.ring),
		.uri = about.uri,
		.take = about.take,
		.label = about.label };
	ck_assert_int_eq(disk_new(&env.disk), 0);
	ck_assert_int_eq(log_open(&lg, &env, &log_name, &spec, &replayed), 0);
	ck_assert_uint_eq(replayed, 0);
	log_numbers(lg, &nb);
	ck_assert_uint_eq(nb.waiting, 8);
	log_close(lg);
	disk_free(env.disk);
}
END_TEST

Suite *
suite_spool_log(void)
{
	Suite *su = suite_create("spool_log");
	TCase *tc = tcase_create("spool_log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, check_of_sound_log_is_quiet_and_changes_nothing);
	tcase_add_test(tc, list_shows_what_is_in_the_log);
	tcase_add_test(tc, export_has_every_message_once_from_tmpfs_and_from_image);
	tcase_add_test(tc, export_of_cut_off_move_has_every_message_once);
	tcase_add_test(tc, check_tells_a_damaged_message_with_file_and_offset);
	tcase_add_test(tc, check_tells_a_damaged_frame);
	tcase_add_test(tc, check_tells_a_missing_segment);
	tcase_add_test(
	    tc, settled_segment_that_is_gone_behind_one_that_is_not_is_no_fault);
	tcase_add_test(tc, log_without_a_stream_is_shown_and_kept);
	tcase_add_test(tc, repair_sets_damaged_cursors_aside);
	tcase_add_test(
	    tc, log_that_is_not_there_is_a_fault_and_given_up_by_repair_only);
	tcase_add_test(tc, check_tells_a_damaged_about);
	tcase_add_test(tc, drop_of_stream_exports_its_log_and_sets_it_aside);
	tcase_add_test(tc, save_takes_the_log_over_a_reboot);
	suite_add_tcase(su, tc);
	return su;
}
