#include "endpoint/queue_reason.h"

#include <errno.h>

enum reason
queue_reason(int rc)
{
	switch (rc) {
	case -ENOENT:
	case -EIDRM:
		return REASON_QUEUE_ABSENT;
	case -EACCES:
	case -EPERM:
		return REASON_NOT_PERMITTED;
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC:
	case -EINVAL: /* a queue larger than the system lets it be made */
		return REASON_SYSTEM_LIMIT;
	case -ENOMEM:
		return REASON_NO_MEMORY;
	default:
		return REASON_QUEUE_FAILED;
	}
}

enum reason
queue_reason_letter(int rc)
{
	switch (rc) {
	case -EDQUOT:
	case -EOVERFLOW:
		return REASON_DEAD_LETTERS_FULL;
	case -ENOSPC:
		return REASON_DISK_FULL;
	default:
		return REASON_DEAD_LETTERS_FAILED;
	}
}

enum reason
queue_reason_log(int rc)
{
	switch (rc) {
	case -EDQUOT:
		return REASON_LOG_FULL;
	case -ENOSPC:
		return REASON_DISK_FULL;
	default:
		return REASON_LOG_FAILED;
	}
}
