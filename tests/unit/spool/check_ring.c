/* The way of a record through a ring that nobody kills; check_ring_recover.c has the
 * rest. */
#include "spool/ring.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "ring_fixture.h"
#include "spool/ring_file.h"
#include "suites.h"

#define MAX_BODY 64

static struct ring_dir dir;
static struct ring *ring;

static void
setup(void)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, RING_POSIX, MAX_BODY);
}

static void
teardown(void)
{
	ring_close(ring);
	ring_dir_close(&dir);
}

static void
setup_sysv(void)
{
	ring_dir_open(&dir);
	ring = ring_dir_make(&dir, RING_SYSV, MAX_BODY);
}

START_TEST(file_layout_is_as_documented)
{
	ck_assert_uint_eq(offsetof(struct ring_header, magic), 0);
	ck_assert_uint_eq(offsetof(struct ring_header, version), 8);
	ck_assert_uint_eq(offsetof(struct ring_header, kind), 12);
	ck_assert_uint_eq(offsetof(struct ring_header, id), 16);
	ck_assert_uint_eq(offsetof(struct ring_header, data_offset), 32);
	ck_assert_uint_eq(offsetof(struct ring_header, bytes), 40);
	ck_assert_uint_eq(offsetof(struct ring_header, max_body), 48);
	ck_assert_uint_eq(offsetof(struct ring_header, uri), 56);
	ck_assert_uint_eq(offsetof(struct ring_header, take), 568);
	ck_assert_uint_eq(offsetof(struct ring_header, crc), 604);
	ck_assert_uint_eq(sizeof(struct ring_header), 608);
	ck_assert_uint_eq(offsetof(struct ring_words, generation), 0);
	ck_assert_uint_eq(offsetof(struct ring_words, tail), 8);
	ck_assert_uint_eq(offsetof(struct ring_words, type_slot), 64);
	ck_assert_uint_eq(offsetof(struct ring_words, type_number), 72);
	ck_assert_uint_eq(offsetof(struct ring_words, uniform), 128);
}
END_TEST

START_TEST(new_file_is_whole_and_padded)
{
	char name[256];
	size_t size;
	const uint8_t *bytes;
	struct stat st;

	ring_dir_find(&dir, "ring-", name);
	bytes = ring_dir_map(&dir, name, &size);
	ck_assert_mem_eq(bytes, "MQBRNG01", 8);
	ck_assert_uint_eq(size, RING_DATA_OFFSET + ring_bytes(ring));
	for (size_t i = RING_DATA_OFFSET; i < size; i++)
		ck_assert_uint_eq(bytes[i], RECORD_PAD);
	/* Not sparse: a hole would be a SIGBUS one day. */
	ck_assert_int_eq(fstatat(dir.fd, name, &st, 0), 0);
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, size);
}
END_TEST

START_TEST(identity_survives_reopening)
{
	struct ring_spec spec = { .kind = RING_SYSV,
		.uri = "sysv:0x4d51",
		.take = "not 7",
		.max_body = 8192,
		.bytes = 100000 };
	struct ring_report report;
	struct ring *other = NULL;
	struct id id;

	teardown();
	ring_dir_open(&dir);
	ck_assert_int_eq(ring_create(&ring, dir.fd, &spec), 0);
	id = *ring_id(ring);
	ck_assert_uint_ge(ring_bytes(ring), 100000);
	ring_close(ring);
	other = ring_dir_reopen(&dir, &report);
	ring = other;
	ck_assert(id_equal(ring_id(ring), &id));
	ck_assert_str_eq(ring_uri(ring), "sysv:0x4d51");
	ck_assert_str_eq(ring_take(ring), "not 7");
	ck_assert_int_eq(ring_kind(ring), RING_SYSV);
	ck_assert_uint_eq(ring_max_body(ring), 8192);
	ck_assert_uint_eq(ring_next_number(ring), 1);
	ck_assert(!report.recovered && !report.zero_committed && report.damaged == 0);
}
END_TEST

