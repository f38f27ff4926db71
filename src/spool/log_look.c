#include "spool/log_look.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/log_private.h"
#include "spool/names.h"
#include "spool/state_file.h"

#define ASIDE          "damaged-"
#define SEGMENT_PREFIX "segment-"
#define SEGMENT_DIGITS 16

struct part { /* a segment, by its slot or its file */
	struct log_look_segment at;
	bool slotted;
	bool knows_end, knows_settled; /* from its slot */
	uint64_t synced;
};

struct look {
	const struct log_look_place *place;
	const struct log_look_ops *ops;
	void *owner;
	struct log_look *ret;
	int dir_fd;
	struct log_saved_all saved;
	struct part *parts;
	size_t n_parts;
	bool adopt; /* files without a slot count */
};

static bool
is_log(const char *name)
{
	struct id id;

	return log_look_id(&id, name) == 0;
}

int
log_look_id(struct id *ret, const char *name)
{
	size_t prefix = sizeof(ASIDE) - 1;

	return id_parse(ret, strncmp(name, ASIDE, prefix) == 0 ? name + prefix : name);
}

int
log_look_list(struct names *ret, int state_fd)
{
	struct names nm = { 0 };
	int fd =
	    openat(state_fd, "logs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 && errno != ENOENT ? -errno : 0;

	if (fd >= 0) {
		rc = names_list(&nm, fd, is_log);
		(void)close(fd);
	}
	if (rc == 0)
		*ret = nm;
	return rc;
}

/* ---- faults --------------------------------------------------------------------------- */

/* name NULL: the log's slots. */
static void
tell(const struct look *lk, enum log_look_fault kind, const char *name, int64_t offset,
    const char *what)
{
	char file[LOG_LOOK_FILE], id[ID_TEXT];

	if (lk->ops->fault == NULL)
		return;
	if (name == NULL)
		(void)snprintf(
		    file, sizeof(file), "log-%s", id_format(id, &lk->ret->about.log));
	else
		(void)snprintf(file, sizeof(file), "logs/%s/%s", lk->place->name, name);
	lk->ops->fault(lk->owner, kind, file, offset, what);
}

static void
tell_gap(const struct look *lk, const struct part *pt, const struct segment_gap *gap,
    uint64_t until)
{
	char name[LOG_SEGMENT_NAME], text[96];

	/* What was never synced may end anyhow after a power cut. */
	if (!pt->knows_end && until >= pt->at.end && gap->offset >= pt->synced)
		return;
	if (until <= pt->at.settled)
		(void)snprintf(
		    text, sizeof(text), "damaged, among messages that are settled");
	else if (gap->records > 0)
		(void)snprintf(text, sizeof(text),
		    "%" PRIu64 " damaged messages from here on", gap->records);
	else
		(void)snprintf(text, sizeof(text),
		    "the header of a frame is damaged, its messages are whole");
	tell(lk, LOG_LOOK_DAMAGE, log_segment_name(name, pt->at.number),
	    (int64_t)gap->offset, text);
}

/* ---- a segment ------------------------------------------------------------------------ */

static bool
is_settled(const struct log_look_segment *sg, uint64_t offset)
{
	return offset < sg->settled ||
	       (offset >= sg->skip_from && offset < sg->skip_to);
}

static int
take_record(const struct look *lk, const struct part *pt, const struct segment_run *run,
    const struct record *rec, uint64_t offset)
{
	struct log_look_message ms = {
		.rec = rec,
		.place = log_place(pt->at.number, offset),
		.settled = is_settled(&pt->at, offset),
		.requeued = (run->flags & SEGMENT_REQUEUED) != 0,
		.ring = run->ring,
		.clock_ns = run->clock_ns,
		.wall_ns = run->wall_ns,
	};

	lk->ret->messages += !ms.settled;
	return lk->ops->message == NULL ? 0 : lk->ops->message(lk->owner, &ms);
}

static int
take_piece(const struct look *lk, const struct part *pt, const struct segment_piece *pc)
{
	int rc = 0;

	for (size_t i = 0; i < pc->n_gaps; i++) {
		uint64_t until = pc->to;

		for (size_t r = pc->n_runs; r-- > 0;)
			if (pc->runs[r].from > pc->gaps[i].offset)
				until = pc->runs[r].from;
		tell_gap(lk, pt, &pc->gaps[i], until);
	}
	for (size_t i = 0; i < pc->n_runs; i++)
		for (uint64_t at = pc->runs[i].from; at < pc->runs[i].to && rc == 0;) {
			const struct record *rec = segment_record(pc, at);

			rc = take_record(lk, pt, &pc->runs[i], rec, at);
			at += record_stride(rec->length);
		}
	return rc;
}

static int
read_segment(const struct look *lk, const struct part *pt, int fd)
{
	const struct segment_file sf = {
		.fd = fd,
		.log = lk->ret->about.log,
		.number = pt->at.number,
		.end = pt->at.end,
	};
	uint64_t at = 0;
	int rc = 0;

	while (at < sf.end && rc == 0) {
		struct segment_piece pc;

		rc = segment_load(&pc, &sf, at, at, &lk->ret->about.ring);
		if (rc < 0)
			break;
		rc = take_piece(lk, pt, &pc);
		at = pc.to;
		segment_piece_done(&pc);
	}
	return rc;
}

static const struct log_saved *
find_saved(const struct look *lk, uint64_t number)
{
	for (size_t i = 0; i < lk->saved.n_entries; i++)
		if (lk->saved.entries[i].segment == number)
			return &lk->saved.entries[i];
	return NULL;
}

/* What the slot does not tell: from the file, and from what was saved. */
static int
complete(const struct look *lk, struct part *pt, int fd)
{
	const struct log_saved *saved = find_saved(lk, pt->at.number);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (saved != NULL) {
		pt->synced = saved->synced;
		if (!pt->knows_settled) {
			pt->at.settled = saved->settled;
			pt->at.skip_from = saved->skip_from;
			pt->at.skip_to = saved->skip_to;
		}
	}
	if (!pt->knows_end)
		pt->at.end = (uint64_t)st.st_size < SEGMENT_MAX ? (uint64_t)st.st_size
								: SEGMENT_MAX - 1;
	return 0;
}

static int
take_opened(const struct look *lk, struct part *pt, const char *name, int fd)
{
	int rc = complete(lk, pt, fd);

	if (rc == 0 && lk->ops->segment != NULL)
		rc = lk->ops->segment(lk->owner, &pt->at);
	if (rc != 0)
		return rc;
	lk->ret->segments++;
	lk->ret->bytes += pt->at.end;
	rc = read_segment(lk, pt, fd);
	if (rc == -ENOTSUP) {
		tell(lk, LOG_LOOK_DAMAGE, name, -1,
		    "made by a newer version: a start leaves the log alone");
		return 0;
	}
	return rc;
}

static int
take_segment(const struct look *lk, struct part *pt)
{
	char name[LOG_SEGMENT_NAME];
	int fd, rc;

	log_segment_name(name, pt->at.number);
	if (!pt->slotted && !lk->adopt) {
		tell(lk, LOG_LOOK_DAMAGE, name, -1,
		    "no slot is its own: a start renames it");
		return 0;
	}
	fd = openat(lk->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd < 0) {
		if (!pt->knows_end || !pt->knows_settled || pt->at.settled < pt->at.end)
			tell(lk, LOG_LOOK_DAMAGE, name, -1,
			    "is not there, with its messages");
		return 0;
	}
	rc = take_opened(lk, pt, name, fd);
	(void)close(fd);
	return rc;
}

/* ---- which segments there are --------------------------------------------------------- */

static bool
is_segment(const char *name)
{
	size_t prefix = sizeof(SEGMENT_PREFIX) - 1;

	return strncmp(name, SEGMENT_PREFIX, prefix) == 0 &&
	       strspn(name + prefix, "0123456789abcdef") == SEGMENT_DIGITS &&
	       name[prefix + SEGMENT_DIGITS] == '\0';
}

static bool
is_kept(const char *name)
{
	return strncmp(name, ASIDE, sizeof(ASIDE) - 1) == 0 ||
	       (strncmp(name, SEGMENT_PREFIX, sizeof(SEGMENT_PREFIX) - 1) == 0 &&
		   strchr(name, '.') != NULL);
}

static int
compare_parts(const void *a, const void *b)
{
	const struct part *left = a, *right = b;

	if (left->at.number != right->at.number)
		return left->at.number < right->at.number ? -1 : 1;
	return (int)right->slotted - (int)left->slotted;
}

static void
take_slot(struct look *lk, const struct log_slot_state *ss, uint32_t slot)
{
	bool damaged = false;

	for (unsigned which = 0; which < LOG_WORDS; which++)
		damaged = damaged || ss->damaged[which];
	if (damaged)
		tell(lk, LOG_LOOK_DAMAGE, NULL,
		    (int64_t)(LOG_CURSOR_HEADER + slot * sizeof(struct log_slot)),
		    "the slot of a segment is damaged: what it told is taken from the "
		    "file and from cursors");
	if (ss->damaged[LOG_SEGMENT] || ss->value[LOG_SEGMENT] == 0) {
		lk->adopt = true;
		return;
	}
	lk->parts[lk->n_parts++] = (struct part){
		.at = { .number = ss->value[LOG_SEGMENT],
		    .end = ss->value[LOG_COMMITTED],
		    .settled = ss->value[LOG_SETTLED],
		    .skip_from = ss->value[LOG_SKIP_FROM],
		    .skip_to = ss->value[LOG_SKIP_TO] },
		.slotted = true,
		.knows_end = !ss->damaged[LOG_COMMITTED] &&
			     ss->value[LOG_COMMITTED] < SEGMENT_MAX,
		.knows_settled = !ss->damaged[LOG_SETTLED] &&
				 !ss->damaged[LOG_SKIP_FROM] &&
				 !ss->damaged[LOG_SKIP_TO],
	};
}

static void
take_slots(struct look *lk, const struct log_cursor *cu)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < cu->n_slots; i++) {
		struct log_slot_state ss;

		if (log_cursor_read(cu, i, &ss) == 0)
			continue;
		used++;
		take_slot(lk, &ss, i);
	}
	if (used < cu->used)
		lk->adopt = true;
}

