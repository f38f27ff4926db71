/* The kernel's limits for queues, of this IPC namespace, read anew each time: they
 * differ per namespace and change at run time. Internal to the library. */
#ifndef MQBRIDGE_LIB_LIMITS_H
#define MQBRIDGE_LIB_LIMITS_H

#include <stdint.h>

#include "base/compiler.h"

/* A number of /proc/sys by its sysctl(8) name, "fs.mqueue.msg_max": 0 or -errno. */
int limits_read(uint64_t *ret, const char *name) MUST_CHECK;

/* What mq_open(3) takes when it is told no numbers. */
uint64_t limits_posix_default_messages(void);
uint64_t limits_posix_default_size(void);

/* Bytes that the kernel charges to RLIMIT_MSGQUEUE for a POSIX queue, saturating. */
uint64_t limits_posix_charge(uint64_t max_messages, uint64_t message_size);

/* kernel.msgmax by a system call, without /proc: 0 or -errno. */
int limits_sysv_message(uint64_t *ret) MUST_CHECK;

#endif
