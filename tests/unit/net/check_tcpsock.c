#include "net/tcpsock.h"

#include <check.h>

#include "net/address.h"
#include "suites.h"

static const struct {
	const char *one, *two;
	bool overlap;
} pairs[] = {
	{ "tcp://127.0.0.1:7411", "tcp://127.0.0.1:7411", true },
	{ "tcp://localhost:7411", "tcp://127.0.0.1:7411", true },
	{ "tcp://127.0.0.1:7411", "tcp://0.0.0.0:7411", true },
	{ "tcp://[::1]:7411", "tcp://[::]:7411", true },
	{ "tcp://127.0.0.1:7411", "tcp://127.0.0.2:7411", false },
	{ "tcp://127.0.0.1:7411", "tcp://0.0.0.0:7412", false },
	{ "tcp://0.0.0.0:7411", "tcp://[::]:7411", false },
	{ "tcp://host.example:7411", "tcp://host.example:7411", false },
	{ "tcp://127.0.0.1:7411", "unix:///run/x", false },
	{ "unix:///run/x", "unix:///run/x", false },
};

START_TEST(addresses_overlap_when_only_one_can_be_listened_at)
{
	struct address one, two;

	ck_assert_int_eq(address_parse(&one, pairs[_i].one), 0);
	ck_assert_int_eq(address_parse(&two, pairs[_i].two), 0);
	ck_assert_int_eq(tcpsock_overlap(&one, &two), pairs[_i].overlap);
	ck_assert_int_eq(tcpsock_overlap(&two, &one), pairs[_i].overlap);
}
END_TEST

Suite *
suite_tcpsock(void)
{
	Suite *s = suite_create("tcpsock");
	TCase *tc = tcase_create("overlap");

	tcase_add_loop_test(tc, addresses_overlap_when_only_one_can_be_listened_at, 0,
	    sizeof(pairs) / sizeof(pairs[0]));
	suite_add_tcase(s, tc);
	return s;
}
