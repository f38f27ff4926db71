#include "base/log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log_limit.h"
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

static struct log_line seen;
static char seen_text[LOG_LINE_MAX];
static unsigned n_seen;

static void
see(void *owner, const struct log_line *ln)
{
	ck_assert_ptr_eq(owner, &seen);
	seen = *ln;
	(void)snprintf(seen_text, sizeof(seen_text), "%s", ln->text);
	n_seen++;
}

START_TEST(event_has_level_and_area_of_its_kind)
{
	log_setup(LOG_LEVEL_INFO, LOG_STYLE_JOURNAL);
	log_observe(see, &seen);
	log_event(
	    EVENT_PEER_LOST, &(struct log_fields){ .peer = "hub" }, "peer %s", "hub");
	log_warn("link", "no event");
	log_observe(NULL, NULL);
	ck_assert_str_eq(take_shown(), "<4>link: peer hub\n<4>link: no event\n");
	ck_assert_uint_eq(n_seen, 1);
	ck_assert_int_eq(seen.id, EVENT_PEER_LOST);
	ck_assert_str_eq(seen.fields.peer, "hub");
	ck_assert_ptr_null(seen.fields.route);
	ck_assert_str_eq(seen_text, "peer hub");
}
END_TEST

START_TEST(event_above_level_is_observed_but_not_written)
{
	log_setup(LOG_LEVEL_ERROR, LOG_STYLE_JOURNAL);
	log_observe(see, &seen);
	log_event(EVENT_PEER_CONNECTED, NULL, "x");
	log_observe(NULL, NULL);
	ck_assert_str_eq(take_shown(), "");
	ck_assert_uint_eq(n_seen, 1);
}
END_TEST

START_TEST(repeated_line_is_counted_and_flushed)
{
	log_setup(LOG_LEVEL_INFO, LOG_STYLE_JOURNAL);
	for (int i = 0; i < 100; i++)
		log_error("link", "again");
	(void)take_shown();
	ck_assert_uint_eq(strlen(shown), LOG_LIMIT_FIRST * strlen("<3>link: again\n"));
	log_tick();
	ck_assert_str_eq(take_shown(), "");
	log_flush();
	ck_assert_str_eq(
	    take_shown(), "<3>link: again ... repeated 95 times in the last 1 s\n");
}
END_TEST

START_TEST(level_of_an_area_is_its_own)
{
	enum log_level level = LOG_LEVEL_ERROR;

	log_setup(LOG_LEVEL_INFO, LOG_STYLE_JOURNAL);
	ck_assert_int_eq(log_level_set(LOG_LEVEL_DEBUG, "link"), 0);
	ck_assert_int_eq(log_level_set(LOG_LEVEL_DEBUG, "lin"), -EINVAL);
	log_debug("link", "a");
	log_debug("route", "b");
	ck_assert_str_eq(take_shown(), "<7>link: a\n");
	ck_assert_str_eq(log_area(0, &level), "daemon");
	ck_assert_int_eq(level, LOG_LEVEL_INFO);
	ck_assert_ptr_null(log_area(4, &level));
	ck_assert_int_eq(log_level_set(LOG_LEVEL_ERROR, NULL), 0);
	log_warn("link", "c");
	ck_assert_str_eq(take_shown(), "");
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
	tcase_add_test(tc, event_has_level_and_area_of_its_kind);
	tcase_add_test(tc, event_above_level_is_observed_but_not_written);
	tcase_add_test(tc, repeated_line_is_counted_and_flushed);
	tcase_add_test(tc, level_of_an_area_is_its_own);
	tcase_add_test(tc, errno_is_left_as_it_was);
	tcase_add_test(tc, level_parse_takes_the_four_names_only);
	suite_add_tcase(s, tc);
	return s;
}
