/* The files of every released format, as tests/golden/README.md describes them, are read. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "log_fixture.h"
#include "ring_fixture.h"
#include "spool/deadletter.h"
#include "spool/disk.h"
#include "spool/image_load.h"
#include "spool/log.h"
#include "spool/look.h"
#include "spool/marks.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/state_file.h"
#include "spool/stream.h"
#include "state_fixture.h"
#include "suites.h"

static const char *const versions[] = { "v1", "v2", "v3" };
#define FIRST_LOGGED 1 /* of versions: has an overflow log */
#define LOGGED       "posix:/logged"
static struct state_dirs dirs;
static const char *version;

static void
setup(void)
{
	state_dirs_make(&dirs);
}

static void
teardown(void)
{
	state_dirs_remove(&dirs);
}

/* Write the file that NAME.hex is of, under the name that it had. */
static void
put(const char *golden, int dir_fd)
{
	char path[512], name[256];
	unsigned long at;
	unsigned fill;
	uint8_t *bytes;
	size_t size;
	FILE *file;

	(void)snprintf(
	    path, sizeof(path), "%s/%s/%s.hex", TEST_GOLDEN, version, golden);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_int_eq(fscanf(file, "%255s %zu %x", name, &size, &fill), 3);
	bytes = malloc(size);
	ck_assert_ptr_nonnull(bytes);
	memset(bytes, (int)fill, size);
	while (fscanf(file, "%lx", &at) == 1) {
		int got = fgetc(file);

		while ((got = fgetc(file)) != '\n' && got != EOF) {
			char digits[3] = { (char)got, (char)fgetc(file), '\0' };

			ck_assert_uint_lt(at, size);
			bytes[at++] = (uint8_t)strtoul(digits, NULL, 16);
		}
	}
	(void)fclose(file);
	state_put(dir_fd, name, bytes, size);
	free(bytes);
}

static const char *const state[] = { "ring-posix", "ring-sysv", "stream-posix",
	"stream-sysv", "stream-second-1", "stream-second-2", "marks", "epoch" };

static void
put_state(void)
{
	for (size_t i = 0; i < ARRAY_LEN(state); i++)
		put(state[i], dirs.runtime_fd);
}

static void
assert_message(const struct ring *rg, uint64_t number)
{
	const struct record *rec = ring_find(rg, number);
	char text[64];

	(void)snprintf(text, sizeof(text), "golden %d", (int)number);
	ck_assert_ptr_nonnull(rec);
	ck_assert_uint_eq(rec->length, strlen(text));
	ck_assert_mem_eq(rec->body, text, rec->length);
	ck_assert_int_eq(rec->type, ring_kind(rg) == RING_POSIX
					? (int64_t)number % 3
					: INT64_C(0x123456789) + (int64_t)number);
	ck_assert_uint_eq(rec->flags, 0);
}

static void
assert_last(const struct ring *rg, const struct ring_report *report)
{
	const struct record *rec = ring_find(rg, 11);

	ck_assert_ptr_nonnull(rec);
	ck_assert_uint_eq(report->damaged + report->lost_bytes, 0);
	ck_assert(!report->tail_mended && !report->header_mended);
	if (ring_kind(rg) == RING_POSIX) {
		ck_assert_str_eq(ring_uri(rg), "posix:/golden");
		ck_assert(report->recovered);
		ck_assert_mem_eq(rec->body, "cut off", 7);
		ck_assert_int_eq(rec->type, 2);
	} else {
		ck_assert_str_eq(ring_uri(rg), "sysv:0x4d51");
		ck_assert_str_eq(ring_take(rg), "not 7");
		ck_assert(report->zero_committed);
		ck_assert_uint_eq(rec->length, 0);
		ck_assert_int_eq(rec->type, 8);
	}
}

