/* The command "reload", part of the table in commands/commands.c. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_RELOAD_H
#define MQBRIDGE_COMMANDS_COMMANDS_RELOAD_H

#include "control/command.h"

extern const struct control_column commands_reload_columns[];

int commands_reload(void *context, struct control_reply *reply);
int commands_reload_check(void *context, struct control_reply *reply);

#endif
