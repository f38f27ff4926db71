#include "check.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lane.h"
#include "ledger.h"

#define LOST_TOLD 20 /* lost messages told one by one, at most */

struct check {
	struct ledger taken;
	struct sender *senders;
	int n_senders;
	struct lane *lanes;
	int n_lanes;
	struct tally tally;
};

static struct lane *
check_lane(const struct check *ck, int64_t type)
{
	const struct recipe *rp;
	uint32_t i;
	int n;

	for (n = 0; n < ck->n_lanes; n++) {
		rp = &ck->lanes[n].sender->lg.head->recipe;
		for (i = 0; i < rp->n_types; i++) {
			if (rp->types[i] == type &&
			    (rp->sysv || ck->lanes[n].type == type))
				return &ck->lanes[n];
		}
	}
	return NULL;
}

static void
check_lane_add(struct check *ck, struct sender *sender, int64_t type)
{
	ck->lanes =
	    reallocarray(ck->lanes, (size_t)ck->n_lanes + 1, sizeof(*ck->lanes));
	if (ck->lanes == NULL)
		err(1, "lanes");
	lane_init(&ck->lanes[ck->n_lanes++], sender, type, &ck->tally);
}

/* What was in a queue when that was destroyed is not missed. */
static void
check_gone(struct sender *sender, const char *path)
{
	const struct ledger_record *lr;
	uint64_t offset = LEDGER_PAGE, i;

	while ((lr = ledger_at(&sender->lg, offset)) != NULL) {
		if (lr->number + lr->length > sender->lg.head->count)
			errx(1, "%s: messages are gone that were not sent", path);
		for (i = 0; i < lr->length; i++)
			sender->gone[lr->number + i] = 1;
		offset += ledger_stride(lr);
	}
}

/* A body without a header is attributed to its producer by its type alone. */
static void
check_sender(struct check *ck, struct sender *sender, const char *path)
{
	const struct recipe *rp;
	const struct lane *ln;
	uint32_t i;

	ledger_map(&sender->lg, path, LEDGER_SENT);
	rp = &sender->lg.head->recipe;
	sender->seen = calloc(sender->lg.head->count + 1, 1);
	sender->gone = calloc(sender->lg.head->count + 1, 1);
	if (sender->seen == NULL || sender->gone == NULL)
		err(1, "%s", path);
	check_gone(sender, path);
	for (i = 0; i < rp->n_types; i++) {
		ln = check_lane(ck, rp->types[i]);
		if (ln == NULL)
			check_lane_add(ck, sender, rp->types[i]);
		else if (ln->sender != sender)
			errx(2, "%s: type %" PRId64 " is another producer's too", path,
			    rp->types[i]);
	}
}

/* A message that claims to be that number: was one sent that fits lane, type and length? */
static bool
check_was_sent(const struct lane *ln, const struct claim *claim, int64_t type)
{
	const struct ledger_head *head = ln->sender->lg.head;
	struct plan plan;

	if (claim->producer != head->recipe.producer || claim->number >= head->count)
		return false;
	message_plan(&head->recipe, claim->number, &plan);
	return plan.type == type && plan.length == claim->length;
}

/* With a header, but not what the header says: cut short, or damaged. */
static void
check_damaged(struct check *ck, struct lane *ln, const struct ledger_record *lr)
{
	const unsigned char *body = (const void *)(lr + 1);
	struct claim claim;

	if (!message_claim(body, lr->length, &claim) ||
	    !check_was_sent(ln, &claim, lr->type)) {
		ck->tally.altered++;
		return;
	}
	message_make(&ln->sender->lg.head->recipe, claim.number, ln->body);
	if (lane_compare(ln->body, claim.length, lr) == 2)
		ck->tally.shortened++;
	else
		ck->tally.altered++;
	lane_arrived(ln, claim.number, lr);
}

