#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "record/record.h"
#include "ring_fixture.h"
#include "spool/segment.h"
#include "state_fixture.h"
#include "suites.h"

#define FRAMES  4
#define RECORDS 5 /* of a frame */
#define ALL     (FRAMES * RECORDS)
#define NUMBER  9 /* of the segment */
#define SPACE   16384

_Alignas(8) static uint8_t file[SPACE];
static uint64_t frame_at[FRAMES + 1], record_at[ALL];
static uint64_t end;
static struct segment_file sf;
static struct id ring;

static uint64_t
put_record(uint64_t at, unsigned n)
{
	struct record *rec = (void *)(file + at);

	*rec = (struct record){ .length = n * 7 % 50,
		.number = 100 + n,
		.captured_ns = n,
		.type = 3,
		.state = 5 };
	memset(rec->body, (int)n, rec->length);
	record_seal(rec, record_seed(&ring));
	record_at[n] = at;
	return at + record_stride(rec->length);
}

static uint64_t
put_frame(uint64_t at, unsigned n)
{
	struct segment_frame fr = {
		.log = sf.log,
		.ring = ring,
		.segment = NUMBER,
		.priority = 3,
		.offset = at,
		.before = n * RECORDS,
		.first_number = 100 + n * RECORDS,
		.last_number = 100 + n * RECORDS + RECORDS - 1,
		.count = RECORDS,
		.max_body = 50,
	};
	uint64_t to = at + sizeof(fr);

	for (unsigned i = 0; i < RECORDS; i++)
		to = put_record(to, n * RECORDS + i);
	fr.bytes = to - at - sizeof(fr);
	segment_frame_seal(&fr);
	memcpy(file + at, &fr, sizeof(fr));
	frame_at[n] = at;
	return to;
}

static void
write_file(uint64_t bytes)
{
	ck_assert_int_eq(ftruncate(sf.fd, 0), 0);
	ck_assert_int_eq(pwrite(sf.fd, file, bytes, 0), (ssize_t)bytes);
}

static void
setup(void)
{
	char path[] = "/dev/shm/mqbridge-segment.XXXXXX";

	memset(file, 0, sizeof(file));
	end = 0;
	ring = state_id(2);
	sf = (struct segment_file){ .log = state_id(1), .number = NUMBER };
	for (unsigned i = 0; i < FRAMES; i++)
		end = put_frame(end, i);
	frame_at[FRAMES] = end;
	ck_assert_uint_lt(end, SPACE);
	sf.fd = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(sf.fd, 0);
	ck_assert_int_eq(unlink(path), 0);
	sf.end = end;
	write_file(end);
}

static void
teardown(void)
{
	(void)close(sf.fd);
}

struct found {
	bool record[ALL];
	uint64_t count;
	uint64_t lost; /* as told */
};

static struct found
load_all(void)
{
	struct found ret = { 0 };

	for (uint64_t at = 0; at < sf.end;) {
		struct segment_piece pc;

		ck_assert_int_eq(segment_load(&pc, &sf, at, at, &ring), 0);
		ck_assert_uint_gt(pc.to, at);
		for (size_t i = 0; i < pc.n_runs; i++)
			for (uint64_t r = pc.runs[i].from; r < pc.runs[i].to;) {
				const struct record *rec = segment_record(&pc, r);
				uint64_t n = rec->number - 100;

				ck_assert_uint_lt(n, ALL);
				ck_assert_uint_eq(r, record_at[n]);
				ck_assert(!ret.record[n]);
				ck_assert_uint_eq(rec->state, 0);
				ret.record[n] = true;
				ret.count++;
				r += record_stride(rec->length);
			}
		for (size_t i = 0; i < pc.n_gaps; i++)
			ret.lost += pc.gaps[i].records;
		at = pc.to;
		segment_piece_done(&pc);
	}
	return ret;
}

START_TEST(whole_file_gives_all_records_without_gaps)
{
	struct found fd = load_all();

	ck_assert_uint_eq(fd.count, ALL);
	ck_assert_uint_eq(fd.lost, 0);
}
END_TEST

