/* Cuts the power at every call that a store makes, and recovers what the disk may hold then:
 * nothing may be missing that was promised, nothing altered, nothing twice.
 * tests/torture/run power-cut runs it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cut.h"
#include "spool/disk.h"

#define LIVES  12
#define SAMPLE 48 /* of the subsets, where there are too many states to play all */
#define TORN   3  /* of these torn, for each size of a block */
#define AGAIN  16 /* one state of so many is cut again while it recovers */
#define MANY   30 /* calls that nothing synced */

struct torture {
	char base[64];
	struct cut_place life_place, places[2];
	struct disk *disk;
	struct cut_life life;
	struct cut_ledger after;
	struct cut_counts counts;
	uint64_t seed;
	uint64_t planned; /* states of this life */
	uint64_t quota;   /* that are played; 0: only planned */
	size_t most;      /* all states of a cut are played up to that number */
	uint64_t *masks;  /* room for them */
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
tell(const struct torture *to, size_t done, const struct cut_tear *tear, bool again,
    const char *wrong)
{
	const struct cut_trace *tr = &to->life.trace;
	static const char *const names[] = { "link", "rename", "unlink", "write",
		"truncate", "sync" };
	size_t pending[64];
	size_t n = cut_pending(tr, done, pending, 64);

	(void)printf("power-cut: life %" PRIu64
		     ", after call %zu of %zu, calls that are "
		     "there %" PRIx64 " of %zu, blocks %u%s: %s\n",
	    to->counts.lives, done, tr->n, tear->mask, n, tear->block,
	    again ? ", cut again" : "", wrong);
	for (size_t i = done < 6 ? 0 : done - 6; i < done; i++)
		(void)printf("    %zu: %s %s %s, node %zu, at %" PRIu64 ", %zu bytes\n",
		    i, names[tr->events[i].op], tr->events[i].name, tr->events[i].to,
		    tr->events[i].node, tr->events[i].at, tr->events[i].len);
}

/* One state. */
static void
play(struct torture *to, size_t done, const struct cut_tear *tear)
{
	struct again ag = { .disk = to->disk,
		.places = to->places,
		.tear = tear,
		.after = &to->after };
	const char *wrong;
	uint64_t begun;
	bool again;

	to->planned++;
	/* Of more than there is time for, an even share. */
	if (to->quota == 0 ||
	    (to->quota < UINT64_MAX && cut_random(&to->seed, UINT32_MAX) >= to->quota))
		return;
	begun = now_us();
	again = to->counts.states++ % AGAIN == 0;
	if (again) {
		wrong = cut_judge_again(&to->counts, &to->life, done, &ag);
	} else {
		cut_build(&to->life.trace, done, tear, to->places[0].lib_fd);
		wrong = cut_judge(
		    &to->counts, &to->life.ledger, done, to->disk, &to->places[0]);
	}
	cut_empty(to->places[0].run_fd);
	cut_empty(to->places[0].lib_fd);
	if (tear->block == 0)
		to->counts.whole++;
	else
		to->counts.torn++;
	if (to->counts.slowest_us < now_us() - begun)
		to->counts.slowest_us = now_us() - begun;
	if (wrong != NULL && to->counts.wrong++ < 5)
		tell(to, done, tear, again, wrong);
}

static void
play_torn(struct torture *to, size_t done, uint64_t mask)
{
	static const unsigned blocks[] = { 512, 4096 };

	for (unsigned i = 0; i < 2; i++) {
		const struct cut_tear tear = { .mask = mask,
			.seed = cut_random(&to->seed, UINT64_MAX),
			.block = blocks[i] };

		play(to, done, &tear);
	}
}

/* Of what would be too much, some. */
static void
play_sample(struct torture *to, size_t done, uint64_t must)
{
	for (unsigned i = 0; i < SAMPLE; i++) {
		const struct cut_tear tear = {
			.mask =
			    i == 0 ? must : cut_random(&to->seed, UINT64_MAX) | must,
			.seed = cut_random(&to->seed, UINT64_MAX),
		};

		play(to, done, &tear);
	}
}

static void
count_cut(struct torture *to, size_t pending, bool all)
{
	struct cut_counts *co = &to->counts;

	if (to->quota == 0)
		return;
	co->cuts_all += all;
	co->cuts_few += pending <= MANY;
	co->cuts_few_all += pending <= MANY && all;
}

/* All that a cut after so many calls may leave. If the last of them changed something and promised
 * nothing, states without it were played before. */
static void
play_cut(struct torture *to, size_t done)
{
	const struct cut_trace *tr = &to->life.trace;
	size_t pending[64], old;
	size_t n = cut_pending(tr, done, pending, 64);
	bool fresh = done > 0 && tr->events[done - 1].op != CUT_SYNC &&
		     !tr->marked[done] && n > 0 && n <= 64;
	uint64_t must = fresh ? UINT64_C(1) << (n - 1) : 0;
	size_t states = cut_states(tr, done, to->most, to->masks, &old);

	count_cut(to, n, states > 0);
	for (size_t i = fresh ? old : 0; i < states; i++) {
		const struct cut_tear tear = { .mask = to->masks[i] };

		play(to, done, &tear);
	}
	if (states == 0)
		play_sample(to, done, must);
	for (unsigned i = 0; n > 0 && i < TORN; i++)
		play_torn(to, done, cut_random(&to->seed, UINT64_MAX) | must);
}

static void
play_life(struct torture *to, uint64_t share)
{
	uint64_t seed = cut_random(&to->seed, UINT64_MAX);

	cut_live(&to->life, to->disk, &to->life_place, seed);
	to->quota = to->planned = 0;
	for (size_t done = 0; done <= to->life.trace.n; done++)
		play_cut(to, done);
	to->quota = to->planned <= share
			? UINT64_MAX
			: (uint64_t)((double)share / (double)to->planned * UINT32_MAX);
	for (size_t done = 0; done <= to->life.trace.n; done++)
		play_cut(to, done);
	to->counts.prefixes += to->life.trace.n + 1;
	to->counts.lives++;
	cut_trace_free(&to->life.trace);
}

static void
begin(struct torture *to)
{
	int rc;

	(void)snprintf(to->base, sizeof(to->base), "/dev/shm/mqbridge-cut.XXXXXX");
	if (mkdtemp(to->base) == NULL)
		cut_die(to->base, 0);
	cut_place_make(&to->life_place, to->base, "life");
	cut_place_make(&to->places[0], to->base, "first");
	cut_place_make(&to->places[1], to->base, "second");
	rc = disk_new(&to->disk);
	if (rc < 0)
		cut_die("disk_new", rc);
}

static void
end(struct torture *to)
{
	disk_free(to->disk);
	cut_place_remove(&to->life_place);
	cut_place_remove(&to->places[0]);
	cut_place_remove(&to->places[1]);
	(void)rmdir(to->base);
}

int
main(int argc, char **argv)
{
	struct torture *to = calloc(1, sizeof(*to));
	uint64_t states = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
	bool all = argc > 3; /* no share: all that is planned is played */
	const struct cut_counts *co;
	int rc;

	if (to == NULL)
		cut_die("memory", 0);
	to->seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	to->most = all ? strtoull(argv[3], NULL, 10) : 256;
	to->masks = calloc(to->most + 1, sizeof(*to->masks));
	if (to->masks == NULL)
		cut_die("memory", 0);
	co = &to->counts;
	begin(to);
	while (co->states < states && co->wrong < 5)
		play_life(to, all ? UINT64_MAX : states / LIVES + 1);
	end(to);
	free(to->masks);
	(void)printf("power-cut: states %" PRIu64 ", lives %" PRIu64 ", cuts %" PRIu64
		     ", with all their states %" PRIu64
		     ", with at most 30 calls unsynced %" PRIu64
		     ", of these with all %" PRIu64 ", whole %" PRIu64 ", torn %" PRIu64
		     ", cut again %" PRIu64 ", synced records %" PRIu64
		     ", missing %" PRIu64 ", wrong %" PRIu64
		     ", repeated after a cut %" PRIu64 ", slowest %" PRIu64 " us\n",
	    co->states, co->lives, co->prefixes, co->cuts_all, co->cuts_few,
	    co->cuts_few_all, co->whole, co->torn, co->again, co->promised, co->missing,
	    co->wrong, co->repeated, co->slowest_us);
	rc = co->wrong == 0 ? 0 : 1;
	free(to);
	return rc;
}
