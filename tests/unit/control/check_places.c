#include "control/places.h"

#include <check.h>
#include <stdlib.h>

#include "suites.h"

#define S INT64_C(1000000000) /* ns */

static struct places places;

static enum place_refusal
ask(uid_t uid, enum control_role role)
{
	struct control_caller caller = { .uid = uid, .role = role };

	return places_ask(&places, &caller);
}

static struct place_account *
fill(uid_t uid, unsigned n)
{
	struct place_account *pa = NULL;

	while (n-- > 0)
		pa = places_take(&places, uid, S);
	return pa;
}

static void
set_up(void)
{
	places = (struct places){ 0 };
}

START_TEST(place_of_a_user_with_too_many_is_refused)
{
	struct place_account *pa = fill(1000, CONTROL_CLIENTS_PER_USER);

	ck_assert_int_eq(ask(1000, CONTROL_VIEWER), PLACE_USER_FULL);
	ck_assert_int_eq(ask(1000, CONTROL_OPERATOR), PLACE_USER_FULL);
	ck_assert_int_eq(ask(1001, CONTROL_VIEWER), PLACE_FREE);
	places_leave(&places, pa);
	ck_assert_int_eq(ask(1000, CONTROL_VIEWER), PLACE_FREE);
}
END_TEST

START_TEST(place_when_viewers_have_most_is_left_for_admins_only)
{
	unsigned left = CONTROL_CLIENTS_MAX - CONTROL_CLIENTS_ADMIN;

	for (uid_t uid = 1000; left > 0; uid++) {
		unsigned n =
		    left < CONTROL_CLIENTS_PER_USER ? left : CONTROL_CLIENTS_PER_USER;

		(void)fill(uid, n);
		left -= n;
	}
	ck_assert_int_eq(ask(5, CONTROL_OPERATOR), PLACE_ALL_FULL);
	ck_assert_int_eq(ask(0, CONTROL_ADMIN), PLACE_FREE);
	(void)fill(0, CONTROL_CLIENTS_ADMIN);
	ck_assert_int_eq(ask(0, CONTROL_ADMIN), PLACE_ALL_FULL);
}
END_TEST

START_TEST(place_of_one_admin_leaves_some_for_another)
{
	(void)fill(0, CONTROL_CLIENTS_PER_ADMIN);
	ck_assert_int_eq(ask(0, CONTROL_ADMIN), PLACE_USER_FULL);
	ck_assert_int_eq(ask(5, CONTROL_ADMIN), PLACE_FREE);
	ck_assert_int_eq(ask(1000, CONTROL_VIEWER), PLACE_FREE);
}
END_TEST

START_TEST(account_of_a_user_outlives_its_clients)
{
	struct place_account *pa = fill(1000, 1);

	(void)places_spend(pa, 800, S);
	places_leave(&places, pa);
	pa = places_take(&places, 1000, S);
	ck_assert_int_eq(places_spend(pa, 0, S), 800);
}
END_TEST

START_TEST(account_is_given_on_when_many_users_come_and_go)
{
	for (uid_t uid = 0; uid < 1000; uid++)
		places_leave(&places, places_take(&places, uid, S + uid));
	ck_assert_uint_eq(places.n_clients, 0);
	ck_assert_uint_eq(places_take(&places, 5000, 2 * S)->n_clients, 1);
}
END_TEST

START_TEST(account_forgets_half_of_its_spending_each_second)
{
	struct place_account *pa = fill(1000, 1);

	ck_assert_int_eq(places_spend(pa, 800, S), 800);
	ck_assert_int_eq(places_spend(pa, 0, S + S / 2), 800);
	ck_assert_int_eq(places_spend(pa, 0, 2 * S), 400);
	ck_assert_int_eq(places_spend(pa, 100, 4 * S), 200);
	ck_assert_int_eq(places_spend(pa, 0, INT64_MAX), 0);
}
END_TEST

Suite *
suite_places(void)
{
	Suite *s = suite_create("places");
	TCase *tc = tcase_create("places");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, place_of_a_user_with_too_many_is_refused);
	tcase_add_test(tc, place_when_viewers_have_most_is_left_for_admins_only);
	tcase_add_test(tc, place_of_one_admin_leaves_some_for_another);
	tcase_add_test(tc, account_of_a_user_outlives_its_clients);
	tcase_add_test(tc, account_is_given_on_when_many_users_come_and_go);
	tcase_add_test(tc, account_forgets_half_of_its_spending_each_second);
	suite_add_tcase(s, tc);
	return s;
}