START_TEST(create_holds_four_records_at_least)
{
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "",
		.take = "",
		.max_body = 100000,
		.bytes = 1 };
	struct ring *large = NULL;

	ck_assert_int_eq(ring_create(&large, dir.fd, &spec), 0);
	ck_assert_uint_ge(ring_bytes(large), 4 * record_stride(100000));
	ring_close(large);
}
END_TEST

START_TEST(create_with_too_much_is_refused)
{
	char uri[RING_URI_SIZE + 1];
	struct ring_spec spec = { .kind = RING_POSIX, .uri = uri, .take = "" };
	struct ring *rg = NULL;

	memset(uri, 'x', sizeof(uri) - 1);
	uri[sizeof(uri) - 1] = '\0';
	ck_assert_int_eq(ring_create(&rg, dir.fd, &spec), -ENAMETOOLONG);
	spec.uri = "";
	spec.max_body = RECORD_BODY_MAX + 1;
	ck_assert_int_eq(ring_create(&rg, dir.fd, &spec), -EINVAL);
	spec.max_body = 0;
	spec.bytes = UINT64_MAX;
	ck_assert_int_eq(ring_create(&rg, dir.fd, &spec), -EINVAL);
	ck_assert_ptr_null(rg);
}
END_TEST

START_TEST(create_beyond_tmpfs_returns_enospc)
{
	struct ring_spec spec = { .kind = RING_POSIX,
		.uri = "",
		.take = "",
		.max_body = 1,
		.bytes = RING_BYTES_MAX };
	struct ring *rg = NULL;
	const struct dirent *de;
	int files = 0;
	DIR *list;

	if (file_is_tmpfs(dir.fd) != 1)
		return; /* elsewhere the disk would really be filled */
	ck_assert_int_eq(ring_create(&rg, dir.fd, &spec), -ENOSPC);
	ck_assert_ptr_null(rg);
	list = opendir(dir.path);
	while ((de = readdir(list)) != NULL)
		files += de->d_name[0] != '.';
	(void)closedir(list);
	ck_assert_int_eq(files, 1); /* the fixture's ring; nothing half-made stays */
}
END_TEST

START_TEST(reserve_prepares_record_for_kernel)
{
	struct record *rec = NULL, *again = NULL;

	ck_assert_int_eq(ring_reserve(ring, &rec), 0);
	ck_assert_uint_eq(rec->length, RECORD_LENGTH_NONE);
	ck_assert_uint_eq(rec->number, 1);
	ck_assert_int_eq(rec->type, RECORD_TYPE_OPEN_POSIX);
	ck_assert_uint_eq(rec->state, 0);
	ck_assert_ptr_eq((uint8_t *)&rec->type + 8, rec->body);
	for (int i = 0; i < MAX_BODY; i++)
		ck_assert_uint_eq(rec->body[i], RECORD_PAD);
	ck_assert_int_eq(ring_reserve(ring, &again), 0);
	ck_assert_ptr_eq(rec, again);
	ck_assert_uint_eq(ring_used(ring), 0);
}
END_TEST

START_TEST(commit_makes_checked_record)
{
	const struct record *rec;

	ring_put(ring, "hello", 5, 3);
	ck_assert_uint_eq(ring_records(ring), 1);
	ck_assert_uint_eq(ring_used(ring), record_stride(5));
	rec = ring_at(ring, ring_tail(ring));
	ck_assert_int_eq(record_check(rec, record_stride(5), ring_seed(ring)), 0);
	ck_assert_int_eq(rec->type, 3);
	ck_assert_int_eq(rec->captured_ns, 1000);
	ck_assert_uint_eq(rec->flags, 0);
	ck_assert_mem_eq(rec->body, "hello", 5);
	ck_assert_uint_eq(ring_after(ring, ring_tail(ring)), ring_head(ring));
}
END_TEST

static uint64_t
fill(void)
{
	struct record *rec = NULL;
	uint64_t n = 0;

	for (; ring_reserve(ring, &rec) == 0; n++)
		ring_put(ring, "0123456789", 10, 0);
	return n;
}

