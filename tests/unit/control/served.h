/* A control server in this process, whose loop turns while a test talks to it. */
#ifndef MQBRIDGE_TESTS_UNIT_CONTROL_SERVED_H
#define MQBRIDGE_TESTS_UNIT_CONTROL_SERVED_H

#include <stddef.h>
#include <stdint.h>

struct control_server;
struct event_base;

#define PATIENCE_MS   20000 /* for conditions that come at once on a machine at rest */
#define BIG_ITEMS     60000 /* 50 bytes each: more than a socket takes, less than 4 MiB */
#define BURN_MS       3     /* "burn" takes */
#define IDLE_MS       200   /* where a test waits for the server's patience to end */
#define TEST_READ_MAX 5000000 /* bytes that a test reads */

extern char served_path[];
extern struct event_base *served_base;
extern struct control_server *served;
extern int served_runs; /* of any command */

void served_set_up(void);
void served_tear_down(void);
/* Again, after control_server_close(). */
void served_open(uint32_t idle_ms);

int served_connect(void);
void served_turn(void);
/* Send all, turning the loop while the socket is full. Returns 0, or -1 when the server has
 * hung up. */
int served_say_bytes(int fd, const void *bytes, size_t len);
void served_say(int fd, const char *text);
/* Read until want bytes are there or the server hangs up, turning the loop. Returns their
 * number. */
size_t served_hear_bytes(int fd, char *buf, size_t want);
void served_hear(int fd, const char *text);
void served_hear_end(int fd);

#endif
