/* Who holds a lock that we did not get. */
#ifndef MQBRIDGE_NEEDS_HOLDER_H
#define MQBRIDGE_NEEDS_HOLDER_H

#include <sys/types.h>

/* The process that has locked this file by flock(2), as /proc/locks shows it; 0: not known. */
pid_t holder_find(const char *path);

#endif