static void
assert_stream(const struct stream *st)
{
	bool second = strcmp(stream_label(st), "second/golden") == 0;
	struct stream_numbers nb;

	stream_numbers(st, &nb);
	ck_assert_uint_eq(stream_mended(st), 0);
	ck_assert_uint_eq(nb.acked, second ? 1 : 3);
	ck_assert_uint_eq(nb.in_flight, second ? 0 : 2);
	/* Eleven with the recovered one. */
	ck_assert_uint_eq(nb.waiting, second ? 10 : 6);
}

static void
assert_ring(const char *file)
{
	struct stream *streams[4] = { NULL };
	struct ring_report report;
	struct ring *rg = NULL;
	struct names nm;
	size_t n = 0;

	ck_assert_int_eq(ring_open(&rg, dirs.runtime_fd, file, 1, &report), 0);
	assert_last(rg, &report);
	ck_assert_int_eq(names_list(&nm, dirs.runtime_fd, state_file_is), 0);
	for (size_t i = 0; i < nm.n; i++) {
		char label[512];
		struct id of;

		if (state_file_kind(nm.at[i]) != STATE_FILE_STREAM)
			continue;
		ck_assert_int_eq(stream_identify(dirs.runtime_fd, nm.at[i], &of, label,
				     sizeof(label)),
		    0);
		if (!id_equal(&of, ring_id(rg)))
			continue;
		ck_assert_int_eq(
		    stream_open(&streams[n], dirs.runtime_fd, nm.at[i], rg, NULL), 0);
		assert_stream(streams[n++]);
	}
	names_done(&nm);
	ck_assert_uint_eq(n, 2);
	for (uint64_t number = ring_next_number(rg) - ring_records(rg); number <= 10;
	     number++)
		assert_message(rg, number);
	for (size_t i = 0; i < n; i++)
		stream_close(streams[i]);
	ring_close(rg);
}

/* Is it the ring beside the overflow log? */
static bool
is_logged(const char *file)
{
	struct look_ring lr;

	/* Opening one would recover it. */
	ck_assert_int_eq(look_ring(&lr, dirs.runtime_fd, file), 0);
	return strcmp(lr.uri, LOGGED) == 0;
}

static void
assert_rings(void)
{
	struct names nm;
	unsigned n = 0;

	ck_assert_int_eq(names_list(&nm, dirs.runtime_fd, state_file_is), 0);
	for (size_t i = 0; i < nm.n; i++)
		if (state_file_kind(nm.at[i]) == STATE_FILE_RING &&
		    !is_logged(nm.at[i])) {
			assert_ring(nm.at[i]);
			n++;
		}
	names_done(&nm);
	ck_assert_uint_eq(n, 2);
}

static uint64_t
mark_of(struct marks *mk, const char *label)
{
	const struct mark *m = NULL;

	while ((m = marks_next(mk, m)) != NULL)
		if (strcmp(mark_label(m), label) == 0)
			return mark_value(m);
	return UINT64_MAX;
}

static void
assert_marks(void)
{
	struct marks *mk = NULL;
	struct doubt db;
	uint64_t found;

	ck_assert_int_eq(marks_open(&mk, dirs.runtime_fd, &found), 0);
	ck_assert_uint_eq(found, 1);
	ck_assert_uint_eq(mark_of(mk, "hub/one"), 41);
	ck_assert_uint_eq(mark_of(mk, "hub/two"), 7);
	ck_assert_uint_eq(mark_of(mk, "local"), 0);
	ck_assert_uint_eq(marks_doubts_total(mk), 5);
	marks_doubt_at(mk, 0, &db);
	ck_assert_uint_eq(db.seq, 11);
	ck_assert_uint_eq(db.last_seq, 14);
	marks_close(mk);
}

START_TEST(runtime_directory_of_older_version_is_read)
{
	version = versions[_i];
	put_state();
	runtime_close(state_open(&dirs));
	assert_rings();
	assert_marks();
	/* Once more: now an older program's files are those of this one. */
	runtime_close(state_open(&dirs));
	ck_assert_uint_eq(state_count(dirs.runtime_fd, "damaged-"), 0);
}
END_TEST

