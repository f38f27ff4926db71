#include "config/check_address.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "net/address.h"
#include "suites.h"

static const struct {
	const char *text;
	bool right;
	bool is_local;
} addresses[] = {
	{ "tcp://127.0.0.1:7411", true, true },
	{ "tcp://127.255.0.9:1", true, true },
	{ "tcp://[::1]:65535", true, true },
	{ "tcp://localhost:7411", true, true },
	{ "tcp://LocalHost:7411", true, true },
	{ "unix:///run/x", true, true },
	{ "tcp://0.0.0.0:7411", true, false },
	{ "tcp://[::]:7411", true, false },
	{ "tcp://[2001:db8::1]:7411", true, false },
	{ "tcp://10.0.0.1:7411", true, false },
	{ "tcp://128.0.0.1:7411", true, false },
	{ "tcp://hub.example.net:7411", true, false },
	{ "tcp://hub.example.net.:7411", true, false },
	{ "tcp://a_b-c.d:7411", true, false },
	{ "tcp://localhost.example.net:7411", true, false },
	{ "tcp://127.0.0.1.example.net:7411", true, false },
	{ "", false, false },
	{ "7411", false, false },
	{ "127.0.0.1:7411", false, false },
	{ "tcp:127.0.0.1:7411", false, false },
	{ "tcp://", false, false },
	{ "tcp://:7411", false, false },
	{ "tcp://host", false, false },
	{ "tcp://host:", false, false },
	{ "tcp://host:0", false, false },
	{ "tcp://host:65536", false, false },
	{ "tcp://host:07411", false, false },
	{ "tcp://host:0x10", false, false },
	{ "tcp://host:-1", false, false },
	{ "tcp://host:1 ", false, false },
	{ "tcp://host:http", false, false },
	{ "tcp://::1:7411", false, false },
	{ "tcp://[::1]", false, false },
	{ "tcp://[::1]7411", false, false },
	{ "tcp://[::1", false, false },
	{ "tcp://[host]:7411", false, false },
	{ "tcp://[127.0.0.1]:7411", false, false },
	{ "tcp://127.1:7411", false, false },
	{ "tcp://0x7f000001:7411", false, false },
	{ "tcp://10.0.0.256:7411", false, false },
	{ "tcp://a b:7411", false, false },
	{ "tcp://a..b:7411", false, false },
	{ "tcp://.a:7411", false, false },
	{ "tcp://-a:7411", false, false },
	{ "tcp://a-:7411", false, false },
	{ "tcp://a@b:7411", false, false },
	{ "tls://127.0.0.1:7411", false, false },
	{ "udp://127.0.0.1:7411", false, false },
	{ "unix:/run/x", false, false },
	{ "unix://run/x", false, false },
	{ "unix://", false, false },
	{ "unix:///", false, false },
	{ "unix:///run/", false, false },
};

START_TEST(address_is_judged_as_the_transport_does)
{
	struct check_address ca = { .is_local = false };
	const char *why = check_address(&ca, addresses[_i].text);
	struct address ad;

	ck_assert_msg((why == NULL) == addresses[_i].right, "%s", addresses[_i].text);
	ck_assert_int_eq(ca.is_local, addresses[_i].is_local);
	ck_assert_msg(
	    (address_parse(&ad, addresses[_i].text) == 0) == addresses[_i].right,
	    "the transport thinks otherwise of %s", addresses[_i].text);
	if (why == NULL)
		ck_assert_int_eq(address_is_local(&ad), ca.is_local);
}
END_TEST

START_TEST(address_has_bounds)
{
	struct check_address ca;
	char path[200];
	char text[400];

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	(void)snprintf(text, sizeof(text), "unix://%.107s", path);
	ck_assert_ptr_null(check_address(&ca, text));
	(void)snprintf(text, sizeof(text), "unix://%.108s", path);
	ck_assert_ptr_nonnull(check_address(&ca, text));
	path[0] = 'p';
	(void)snprintf(text, sizeof(text), "tcp://%.63s:1", path);
	ck_assert_ptr_null(check_address(&ca, text));
	(void)snprintf(text, sizeof(text), "tcp://%.64s:1", path);
	ck_assert_ptr_nonnull(check_address(&ca, text));
	(void)snprintf(text, sizeof(text), "tcp://%.63s.%.63s.%.63s.%.61s:1", path,
	    path, path, path);
	ck_assert_ptr_null(check_address(&ca, text));
	(void)snprintf(text, sizeof(text), "tcp://%.63s.%.63s.%.63s.%.63s:1", path,
	    path, path, path);
	ck_assert_ptr_nonnull(check_address(&ca, text));
}
END_TEST

START_TEST(address_with_tls_says_what_is_missing)
{
	struct check_address ca;

	ck_assert_str_eq(
	    check_address(&ca, "tls://hub:7411"), "TLS is not in this version");
}
END_TEST

static const struct {
	const char *text;
	bool right;
	bool is_local;
} https[] = {
	{ "http://127.0.0.1:7412", true, true },
	{ "http://localhost:7412", true, true },
	{ "http://[::1]:7412", true, true },
	{ "http://0.0.0.0:7412", true, false },
	{ "http://[::]:7412", true, false },
	{ "unix:///run/mqbridge/web", true, true },
	{ "", false, false },
	{ "http://", false, false },
	{ "http://127.0.0.1", false, false },
	{ "http://127.0.0.1:0", false, false },
	{ "http://127.0.0.1:7412/", false, false },
	{ "http://127.0.0.1:7412/metrics", false, false },
	{ "http://hub.example.net:7412", false, false },
	{ "http://127.1:7412", false, false },
	{ "http://[::1:7412", false, false },
	{ "https://127.0.0.1:7412", false, false },
	{ "tcp://127.0.0.1:7412", false, false },
	{ "127.0.0.1:7412", false, false },
	{ "unix://relative", false, false },
};

START_TEST(address_of_metrics_is_right_or_not)
{
	struct check_address ca = { 0 };
	const char *fault = check_address_http(&ca, https[_i].text);

	ck_assert_int_eq(fault == NULL, https[_i].right);
	ck_assert_int_eq(fault == NULL && ca.is_local, https[_i].is_local);
}
END_TEST

Suite *
suite_check_address(void)
{
	Suite *s = suite_create("check_address");
	TCase *tc = tcase_create("address");

	tcase_add_loop_test(
	    tc, address_is_judged_as_the_transport_does, 0, ARRAY_LEN(addresses));
	tcase_add_test(tc, address_has_bounds);
	tcase_add_test(tc, address_with_tls_says_what_is_missing);
	tcase_add_loop_test(
	    tc, address_of_metrics_is_right_or_not, 0, (int)ARRAY_LEN(https));
	suite_add_tcase(s, tc);
	return s;
}
