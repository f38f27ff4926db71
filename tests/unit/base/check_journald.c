#include "base/journald.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "suites.h"

static char entry[JOURNALD_ENTRY_MAX];

/* The value of a field of the entry, NULL: it has none. Reads as the journal does. */
static const char *
field(size_t len, const char *name)
{
	static char value[LOG_LINE_MAX];
	const char *at = entry, *end = entry + len;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t name_len, size = 0;

		ck_assert_ptr_nonnull(newline);
		name_len = (size_t)(newline - at);
		ck_assert_int_gt(end - newline, 9);
		for (unsigned i = 0; i < 8; i++)
			size |= (size_t)(unsigned char)newline[1 + i] << (8 * i);
		ck_assert_uint_lt(size, sizeof(value));
		ck_assert_int_ge(end - newline - 9, size + 1);
		ck_assert_int_eq(newline[9 + size], '\n');
		memcpy(value, newline + 9, size);
		value[size] = '\0';
		if (name_len == strlen(name) && memcmp(at, name, name_len) == 0)
			return value;
		at = newline + 9 + size + 1;
	}
	return NULL;
}

START_TEST(event_has_its_fields)
{
	const struct log_line ln = { .id = EVENT_PEER_LOST,
		.level = LOG_LEVEL_WARN,
		.area = "link",
		.fields = { .peer = "hub", .reason = "peer-not-connected" },
		.text = "peer hub: gone" };
	int len = journald_format(entry, &ln, 4);

	ck_assert_int_gt(len, 0);
	ck_assert_str_eq(field((size_t)len, "MESSAGE"), "peer hub: gone");
	ck_assert_str_eq(field((size_t)len, "PRIORITY"), "4");
	ck_assert_str_eq(
	    field((size_t)len, "MESSAGE_ID"), event_kind(EVENT_PEER_LOST)->message_id);
	ck_assert_str_eq(field((size_t)len, "MQB_EVENT"), "peer-lost");
	ck_assert_str_eq(field((size_t)len, "MQB_PEER"), "hub");
	ck_assert_str_eq(field((size_t)len, "MQB_REASON"), "peer-not-connected");
	ck_assert_str_eq(field((size_t)len, "SYSLOG_IDENTIFIER"), "mqbridged");
	ck_assert_ptr_null(field((size_t)len, "MQB_ROUTE"));
	ck_assert_ptr_null(field((size_t)len, "MQB_REPEATED"));
}
END_TEST

START_TEST(newline_in_a_name_forges_no_field)
{
	const struct log_line ln = { .id = EVENT_ROUTE_PAUSED,
		.area = "route",
		.fields = { .route = "a\nPRIORITY=0\nMESSAGE_ID=0" },
		.text = "x" };
	int len = journald_format(entry, &ln, 6);

	ck_assert_int_gt(len, 0);
	ck_assert_str_eq(field((size_t)len, "PRIORITY"), "6");
	ck_assert_str_eq(
	    field((size_t)len, "MQB_ROUTE"), "a\nPRIORITY=0\nMESSAGE_ID=0");
}
END_TEST

START_TEST(line_without_event_has_no_message_id)
{
	const struct log_line ln = { .area = "link", .text = "x" };
	int len = journald_format(entry, &ln, 6);

	ck_assert_int_gt(len, 0);
	ck_assert_ptr_null(field((size_t)len, "MESSAGE_ID"));
	ck_assert_str_eq(field((size_t)len, "MQB_AREA"), "link");
}
END_TEST

START_TEST(entry_that_is_too_long_is_e2big)
{
	char name[JOURNALD_ENTRY_MAX];
	const struct log_line ln = {
		.area = "link", .fields = { .route = name }, .text = "x"
	};

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(journald_format(entry, &ln, 6), -E2BIG);
}
END_TEST

START_TEST(stderr_is_the_journal_only_when_the_stream_is_it)
{
	char stream[64];
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	ck_assert_int_eq(unsetenv("JOURNAL_STREAM"), 0);
	ck_assert(!journald_is_stderr());
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino + 1);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
	ck_assert(!journald_is_stderr());
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
	ck_assert(journald_is_stderr());
}
END_TEST

Suite *
suite_journald(void)
{
	Suite *s = suite_create("journald");
	TCase *tc = tcase_create("journald");

	tcase_add_test(tc, event_has_its_fields);
	tcase_add_test(tc, newline_in_a_name_forges_no_field);
	tcase_add_test(tc, line_without_event_has_no_message_id);
	tcase_add_test(tc, entry_that_is_too_long_is_e2big);
	tcase_add_test(tc, stderr_is_the_journal_only_when_the_stream_is_it);
	suite_add_tcase(s, tc);
	return s;
}
