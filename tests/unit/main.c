/* Runs all suites. Check reads the environment: CK_RUN_SUITE and CK_RUN_CASE choose,
 * CK_FORK=no keeps everything in one process for a debugger, CK_VERBOSITY=verbose names
 * every test. */
#include <stdlib.h>

#include "suites.h"

int
main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

#define SUITE(name) srunner_add_suite(runner, suite_##name());
#include "suites.def"
#undef SUITE
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
