#include "assembly/letters.h"

#include <string.h>

#include "base/log.h"
#include "config/conf.h"
#include "spool/deadletter.h"
#include "spool/space.h"

int
letters_open(struct deadletters **ret, const struct conf *conf, int state_fd)
{
	const struct space_reserve reserve = { (unsigned)conf->reserve_percent,
		conf->reserve_space };
	struct deadletters *dl;
	int rc = deadletters_open(&dl, state_fd, conf->dead_letter_limit);

	if (rc < 0) {
		log_event(EVENT_STORE_DAMAGED, NULL, "%s/dead-letters: cannot open: %s",
		    conf->state_directory, strerror(-rc));
		return rc;
	}
	deadletters_set_reserve(dl, &reserve);
	letters_report(dl);
	*ret = dl;
	return 0;
}

void
letters_report(struct deadletters *dl)
{
	struct deadletter_notice nt;

	while (deadletters_notice(dl, &nt))
		log_event(EVENT_STORE_DAMAGED, NULL,
		    "dead-letter store: %s is %s; it was renamed so, is kept, and is no "
		    "longer listed",
		    nt.file, nt.why);
}