static int
list_parts(struct look *lk, const struct log_cursor *cu, const struct names *files)
{
	size_t n = 0;

	lk->parts = calloc(cu->n_slots + files->n + 1, sizeof(*lk->parts));
	if (lk->parts == NULL)
		return -ENOMEM;
	take_slots(lk, cu);
	for (size_t i = 0; i < files->n; i++)
		lk->parts[lk->n_parts++].at.number =
		    strtoull(files->at[i] + sizeof(SEGMENT_PREFIX) - 1, NULL, 16);
	if (lk->n_parts > 1)
		qsort(lk->parts, lk->n_parts, sizeof(*lk->parts), compare_parts);
	/* A file behind its slot is told by that. */
	for (size_t i = 0; i < lk->n_parts; i++)
		if (n == 0 || lk->parts[n - 1].at.number != lk->parts[i].at.number)
			lk->parts[n++] = lk->parts[i];
	lk->n_parts = n;
	return 0;
}

/* ---- the log's own files -------------------------------------------------------------- */

static const char *
error_text(int rc)
{
	if (rc == -EBADMSG)
		return "cannot be read: damaged, or something else";
	return rc == -ENOTSUP ? "made by a newer version" : strerror(-rc);
}

static int
open_cursor(struct look *lk, struct log_cursor *ret)
{
	int rc = lk->place->runtime_fd < 0
		     ? -ENOENT
		     : log_cursor_open(ret, lk->place->runtime_fd, &lk->ret->about.log);

	lk->ret->slots = rc == 0;
	lk->adopt = rc < 0;
	if (rc == -EBADMSG || rc == -ENOTSUP)
		tell(lk, rc == -EBADMSG ? LOG_LOOK_USELESS : LOG_LOOK_DAMAGE, NULL, -1,
		    error_text(rc));
	if (rc < 0)
		log_cursor_close(ret);
	return rc == -ENOENT || rc == -EBADMSG || rc == -ENOTSUP ? 0 : rc;
}

