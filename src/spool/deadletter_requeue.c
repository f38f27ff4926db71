#include <errno.h>

#include "base/crash.h"
#include "spool/deadletter_index.h"
#include "spool/deadletter_private.h"
#include "spool/log.h"

int
deadletters_settle(struct deadletters *dl, const struct log *lg)
{
	struct deadletter_key key;
	bool more = deadletters_next(dl, NULL, NULL, &key);
	int removed = 0;

	while (more) {
		struct deadletter_key last = key;

		if (log_has_letter(lg, &key.ring, key.number, &key.stream)) {
			int rc = deadletters_remove(dl, &key);

			if (rc < 0 && rc != -ENOENT)
				return rc;
			removed++;
			CRASH_POINT("deadletter.requeue_settled");
		}
		more = deadletters_next(dl, NULL, &last, &key);
	}
	if (removed > 0) {
		int rc = deadletters_sync(dl);

		if (rc < 0)
			return rc;
	}
	return removed;
}
