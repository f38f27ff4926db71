#include "base/cells.h"

#include <check.h>
#include <string.h>

#include "base/compiler.h"
#include "suites.h"

#define ACCENT "\u0301" /* drawn over what stands before it */
#define KANJI  "\u6f22"

static const struct cells_row {
	const char *text;
	size_t in_utf8, elsewhere;
	size_t first; /* bytes, in UTF-8 */
} cells_rows[] = {
	{ "", 0, 0, 0 }, { "abc", 3, 3, 1 }, { "\u00e4b", 2, 2, 2 },
	{ KANJI "b", 3, 2, 3 }, { "\uff21", 2, 1, 3 }, /* a wide A */
	{ "e" ACCENT "x", 2, 3, 3 }, { KANJI ACCENT ACCENT, 2, 3, 7 },
	{ "\U0001f600", 2, 1, 4 }, { "\xff\xe4z", 3, 3, 1 }, /* no UTF-8 */
};

START_TEST(cells_are_those_of_a_terminal)
{
	const struct cells_row *row = &cells_rows[_i];
	size_t len = strlen(row->text), places;
	struct cells pc;

	ck_assert_uint_eq(cells_count(row->text, len), row->elsewhere);
	cells_begin(&pc);
	ck_assert_uint_eq(cells_count(row->text, len), row->in_utf8);
	if (len > 0)
		ck_assert_uint_eq(cells_next(&places, row->text, len), row->first);
	cells_end(&pc);
	ck_assert_uint_eq(cells_count(row->text, len), row->elsewhere);
}
END_TEST

Suite *
suite_cells(void)
{
	Suite *s = suite_create("cells");
	TCase *tc = tcase_create("cells");

	tcase_add_loop_test(
	    tc, cells_are_those_of_a_terminal, 0, ARRAY_LEN(cells_rows));
	suite_add_tcase(s, tc);
	return s;
}
