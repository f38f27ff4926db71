#include "spool/journal.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring_fixture.h"
#include "suites.h"

static struct ring_dir dir;
static struct journal journal;
static struct journal_header header;
static char name[256];

static void
setup(void)
{
	ring_dir_open(&dir);
	header = (struct journal_header){ .slot = 3,
		.stream = { "stream 16 bytes" },
		.ring = { "ring of 16 byte" },
		.first_number = 5,
		.label = "hub/orders" };
	ck_assert_int_eq(journal_create(&journal, dir.fd, &header), 0);
	ring_dir_find(&dir, "stream-", name);
}

static void
teardown(void)
{
	journal_close(&journal);
	ring_dir_close(&dir);
}

START_TEST(file_layout_is_as_documented)
{
	size_t size;
	uint8_t *bytes = ring_dir_map(&dir, name, &size);
	uint64_t place;

	ck_assert_uint_eq(offsetof(struct journal_header, slot), 12);
	ck_assert_uint_eq(offsetof(struct journal_header, stream), 16);
	ck_assert_uint_eq(offsetof(struct journal_header, ring), 32);
	ck_assert_uint_eq(offsetof(struct journal_header, first_number), 48);
	ck_assert_uint_eq(offsetof(struct journal_header, window), 56);
	ck_assert_uint_eq(offsetof(struct journal_header, label), 64);
	ck_assert_uint_eq(offsetof(struct journal_header, crc), 580);
	ck_assert_uint_eq(size, 8192 + 8 * 16384);
	ck_assert_mem_eq(bytes, "MQBJRN01", 8);
	journal_place_set(&journal, STREAM_WINDOW + 2, 0x1230);
	memcpy(&place, bytes + 8192 + 2 * sizeof(place), sizeof(place));
	ck_assert_uint_eq(place & ~(UINT64_C(127) << 56),
	    0x1230 + (0x1230 / 8 + STREAM_WINDOW + 2) % 7 + 1);
	journal_place_set(&journal, 3, UINT64_C(1) << 63 | 0x1230);
	memcpy(&place, bytes + 8192 + 3 * sizeof(place), sizeof(place));
	ck_assert_uint_eq(place, (UINT64_C(1) << 63 | 0x1230) +
				     ((UINT64_C(1) << 63 | 0x1230) / 8 + 3) % 7 + 1);
	ck_assert_uint_eq(journal_place(&journal, 3), UINT64_C(1) << 63 | 0x1230);
	journal_acked_set(&journal, 6);
	journal_next_set(&journal, 9);
	ck_assert_uint_eq(bytes[4096], 6);
	ck_assert_uint_eq(bytes[4104], 9);
	ck_assert_uint_eq(bytes[4112], 0xff - 6);
	ck_assert_uint_eq(bytes[4120], 0xff - 9);
	ck_assert_mem_eq(bytes, bytes + 6144, 584);
}
END_TEST

START_TEST(new_file_is_not_sparse)
{
	struct stat st;

	ck_assert_int_eq(fstatat(dir.fd, name, &st, 0), 0);
	ck_assert_uint_ge((uint64_t)st.st_blocks * 512, JOURNAL_FILE_BYTES);
}
END_TEST

START_TEST(journal_survives_reopening)
{
	journal_place_set(&journal, 1, 4240);
	journal_next_set(&journal, 2);
	journal_close(&journal);
	ck_assert_int_eq(journal_open(&journal, dir.fd, name), 0);
	ck_assert_uint_eq(journal.words->acked, 0);
	ck_assert_uint_eq(journal.words->next, 2);
	ck_assert_uint_eq(journal_place(&journal, 1), 4240);
	ck_assert_str_eq(journal.header->label, "hub/orders");
	ck_assert_uint_eq(journal.header->first_number, 5);
}
END_TEST

static const size_t offsets[] = { 0, 8, 12, 16, 32, 48, 56, 64, 580 };