START_TEST(reserve_in_full_ring_returns_enospc)
{
	struct record *rec = NULL;
	uint64_t n = fill();

	ck_assert_uint_gt(n, 4);
	ck_assert_int_eq(ring_reserve(ring, &rec), -ENOSPC);
	ck_assert_ptr_null(rec);
	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	ring_settle(ring, 0, 2);
	ck_assert_uint_eq(ring_records(ring), n - 2);
	ck_assert_int_eq(ring_reserve(ring, &rec), 0);
}
END_TEST

/* A whole ring of free space at every offset: records cross the end of the file. */
START_TEST(records_wrap_in_one_piece)
{
	char body[MAX_BODY];
	uint64_t number = 0, random = 5;

	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	while (ring_head(ring) < 20 * ring_bytes(ring)) {
		uint32_t len = ring_random(&random, MAX_BODY + 1);
		const struct record *rec;

		memset(body, 'a' + (int)(number % 26), sizeof(body));
		ring_put(ring, body, len, 1);
		number++;
		rec = ring_find(ring, number);
		ck_assert_int_eq(
		    record_check(rec, ring_bytes(ring), ring_seed(ring)), 0);
		ck_assert_mem_eq(rec->body, body, len);
		if (number > 5)
			ring_settle(ring, 0, number - 5);
		ck_assert_uint_le(ring_records(ring), 5);
	}
	ck_assert_uint_eq(ring_find(ring, number - 4)->number, number - 4);
}
END_TEST

START_TEST(release_pads_what_it_frees)
{
	uint8_t pad[200];
	char name[256];
	size_t size;
	const uint8_t *bytes;

	memset(pad, RECORD_PAD, sizeof(pad));
	ck_assert_int_eq(ring_attach(ring, 2, 1), 0);
	ring_put(ring, "first", 5, 0);
	ring_put(ring, "second", 6, 0);
	ring_settle(ring, 2, 1);
	ring_dir_find(&dir, "ring-", name);
	bytes = ring_dir_map(&dir, name, &size) + RING_DATA_OFFSET;
	ck_assert_mem_eq(bytes, pad, record_stride(5));
	ck_assert_uint_eq(bytes[record_stride(5) + 8], 2);
}
END_TEST

START_TEST(release_waits_for_all_attached_streams)
{
	ring_put(ring, "1", 1, 0);
	ring_put(ring, "2", 1, 0);
	ck_assert_uint_eq(ring_release(ring), 0); /* nobody is attached */
	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	ck_assert_int_eq(ring_attach(ring, 5, 2), 0);
	ck_assert_int_eq(ring_attach(ring, 5, 1), -EBUSY);
	ck_assert_int_eq(ring_attach(ring, RECORD_SLOTS, 1), -EINVAL);
	ck_assert_int_eq(ring_attach(ring, 1, 4), -EINVAL); /* a hole would follow */
	ck_assert_int_eq(ring_free_slot(ring), 1);
	ck_assert(ring_wants(ring, 0, ring_find(ring, 1)));
	ck_assert(!ring_wants(ring, 5, ring_find(ring, 1)));
	ck_assert(!ring_wants(ring, 1, ring_find(ring, 2)));
	ring_settle(ring, 0, 2);
	ck_assert_uint_eq(ring_records(ring), 1); /* 5 does not want the first */
	ring_settle(ring, 5, 2);
	ck_assert_uint_eq(ring_records(ring), 0);
	ring_put(ring, "3", 1, 0);
	ring_settle(ring, 0, 3);
	ck_assert_uint_eq(ring_records(ring), 1);
	ring_detach(ring, 5);
	ck_assert_uint_eq(ring_release(ring), 1);
}
END_TEST

