#include "control/item.h"

#include <check.h>

#include "suites.h"

static json_t *array;
static struct item item;

static void
setup(void)
{
	array = json_array();
	item_begin(&item);
}

static void
teardown(void)
{
	json_decref(array);
}

static void
end(void)
{
	ck_assert_int_eq(item_end(&item, array), 0);
	ck_assert_uint_eq(json_array_size(array), 1);
}

static const json_t *
member(const char *name)
{
	return json_object_get(json_array_get(array, 0), name);
}

START_TEST(text_empty_or_absent_is_null)
{
	item_text(&item, "a", "");
	item_text(&item, "b", NULL);
	end();
	ck_assert(json_is_null(member("a")));
	ck_assert(json_is_null(member("b")));
}
END_TEST

START_TEST(text_in_utf8_stays)
{
	item_text(&item, "a", "posix:/m\xc3\xbcll \\ @%");
	end();
	ck_assert_str_eq(json_string_value(member("a")), "posix:/m\xc3\xbcll \\ @%");
}
END_TEST

START_TEST(text_of_other_bytes_is_quoted)
{
	item_text(&item, "a", "posix:/\xff");
	end();
	ck_assert_str_eq(json_string_value(member("a")), "posix:/\\xff");
}
END_TEST

START_TEST(count_beyond_json_stays_positive)
{
	item_count(&item, "a", UINT64_MAX);
	end();
	ck_assert_int_eq(json_integer_value(member("a")), INT64_MAX);
}
END_TEST

Suite *
suite_item(void)
{
	Suite *s = suite_create("item");
	TCase *tc = tcase_create("item");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, text_empty_or_absent_is_null);
	tcase_add_test(tc, text_in_utf8_stays);
	tcase_add_test(tc, text_of_other_bytes_is_quoted);
	tcase_add_test(tc, count_beyond_json_stays_positive);
	suite_add_tcase(s, tc);
	return s;
}
