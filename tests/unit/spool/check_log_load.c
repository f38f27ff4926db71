/* A large backlog in the overflow log: what it costs in memory, and how fast it comes and goes.
 * MQBRIDGE_LOG_RECORDS chooses how large; ten million is the long form. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log_fixture.h"
#include "spool/disk.h"
#include "suites.h"

#define RECORDS      300000
#define BODY         64
#define MEMORY_LIMIT (64 << 10) /* KiB; of anonymous and shared memory */

static struct log_lab lab;
static uint8_t *arena; /* LOG_BATCH records, one behind the other as in a ring */

static struct record *
arena_record(size_t i)
{
	return (struct record *)(void *)(arena + i * record_stride(BODY));
}

static void
fill_arena(uint64_t first)
{
	for (size_t i = 0; i < LOG_BATCH; i++) {
		struct record *rec = arena_record(i);

		*rec = (struct record){
			.length = BODY, .number = first + i, .captured_ns = 1
		};
		memcpy(rec->body, &rec->number, sizeof(rec->number));
		record_seal(rec, lab.spec.seed);
	}
}

/* RssAnon and RssShmem of this process, KiB. */
static uint64_t
memory_kib(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t sum = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0 ||
		    strncmp(line, "RssShmem:", 9) == 0)
			sum += strtoull(strchr(line, ':') + 1, NULL, 10);
	(void)fclose(file);
	return sum;
}

static void
check_memory(void)
{
	ck_assert_uint_lt(memory_kib(), MEMORY_LIMIT);
}

static void
report(const char *what, uint64_t records, int64_t ns)
{
	double seconds = (double)ns / 1e9;

	printf("log: %s %" PRIu64 " records of %d bytes: %.0f k/s, %.0f MB/s\n", what,
	    records, BODY, (double)records / seconds / 1e3,
	    (double)(records * record_stride(BODY)) / seconds / 1e6);
}

static void
on_done(void *owner, const struct log_item *items, size_t count, int rc)
{
	bool *done = owner;

	(void)items;
	(void)count;
	ck_assert_int_eq(rc, 0);
	*done = true;
}

static int64_t
append_batch(uint64_t first)
{
	static struct log_item items[LOG_BATCH];
	int64_t begin_ns;
	bool done = false;

	fill_arena(first);
	for (size_t i = 0; i < LOG_BATCH; i++)
		items[i] = (struct log_item){ .rec = arena_record(i) };
	begin_ns = clock_monotonic_ns();
	ck_assert_int_eq(log_append(lab.log, items, LOG_BATCH, on_done, &done), 0);
	while (!done) {
		log_lab_wait_uncollected(&lab);
		disk_collect(lab.disk);
	}
	return clock_monotonic_ns() - begin_ns;
}

static void
read_all(uint64_t records)
{
	int64_t begin_ns = clock_monotonic_ns();
	const struct record *rec;
	uint64_t place, n = 0;

	while ((rec = log_lab_peek(&lab, &place)) != NULL) {
		if (rec->number != ++n)
			ck_abort_msg(
			    "record %" PRIu64 " instead of %" PRIu64, rec->number, n);
		log_pop(lab.log);
		log_settle(lab.log, place);
		if (n % 65536 == 0)
			check_memory();
	}
	ck_assert_uint_eq(n, records);
	report("read, took and settled", records, clock_monotonic_ns() - begin_ns);
}

START_TEST(backlog_costs_little_memory)
{
	const char *text = getenv("MQBRIDGE_LOG_RECORDS");
	uint64_t wanted = text == NULL ? RECORDS : strtoull(text, NULL, 10);
	uint64_t records = (wanted + LOG_BATCH - 1) / LOG_BATCH * LOG_BATCH;
	int64_t ns = 0, begin_ns;

	log_lab_start(&lab, UINT64_C(1) << 40, LOG_SYNC_NEVER);
	arena = calloc(LOG_BATCH, record_stride(BODY));
	ck_assert_ptr_nonnull(arena);
	for (uint64_t n = 1; n < records; n += LOG_BATCH)
		ns += append_batch(n);
	check_memory();
	report("appended", records, ns);
	log_lab_crash(&lab);
	begin_ns = clock_monotonic_ns();
	ck_assert_uint_eq(log_lab_open(&lab), 0);
	printf("log: opened in %.1f ms\n",
	    (double)(clock_monotonic_ns() - begin_ns) / 1e6);
	ck_assert_uint_eq(log_lab_numbers(&lab).waiting, records);
	check_memory();
	read_all(records);
	free(arena);
	log_lab_stop(&lab);
}
END_TEST

Suite *
suite_log_load(void)
{
	Suite *su = suite_create("log_load");
	TCase *tc = tcase_create("load");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, backlog_costs_little_memory);
	suite_add_tcase(su, tc);
	return su;
}
