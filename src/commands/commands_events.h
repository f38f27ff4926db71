/* The commands that show events. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_EVENTS_H
#define MQBRIDGE_COMMANDS_COMMANDS_EVENTS_H

#include "control/command.h"

extern const struct control_column commands_events_columns[];
int commands_show_events(void *context, struct control_reply *reply);
int commands_follow_events(void *context, struct control_reply *reply);

#endif
