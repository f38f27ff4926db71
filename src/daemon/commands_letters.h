/* The commands about dead letters. What needs the disk is a job of the disk thread and is
 * answered later; the loop never waits. */
#ifndef MQBRIDGE_DAEMON_COMMANDS_LETTERS_H
#define MQBRIDGE_DAEMON_COMMANDS_LETTERS_H

#include "base/compiler.h"
#include "control/command.h"

struct conf;
struct deadletters;

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

/* Open the store as the configuration wants it. 0 or -errno, logged. */
int commands_letters_open(
    struct deadletters **ret, const struct conf *conf, int state_fd) MUST_CHECK;
/* Log which files the store has set aside since the last call. */
void commands_letters_report(struct deadletters *dl);

#endif
