#include <check.h>
#include <string.h>

#include "base/compiler.h"
#include "metrics/metrics.h"
#include "suites.h"

static const struct {
	const char *accept;
	enum metrics_format format;
} headers[] = {
	{ NULL, METRICS_TEXT },
	{ "", METRICS_TEXT },
	{ "*/*", METRICS_TEXT },
	{ "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", METRICS_TEXT },
	{ "application/openmetrics-text", METRICS_OPEN },
	{ "application/openmetrics-text; version=1.0.0; charset=utf-8", METRICS_OPEN },
	{ "Application/OpenMetrics-Text;Version=1.0.0", METRICS_OPEN },
	/* Only that version is written. */
	{ "application/openmetrics-text;version=0.0.1", METRICS_TEXT },
	{ "application/openmetrics-text;version=2.0.0,text/plain", METRICS_TEXT },
	/* Prometheus 2.42 and 2.53. */
	{ "application/openmetrics-text;version=1.0.0,"
	  "application/openmetrics-text;version=0.0.1;q=0.75,"
	  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	    METRICS_OPEN },
	{ "application/openmetrics-text;version=1.0.0;q=0.5,"
	  "application/openmetrics-text;version=0.0.1;q=0.4,"
	  "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
	    METRICS_OPEN },
	{ "application/openmetrics-text;q=0.3,text/plain;version=0.0.4;q=0.5",
	    METRICS_TEXT },
	{ "application/openmetrics-text;q=0,*/*", METRICS_TEXT },
	{ "application/openmetrics-text;q=0.001", METRICS_OPEN },
	{ "application/openmetrics-text;q=0.0001", METRICS_TEXT },
	/* What is no header of any sense. */
	{ ";;;,,,===", METRICS_TEXT },
	{ "application/openmetrics-text;q", METRICS_TEXT },
	{ "application/openmetrics-text;q=", METRICS_TEXT },
	{ "application/openmetrics-textplain", METRICS_TEXT },
	{ "\"application/openmetrics-text\"", METRICS_TEXT },
};

START_TEST(header_asks_for_the_format)
{
	ck_assert_int_eq(metrics_accepts(headers[_i].accept), headers[_i].format);
}
END_TEST

START_TEST(header_with_a_word_too_long_gets_text)
{
	char accept[4096];

	memset(accept, 'a', sizeof(accept) - 1);
	accept[sizeof(accept) - 1] = '\0';
	ck_assert_int_eq(metrics_accepts(accept), METRICS_TEXT);
}
END_TEST

Suite *
suite_metrics_accept(void)
{
	Suite *s = suite_create("metrics_accept");
	TCase *tc = tcase_create("metrics_accept");

	tcase_add_loop_test(tc, header_asks_for_the_format, 0, ARRAY_LEN(headers));
	tcase_add_test(tc, header_with_a_word_too_long_gets_text);
	suite_add_tcase(s, tc);
	return s;
}
