/* A running assembly of three queues and two routes, and reloads of it. */
#ifndef MQBRIDGE_TESTS_UNIT_CHANGE_FIXTURE_H
#define MQBRIDGE_TESTS_UNIT_CHANGE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "assembly/assembly.h"
#include "config/conf.h"
#include "spool/runtime.h"

#define QUEUE(name)                                                                    \
	"{ name = \"" name "\"; uri = \"posix:/check-" name                            \
	"\"; ring_size = \"64KiB\";"                                                   \
	" create = { max_messages = 2; message_size = \"64B\"; }; }"
#define SOCKET "/dev/shm/check-change-socket"
#define LISTEN "listeners = ( { address = \"unix://" SOCKET "\"; } ); "
#define QUEUES "queues = ( " QUEUE("a") ", " QUEUE("b") ", " QUEUE("c") " ); "
#define PEERS  "peers = ( { name = \"hub\"; may_send_to = ( \"c\" ); } ); "
#define ROUTE(name, from, to, more)                                                    \
	"{ name = \"" name "\"; from = \"" from "\"; to = \"" to "\"; " more " }"
#define ROUTES                                                                         \
	"routes = ( " ROUTE("one", "a", "hub/x", "") ", " ROUTE(                       \
	    "two", "b", "hub/y", "") " ); "

struct change_fixture {
	char runtime_dir[64], state_dir[64];
	struct event_base *base;
	struct runtime *runtime;
	struct assembly *assembly;
	struct conf *conf;
	char fault[1024]; /* the last one */
	int log_rc;       /* what the disk says of a new log */
	/* Where somebody listens as soon as a fault is told, 0: nobody. */
	uint16_t intruder_port;
	int intruder; /* his socket, or -1 */
};
extern struct change_fixture cx;

void fixture_setup(void);    /* checked */
void fixture_teardown(void); /* checked */

struct conf *fixture_load(const char *text);
void fixture_start(const char *text);
void fixture_stop(void);
/* Remove all that is in the ring directory. */
void fixture_clear(void);

/* 0, and cx.conf is the new one; or what change_apply() returned. */
int fixture_change(const char *text);

const struct assembly_route *fixture_route(const char *name);
const struct assembly_queue *fixture_queue(const char *name);

/* Somebody else's socket: a descriptor or -errno. */
int fixture_listen_at(const char *host, uint16_t port);
/* logs is no directory any more; its path. */
void fixture_spoil_logs(char *path, size_t size);

#endif