START_TEST(image_of_older_version_is_loaded)
{
	struct runtime *rt;

	version = versions[_i];
	put("image", dirs.state_fd);
	rt = state_open(&dirs);
	ck_assert(runtime_restored(rt));
	ck_assert_ptr_null(runtime_damage(rt));
	runtime_close(rt);
	assert_rings();
	assert_marks();
}
END_TEST

static int
on_letter(const struct deadletter *dt, void *arg)
{
	unsigned *n = arg;

	ck_assert_uint_eq(dt->number, 7);
	ck_assert_uint_eq(dt->reason, DEAD_TOO_BIG);
	ck_assert_str_eq(dt->uri, "posix:/golden");
	ck_assert_str_eq(dt->label, "hub/golden");
	ck_assert_str_eq(dt->route, "golden");
	ck_assert_str_eq(dt->detail, "64 bytes, the queue takes 32");
	ck_assert_int_eq(dt->wall_ns, INT64_C(1700000000000000000));
	ck_assert_uint_eq(dt->rec->length, 64);
	ck_assert_int_eq(dt->rec->type, 3);
	for (uint32_t i = 0; i < dt->rec->length; i++)
		ck_assert_uint_eq(dt->rec->body[i], 'x');
	++*n;
	return 0;
}

START_TEST(dead_letter_of_older_version_is_read)
{
	struct deadletters *dl = NULL;
	uint64_t damaged = 0;
	unsigned n = 0;

	version = versions[_i];
	ck_assert_int_eq(deadletters_open(&dl, dirs.state_fd, 1 << 20), 0);
	deadletters_close(dl);
	put("dead-letter", openat(dirs.state_fd, "dead-letters", O_RDONLY));
	ck_assert_int_eq(deadletters_look(&dl, dirs.state_fd), 0);
	ck_assert_int_eq(deadletters_each(dl, SIZE_MAX, on_letter, &n, &damaged), 0);
	deadletters_close(dl);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(damaged, 0);
}
END_TEST

/* ---- the overflow log ----------------------------------------------------------------- */

static const char *const log_files[] = { "log-about", "log-cursors", "log-segment-1",
	"log-segment-2", "log-segment-3" };

static void
put_segments(const struct id *log)
{
	char path[160], id[ID_TEXT];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/logs", dirs.state);
	ck_assert_int_eq(mkdir(path, 0750), 0);
	(void)snprintf(
	    path, sizeof(path), "%s/logs/%s", dirs.state, id_format(id, log));
	ck_assert_int_eq(mkdir(path, 0750), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(log_files); i++)
		put(log_files[i], fd);
	(void)close(fd);
}

static struct id
logged_id(void)
{
	char name[256];
	struct id ret;

	state_find_file(dirs.runtime_fd, "log-", name);
	ck_assert_int_eq(id_parse(&ret, name + strlen("log-")), 0);
	return ret;
}

/* The ring and the stream that the log belongs to. */
static void
find_logged(char *ring, char *stream)
{
	struct names nm;

	ring[0] = stream[0] = '\0';
	ck_assert_int_eq(names_list(&nm, dirs.runtime_fd, state_file_is), 0);
	for (size_t i = 0; i < nm.n; i++) {
		char label[512];
		struct id of;

		if (state_file_kind(nm.at[i]) == STATE_FILE_RING && is_logged(nm.at[i]))
			(void)snprintf(ring, 256, "%s", nm.at[i]);
		if (state_file_kind(nm.at[i]) == STATE_FILE_STREAM &&
		    stream_identify(
			dirs.runtime_fd, nm.at[i], &of, label, sizeof(label)) == 0 &&
		    strcmp(label, "hub/logged") == 0)
			(void)snprintf(stream, 256, "%s", nm.at[i]);
	}
	names_done(&nm);
}