START_TEST(records_survive_reopening)
{
	struct ring_report report;
	uint64_t tail;

	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	ring_put(ring, "gone", 4, 0);
	ring_put(ring, "stays", 5, 9);
	ring_put(ring, "", 0, 32767);
	ring_settle(ring, 0, 1);
	tail = ring_tail(ring);
	ring_close(ring);
	ring = ring_dir_reopen(&dir, &report);
	ck_assert(!report.recovered && report.damaged == 0);
	ck_assert_uint_eq(ring_tail(ring), tail);
	ck_assert_uint_eq(ring_records(ring), 2);
	ck_assert_uint_eq(ring_next_number(ring), 4);
	ck_assert_mem_eq(ring_find(ring, 2)->body, "stays", 5);
	ck_assert_int_eq(ring_find(ring, 3)->type, 32767);
	ring_put(ring, "next", 4, 0);
	ck_assert_uint_eq(ring_find(ring, 4)->length, 4);
}
END_TEST

START_TEST(type_slot_becomes_empty_record)
{
	int64_t *slot = ring_type_slot(ring);

	ck_assert_int_eq(*slot, RECORD_TYPE_OPEN_SYSV);
	ck_assert_int_eq(ring_commit_zero(ring, 5), 0);
	*slot = INT64_MAX;
	ck_assert_int_eq(ring_commit_zero(ring, 5), 1);
	ck_assert_int_eq(*slot, RECORD_TYPE_OPEN_SYSV);
	ck_assert_int_eq(ring_commit_zero(ring, 5), 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	ck_assert_int_eq(ring_find(ring, 1)->type, INT64_MAX);
	ck_assert_uint_eq(ring_find(ring, 1)->length, 0);
	ck_assert_uint_eq(ring_find(ring, 1)->flags, 0);
	ck_assert_int_eq(ring_find(ring, 1)->captured_ns, 5);
}
END_TEST

START_TEST(type_slot_of_full_ring_keeps_message)
{
	(void)fill();
	*ring_type_slot(ring) = 7;
	ck_assert_int_eq(ring_commit_zero(ring, 5), -ENOSPC);
	ck_assert_int_eq(*ring_type_slot(ring), 7);
	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	ring_settle(ring, 0, 5);
	ck_assert_int_eq(ring_commit_zero(ring, 5), 1);
	ck_assert_int_eq(ring_find(ring, ring_next_number(ring) - 1)->type, 7);
}
END_TEST

START_TEST(regrow_of_empty_ring_goes_on)
{
	static char body[5000];
	struct record *rec = NULL;
	uint64_t head;
	struct id id = *ring_id(ring);
	const char *uri = ring_uri(ring);

	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	ring_put(ring, "small", 5, 0);
	ck_assert_int_eq(ring_regrow(ring, 5000, 0), -EBUSY);
	ring_settle(ring, 0, 1);
	ck_assert_int_eq(ring_reserve(ring, &rec), 0); /* open, nothing received */
	head = ring_head(ring);
	*ring_type_slot(ring) = 3;
	ck_assert_int_eq(ring_regrow(ring, 5000, 0), -EBUSY);
	*ring_type_slot(ring) = RECORD_TYPE_OPEN_SYSV;
	ck_assert_int_eq(ring_regrow(ring, RECORD_BODY_MAX + 1, 0), -EINVAL);
	ck_assert_int_eq(ring_regrow(ring, 5000, 0), 0);
	ck_assert_uint_eq(ring_max_body(ring), 5000);
	ck_assert_uint_eq(ring_head(ring), head);
	ck_assert_str_eq(uri, "posix:/q");
	memset(body, 'x', sizeof(body));
	ring_put(ring, body, sizeof(body), 0);
	ring_close(ring);
	ring = ring_dir_reopen(&dir, NULL);
	ck_assert(id_equal(ring_id(ring), &id));
	ck_assert_uint_eq(ring_max_body(ring), 5000);
	ck_assert_uint_eq(ring_tail(ring), head);
	ck_assert_mem_eq(ring_find(ring, 2)->body, body, sizeof(body));
}
END_TEST

START_TEST(regrow_without_directory_changes_nothing)
{
	char name[256];

	ring_dir_find(&dir, "ring-", name);
	ck_assert_int_eq(unlinkat(dir.fd, name, 0), 0);
	ck_assert_int_eq(rmdir(dir.path), 0);
	ck_assert_int_eq(ring_regrow(ring, 5000, 0), -ENOENT);
	ck_assert_uint_eq(ring_max_body(ring), MAX_BODY);
	ring_put(ring, "works", 5, 0);
	ck_assert_uint_eq(ring_records(ring), 1);
	ring_close(ring);
	ring = NULL;
	(void)close(dir.fd);
	ring_dir_open(&dir);
}
END_TEST

static const size_t foreign_offsets[] = { 0, 8, 12, 16, 32, 40, 48, 56, 568, 604 };

/* Each of the two headers alone, then both. */
START_TEST(open_of_changed_header_takes_its_copy)
{
	struct ring_report report;
	struct ring *rg = NULL;
	char name[256];
	uint8_t *bytes;
	size_t size;

	ring_dir_find(&dir, "ring-", name);
	bytes = ring_dir_map(&dir, name, &size);
	for (int copy = 0; copy < 2; copy++) {
		bytes[copy * RING_COPY_OFFSET + foreign_offsets[_i]] ^= 1;
		ck_assert_int_eq(ring_open(&rg, dir.fd, name, 1, &report), 0);
		ck_assert_int_eq(report.header_mended, copy == 0);
		ck_assert_mem_eq(bytes, bytes + RING_COPY_OFFSET, 608);
		ring_close(rg);
		rg = NULL;
	}
	for (int copy = 0; copy < 2; copy++)
		bytes[copy * RING_COPY_OFFSET + foreign_offsets[_i]] ^= 1;
	ck_assert_int_eq(ring_open(&rg, dir.fd, name, 1, &report), -EBADMSG);
	ck_assert_ptr_null(rg);
}
END_TEST

START_TEST(open_of_future_version_returns_enotsup)
{
	struct ring_report report;
	struct ring_header *hd;
	struct ring *rg = NULL;
	char name[256];
	uint8_t *bytes;
	size_t size;

	ring_dir_find(&dir, "ring-", name);
	bytes = ring_dir_map(&dir, name, &size);
	memset(bytes + RING_COPY_OFFSET, 0, sizeof(*hd));
	hd = (struct ring_header *)(void *)bytes;
	hd->version++;
	hd->crc = crc32c(0, hd, offsetof(struct ring_header, crc));
	ck_assert_int_eq(ring_open(&rg, dir.fd, name, 1, &report), -ENOTSUP);
}
END_TEST

START_TEST(open_of_shortened_file_tells_what_is_missing)
{
	struct ring_report report;
	struct ring *rg = NULL;
	char name[256];
	int fd;

	ring_dir_find(&dir, "ring-", name);
	fd = openat(dir.fd, name, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, RING_DATA_OFFSET + 96), 0);
	ck_assert_int_eq(ring_open(&rg, dir.fd, name, 1, &report), 0);
	ck_assert_uint_eq(report.missing, ring_bytes(rg) - 96);
	ck_assert_uint_eq(report.lost_bytes, ring_bytes(rg) - 96);
	ck_assert_uint_eq(report.spans, 1);
	ck_assert_uint_eq(report.span[0].offset, RING_DATA_OFFSET + 96);
	ck_assert_uint_eq(report.span[0].records, 0);
	ring_close(rg);
	ck_assert_int_eq(ftruncate(fd, 10), 0);
	ck_assert_int_eq(ring_open(&rg, dir.fd, name, 1, &report), -EBADMSG);
	(void)close(fd);
	ck_assert_int_eq(ring_open(&rg, dir.fd, "ring-none", 1, &report), -ENOENT);
}
END_TEST

