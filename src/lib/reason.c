#include <errno.h>

#include "base/compiler.h"
#include "lib/ipcq.h"

static const struct {
	int rc;
	enum ipcq_reason reason;
} reasons[] = {
	{ -EACCES, IPCQ_NOT_PERMITTED },
	{ -EPERM, IPCQ_NOT_PERMITTED },
	{ -EMFILE, IPCQ_NO_RESOURCES },
	{ -ENFILE, IPCQ_NO_RESOURCES },
	{ -ENOSPC, IPCQ_NO_RESOURCES },
	{ -ENOMEM, IPCQ_NO_RESOURCES },
	{ -ENOBUFS, IPCQ_NO_RESOURCES },
	{ -EBADF, IPCQ_BAD_HANDLE },
	{ -EINTR, IPCQ_INTERRUPTED },
	{ -EMSGSIZE, IPCQ_TOO_BIG },
	{ -E2BIG, IPCQ_TOO_BIG },
	{ -EAGAIN, IPCQ_WOULD_WAIT },
	{ -ETIMEDOUT, IPCQ_TIMED_OUT },
	{ -ENOENT, IPCQ_NOT_THERE },
	{ -EEXIST, IPCQ_THERE_ALREADY },
	{ -EIDRM, IPCQ_REMOVED },
	{ -EBUSY, IPCQ_BUSY },
	{ -EOPNOTSUPP, IPCQ_NOT_SUPPORTED },
	{ -ENOSYS, IPCQ_NOT_SUPPORTED },
};

enum ipcq_reason
ipcq_reason(int rc)
{
	if (rc >= 0)
		return IPCQ_DONE;
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (reasons[i].rc == rc)
			return reasons[i].reason;
	}
	return IPCQ_INVALID;
}
