/* A loop for the tests of this layer: waits for conditions with a deadline, makes
 * sockets that are blocking and simple. */
#ifndef MQBRIDGE_TESTS_UNIT_NET_LOOP_H
#define MQBRIDGE_TESTS_UNIT_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define NET_LOOP_DEADLINE_MS 10000

struct event_base;

extern struct event_base *net_loop;

void net_loop_setup(void);    /* checked fixture */
void net_loop_teardown(void); /* turns once more for what is freed later */

/* Turn until done(arg); the test fails at the deadline. */
void net_loop_until(bool (*done)(const void *arg), const void *arg);
void net_loop_turn(void);                /* once, without waiting */
bool net_loop_int_set(const void *flag); /* is the int not 0? */

/* A blocking TCP socket that listens on 127.0.0.1; its port is stored. */
int net_loop_listen(uint16_t *ret_port, int backlog);
/* A blocking TCP socket connected to that port of 127.0.0.1. */
int net_loop_connect(uint16_t port);
/* A path that does not exist, in a new directory; a constant buffer. */
const char *net_loop_path(const char *name);
void net_loop_remove_paths(void);

#endif
