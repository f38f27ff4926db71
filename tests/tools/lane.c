#include "lane.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define PAD        0xf9 /* with which a bridge fills what it receives into */
#define LOOK_BACK  4096 /* numbers in which a stray body is looked for */
#define LOOK_AHEAD 256  /* of the greedy comparison */
/* Cells of the exact comparison's table; beyond, the greedy one must do. */
#define TABLE_CELLS ((size_t)1 << 22)

/* Sent in this range, without a header, and not known to have arrived. */
struct missing {
	uint64_t *numbers;
	size_t n;
};

static void *
grown(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n, size);
	if (p == NULL)
		err(1, "%zu items", n);
	return p;
}

static bool
lane_has(const struct lane *ln, const struct plan *plan)
{
	return ln->sender->lg.head->recipe.sysv || plan->type == ln->type;
}

void
lane_init(struct lane *ln, struct sender *sender, int64_t type, struct tally *tally)
{
	*ln = (struct lane){ .sender = sender, .type = type, .tally = tally };
	ln->body = grown(NULL, sender->lg.head->recipe.max + 1, 1);
}

void
lane_done(struct lane *ln)
{
	free(ln->run);
	free(ln->body);
	*ln = (struct lane){ 0 };
}

int
lane_compare(
    const unsigned char *made, uint32_t planned, const struct ledger_record *lr)
{
	uint32_t i;

	if (lr->length > planned || memcmp(made, lr + 1, lr->length) != 0)
		return 0;
	for (i = lr->length; i < planned; i++) {
		if (made[i] != PAD)
			return 0;
	}
	return lr->length == planned ? 1 : 2;
}

/* Compares a received headless body with the one of that number. */
static int
lane_match(struct lane *ln, uint64_t number, const struct ledger_record *lr)
{
	const struct recipe *rp = &ln->sender->lg.head->recipe;
	struct plan plan;

	message_plan(rp, number, &plan);
	if (plan.length >= MESSAGE_HEADER || plan.type != lr->type)
		return 0;
	message_make(rp, number, ln->body);
	return lane_compare(ln->body, plan.length, lr);
}

static void
lane_repeated(struct lane *ln, uint64_t number, const struct ledger_record *lr)
{
	struct tally *ty = ln->tally;

	ty->repeated++;
	if (ty->n_repeats == TALLY_REPEATS)
		return;
	ty->repeats[ty->n_repeats++] = (struct repeat){
		.producer = ln->sender->lg.head->recipe.producer,
		.length = lr->length,
		.number = number,
		.type = lr->type,
	};
}

static void
lane_seen(struct lane *ln, uint64_t number, const struct ledger_record *lr)
{
	uint8_t *seen = &ln->sender->seen[number];

	if (*seen > 0)
		lane_repeated(ln, number, lr);
	if (*seen < UINT8_MAX)
		(*seen)++;
}

static void
lane_missing(const struct lane *ln, uint64_t to, struct missing *ret)
{
	const struct recipe *rp = &ln->sender->lg.head->recipe;
	struct plan plan;
	size_t room = 0;
	uint64_t number;

	*ret = (struct missing){ 0 };
	for (number = ln->next; number < to; number++) {
		message_plan(rp, number, &plan);
		if (plan.length >= MESSAGE_HEADER || !lane_has(ln, &plan) ||
		    ln->sender->seen[number] > 0 || ln->sender->gone[number] > 0)
			continue;
		if (ret->n == room) {
			room = room * 2 + 16;
			ret->numbers = grown(ret->numbers, room, sizeof(uint64_t));
		}
		ret->numbers[ret->n++] = number;
	}
}

static void
lane_pair(struct lane *ln, uint64_t number, size_t at)
{
	if (lane_match(ln, number, ln->run[at]) == 2)
		ln->tally->shortened++;
	lane_seen(ln, number, ln->run[at]);
	ln->run[at] = NULL;
}

