/* What the service manager is told, as by sd_notify(3). All of it does nothing in a build without
 * libsystemd, or when no service manager asked (NOTIFY_SOCKET). Nothing here waits for it: what it
 * does not read at once is told again by notify_retry(), in order and only as it is by then; but
 * notify_alive() and notify_extend() are lost. Used by any thread. */
#ifndef MQBRIDGE_SERVICE_NOTIFY_H
#define MQBRIDGE_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

bool notify_is_heard(void); /* is there a service manager? */

void notify_ready(void); /* also at the end of a reload */
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *line);
void notify_alive(void); /* for the watchdog */
/* Starting or stopping takes that much longer than usual from now on. */
void notify_extend(uint64_t ms);

/* The service manager keeps a copy of the descriptor for the next process of the service, under
 * that name (of printable characters but ':', at most 255); until notify_forget(), or until the
 * service is stopped. */
void notify_keep(const char *name, int fd);
void notify_forget(const char *name);

/* Now and then: tell what could not be told. */
void notify_retry(void);

/* How often notify_alive() is to be called, half of what the watchdog allows; 0: no watchdog. */
uint64_t notify_watchdog_ms(void);

#endif
