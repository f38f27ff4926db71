/* Another program run by a test: cp, rm. */
#ifndef MQBRIDGE_TESTS_PROGRAM_H
#define MQBRIDGE_TESTS_PROGRAM_H

/* other may be NULL. Fails the test unless it ends with status 0. */
void program_run(
    const char *name, const char *option, const char *path, const char *other);

#endif
