#include "tools/ipcq_queue.h"

#include <errno.h>

#include "tools/ipcq_fail.h"

#define NS_PER_MS UINT64_C(1000000)

int
queue_open(struct ipcq **ret, const struct call *ca, unsigned flags)
{
	int rc = ipcq_open(ret, ca->uri, flags, NULL);

	return rc < 0 ? fail_open(ca, rc) : CALL_DONE;
}

int
queue_open_any(struct ipcq **ret, const char *uri)
{
	int rc = ipcq_open(ret, uri, IPCQ_READ, NULL);

	return rc == -EACCES ? ipcq_open(ret, uri, IPCQ_WRITE, NULL) : rc;
}

struct ipcq_options
queue_options(const struct call *ca)
{
	struct ipcq_options options = { 0 };

	if ((ca->given & CALL_NONBLOCK) != 0)
		options.flags |= IPCQ_NOWAIT;
	/* A time beyond what the clock can count is for ever. */
	if ((ca->given & CALL_TIMEOUT) != 0 &&
	    ca->timeout_ms <= INT64_MAX / NS_PER_MS) {
		options.flags |= IPCQ_TIMED;
		options.timeout_ns = ca->timeout_ms * NS_PER_MS;
	}
	if ((ca->given & CALL_EXCEPT) != 0)
		options.flags |= IPCQ_EXCEPT;
	if (ca->kind == IPCQ_SYSV)
		options.select = ca->type;
	return options;
}