static struct ring_words *
mapped_words(void)
{
	char name[256];
	size_t size;

	ring_dir_find(&dir, "ring-", name);
	return (struct ring_words *)(void *)(ring_dir_map(&dir, name, &size) +
					     RING_WORDS_OFFSET);
}

static const struct ring_tail impossible[] = { { 4, 1 }, { 0, 0 },
	{ UINT64_MAX - 7, 1 }, { 0, UINT64_MAX }, { 64, 3 }, { 1 << 20, 3 },
	{ 0, 4099 } };

START_TEST(open_of_damaged_tail_finds_it_by_the_records)
{
	struct ring_words *words = mapped_words();
	struct ring_report report;
	uint64_t tail;

	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	for (int i = 0; i < 5; i++)
		ring_put(ring, "hello", 5, 1);
	ring_settle(ring, 0, 2);
	tail = ring_tail(ring);
	ring_close(ring);
	words->tail[words->generation % 2] = impossible[_i];
	ring = ring_dir_reopen(&dir, &report);
	ck_assert(report.tail_mended && report.damaged == 0 && report.lost_bytes == 0);
	ck_assert_uint_eq(ring_tail(ring), tail);
	ck_assert_uint_eq(ring_records(ring), 3);
	ck_assert_ptr_nonnull(ring_find(ring, 3));
	ring_close(ring);
	ring = ring_dir_reopen(&dir, &report);
	ck_assert(!report.tail_mended);
}
END_TEST

