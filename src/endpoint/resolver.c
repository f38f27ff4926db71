#include "endpoint/resolver.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/quote.h"
#include "endpoint/delivery.h"
#include "spool/deadletter.h"
#include "spool/disk.h"

/* One letter: steps of the disk thread, and what the loop does behind each. */
struct decision {
	struct disk_job job; /* first: a job is cast to its decision */
	TAILQ_ENTRY(decision) link;
	struct resolver *resolver;
	struct deadletter_key key;
	enum resolver_action action;
	int (*step)(struct decision *dc);            /* disk thread */
	void (*behind)(struct decision *dc, int rc); /* loop */
	struct deadletter dead;                      /* points into bytes */
	char *bytes;
	uint16_t flags; /* as they were */
	int put_rc;
	void (*done)(void *owner, int rc);
	void *owner;
};

struct resolver {
	struct resolver_env env;
	TAILQ_HEAD(, decision) running;
};

static void
decision_end(struct decision *dc, int rc)
{
	TAILQ_REMOVE(&dc->resolver->running, dc, link);
	if (dc->done != NULL)
		dc->done(dc->owner, rc);
	free(dc->bytes);
	free(dc);
}

static int
decision_run(struct disk_job *job)
{
	struct decision *dc = (struct decision *)job;

	return dc->step(dc);
}

static void
decision_ran(struct disk_job *job, int rc)
{
	struct decision *dc = (struct decision *)job;

	dc->behind(dc, rc);
}

static void
decision_go(struct decision *dc, int (*step)(struct decision *dc),
    void (*behind)(struct decision *dc, int rc))
{
	dc->step = step;
	dc->behind = behind;
	dc->job = (struct disk_job){ .run = decision_run, .done = decision_ran };
	disk_submit(dc->resolver->env.disk, &dc->job);
}

static int
step_remove(struct decision *dc)
{
	struct deadletters *dl = dc->resolver->env.dead;
	int rc = deadletters_remove(dl, &dc->key);

	return rc < 0 ? rc : deadletters_sync(dl);
}

static int
step_flags(struct decision *dc)
{
	return deadletters_write_flags(dc->resolver->env.dead, &dc->dead);
}

static void
behind_last(struct decision *dc, int rc)
{
	static const char *const what[] = {
		[RESOLVER_RESEND] = "delivered",
		[RESOLVER_DROP] = "deleted",
		[RESOLVER_DEAD_LETTER] = "a dead letter",
	};

	if (rc == 0)
		log_event(EVENT_DOUBT_RESOLVED,
		    &(struct log_fields){ .queue = dc->dead.label },
		    "queue %s: held message %llu of %s is now %s, as an operator decided",
		    quote(dc->dead.label).text, (unsigned long long)dc->key.number,
		    quote(dc->dead.route).text, what[dc->action]);
	decision_end(dc, rc);
}

/* The queue did not take it, which is sure again. */
static void
behind_restored(struct decision *dc, int rc)
{
	(void)rc; /* at worst the letter goes on saying "perhaps" */
	decision_end(dc, dc->put_rc);
}

/* That it may be delivered is on the disk: now it may be. */
static void
behind_perhaps(struct decision *dc, int rc)
{
	const struct resolver_env *env = &dc->resolver->env;
	struct target *tg = env->find(env->owner, dc->dead.label);

	if (rc == 0)
		rc = tg == NULL
			 ? -ENXIO
			 : target_put(tg, dc->dead.rec, (dc->flags & DEAD_SYSV) != 0);
	if (rc == 0) {
		decision_go(dc, step_remove, behind_last);
		return;
	}
	if (rc == -EIDRM) {
		decision_end(dc, rc);
		return;
	}
	dc->put_rc = rc;
	dc->dead.flags = dc->flags;
	decision_go(dc, step_flags, behind_restored);
}

static void
behind_load(struct decision *dc, int rc)
{
	const struct resolver_env *env = &dc->resolver->env;

	dc->flags = rc == 0 ? dc->dead.flags : 0;
	if (rc == 0 && (dc->flags & DEAD_HELD) == 0)
		rc = -EINVAL;
	if (rc == 0 && dc->action == RESOLVER_RESEND &&
	    env->find(env->owner, dc->dead.label) == NULL)
		rc = -ENXIO;
	if (rc < 0) {
		decision_end(dc, rc);
		return;
	}
	switch (dc->action) {
	case RESOLVER_RESEND:
		dc->dead.flags |= DEAD_PERHAPS;
		decision_go(dc, step_flags, behind_perhaps);
		return;
	case RESOLVER_DEAD_LETTER:
		dc->dead.flags &= (uint16_t) ~(DEAD_HELD | DEAD_PERHAPS);
		decision_go(dc, step_flags, behind_last);
		return;
	case RESOLVER_DROP:
		decision_go(dc, step_remove, behind_last);
		return;
	}
}

static int
step_load(struct decision *dc)
{
	return deadletters_load(
	    dc->resolver->env.dead, &dc->key, &dc->dead, &dc->bytes);
}

static bool
is_running(const struct resolver *rs, const struct deadletter_key *key)
{
	const struct decision *dc;

	TAILQ_FOREACH (dc, &rs->running, link)
		if (dc->key.number == key->number &&
		    id_equal(&dc->key.ring, &key->ring) &&
		    id_equal(&dc->key.stream, &key->stream))
			return true;
	return false;
}

int
resolver_begin(struct resolver *rs, const struct resolver_wish *wish)
{
	struct decision *dc;

	if (is_running(rs, wish->key))
		return -EBUSY;
	dc = calloc(1, sizeof(*dc));
	if (dc == NULL)
		return -ENOMEM;
	dc->resolver = rs;
	dc->key = *wish->key;
	dc->action = wish->action;
	dc->done = wish->done;
	dc->owner = wish->owner;
	TAILQ_INSERT_TAIL(&rs->running, dc, link);
	decision_go(dc, step_load, behind_load);
	return 0;
}

void
resolver_forget(struct resolver *rs, const void *owner)
{
	struct decision *dc;

	TAILQ_FOREACH (dc, &rs->running, link)
		if (dc->owner == owner)
			dc->done = NULL;
}

int
resolver_new(struct resolver **ret, const struct resolver_env *env)
{
	struct resolver *rs = calloc(1, sizeof(*rs));

	if (rs == NULL)
		return -ENOMEM;
	rs->env = *env;
	TAILQ_INIT(&rs->running);
	*ret = rs;
	return 0;
}

void
resolver_free(struct resolver *rs)
{
	free(rs);
}
