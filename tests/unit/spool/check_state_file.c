#include <check.h>
#include <string.h>

#include "base/compiler.h"
#include "spool/state_file.h"
#include "suites.h"

static const struct name {
	const char *name;
	enum state_file_kind kind;
	bool temporary;
} names[] = {
	{ "ring-00ff", STATE_FILE_RING, false },
	{ "stream-00ff", STATE_FILE_STREAM, false },
	{ "marks", STATE_FILE_MARKS, false },
	{ "ring-00ff.new", STATE_FILE_NONE, true },
	{ "stream-00ff.tmp", STATE_FILE_NONE, true },
	{ "marks.new", STATE_FILE_NONE, true },
	{ "epoch.new", STATE_FILE_NONE, true },
	{ "epoch", STATE_FILE_NONE, false },
	{ "lock", STATE_FILE_NONE, false },
	{ "control", STATE_FILE_NONE, false },
	{ "control.new", STATE_FILE_NONE, false },
	{ "ring-", STATE_FILE_NONE, false },
	{ "ring-a/b", STATE_FILE_NONE, false },
	{ "ring-..", STATE_FILE_NONE, false },
	{ "ring-a/../x", STATE_FILE_NONE, false },
	{ "marks2", STATE_FILE_NONE, false },
	{ ".", STATE_FILE_NONE, false },
	{ "..", STATE_FILE_NONE, false },
	{ "", STATE_FILE_NONE, false },
};

START_TEST(name_tells_what_a_file_is)
{
	const struct name *na = &names[_i];

	ck_assert_int_eq(state_file_kind(na->name), na->kind);
	ck_assert_int_eq(state_file_is(na->name), na->kind != STATE_FILE_NONE);
	ck_assert_int_eq(state_file_is_temporary(na->name), na->temporary);
}
END_TEST

START_TEST(name_too_long_is_not_ours)
{
	char name[STATE_FILE_NAME + 1] = "ring-";

	memset(name + 5, 'a', sizeof(name) - 6);
	name[sizeof(name) - 1] = '\0';
	ck_assert(!state_file_is(name));
	name[STATE_FILE_NAME - 1] = '\0';
	ck_assert(state_file_is(name));
}
END_TEST

Suite *
suite_state_file(void)
{
	Suite *su = suite_create("state_file");
	TCase *tc = tcase_create("state_file");

	tcase_add_loop_test(tc, name_tells_what_a_file_is, 0, (int)ARRAY_LEN(names));
	tcase_add_test(tc, name_too_long_is_not_ours);
	suite_add_tcase(su, tc);
	return su;
}
