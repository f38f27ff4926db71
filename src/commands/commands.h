/* The commands of the control socket: what the daemon shows of itself. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_H
#define MQBRIDGE_COMMANDS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assembly;
struct control_command;
struct control_server;
struct events;
struct reload;

struct commands_context { /* of every command */
	struct assembly *assembly;
	const struct events *events;
	struct reload *reload;
	const struct control_server *control; /* NULL: there is none */
	uint64_t started_ms;                  /* CLOCK_MONOTONIC */
	bool stopping;
	bool letters_busy; /* dead letters are being purged or requeued */
	unsigned watches;  /* commands that wait, drain or tap: commands/watch.h */
};

/* The table; static. */
const struct control_command *commands_table(size_t *ret_n);

#endif
