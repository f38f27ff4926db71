#include "base/log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suites.h"

static char shown[2 * LOG_LINE_MAX];
static int real_stderr = -1;
static int pipe_ends[2] = { -1, -1 };

/* Lines go to a pipe, which holds far more than a test writes. */
static void
catch_stderr(void)
{
	ck_assert_int_eq(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
	real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(real_stderr, 0);
	ck_assert_int_ge(dup2(pipe_ends[1], STDERR_FILENO), 0);
}

static void
release_stderr(void)
{
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	(void)close(pipe_ends[0]);
	(void)close(pipe_ends[1]);
	log_setup(LOG_LEVEL_INFO, LOG_STYLE_PLAIN);
}

/* What was logged since the last call. */
static const char *
take_shown(void)
{
	ssize_t n = read(pipe_ends[0], shown, sizeof(shown) - 1);

	shown[n > 0 ? n : 0] = '\0';
	return shown;
}

START_TEST(journal_line_has_sd_daemon_priority)
{
	log_setup(LOG_LEVEL_DEBUG, LOG_STYLE_JOURNAL);
	log_error("link", "%d", 1);
	ck_assert_str_eq(take_shown(), "<3>link: 1\n");
	log_warn("link", "%d", 2);
	ck_assert_str_eq(take_shown(), "<4>link: 2\n");
	log_info("route", "%s", "x");
	ck_assert_str_eq(take_shown(), "<6>route: x\n");
	log_debug("route", "y");
	ck_assert_str_eq(take_shown(), "<7>route: y\n");
}
END_TEST

START_TEST(plain_line_starts_with_time_and_level)
{
	log_setup(LOG_LEVEL_INFO, LOG_STYLE_PLAIN);
	log_warn("link", "gone");
	ck_assert_uint_eq(strlen(take_shown()), 24 + strlen(" warn  link: gone\n"));
	ck_assert_str_eq(shown + 23, "Z warn  link: gone\n");
	ck_assert_int_eq(shown[10], 'T');
}
END_TEST

START_TEST(line_above_level_is_dropped)
{
	log_setup(LOG_LEVEL_WARN, LOG_STYLE_JOURNAL);
	log_info("link", "no");
	log_debug("link", "no");
	ck_assert_str_eq(take_shown(), "");
	log_warn("link", "yes");
	ck_assert_str_eq(take_shown(), "<4>link: yes\n");
}
END_TEST

START_TEST(line_with_newline_inside_stays_one_line)
{
	log_setup(LOG_LEVEL_INFO, LOG_STYLE_JOURNAL);
	log_info("link", "%s", "a\n<3>link: forged\x1b[0m\x7f");
	ck_assert_str_eq(take_shown(), "<6>link: a <3>link: forged [0m \n");
}
END_TEST

START_TEST(line_that_is_too_long_ends_in_ellipsis)
{
	char text[LOG_LINE_MAX + 1];

	log_setup(LOG_LEVEL_INFO, LOG_STYLE_JOURNAL);
	memset(text, 'x', sizeof(text));
	text[LOG_LINE_MAX] = '\0';
	log_info("link", "%s", text);
	ck_assert_uint_eq(strlen(take_shown()), LOG_LINE_MAX);
	ck_assert_str_eq(shown + LOG_LINE_MAX - 6, "xx...\n");

	text[LOG_LINE_MAX - 1 - strlen("<6>link: ")] = '\0';
	log_info("link", "%s", text);
	ck_assert_uint_eq(strlen(take_shown()), LOG_LINE_MAX);
	ck_assert_str_eq(shown + LOG_LINE_MAX - 6, "xxxxx\n");
}
END_TEST

START_TEST(errno_is_left_as_it_was)
{
	(void)close(STDERR_FILENO); /* so that the write inside fails */
	errno = EXDEV;
	log_error("link", "x");
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(level_parse_takes_the_four_names_only)
{
	enum log_level level = LOG_LEVEL_WARN;

	ck_assert_int_eq(log_level_parse(&level, "verbose"), -EINVAL);
	ck_assert_int_eq(log_level_parse(&level, "Info"), -EINVAL);
	ck_assert_int_eq(log_level_parse(&level, ""), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_WARN);
	ck_assert_int_eq(log_level_parse(&level, "error"), 0);
	ck_assert_int_eq(level, LOG_LEVEL_ERROR);
	ck_assert_int_eq(log_level_parse(&level, "debug"), 0);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
}
END_TEST

Suite *
suite_log(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, catch_stderr, release_stderr);
	tcase_add_test(tc, journal_line_has_sd_daemon_priority);
	tcase_add_test(tc, plain_line_starts_with_time_and_level);
	tcase_add_test(tc, line_above_level_is_dropped);
	tcase_add_test(tc, line_with_newline_inside_stays_one_line);
	tcase_add_test(tc, line_that_is_too_long_ends_in_ellipsis);
	tcase_add_test(tc, errno_is_left_as_it_was);
	tcase_add_test(tc, level_parse_takes_the_four_names_only);
	suite_add_tcase(s, tc);
	return s;
}