/* In flight 5 (sequence 3) and 7 (4), then by priority 9 in the ring, 2 to 8 in the log, 10. */
static void
assert_order(struct stream *st, struct log_lab *lb)
{
	static const unsigned order[] = { 5, 7, 9, 2, 4, 6, 8, 10 };

	ck_assert_int_eq(stream_rewind(st, 2), 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const struct record *rec;
		char text[64];
		uint64_t seq;
		bool is_new;

		while ((rec = stream_peek(st, &seq, &is_new)) == NULL) {
			ck_assert(log_busy(lb->log));
			log_lab_wait_uncollected(lb);
			disk_collect(lb->disk);
		}
		(void)snprintf(text, sizeof(text), "golden %u", order[i]);
		ck_assert_uint_eq(seq, 3 + i);
		ck_assert(is_new == (i >= 2));
		ck_assert_uint_eq(rec->number, order[i]);
		ck_assert_uint_eq(rec->length, strlen(text));
		ck_assert_mem_eq(rec->body, text, rec->length);
		stream_take(st);
	}
	ck_assert_int_eq(stream_acknowledge(st, 10), 0);
}

static void
assert_logged(void)
{
	struct log_lab lb = { .dirs = dirs, .id = logged_id() };
	char ring[256], stream[256];
	struct ring_report report;
	struct log_damage damage;
	struct log_about about;
	struct ring *rg = NULL;
	struct stream *st;

	find_logged(ring, stream);
	ck_assert_int_eq(disk_new(&lb.disk), 0);
	ck_assert_int_eq(ring_open(&rg, dirs.runtime_fd, ring, 1, &report), 0);
	ck_assert_int_eq(log_identify(&about, dirs.state_fd, &lb.id), 0);
	ck_assert_str_eq(about.uri, LOGGED);
	lb.env = (struct log_env){ .runtime_fd = dirs.runtime_fd,
		.state_fd = dirs.state_fd,
		.disk = lb.disk };
	lb.spec = (struct log_spec){ .stream = about.stream,
		.ring = *ring_id(rg),
		.seed = ring_seed(rg),
		.uri = about.uri,
		.take = about.take,
		.label = about.label };
	ck_assert_uint_eq(log_lab_open(&lb), 0);
	ck_assert_int_eq(stream_open(&st, dirs.runtime_fd, stream, rg, lb.log), 0);
	ck_assert_uint_eq(stream_mended(st), 0);
	assert_order(st, &lb);
	ck_assert(!log_damage(lb.log, &damage));
	log_lab_wait(&lb);
	stream_close(st);
	log_close(lb.log);
	ring_close(rg);
	disk_free(lb.disk);
}

START_TEST(overflow_log_of_older_version_is_read)
{
	struct id log;

	version = versions[_i];
	put_state();
	put("ring-logged", dirs.runtime_fd);
	put("stream-logged", dirs.runtime_fd);
	put("log", dirs.runtime_fd);
	log = logged_id();
	put_segments(&log);
	runtime_close(state_open(&dirs));
	assert_logged();
}
END_TEST

/* The same, as the image takes it over a reboot. */
START_TEST(overflow_log_of_older_version_with_image_is_read)
{
	struct id log;

	version = versions[_i];
	put("image", dirs.state_fd);
	runtime_close(state_open(&dirs));
	log = logged_id();
	put_segments(&log);
	assert_logged();
}
END_TEST

Suite *
suite_golden(void)
{
	Suite *su = suite_create("golden");
	TCase *tc = tcase_create("golden");
	int n = (int)ARRAY_LEN(versions);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, runtime_directory_of_older_version_is_read, 0, n);
	tcase_add_loop_test(tc, image_of_older_version_is_loaded, 0, n);
	tcase_add_loop_test(tc, dead_letter_of_older_version_is_read, 0, n);
	tcase_add_loop_test(tc, overflow_log_of_older_version_is_read, FIRST_LOGGED, n);
	tcase_add_loop_test(
	    tc, overflow_log_of_older_version_with_image_is_read, FIRST_LOGGED, n);
	suite_add_tcase(su, tc);
	return su;
}
