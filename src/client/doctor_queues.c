#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/quote.h"
#include "client/doctor_private.h"
#include "config/conf.h"
#include "lib/ipcq.h"
#include "needs/needs.h"

/* A queue that is looked at. */
struct looked {
	const struct conf_queue *conf;
	char object[QUOTE_MAX]; /* "queue orders" */
	bool reads, writes;     /* what the daemon does with it */
	struct ipcq_attributes at;
};

/* Its attributes can be had by either right. */
static int
look(struct looked *lk)
{
	struct ipcq *q = NULL;
	int rc = ipcq_open(&q, lk->conf->uri, IPCQ_READ, NULL);

	if (rc == -EACCES)
		rc = ipcq_open(&q, lk->conf->uri, IPCQ_WRITE, NULL);
	if (rc < 0)
		return rc;
	rc = ipcq_attributes(q, &lk->at);
	ipcq_close(q);
	return rc;
}

static void
judge_absent(struct doctor *dr, const struct looked *lk)
{
	const char *uri = lk->conf->uri;
	json_t *fi = findings_add(
	    &dr->findings, lk->conf->create ? FINDING_GOOD : FINDING_BAD, lk->object);

	if (lk->conf->create) {
		finding_say(
		    fi, "what", "%s is not there yet: the daemon makes it", uri);
		return;
	}
	finding_say(fi, "what", "%s is not there", uri);
	finding_say(fi, "why",
	    "nothing moves to or from it before the program that owns it makes it");
	finding_say(fi, "mend", "ipcq create %s; or create = { }; in its entry", uri);
}

static void
judge_unseen(struct doctor *dr, const struct looked *lk, int rc)
{
	char text[QUOTE_MAX];
	json_t *fi = findings_add(
	    &dr->findings, rc == -EACCES ? FINDING_WARNING : FINDING_BAD, lk->object);

	finding_say(fi, "what", "%s cannot be looked at", lk->conf->uri);
	finding_say(
	    fi, "why", "%s", ipcq_explain(text, sizeof(text), lk->conf->uri, NULL, rc));
	finding_say(fi, "mend", "%s", rc == -EACCES ? "ask as root" : "mend its uri");
}

/* "r", "w" or "rw": what the user lacks; "": nothing. */
static const char *
missing(const struct doctor *dr, const struct looked *lk)
{
	struct stat st = {
		.st_mode = lk->at.mode, .st_uid = lk->at.owner, .st_gid = lk->at.group
	};
	bool reads = !lk->reads || doctor_may(&dr->user, &st, S_IROTH);
	bool writes = !lk->writes || doctor_may(&dr->user, &st, S_IWOTH);

	if (!reads && !writes)
		return "rw";
	return !reads ? "r" : (!writes ? "w" : "");
}

/* The digits of ipcq's and chmod's modes that give it. */
static mode_t
mended_mode(const struct doctor *dr, const struct looked *lk)
{
	mode_t want = (lk->reads ? S_IROTH : 0) | (lk->writes ? S_IWOTH : 0);
	unsigned shift = 0;

	for (int i = 0; i < dr->user.n_groups; i++) {
		if (dr->user.groups[i] == lk->at.group)
			shift = 3;
	}
	if (dr->user.uid == lk->at.owner)
		shift = 6;
	return (lk->at.mode & 0777) | want << shift;
}

static bool
shares_group(const struct doctor *dr, const struct looked *lk)
{
	for (int i = 0; i < dr->user.n_groups; i++) {
		if (dr->user.groups[i] == lk->at.group)
			return true;
	}
	return dr->user.uid == lk->at.owner;
}

static void
judge_rights(struct doctor *dr, const struct looked *lk, const char *lacks)
{
	const char *uri = lk->conf->uri;
	json_t *fi = findings_add(&dr->findings, FINDING_BAD, lk->object);

	finding_say(fi, "what", "%s may not %s %s", dr->user.name,
	    lacks[1] != '\0' ? "read and write" : (lacks[0] == 'r' ? "read" : "write"),
	    uri);
	finding_say(fi, "why",
	    "it is of user %u, group %u, mode %04o, and messages are %s it",
	    lk->at.owner, lk->at.group, lk->at.mode & 0777,
	    lk->reads ? (lk->writes ? "taken from and put into" : "taken from")
		      : "put into");
	if (shares_group(dr, lk))
		finding_say(
		    fi, "mend", "ipcq set %s --mode %04o", uri, mended_mode(dr, lk));
	else
		finding_say(fi, "mend", "ipcq set %s --group %u --mode %04o", uri,
		    dr->user.groups[0],
		    (lk->at.mode & 0777) | (lk->reads ? S_IRGRP : 0) |
			(lk->writes ? S_IWGRP : 0));
}

/* Was it made with other limits than the entry says? */
static bool
differs(const struct looked *lk)
{
	const struct conf_queue *cq = lk->conf;

	return (cq->message_size > 0 && cq->message_size != lk->at.message_size) ||
	       (cq->max_messages > 0 && cq->max_messages != lk->at.max_messages) ||
	       (cq->max_bytes > 0 && cq->max_bytes != lk->at.max_bytes);
}

static void
judge_shape(struct doctor *dr, const struct looked *lk)
{
	const struct ipcq_attributes *at = &lk->at;
	bool other = lk->conf->create && differs(lk);
	json_t *fi = findings_add(
	    &dr->findings, other ? FINDING_WARNING : FINDING_GOOD, lk->object);

	if (lk->conf->kind == CONF_POSIX)
		finding_say(fi, "what", "%s: %" PRIu64 " messages of %" PRIu64 " bytes",
		    lk->conf->uri, at->max_messages, at->message_size);
	else
		finding_say(
		    fi, "what", "%s: %" PRIu64 " bytes", lk->conf->uri, at->max_bytes);
	if (!other)
		return;
	finding_say(fi, "why",
	    "its entry says otherwise, but a queue that is there stays "
	    "as it is");
	finding_say(fi, "mend",
	    "stop its programs when it is empty, ipcq remove %s, and the daemon makes it "
	    "anew; or mend the entry",
	    lk->conf->uri);
}

static void
judge_queue(struct doctor *dr, const struct conf_queue *cq)
{
	struct looked lk = { .conf = cq,
		.reads = needs_reading(dr->conf, cq),
		.writes = needs_writing(dr->conf, cq) };
	const char *lacks;
	int rc = look(&lk);

	(void)snprintf(lk.object, sizeof(lk.object), "queue %s", cq->name);
	if (rc == -ENOENT) {
		judge_absent(dr, &lk);
		return;
	}
	if (rc < 0) {
		judge_unseen(dr, &lk, rc);
		return;
	}
	lacks = missing(dr, &lk);
	if (lacks[0] != '\0')
		judge_rights(dr, &lk, lacks);
	else
		judge_shape(dr, &lk);
}

void
doctor_queues(struct doctor *dr)
{
	for (size_t i = 0; i < dr->conf->n_queues; i++) {
		if (dr->conf->queues[i].enabled)
			judge_queue(dr, &dr->conf->queues[i]);
	}
}
