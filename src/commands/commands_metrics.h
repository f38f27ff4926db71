/* The command that shows the metrics, for collectors that read files. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_METRICS_H
#define MQBRIDGE_COMMANDS_COMMANDS_METRICS_H

#include "control/command.h"

extern const struct control_column commands_metrics_columns[];
int commands_show_metrics(void *context, struct control_reply *reply);

#endif
