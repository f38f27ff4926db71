/* The commands about messages in doubt and messages that are held. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_DOUBT_H
#define MQBRIDGE_COMMANDS_COMMANDS_DOUBT_H

#include "control/command.h"

extern const struct control_column doubt_columns[];
int doubt_show(void *context, struct control_reply *reply); /* "show in-doubt" */

extern const struct control_column resolved_columns[];
int doubt_resolve(void *context, struct control_reply *reply); /* "resolve ID ACTION" */

extern const struct control_column resolved_stream_columns[];
/* "resolve stream ID ACTION" */
int doubt_resolve_stream(void *context, struct control_reply *reply);

#endif