/* Longest common subsequence: the fewest losses and strays that explain the run. */
static void
lane_pair_exactly(struct lane *ln, const struct missing *ms)
{
	size_t width = ln->n_run + 1, i, j;
	uint32_t *best = calloc((ms->n + 1) * width, sizeof(*best)), *cell;

	if (best == NULL)
		err(1, "comparing %zu with %zu", ms->n, ln->n_run);
	for (i = ms->n; i-- > 0;) {
		for (j = ln->n_run; j-- > 0;) {
			cell = &best[i * width + j];
			if (lane_match(ln, ms->numbers[i], ln->run[j]) != 0)
				*cell = cell[width + 1] + 1;
			else
				*cell = cell[width] > cell[1] ? cell[width] : cell[1];
		}
	}
	for (i = j = 0; i < ms->n && j < ln->n_run;) {
		cell = &best[i * width + j];
		if (*cell == cell[width])
			i++;
		else if (*cell == cell[1])
			j++;
		else
			lane_pair(ln, ms->numbers[i++], j++);
	}
	free(best);
}

static void
lane_pair_greedily(struct lane *ln, const struct missing *ms)
{
	size_t at = 0, i, j;

	for (j = 0; j < ln->n_run; j++) {
		for (i = at; i < ms->n && i < at + LOOK_AHEAD; i++) {
			if (lane_match(ln, ms->numbers[i], ln->run[j]) == 0)
				continue;
			lane_pair(ln, ms->numbers[i], j);
			at = i + 1;
			break;
		}
	}
}

/* The usual case: everything is there, in order. */
static bool
lane_pair_plainly(struct lane *ln, const struct missing *ms)
{
	size_t i;

	if (ms->n != ln->n_run)
		return false;
	for (i = 0; i < ms->n; i++) {
		if (lane_match(ln, ms->numbers[i], ln->run[i]) == 0)
			return false;
	}
	for (i = 0; i < ms->n; i++)
		lane_pair(ln, ms->numbers[i], i);
	return true;
}

/* A headless body that does not stand where it should: late, a second time, or damaged. */
static void
lane_stray(struct lane *ln, uint64_t to, const struct ledger_record *lr)
{
	uint64_t from = to > LOOK_BACK ? to - LOOK_BACK : 0, number, twice = to;

	for (number = to; number-- > from;) {
		if (lane_match(ln, number, lr) == 0)
			continue;
		if (ln->sender->seen[number] == 0) {
			lane_seen(ln, number, lr);
			ln->tally->reordered++;
			return;
		}
		if (twice == to)
			twice = number;
	}
	if (twice == to)
		ln->tally->altered++;
	else
		lane_seen(ln, twice, lr);
}

/* Explain the run by what was sent before the message of number `to`. */
static void
lane_settle(struct lane *ln, uint64_t to)
{
	struct missing ms;
	size_t i;

	if (ln->n_run == 0)
		return;
	lane_missing(ln, to, &ms);
	if (!lane_pair_plainly(ln, &ms)) {
		if (ms.n * ln->n_run < TABLE_CELLS)
			lane_pair_exactly(ln, &ms);
		else
			lane_pair_greedily(ln, &ms);
		for (i = 0; i < ln->n_run; i++) {
			if (ln->run[i] != NULL)
				lane_stray(ln, to, ln->run[i]);
		}
	}
	free(ms.numbers);
	ln->n_run = 0;
}

void
lane_arrived(struct lane *ln, uint64_t number, const struct ledger_record *lr)
{
	if (number < ln->next) {
		/* Headless ones may still belong to what comes: they wait. */
		if (ln->sender->seen[number] == 0)
			ln->tally->reordered++;
		lane_seen(ln, number, lr);
		return;
	}
	lane_settle(ln, number);
	lane_seen(ln, number, lr);
	ln->next = number + 1;
}

void
lane_headless(struct lane *ln, const struct ledger_record *lr)
{
	if (ln->n_run == ln->run_room) {
		ln->run_room = ln->run_room * 2 + 16;
		ln->run = grown(ln->run, ln->run_room, sizeof(*ln->run));
	}
	ln->run[ln->n_run++] = lr;
}

void
lane_finish(struct lane *ln)
{
	lane_settle(ln, ln->sender->lg.head->count);
}