START_TEST(frame_with_any_bit_flipped_is_none)
{
	struct segment_frame fr;

	memcpy(&fr, file, sizeof(fr));
	ck_assert_int_eq(segment_frame_check(&fr, &sf, 0), 1);
	ck_assert_int_eq(segment_frame_check(&fr, &sf, 8), 0);
	for (size_t bit = 0; bit < 8 * sizeof(fr); bit++) {
		uint8_t *byte = (uint8_t *)&fr + bit / 8;

		*byte ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(segment_frame_check(&fr, &sf, 0), 0);
		*byte ^= (uint8_t)(1 << bit % 8);
	}
	sf.log.bytes[3]++;
	ck_assert_int_eq(segment_frame_check(&fr, &sf, 0), 0);
}
END_TEST

START_TEST(frame_of_a_newer_version_is_refused)
{
	struct segment_frame fr;

	memcpy(&fr, file + frame_at[2], sizeof(fr));
	segment_frame_seal(&fr);
	fr.version = SEGMENT_VERSION + 1;
	fr.crc = 0;
	/* As the newer version seals it, of which the first fields stay. */
	fr.crc = segment_frame_crc(&fr);
	ck_assert_int_eq(segment_frame_check(&fr, &sf, frame_at[2]), -ENOTSUP);
}
END_TEST

/* What of a record no checksum covers. */
static bool
is_covered(uint64_t at, unsigned *ret)
{
	for (unsigned n = 0; n < ALL; n++) {
		const struct record *rec = (const void *)(file + record_at[n]);
		uint64_t in = at - record_at[n];

		if (at < record_at[n] || in >= record_stride(rec->length))
			continue;
		*ret = n;
		return in < RECORD_HEADER + rec->length &&
		       (in < offsetof(struct record, state) ||
			   in >= offsetof(struct record, reserved2));
	}
	return false;
}

START_TEST(flipped_byte_loses_its_record_alone_and_says_so)
{
	for (uint64_t at = 0; at < end; at++) {
		struct found fd;
		unsigned n = ALL;

		if (!is_covered(at, &n))
			n = ALL;
		file[at] ^= 0x10;
		write_file(end);
		fd = load_all();
		file[at] ^= 0x10;
		ck_assert_uint_eq(fd.count, n < ALL ? ALL - 1 : ALL);
		ck_assert_uint_eq(fd.lost, n < ALL ? 1 : 0);
		ck_assert(n == ALL || !fd.record[n]);
	}
}
END_TEST

/* Any two bytes, in records and headers. */
START_TEST(two_flipped_bytes_lose_at_most_two_records_and_say_so)
{
	uint64_t state = 7;

	for (int i = 0; i < 3000; i++) {
		uint64_t at[2] = { ring_random(&state, (uint32_t)frame_at[3]),
			ring_random(&state, (uint32_t)frame_at[3]) };
		struct found fd;

		file[at[0]] ^= 0x04;
		file[at[1]] ^= 0x40;
		write_file(end);
		fd = load_all();
		file[at[0]] ^= 0x04;
		file[at[1]] ^= 0x40;
		ck_assert_uint_ge(fd.count, ALL - 2);
		ck_assert_uint_eq(fd.count + fd.lost, ALL);
	}
}
END_TEST

START_TEST(file_cut_anywhere_gives_what_is_whole)
{
	for (uint64_t at = 0; at <= end; at++) {
		struct found fd;
		unsigned whole = 0;

		for (; whole < ALL; whole++) {
			const struct record *rec =
			    (const void *)(file + record_at[whole]);

			if (record_at[whole] + record_stride(rec->length) > at)
				break;
		}
		write_file(at);
		sf.end = at;
		fd = load_all();
		ck_assert_uint_eq(fd.count, whole);
	}
}
END_TEST

