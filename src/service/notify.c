#include "service/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>

static void
notify_send(const char *text)
{
	/* A service manager that does not listen changes nothing for the queues. */
	(void)sd_notify(0, text);
}

void
notify_keep(const char *name, int fd)
{
	char text[512];

	/* Not watched for errors: a listening socket is kept until we say otherwise. */
	(void)snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	(void)sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

uint64_t
notify_watchdog_ms(void)
{
	uint64_t usec = 0;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	return usec / 2000 > 0 ? usec / 2000 : 1;
}

#else

static void
notify_send(const char *text)
{
	(void)text;
}

void
notify_keep(const char *name, int fd)
{
	(void)name;
	(void)fd;
}

uint64_t
notify_watchdog_ms(void)
{
	return 0;
}

#endif

bool
notify_is_heard(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

void
notify_ready(void)
{
	notify_send("READY=1");
}

void
notify_reloading(void)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    clock_monotonic_ns() / 1000);
	notify_send(text);
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1\nSTATUS=stopping");
}

void
notify_status(const char *line)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "STATUS=%s", line);
	notify_send(text);
}

void
notify_alive(void)
{
	notify_send("WATCHDOG=1");
}

void
notify_extend(uint64_t ms)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRIu64, ms * 1000);
	notify_send(text);
}

void
notify_forget(const char *name)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify_send(text);
}
