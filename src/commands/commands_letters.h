/* The commands about dead letters. What needs the disk is a job of the disk thread and is
 * answered later; the loop never waits. */
#ifndef MQBRIDGE_COMMANDS_COMMANDS_LETTERS_H
#define MQBRIDGE_COMMANDS_COMMANDS_LETTERS_H

#include "base/compiler.h"
#include "control/command.h"

/* Longer work goes on after its answer: mqbridgectl gives up after 10 s of silence. */
#define COMMANDS_PATIENCE_MS 7000

int commands_show_letters(void *context, struct control_reply *reply);
int commands_show_letter(void *context, struct control_reply *reply);
int commands_purge_letters(void *context, struct control_reply *reply);
int commands_export_letters(void *context, struct control_reply *reply);
int commands_requeue(void *context, struct control_reply *reply);

extern const struct control_column commands_letters_columns[];
extern const struct control_column commands_letter_columns[];
extern const struct control_column commands_purge_columns[];
extern const struct control_column commands_requeue_columns[];

#endif
