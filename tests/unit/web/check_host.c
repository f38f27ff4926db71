#include "web/host.h"

#include <check.h>

#include "base/compiler.h"
#include "suites.h"

static const char *const names[] = { "hub.example.net", "bridge" };

static const struct {
	const char *host;
	bool ours;
} hosts[] = {
	{ "localhost", true },
	{ "LocalHost:7412", true },
	{ "127.0.0.1", true },
	{ "127.0.0.1:7412", true },
	{ "192.0.2.7:1", true },
	{ "[::1]", true },
	{ "[::1]:7412", true },
	{ "hub.example.net", true },
	{ "HUB.example.net:80", true },
	{ "bridge:7412", true },
	{ "", false },
	{ ":7412", false },
	{ "evil.example", false },
	{ "evil.example:7412", false },
	{ "localhost.evil.example", false },
	{ "127.0.0.1.evil.example", false },
	{ "127.1", false },
	{ "0x7f000001", false },
	{ "localhost.", false },
	{ "localhost:", false },
	{ "localhost:0", false },
	{ "localhost:65536", false },
	{ "localhost:80x", false },
	{ "localhost:80:80", false },
	{ "localhost evil", false },
	{ "localhost/evil", false },
	{ "[::1", false },
	{ "[]", false },
	{ "[::1]x", false },
	{ "[127.0.0.1]", false },
	{ "[localhost]", false },
	{ "::1", false },
	{ "user@localhost", false },
};

START_TEST(host_of_that_form_is_ours_or_not)
{
	ck_assert_int_eq(
	    host_is_ours(hosts[_i].host, names, ARRAY_LEN(names)), hosts[_i].ours);
}
END_TEST

START_TEST(host_that_is_very_long_is_not_ours)
{
	char host[8192];

	for (size_t i = 0; i < sizeof(host) - 1; i++)
		host[i] = 'a';
	host[sizeof(host) - 1] = '\0';
	ck_assert(!host_is_ours(host, names, ARRAY_LEN(names)));
}
END_TEST

Suite *
suite_host(void)
{
	Suite *su = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_loop_test(
	    tc, host_of_that_form_is_ours_or_not, 0, (int)ARRAY_LEN(hosts));
	tcase_add_test(tc, host_that_is_very_long_is_not_ours);
	suite_add_tcase(su, tc);
	return su;
}
