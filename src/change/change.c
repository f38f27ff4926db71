#include "change/change.h"

#include <errno.h>

#include "change/change_private.h"

void
change_fault(struct change_faults *cf, const struct conf_place *place, const char *key,
    const char *why)
{
	cf->count++;
	cf->tell(cf->arg, place->file, place->line, key, why);
}

static struct change
change_begin(struct assembly *as, const struct conf *conf, const struct diff *df,
    struct change_faults *cf)
{
	struct change ch = { .as = as, .next = *as, .diff = df, .faults = cf };

	ch.next.conf = conf;
	ch.next.queues = NULL;
	ch.next.peers = NULL;
	ch.next.routes = NULL;
	ch.next.n_queues = ch.next.n_peers = ch.next.n_routes = 0;
	return ch;
}

/* All that can be found out before anything is made. */
static void
look(struct change *ch)
{
	change_check_keys(ch);
	change_check_room(ch);
	change_open_listeners(ch);
}

void
change_check(struct assembly *as, const struct conf *conf, const struct diff *df,
    struct change_faults *cf)
{
	struct change ch = change_begin(as, conf, df, cf);

	look(&ch);
	change_check_logs(&ch);
	change_tell_untried(&ch);
	change_undo_listeners(&ch);
	change_done(&ch);
}

int
change_apply(struct assembly *as, const struct conf *conf, const struct diff *df,
    struct change_faults *cf)
{
	struct change ch = change_begin(as, conf, df, cf);
	int rc;

	look(&ch);
	rc = cf->count > 0 ? -EINVAL : change_make(&ch);
	if (rc == 0) {
		change_move_listeners(&ch);
		rc = cf->count > 0 ? -EADDRINUSE : 0;
	}
	if (rc == 0) {
		change_commit(&ch);
	} else {
		change_undo(&ch);
		change_undo_listeners(&ch);
	}
	change_done(&ch);
	return rc;
}