START_TEST(open_of_damaged_generation_keeps_all)
{
	struct ring_words *words = mapped_words();
	struct ring_report report;

	ck_assert_int_eq(ring_attach(ring, 0, 1), 0);
	for (int i = 0; i < 5; i++)
		ring_put(ring, "hello", 5, 1);
	ring_settle(ring, 0, 1);
	ring_settle(ring, 0, 2);
	ring_close(ring);
	words->generation ^= UINT64_C(1) << (_i * 4);
	ring = ring_dir_reopen(&dir, &report);
	ck_assert(report.tail_mended && report.damaged == 0 && report.lost_bytes == 0);
	ck_assert_uint_eq(ring_records(ring), 3);
}
END_TEST

static void
add_sysv_tests(Suite *suite)
{
	TCase *tc = tcase_create("type slot");

	tcase_add_checked_fixture(tc, setup_sysv, teardown);
	tcase_add_test(tc, type_slot_becomes_empty_record);
	tcase_add_test(tc, type_slot_of_full_ring_keeps_message);
	suite_add_tcase(suite, tc);
}

Suite *
suite_ring(void)
{
	Suite *suite = suite_create("ring");
	TCase *tc = tcase_create("ring");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, file_layout_is_as_documented);
	tcase_add_test(tc, new_file_is_whole_and_padded);
	tcase_add_test(tc, identity_survives_reopening);
	tcase_add_test(tc, create_holds_four_records_at_least);
	tcase_add_test(tc, create_with_too_much_is_refused);
	tcase_add_test(tc, create_beyond_tmpfs_returns_enospc);
	tcase_add_test(tc, reserve_prepares_record_for_kernel);
	tcase_add_test(tc, commit_makes_checked_record);
	tcase_add_test(tc, reserve_in_full_ring_returns_enospc);
	tcase_add_test(tc, records_wrap_in_one_piece);
	tcase_add_test(tc, release_pads_what_it_frees);
	tcase_add_test(tc, release_waits_for_all_attached_streams);
	tcase_add_test(tc, records_survive_reopening);
	tcase_add_test(tc, regrow_of_empty_ring_goes_on);
	tcase_add_test(tc, regrow_without_directory_changes_nothing);
	tcase_add_loop_test(tc, open_of_changed_header_takes_its_copy, 0,
	    (int)ARRAY_LEN(foreign_offsets));
	tcase_add_test(tc, open_of_future_version_returns_enotsup);
	tcase_add_loop_test(tc, open_of_damaged_generation_keeps_all, 0, 8);
	tcase_add_test(tc, open_of_shortened_file_tells_what_is_missing);
	tcase_add_loop_test(tc, open_of_damaged_tail_finds_it_by_the_records, 0,
	    (int)ARRAY_LEN(impossible));
	suite_add_tcase(suite, tc);
	add_sysv_tests(suite);
	return suite;
}
