/* mqbridge.conf(5) against the tables: every key, bound and default, and no other key.
 * */
#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/compiler.h"
#include "base/file.h"
#include "base/parse.h"
#include "config/rows.h"
#include "suites.h"

#define THIS_FILE "tests/unit/config/check_manual.c"
#define MANUAL    "man/mqbridge.conf.5"
#define SUBJECTS  8

/* The page with blanks for newlines, and which table each of its parts is about. */
static char *page;
static struct {
	const char *title;
	const struct field_table *table;
} subjects[SUBJECTS];

static const struct field_table *
find_part(const struct field_table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strcmp(table->fields[i].name, name) == 0)
			return table->fields[i].part;
	}
	ck_abort_msg("there is no table of %s", name);
}

static void
fill_subjects(void)
{
	static const char *const titles[] = { "Global keys", "Queues",
		"Creating queues", "Listeners", "Peers", "Routes", "Roles", "Roles" };

	for (size_t i = 0; i < SUBJECTS; i++)
		subjects[i].title = titles[i];
	subjects[0].table = &rows_global;
	subjects[1].table = find_part(&rows_global, "queues");
	subjects[2].table = find_part(subjects[1].table, "create");
	subjects[3].table = find_part(&rows_global, "listeners");
	subjects[4].table = find_part(&rows_global, "peers");
	subjects[5].table = find_part(&rows_global, "routes");
	subjects[6].table = find_part(&rows_global, "operators");
	subjects[7].table = find_part(&rows_global, "admins");
}

/* The page lies beside this file: the compiler was told where, from the build
 * directory. */
static bool
find_page(char *path, size_t size)
{
	const char *build = getenv("MQBRIDGE_BUILD");
	int root = (int)(strlen(__FILE__) - strlen(THIS_FILE));
	struct stat st;

	(void)snprintf(path, size, "%.*s%s", root, __FILE__, MANUAL);
	if (stat(path, &st) == 0)
		return true;
	if (build == NULL)
		return false;
	(void)snprintf(path, size, "%s/%.*s%s", build, root, __FILE__, MANUAL);
	return stat(path, &st) == 0;
}

static void
setup(void)
{
	char path[4096];
	size_t len = 0;

	fill_subjects();
	ck_assert(find_page(path, sizeof(path)));
	ck_assert_int_eq(file_read(&page, &len, AT_FDCWD, path, 1 << 20), 0);
	/* Sections end like subsections. */
	for (char *at = page; *at != '\0'; at++) {
		if (*at == '\n')
			*at = ' ';
		if (strncmp(at, ".Sh ", 4) == 0)
			at[2] = 's';
	}
}

static void
teardown(void)
{
	free(page);
}

/* From begin, which is found, up to end or the end of the page; the caller frees it. */
static char *
cut(const char *text, const char *begin, const char *end)
{
	const char *from = strstr(text, begin);
	const char *to;

	ck_assert_msg(from != NULL, "there is no \"%s\"", begin);
	to = strstr(from + strlen(begin), end);
	return strndup(from, to == NULL ? strlen(from) : (size_t)(to - from));
}

static char *
subject_text(int i)
{
	char title[64];

	(void)snprintf(title, sizeof(title), ".Ss %s ", subjects[i].title);
	return cut(page, title, " .Ss ");
}

static void
expect(const char *item, const char *part)
{
	ck_assert_msg(strstr(item, part) != NULL, "no \"%s\" in: %s", part, item);
}

static void
expect_choices(const char *item, const char *words)
{
	char text[64];

	expect(item, "default");
	for (const char *word = words; *word != '\0';) {
		size_t len = strcspn(word, "|");

		(void)snprintf(text, sizeof(text), "%.*s", (int)len, word);
		expect(item, text);
		word += len + (word[len] == '|');
	}
}

/* How the page must tell the bounds of that type; empty: there are none. */
static void
format_bounds(char *text, size_t size, const struct field *fd)
{
	char low[32];
	char high[32];

	text[0] = '\0';
	switch (fd->type) {
	case FIELD_SIZE:
		/* The largest int is no round size. */
		if (fd->max == INT32_MAX)
			(void)snprintf(
			    text, size, "from 1B to %" PRIu64 " bytes", fd->max);
		else
			(void)snprintf(text, size, "from %s to %s",
			    format_size(low, sizeof(low), fd->min),
			    format_size(high, sizeof(high), fd->max));
		break;
	case FIELD_DURATION:
		(void)snprintf(text, size, "from %s to %s",
		    format_duration(low, sizeof(low), fd->min),
		    format_duration(high, sizeof(high), fd->max));
		break;
	case FIELD_MODE:
		(void)snprintf(
		    text, size, "from %04" PRIo64 " to %04" PRIo64, fd->min, fd->max);
		break;
	case FIELD_NUMBER:
		(void)snprintf(
		    text, size, "from %" PRIu64 " to %" PRIu64, fd->min, fd->max);
		break;
	default:
		if (fd->max > 0)
			(void)snprintf(
			    text, size, "at most %" PRIu64 " bytes", fd->max);
	}
}

START_TEST(key_is_in_the_page_with_bounds_and_default)
{
	const struct field_table *table = subjects[_i].table;
	char *subject = subject_text(_i);

	ck_assert_ptr_nonnull(table);
	for (size_t i = 0; i < table->count; i++) {
		const struct field *fd = &table->fields[i];
		char text[100];
		char *item;

		(void)snprintf(text, sizeof(text), ".It Ic %s ", fd->name);
		item = cut(subject, text, " .It Ic ");
		format_bounds(text, sizeof(text), fd);
		expect(item, text);
		if (fd->type == FIELD_CHOICE)
			expect_choices(item, fd->preset);
		else if (fd->preset == field_required)
			expect(item, "Required.");
		else if (fd->preset != NULL) {
			expect(item, "default");
			expect(item, fd->preset);
		}
		free(item);
	}
	free(subject);
}
END_TEST

START_TEST(page_has_no_key_that_is_not_there)
{
	char *subject = subject_text(_i);
	size_t count = 0;

	for (const char *at = subject; (at = strstr(at, ".It Ic ")) != NULL; at++)
		count++;
	ck_assert_uint_eq(count, subjects[_i].table->count);
	free(subject);
}
END_TEST

Suite *
suite_manual(void)
{
	Suite *s = suite_create("manual");
	TCase *tc = tcase_create("page");
	char path[4096];

	if (!find_page(path, sizeof(path))) {
		(void)fprintf(stderr, "SKIP manual: " MANUAL " is not found\n");
		return s;
	}
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, key_is_in_the_page_with_bounds_and_default, 0, SUBJECTS);
	tcase_add_loop_test(tc, page_has_no_key_that_is_not_there, 0, SUBJECTS);
	suite_add_tcase(s, tc);
	return s;
}
