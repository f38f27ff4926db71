/* Every suite, from the one list in suites.def. */
#ifndef MQBRIDGE_TESTS_UNIT_SUITES_H
#define MQBRIDGE_TESTS_UNIT_SUITES_H

#include <check.h>

#define SUITE(name) Suite *suite_##name(void);
#include "suites.def"
#undef SUITE

#endif
