/* The line that a service manager shows for the daemon, what is worst first. */
#ifndef MQBRIDGE_DAEMON_STATUS_H
#define MQBRIDGE_DAEMON_STATUS_H

#include <stddef.h>
#include <stdint.h>

struct assembly;

#define STATUS_MAX 900 /* bytes of a line with its NUL */

/* What the rates are counted from; zeroed before the first call. */
struct status_memory {
	uint64_t at_ms, in, out;
};

/* Into line, which is returned: "degraded: route orders stopped (the dead-letter store is full);
 * peer hub not connected (hub:7411: Connection refused); 3/4 peers up; in 1.2k/s out 0.9k/s; backlog 12034; dead letters 2; in doubt 0". In: taken
 * from queues here. Out: delivered to queues here, or acknowledged by peers. */
char *status_line(char *line, size_t size, const struct assembly *as,
    struct status_memory *memory, uint64_t now_ms);

/* A rate in at most five characters and "/s": "0/s", "950/s", "1.2k/s", "700k/s", "1.5M/s". */
char *status_rate(char *buf, size_t size, uint64_t count, uint64_t ms);

#endif
