#include "assembly/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/intake.h"
#include "endpoint/outlet.h"

struct kept {
	TAILQ_HEAD(, kept_stream) streams;
	TAILQ_HEAD(, kept_ring) rings;
};

int
kept_new(struct kept **ret)
{
	struct kept *kp = calloc(1, sizeof(*kp));

	if (kp == NULL)
		return -ENOMEM;
	TAILQ_INIT(&kp->streams);
	TAILQ_INIT(&kp->rings);
	*ret = kp;
	return 0;
}

static void
end_stream(struct kept *kp, struct kept_stream *ks)
{
	TAILQ_REMOVE(&kp->streams, ks, link);
	outlet_free(ks->outlet);
	free(ks);
}

static void
end_ring(struct kept *kp, struct kept_ring *kr)
{
	TAILQ_REMOVE(&kp->rings, kr, link);
	intake_free(kr->intake);
	free(kr);
}

void
kept_free_streams(struct kept *kp)
{
	struct kept_stream *ks, *next;

	if (kp == NULL)
		return;
	for (ks = TAILQ_FIRST(&kp->streams); ks != NULL; ks = next) {
		next = TAILQ_NEXT(ks, link);
		end_stream(kp, ks);
	}
}

void
kept_free(struct kept *kp)
{
	struct kept_ring *kr, *next;

	if (kp == NULL)
		return;
	kept_free_streams(kp);
	for (kr = TAILQ_FIRST(&kp->rings); kr != NULL; kr = next) {
		next = TAILQ_NEXT(kr, link);
		end_ring(kp, kr);
	}
	free(kp);
}

void
kept_add_stream(struct kept *kp, struct kept_stream *ks)
{
	TAILQ_INSERT_TAIL(&kp->streams, ks, link);
}

void
kept_add_ring(struct kept *kp, struct kept_ring *kr)
{
	TAILQ_INSERT_TAIL(&kp->rings, kr, link);
}

void
kept_remove_stream(struct kept *kp, struct kept_stream *ks)
{
	TAILQ_REMOVE(&kp->streams, ks, link);
}

void
kept_remove_ring(struct kept *kp, struct kept_ring *kr)
{
	TAILQ_REMOVE(&kp->rings, kr, link);
}

struct kept_stream *
kept_find_stream(const struct kept *kp, const struct intake *in, const char *label)
{
	struct kept_stream *ks;

	TAILQ_FOREACH (ks, &kp->streams, link)
		if (ks->intake == in && strcmp(outlet_label(ks->outlet), label) == 0)
			return ks;
	return NULL;
}

bool
kept_has_stream(const struct kept *kp, const struct ring *rg)
{
	const struct kept_stream *ks;

	TAILQ_FOREACH (ks, &kp->streams, link)
		if (intake_ring(ks->intake) == rg)
			return true;
	return false;
}

struct kept_ring *
kept_find_ring(const struct kept *kp, const char *uri, const char *take)
{
	struct kept_ring *kr;

	TAILQ_FOREACH (kr, &kp->rings, link) {
		const struct intake_spec *spec = intake_spec(kr->intake);

		if (strcmp(spec->uri, uri) == 0 && strcmp(spec->take_text, take) == 0)
			return kr;
	}
	return NULL;
}

void
kept_settle(struct kept *kp)
{
	struct kept_stream *ks, *next_stream;
	struct kept_ring *kr, *next_ring;

	for (ks = TAILQ_FIRST(&kp->streams); ks != NULL; ks = next_stream) {
		next_stream = TAILQ_NEXT(ks, link);
		if (outlet_has_stream(ks->outlet))
			outlet_rest(ks->outlet);
		else
			end_stream(kp, ks);
	}
	for (kr = TAILQ_FIRST(&kp->rings); kr != NULL; kr = next_ring) {
		next_ring = TAILQ_NEXT(kr, link);
		/* Without a ring no stream was made of it. */
		if (intake_ring(kr->intake) == NULL)
			end_ring(kp, kr);
	}
}

struct kept_stream *
kept_next_stream(const struct kept *kp, const struct kept_stream *after)
{
	return after == NULL ? TAILQ_FIRST(&kp->streams) : TAILQ_NEXT(after, link);
}

struct kept_ring *
kept_next_ring(const struct kept *kp, const struct kept_ring *after)
{
	return after == NULL ? TAILQ_FIRST(&kp->rings) : TAILQ_NEXT(after, link);
}
