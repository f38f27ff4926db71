#include "spool/space.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/compiler.h"
#include "suites.h"

#define MIB(n) ((uint64_t)(n) << 20)

static const struct space_row {
	struct space_reserve reserve;
	uint64_t total, available, need;
	bool allows;
} rows[] = {
	{ { 0, 0 }, 1000, 10, 10, true },
	{ { 0, 0 }, 1000, 10, 11, false },
	{ { 5, 0 }, 1000, 60, 10, true },
	{ { 5, 0 }, 1000, 60, 11, false },
	{ { 5, 40 }, 1000, 60, 10, true }, /* the share is larger */
	{ { 5, 60 }, 1000, 60, 1, false }, /* the fixed part is larger */
	{ { 5, 60 }, 1000, 60, 0, true },
	{ { 5, MIB(64) }, MIB(10), MIB(10), 0, false }, /* smaller than the reserve */
	{ { 90, 0 }, UINT64_MAX, UINT64_MAX, UINT64_MAX / 11, true },
	{ { 90, 0 }, UINT64_MAX, UINT64_MAX, UINT64_MAX / 9, false },
	{ { 50, 0 }, 199, 100, 1, true },
	{ { 50, 0 }, 199, 100, 2, false },
};

START_TEST(reserve_is_kept_exactly)
{
	const struct space_row *row = &rows[_i];

	ck_assert_int_eq(
	    space_allows(&row->reserve, row->total, row->available, row->need),
	    row->allows);
}
END_TEST

START_TEST(check_of_a_directory_asks_its_file_system)
{
	const struct space_reserve none = { 0, 0 };
	const struct space_reserve all = { 0, UINT64_MAX };
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(space_check(fd, &none, 1), 0);
	ck_assert_int_eq(space_check(fd, &all, 0), -ENOSPC);
	ck_assert_int_eq(space_check(fd, &none, UINT64_MAX), -ENOSPC);
	(void)close(fd);
	ck_assert_int_eq(space_check(fd, &none, 1), -EBADF);
}
END_TEST

Suite *
suite_space(void)
{
	Suite *su = suite_create("space");
	TCase *tc = tcase_create("space");

	tcase_add_loop_test(tc, reserve_is_kept_exactly, 0, (int)ARRAY_LEN(rows));
	tcase_add_test(tc, check_of_a_directory_asks_its_file_system);
	suite_add_tcase(su, tc);
	return su;
}
