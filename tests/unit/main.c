/* Runs all suites, or with --suites names them, one a line. Check reads the environment: CK_RUN_SUITE and CK_RUN_CASE choose,
 * CK_FORK=no keeps everything in one process for a debugger, CK_VERBOSITY=verbose names
 * every test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

static const char names[] =
#define SUITE(name) #name "\n"
#include "suites.def"
#undef SUITE
    ;

int
main(int argc, char **argv)
{
	SRunner *runner;
	int failed;

	if (argc > 1 && strcmp(argv[1], "--suites") == 0)
		return fputs(names, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	runner = srunner_create(NULL);
#define SUITE(name) srunner_add_suite(runner, suite_##name());
#include "suites.def"
#undef SUITE
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