START_TEST(open_of_changed_header_takes_its_copy)
{
	struct journal other = { 0 };
	struct journal_header hd;
	uint8_t *bytes;
	size_t size;

	bytes = ring_dir_map(&dir, name, &size);
	for (int copy = 0; copy < 2; copy++) {
		bytes[copy * JOURNAL_COPY_OFFSET + offsets[_i]] ^= 1;
		ck_assert_int_eq(journal_read(&hd, dir.fd, name), 0);
		ck_assert_int_eq(journal_open(&other, dir.fd, name), 0);
		ck_assert_uint_eq(other.mended, 1);
		ck_assert_mem_eq(bytes, bytes + JOURNAL_COPY_OFFSET, sizeof(hd));
		journal_close(&other);
	}
	for (int copy = 0; copy < 2; copy++)
		bytes[copy * JOURNAL_COPY_OFFSET + offsets[_i]] ^= 1;
	ck_assert_int_eq(journal_open(&other, dir.fd, name), -EBADMSG);
	ck_assert_int_eq(journal_read(&hd, dir.fd, name), -EBADMSG);
	ck_assert_ptr_null(other.header);
}
END_TEST

START_TEST(open_of_short_file_lengthens_it)
{
	struct journal other = { 0 };
	int fd = openat(dir.fd, name, O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, JOURNAL_FILE_BYTES - 8), 0);
	ck_assert_int_eq(journal_open(&other, dir.fd, name), 0);
	ck_assert_uint_eq(other.mended, 1);
	journal_close(&other);
	ck_assert_int_eq(ftruncate(fd, 100), 0);
	ck_assert_int_eq(journal_open(&other, dir.fd, name), -EBADMSG);
	(void)close(fd);
	ck_assert_int_eq(journal_open(&other, dir.fd, "stream-none"), -ENOENT);
}
END_TEST

/* Any bit of an entry, and any of the words, with one record in flight and one that waits. */
START_TEST(damaged_field_is_told_by_the_ring)
{
	struct ring *rg = ring_dir_make(&dir, RING_POSIX, 64);
	struct journal jn = { 0 };
	struct journal_words words;
	uint64_t entry;

	for (int i = 0; i < 3; i++)
		ring_put(rg, "hello", 5, 1);
	journal_place_set(&journal, 1, ring_after(rg, ring_tail(rg)));
	journal_next_set(&journal, 2);
	entry = journal.places[1];
	words = *journal.words;
	for (unsigned bit = 0; bit < 64 * 4 + 63; bit++) {
		if (bit < 64 * 4)
			((uint64_t *)journal.words)[bit / 64] ^= UINT64_C(1)
								 << bit % 64;
		else
			journal.places[1] ^= UINT64_C(1) << (bit - 64 * 4);
		ck_assert_int_eq(journal_open(&jn, dir.fd, name), 0);
		ck_assert_int_eq(journal_recover(&jn, rg), 0);
		ck_assert_mem_eq(journal.words, &words, sizeof(words));
		ck_assert_uint_eq(journal.places[1], entry);
		journal_close(&jn);
	}
	ring_close(rg);
}
END_TEST

START_TEST(create_in_missing_directory_leaves_nothing)
{
	struct journal other = { 0 };

	ck_assert_int_eq(journal_create(&other, -1, &header), -EBADF);
	ck_assert_ptr_null(other.words);
	journal_close(&other);
}
END_TEST

Suite *
suite_journal(void)
{
	Suite *suite = suite_create("journal");
	TCase *tc = tcase_create("journal");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, file_layout_is_as_documented);
	tcase_add_test(tc, new_file_is_not_sparse);
	tcase_add_test(tc, journal_survives_reopening);
	tcase_add_loop_test(
	    tc, open_of_changed_header_takes_its_copy, 0, (int)ARRAY_LEN(offsets));
	tcase_add_test(tc, open_of_short_file_lengthens_it);
	tcase_add_test(tc, damaged_field_is_told_by_the_ring);
	tcase_add_test(tc, create_in_missing_directory_leaves_nothing);
	suite_add_tcase(suite, tc);
	return suite;
}
