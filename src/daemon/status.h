/* The line that a service manager shows for the daemon, what is worst first. */
#ifndef MQBRIDGE_DAEMON_STATUS_H
#define MQBRIDGE_DAEMON_STATUS_H

#include <stddef.h>
#include <stdint.h>

struct numbers_total;

#define STATUS_MAX 900 /* bytes of a line with its NUL */

/* Into line, which is returned: "degraded: route orders stalled 42s (hub: queue full); 3/4 peers
 * up; in 1.2k/s out 950/s; backlog 12034, oldest 38s; dead letters 2; in doubt 0". In: taken from
 * queues here. Out: delivered to queues here, or acknowledged by peers. */
char *status_of(char *line, size_t size, const struct numbers_total *nt);

/* A rate in at most five characters and "/s": "0/s", "950/s", "1.2k/s", "700k/s", "1.5M/s". */
char *status_rate(char *buf, size_t size, double per_s);

#endif
