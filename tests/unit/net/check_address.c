#include "net/address.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "suites.h"

static const struct good {
	const char *text, *host;
	uint16_t port;
	bool local;
} good[] = {
	{ "tcp://192.0.2.1:7411", "192.0.2.1", 7411, false },
	{ "tcp://0.0.0.0:7411", "0.0.0.0", 7411, false },
	{ "tcp://127.0.0.1:1", "127.0.0.1", 1, true },
	{ "tcp://127.255.255.254:65535", "127.255.255.254", 65535, true },
	{ "tcp://128.0.0.1:7411", "128.0.0.1", 7411, false },
	{ "tcp://[::1]:7411", "::1", 7411, true },
	{ "tcp://[::]:7411", "::", 7411, false },
	{ "tcp://[2001:db8::7]:7411", "2001:db8::7", 7411, false },
	{ "tcp://localhost:7411", "localhost", 7411, true },
	{ "tcp://LocalHost:7411", "LocalHost", 7411, true },
	{ "tcp://localhost.evil.example:7411", "localhost.evil.example", 7411, false },
	{ "tcp://127.0.0.1.example:7411", "127.0.0.1.example", 7411, false },
	{ "tcp://hub.example.net.:7411", "hub.example.net.", 7411, false },
	{ "tcp://a-b_c.1.x2:7411", "a-b_c.1.x2", 7411, false },
};

START_TEST(tcp_address_is_taken_apart)
{
	const struct good *gd = &good[_i];
	struct address ad;

	ck_assert_int_eq(address_parse(&ad, gd->text), 0);
	ck_assert_int_eq(ad.kind, ADDRESS_TCP);
	ck_assert_str_eq(ad.host, gd->host);
	ck_assert_uint_eq(ad.port, gd->port);
	ck_assert_int_eq(address_is_local(&ad), gd->local);
}
END_TEST

START_TEST(unix_address_is_a_path)
{
	struct address ad;

	ck_assert_int_eq(address_parse(&ad, "unix:///run/a b:c/link"), 0);
	ck_assert_int_eq(ad.kind, ADDRESS_UNIX);
	ck_assert_str_eq(ad.path, "/run/a b:c/link");
	ck_assert(address_is_local(&ad));
}
END_TEST

static const struct bad {
	const char *text;
	int rc;
} bad[] = {
	{ "", -EINVAL },
	{ "hub:7411", -EINVAL },
	{ "://hub:7411", -EINVAL },
	{ "tcp:hub:7411", -EINVAL },
	{ "tcp:/hub:7411", -EINVAL },
	{ "t p://hub:7411", -EINVAL },
	{ "tls://hub:7411", -EPROTONOSUPPORT },
	{ "TCP://hub:7411", -EPROTONOSUPPORT },
	{ "tcp6://hub:7411", -EPROTONOSUPPORT },
	{ "tcp://", -EINVAL },
	{ "tcp://hub", -EINVAL },
	{ "tcp://:7411", -EINVAL },
	{ "tcp://*:7411", -EINVAL },
	{ "tcp://hub:", -EINVAL },
	{ "tcp://hub:0", -EINVAL },
	{ "tcp://hub:07411", -EINVAL },
	{ "tcp://hub:0x1", -EINVAL },
	{ "tcp://hub:65536", -EINVAL },
	{ "tcp://hub:99999999999999999999", -EINVAL },
	{ "tcp://hub:+1", -EINVAL },
	{ "tcp://hub:7411 ", -EINVAL },
	{ "tcp://hub:7411/", -EINVAL },
	{ "tcp://hub:74:11", -EINVAL },
	{ "tcp://user@hub:7411", -EINVAL },
	{ "tcp://h ub:7411", -EINVAL },
	{ "tcp://-hub:7411", -EINVAL },
	{ "tcp://hub-:7411", -EINVAL },
	{ "tcp://a..b:7411", -EINVAL },
	{ "tcp://.a:7411", -EINVAL },
	{ "tcp://.:7411", -EINVAL },
	{ "tcp://a..:7411", -EINVAL },
	{ "tcp://h\xc3\xbc"
	  "b:7411",
	    -EINVAL },
	/* what inet_aton(3) would make a number of */
	{ "tcp://127.1:7411", -EINVAL },
	{ "tcp://2130706433:7411", -EINVAL },
	{ "tcp://0x7f000001:7411", -EINVAL },
	{ "tcp://1.2.3.256:7411", -EINVAL },
	{ "tcp://1.2.3.4.:7411", -EINVAL },
	{ "tcp://::1:7411", -EINVAL },
	{ "tcp://[::1:7411", -EINVAL },
	{ "tcp://[::1]7411", -EINVAL },
	{ "tcp://[::1]", -EINVAL },
	{ "tcp://[]:7411", -EINVAL },
	{ "tcp://[hub]:7411", -EINVAL },
	{ "tcp://[127.0.0.1]:7411", -EINVAL },
	{ "tcp://[fe80::1%lo]:7411", -EINVAL },
	{ "unix://", -EINVAL },
	{ "unix://run/link", -EINVAL },
	{ "unix:///", -EINVAL },
	{ "unix:///run/", -EINVAL },
};

START_TEST(address_of_another_form_is_refused)
{
	struct address ad;

	memset(&ad, 0x5a, sizeof(ad));
	ck_assert_msg(address_parse(&ad, bad[_i].text) == bad[_i].rc, "%s: %d",
	    bad[_i].text, address_parse(&ad, bad[_i].text));
	ck_assert_int_eq(ad.path[107], 0x5a); /* written on success only */
}
END_TEST

START_TEST(unix_path_of_108_bytes_is_refused)
{
	char text[128] = "unix://";
	struct address ad;

	memset(text + 7, '/', 1);
	memset(text + 8, 'p', 107);
	ck_assert_int_eq(address_parse(&ad, text), -EINVAL);
	text[7 + 107] = '\0';
	ck_assert_int_eq(address_parse(&ad, text), 0);
	ck_assert_uint_eq(strlen(ad.path), 107);
}
END_TEST

/* "tcp://aaa.aaa...:1" with a host of that many bytes in labels of that many. */
static int
parse_long_name(size_t host, size_t label)
{
	char text[512] = "tcp://";
	struct address ad;

	for (size_t i = 0; i < host; i++)
		text[6 + i] = i % (label + 1) == label ? '.' : 'a';
	memcpy(text + 6 + host, ":1", 3);
	return address_parse(&ad, text);
}

START_TEST(host_name_keeps_the_bounds_of_dns)
{
	ck_assert_int_eq(parse_long_name(63, 63), 0);
	ck_assert_int_eq(parse_long_name(64, 64), -EINVAL);
	ck_assert_int_eq(parse_long_name(253, 49), 0);
	ck_assert_int_eq(parse_long_name(255, 49), -EINVAL);
	ck_assert_int_eq(parse_long_name(300, 49), -EINVAL);
}
END_TEST

Suite *
suite_address(void)
{
	Suite *su = suite_create("address");
	TCase *tc = tcase_create("address");

	tcase_add_loop_test(tc, tcp_address_is_taken_apart, 0, (int)ARRAY_LEN(good));
	tcase_add_test(tc, unix_address_is_a_path);
	tcase_add_loop_test(
	    tc, address_of_another_form_is_refused, 0, (int)ARRAY_LEN(bad));
	tcase_add_test(tc, unix_path_of_108_bytes_is_refused);
	tcase_add_test(tc, host_name_keeps_the_bounds_of_dns);
	suite_add_tcase(su, tc);
	return su;
}