static int
read_about(struct look *lk, bool begun)
{
	struct log_look *ret = lk->ret;
	int rc = log_about_read(&ret->about, lk->dir_fd, &ret->about.log);

	ret->has_about = rc == 0;
	if (rc == 0 || (rc == -ENOENT && begun))
		return 0;
	if (rc != -ENOENT && rc != -EBADMSG && rc != -ENOTSUP)
		return rc;
	tell(lk, LOG_LOOK_DAMAGE, "about", -1,
	    rc == -ENOENT ? "is not there: a start sets the log aside"
			  : "damaged, or made by a newer version: a start sets the log "
			    "aside");
	return 0;
}

static int
read_saved(struct look *lk)
{
	int rc = log_saved_check(&lk->saved, lk->dir_fd, &lk->ret->about.log);

	if (rc == -EBADMSG)
		tell(lk, LOG_LOOK_USELESS, "cursors", -1, error_text(-EBADMSG));
	else if (rc == -ENOTSUP)
		tell(lk, LOG_LOOK_DAMAGE, "cursors", -1, error_text(rc));
	else if (rc < 0 && rc != -ENOENT)
		return rc;
	return 0;
}

static int
tell_kept(struct look *lk)
{
	struct names nm;
	int rc = names_list(&nm, lk->dir_fd, is_kept);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n; i++)
		tell(lk, LOG_LOOK_KEPT, nm.at[i], -1, "was set aside");
	names_done(&nm);
	return 0;
}

