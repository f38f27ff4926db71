/* SIGKILL at a chosen step of some work, which runs in a child that is traced. */
#ifndef MQBRIDGE_TESTS_KILL_STEPS_H
#define MQBRIDGE_TESTS_KILL_STEPS_H

#include <stdbool.h>

enum kill_unit {
	KILL_AT_SYSCALL, /* a step is the entry into or the exit from a system call */
	KILL_AT_INSTRUCTION, /* a step is an instruction of the processor */
};

/* Run work(arg) in a child and kill it before step (0, 1, ...) of it. True: it was killed;
 * false: it ended before, with success. Fails the test when work returns something but 0. */
bool kill_at(
    enum kill_unit unit, unsigned long step, int (*work)(void *arg), void *arg);

/* How many steps the work has; it is run to its end. */
unsigned long kill_count(enum kill_unit unit, int (*work)(void *arg), void *arg);

#endif
