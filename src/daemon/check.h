/* mqbridged --check: is the configuration good, and what will it need? Opens no queue, no ring
 * and no connection. */
#ifndef MQBRIDGE_DAEMON_CHECK_H
#define MQBRIDGE_DAEMON_CHECK_H

/* Faults go to stderr, one a line, what is needed to stdout. The exit status: 78 (EX_CONFIG)
 * for a bad file, 0 for a good one, also when the system does not give yet what it needs: that is said
 * in lines "warning: ...". */
int check_run(const char *config);

#endif
