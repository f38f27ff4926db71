/* Named steps at which a build for the tests can be killed: CRASH_POINT(name) stands
 * between two stores of which recovery needs the first without the second. In any other build
 * it is nothing. */
#ifndef MQBRIDGE_BASE_CRASH_H
#define MQBRIDGE_BASE_CRASH_H

#ifdef CRASH_POINTS

/* SIGKILL to this process if the environment variable MQBRIDGE_CRASH is "name", or "name:3" and
 * it is the third time. One such variable names one step. */
void crash_point(const char *name);

#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