/* Read as if it were whole: what is missing is damage. */
START_TEST(file_that_is_too_short_loses_what_is_missing)
{
	for (uint64_t at = 0; at <= end; at += 5) {
		struct found fd;

		write_file(at);
		fd = load_all();
		ck_assert_uint_le(fd.count, ALL);
		ck_assert(fd.count == ALL || fd.lost > 0);
	}
}
END_TEST

START_TEST(block_of_zeros_costs_no_more_than_it_covers)
{
	for (uint64_t at = 0; at + 512 <= end; at += 8) {
		uint8_t saved[512];
		struct found fd;

		memcpy(saved, file + at, sizeof(saved));
		memset(file + at, 0, sizeof(saved));
		write_file(end);
		fd = load_all();
		memcpy(file + at, saved, sizeof(saved));
		for (unsigned n = 0; n < ALL; n++) {
			const struct record *rec = (const void *)(file + record_at[n]);

			if (record_at[n] + record_stride(rec->length) <= at ||
			    record_at[n] >= at + sizeof(saved))
				ck_assert(fd.record[n]);
		}
		/* Behind the last whole frame nothing tells how many there were. */
		if (at + sizeof(saved) <= frame_at[FRAMES - 1])
			ck_assert_uint_eq(fd.count + fd.lost, ALL);
	}
}
END_TEST

/* Of which frames the header, and the first record behind it; nothing tells how many there were. */
static const struct uncounted_row {
	unsigned headers, records; /* bits */
} uncounted_rows[] = {
	{ 0x8, 0 },
	{ 0xc, 0 },
	{ 0xf, 0 },
	{ 0xc, 0x4 },
	{ 0xc, 0xc },
};

START_TEST(damaged_headers_at_an_uncounted_end_are_no_lost_records)
{
	const struct uncounted_row *row = &uncounted_rows[_i];
	struct found fd;
	unsigned lost = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		if (row->headers >> i & 1)
			file[frame_at[i] + 131] ^= 1;
		if (row->records >> i & 1) {
			file[record_at[i * RECORDS]] ^= 1;
			lost++;
		}
	}
	write_file(end);
	fd = load_all();
	ck_assert_uint_eq(fd.lost, lost);
	ck_assert_uint_eq(fd.count, ALL - lost);
}
END_TEST

START_TEST(piece_begins_with_the_frame_of_the_wanted_offset)
{
	for (unsigned hint = 0; hint < FRAMES; hint++)
		for (unsigned n = hint * RECORDS; n < ALL; n++) {
			struct segment_piece pc;

			ck_assert_int_eq(segment_load(&pc, &sf, frame_at[hint],
					     record_at[n] + 1, &ring),
			    0);
			ck_assert_uint_eq(pc.from, frame_at[n / RECORDS]);
			ck_assert_uint_eq(pc.to, end);
			ck_assert_uint_eq(pc.last, record_at[ALL - 1]);
			segment_piece_done(&pc);
		}
}
END_TEST

Suite *
suite_segment(void)
{
	Suite *su = suite_create("segment");
	TCase *tc = tcase_create("segment");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, whole_file_gives_all_records_without_gaps);
	tcase_add_test(tc, frame_with_any_bit_flipped_is_none);
	tcase_add_test(tc, frame_of_a_newer_version_is_refused);
	tcase_add_test(tc, flipped_byte_loses_its_record_alone_and_says_so);
	tcase_add_test(tc, two_flipped_bytes_lose_at_most_two_records_and_say_so);
	tcase_add_test(tc, file_cut_anywhere_gives_what_is_whole);
	tcase_add_test(tc, file_that_is_too_short_loses_what_is_missing);
	tcase_add_test(tc, block_of_zeros_costs_no_more_than_it_covers);
	tcase_add_loop_test(tc, damaged_headers_at_an_uncounted_end_are_no_lost_records,
	    0, ARRAY_LEN(uncounted_rows));
	tcase_add_test(tc, piece_begins_with_the_frame_of_the_wanted_offset);
	suite_add_tcase(su, tc);
	return su;
}
