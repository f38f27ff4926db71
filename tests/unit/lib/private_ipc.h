/* A private IPC namespace for a test with real queues. Check runs each test in a
 * process of its own, so nothing must be left again. */
#ifndef MQBRIDGE_TESTS_PRIVATE_IPC_H
#define MQBRIDGE_TESTS_PRIVATE_IPC_H

#include <check.h>

/* As a checked fixture: the rest of the test runs as root of its own user and IPC
 * namespace. Fails the test when that is not permitted. */
void private_ipc_enter(void);

/* After it: what is mounted from now on is seen by the rest of this test alone, and
 * there is a directory PRIVATE_IPC_MOUNT. */
#define PRIVATE_IPC_MOUNT "/dev/mqueue"
void private_ipc_own_mounts(void);

/* Is it permitted here? If not, says "SKIP <suite>: why" on stderr: the suite then adds
 * no tests, so that none of them is counted as passed. */
int private_ipc_possible(const char *suite);

#endif