static void
check_record(struct check *ck, const struct ledger_record *lr)
{
	struct lane *ln = check_lane(ck, lr->type);
	struct claim claim = { .producer = lr->producer,
		.length = lr->length,
		.number = lr->number,
		.type = lr->type };

	if (ln == NULL) {
		ck->tally.altered++;
	} else if (lr->flags & LEDGER_INTACT) {
		if (check_was_sent(ln, &claim, lr->type))
			lane_arrived(ln, lr->number, lr);
		else
			ck->tally.altered++;
	} else if (lr->length >= MESSAGE_HEADER) {
		check_damaged(ck, ln, lr);
	} else {
		lane_headless(ln, lr);
	}
}

static uint64_t
check_lost(const struct check *ck)
{
	const struct ledger_head *head;
	uint64_t lost = 0, number;
	int n;

	printf(", \"first_lost\": [");
	for (n = 0; n < ck->n_senders; n++) {
		head = ck->senders[n].lg.head;
		for (number = 0; number < head->count; number++) {
			if (ck->senders[n].seen[number] > 0 ||
			    ck->senders[n].gone[number] > 0)
				continue;
			if (lost++ < LOST_TOLD)
				printf("%s\"%u:%" PRIu64 "\"", lost > 1 ? ", " : "",
				    head->recipe.producer, number);
		}
	}
	printf("]");
	return lost;
}

static uint64_t
check_gone_total(const struct check *ck)
{
	uint64_t gone = 0, number;
	int n;

	for (n = 0; n < ck->n_senders; n++) {
		for (number = 0; number < ck->senders[n].lg.head->count; number++)
			gone += ck->senders[n].gone[number];
	}
	return gone;
}

static int
check_print(const struct check *ck)
{
	const struct tally *ty = &ck->tally;
	uint64_t sent = 0, gone, lost;
	uint32_t i;
	int n;

	for (n = 0; n < ck->n_senders; n++)
		sent += ck->senders[n].lg.head->count;
	gone = check_gone_total(ck);
	printf("{\"sent\": %" PRIu64 ", \"received\": %" PRIu64, sent,
	    ck->taken.head->count);
	lost = check_lost(ck);
	printf(", \"gone\": %" PRIu64, gone);
	printf(", \"lost\": %" PRIu64 ", \"repeated\": %" PRIu64
	       ", \"reordered\": %" PRIu64 ", \"altered\": %" PRIu64
	       ", \"shortened\": %" PRIu64 ", \"repeats\": [",
	    lost, ty->repeated, ty->reordered, ty->altered, ty->shortened);
	for (i = 0; i < ty->n_repeats; i++)
		printf("%s{\"producer\": %u, \"number\": %" PRIu64
		       ", \"type\": %" PRId64 ", \"length\": %u}",
		    i > 0 ? ", " : "", ty->repeats[i].producer, ty->repeats[i].number,
		    ty->repeats[i].type, ty->repeats[i].length);
	printf("]}\n");
	return lost + ty->repeated + ty->reordered + ty->altered > 0;
}

static void
check_free(struct check *ck)
{
	int n;

	for (n = 0; n < ck->n_lanes; n++)
		lane_done(&ck->lanes[n]);
	for (n = 0; n < ck->n_senders; n++) {
		ledger_close(&ck->senders[n].lg);
		free(ck->senders[n].seen);
		free(ck->senders[n].gone);
	}
	ledger_close(&ck->taken);
	free(ck->lanes);
	free(ck->senders);
	free(ck);
}

int
check_run(const char *taken, char *const *sent, int n_sent)
{
	struct check *ck = calloc(1, sizeof(*ck));
	const struct ledger_record *lr;
	uint64_t offset;
	int n, rc;

	if (ck == NULL)
		err(1, "check");
	ck->senders = calloc((size_t)n_sent, sizeof(*ck->senders));
	if (ck->senders == NULL)
		err(1, "check");
	for (n = 0; n < n_sent; n++) {
		check_sender(ck, &ck->senders[n], sent[n]);
		ck->n_senders++;
	}
	ledger_map(&ck->taken, taken, LEDGER_TAKEN);
	offset = LEDGER_PAGE;
	while ((lr = ledger_at(&ck->taken, offset)) != NULL) {
		check_record(ck, lr);
		offset += ledger_stride(lr);
	}
	for (n = 0; n < ck->n_lanes; n++)
		lane_finish(&ck->lanes[n]);
	rc = check_print(ck);
	check_free(ck);
	return rc;
}
