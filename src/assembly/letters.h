/* The dead-letter store of a running daemon. */
#ifndef MQBRIDGE_ASSEMBLY_LETTERS_H
#define MQBRIDGE_ASSEMBLY_LETTERS_H

#include "base/compiler.h"

struct conf;
struct deadletters;

/* Open the store as the configuration wants it. 0 or -errno, logged. */
int letters_open(
    struct deadletters **ret, const struct conf *conf, int state_fd) MUST_CHECK;
/* Log which files the store has set aside since the last call. */
void letters_report(struct deadletters *dl);

#endif