static int
look_at(struct look *lk, const struct names *files)
{
	struct log_cursor cu = LOG_CURSOR_NONE;
	int rc = read_about(lk, files->n == 0);

	if (rc == 0)
		rc = read_saved(lk);
	if (rc == 0)
		rc = open_cursor(lk, &cu);
	if (rc == 0)
		rc = list_parts(lk, &cu, files);
	log_cursor_close(&cu);
	for (size_t i = 0; i < lk->n_parts && rc == 0; i++)
		rc = take_segment(lk, &lk->parts[i]);
	return rc == 0 ? tell_kept(lk) : rc;
}

static int
open_dir(const struct log_look_place *pl)
{
	char path[LOG_LOOK_FILE];
	int fd;

	(void)snprintf(path, sizeof(path), "logs/%s", pl->name);
	fd =
	    openat(pl->state_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static bool
is_owed(const struct log_cursor *cu)
{
	for (uint32_t i = 0; i < cu->n_slots; i++) {
		struct log_slot_state ss;

		if (log_cursor_read(cu, i, &ss) == 1 && !ss.damaged[LOG_SEGMENT] &&
		    !ss.damaged[LOG_COMMITTED] && !ss.damaged[LOG_SETTLED] &&
		    ss.value[LOG_SETTLED] < ss.value[LOG_COMMITTED])
			return true;
	}
	return false;
}

/* 1, 0 or -errno. */
static int
is_there(int state_fd, const char *beginning, const struct id *log)
{
	char path[LOG_LOOK_FILE], text[ID_TEXT];

	(void)snprintf(
	    path, sizeof(path), "logs/%s%s", beginning, id_format(text, log));
	if (faccessat(state_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

static bool
is_slots(const char *file, struct id *ret)
{
	return state_file_kind(file) == STATE_FILE_LOG &&
	       id_parse(ret, file + sizeof("log-") - 1) == 0;
}

int
log_look_owed(int runtime_fd, const char *file)
{
	struct log_cursor cu = LOG_CURSOR_NONE;
	struct id id;
	int rc;

	if (!is_slots(file, &id))
		return 0;
	rc = log_cursor_open(&cu, runtime_fd, &id);
	if (rc == 0)
		rc = is_owed(&cu);
	log_cursor_close(&cu);
	/* Damage proves nothing, and is told elsewhere. */
	return rc == -EBADMSG || rc == -ENOTSUP ? 0 : rc;
}

int
log_look_missing(int runtime_fd, int state_fd, const char *file)
{
	struct id id;
	int rc;

	if (!is_slots(file, &id))
		return 0;
	rc = is_there(state_fd, "", &id);
	if (rc == 0)
		rc = is_there(state_fd, ASIDE, &id);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return log_look_owed(runtime_fd, file);
}

int
log_look(struct log_look *ret, const struct log_look_place *pl,
    const struct log_look_ops *ops, void *owner)
{
	struct log_look found = { 0 };
	struct look lk = { .place = pl, .ops = ops, .owner = owner, .ret = &found };
	struct names files = { 0 };
	int rc = log_look_id(&found.about.log, pl->name);

	if (rc < 0)
		return rc;
	lk.dir_fd = open_dir(pl);
	if (lk.dir_fd < 0)
		return lk.dir_fd;
	rc = names_list(&files, lk.dir_fd, is_segment);
	if (rc == 0)
		rc = look_at(&lk, &files);
	names_done(&files);
	free(lk.parts);
	free(lk.saved.entries);
	(void)close(lk.dir_fd);
	if (rc == 0)
		*ret = found;
	return rc;
}
