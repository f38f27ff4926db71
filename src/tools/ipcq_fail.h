/* What ipcq says when a queue refuses: the queue, the limit that was hit with its value, and
 * what mends it. Every function prints to the call's err and returns the exit status. */
#ifndef MQBRIDGE_TOOLS_IPCQ_FAIL_H
#define MQBRIDGE_TOOLS_IPCQ_FAIL_H

#include <stddef.h>
#include <stdint.h>

struct call;
struct ipcq;

/* The exit status that stands for -errno. */
int fail_status(int rc);

/* "ipcq: URI: why" in words of the caller; "ipcq: why" for a call without a queue. */
int fail_say(const struct call *ca, int rc, const char *why);

/* Finding, opening, making, changing or removing the queue. */
int fail_open(const struct call *ca, int rc);
/* A message of len bytes. */
int fail_send(const struct call *ca, struct ipcq *q, size_t len, int rc);
int fail_receive(const struct call *ca, struct ipcq *q, int rc);
/* There is no message at that position. */
int fail_peek(const struct call *ca, struct ipcq *q, uint64_t position);

#endif
