#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "spool/log_private.h"
#include "spool/names.h"
#include "spool/state_file.h"

#define NAME_PREFIX "segment-"
#define NAME_DIGITS 16

struct recovery {
	struct log *log;
	struct log_progress *progress; /* or NULL */
	struct log_saved_all saved;
	struct names files;
	uint64_t replayed;
	bool alive; /* there are slots */
};

struct found { /* a segment, by its slot or its file */
	uint64_t number;
	bool slotted;
	uint32_t slot;
	/* What its slot tells, as far as that is not damaged. */
	bool knows_committed, knows_settled, knows_skip;
	uint64_t committed, settled, skip_from, skip_to;
};

/* ---- names -------------------------------------------------------------------------- */

static bool
is_segment(const char *name)
{
	size_t prefix = sizeof(NAME_PREFIX) - 1;

	return strncmp(name, NAME_PREFIX, prefix) == 0 &&
	       strspn(name + prefix, "0123456789abcdef") == NAME_DIGITS &&
	       name[prefix + NAME_DIGITS] == '\0';
}

static bool
is_temporary(const char *name)
{
	return strcmp(name, "about.new") == 0 || strcmp(name, "cursors.new") == 0;
}

static uint64_t
name_number(const char *name)
{
	return strtoull(name + sizeof(NAME_PREFIX) - 1, NULL, 16);
}

/* Kept, under a name that nothing looks for. */
static int
set_aside(const struct log *lg, const char *name)
{
	char kept[LOG_SEGMENT_NAME + sizeof(".unknown-99")];

	(void)snprintf(kept, sizeof(kept), "%s.unknown", name);
	return file_set_aside(lg->dir_fd, name, kept, sizeof(kept));
}

/* ---- a segment ----------------------------------------------------------------------- */

static int
cut_file(const struct segment_file *sf, uint64_t size)
{
	if (size <= sf->end)
		return 0;
	if (ftruncate(sf->fd, (off_t)sf->end) < 0 || fdatasync(sf->fd) < 0)
		return -errno;
	CRASH_POINT("log_recover.cut");
	return 0;
}

static const struct log_saved *
find_saved(const struct log_saved_all *all, uint64_t number)
{
	for (size_t i = 0; i < all->n_entries; i++)
		if (all->entries[i].segment == number)
			return &all->entries[i];
	return NULL;
}

static void
recover_sum(struct log *lg, struct log_segment *sg, const struct found *fd)
{
	sg->total = log_cursor_records(&lg->cursor, sg->slot, sg->number);
	sg->summed = !sg->guessed && log_cursor_sum(&lg->cursor, sg->slot, sg->number,
					 fd->committed, &sg->sum);
}

/* Where it is to be told from: its slot; else, as after a power cut, the file and what was saved. */
static int
recover_words(struct recovery *rv, struct log_segment *sg, const struct found *fd)
{
	const struct log_saved *saved = NULL;

	sg->guessed = !fd->knows_committed || !fd->knows_settled || !fd->knows_skip;
	rv->log->guessed = rv->log->guessed || sg->guessed;
	if (sg->guessed)
		saved = find_saved(&rv->saved, sg->number);
	if (fd->slotted) {
		sg->slot = fd->slot;
		recover_sum(rv->log, sg, fd);
	} else {
		int64_t slot = log_cursor_take(&rv->log->cursor, sg->number);

		if (slot < 0)
			return (int)slot;
		sg->slot = (uint32_t)slot;
	}
	if (fd->knows_settled)
		sg->settled = fd->settled;
	else if (saved != NULL)
		sg->settled = saved->settled;
	if (fd->knows_skip) {
		sg->skip_from = fd->skip_from;
		sg->skip_to = fd->skip_to;
	} else if (saved != NULL) {
		sg->skip_from = saved->skip_from;
		sg->skip_to = saved->skip_to;
	}
	return 0;
}

static int
recover_file(
    struct recovery *rv, struct log_segment *sg, const struct found *fd, int file)
{
	const struct log_saved *saved = NULL;
	struct log *lg = rv->log;
	struct segment_file sf = log_file(lg, sg);
	struct stat st;
	int rc = 0;

	if (fstat(file, &st) < 0)
		return -errno;
	sf.fd = file;
	sf.end = (uint64_t)st.st_size;
	if (!segment_is_readable(&sf))
		return -EIO;
	if (fd->knows_committed) {
		sf.end = fd->committed;
		if ((uint64_t)st.st_size < sf.end)
			sg->summed = false;
	} else {
		saved = find_saved(&rv->saved, sg->number);
		sf.end = (uint64_t)st.st_size < SEGMENT_MAX ? (uint64_t)st.st_size
							    : SEGMENT_MAX - 1;
		rc = log_cut_tail(lg, sg, &sf, saved == NULL ? 0 : saved->synced);
	}
	if (rc == 0)
		rc = log_walk(lg, sg, &sf);
	if (rc == 0)
		rc = cut_file(&sf, (uint64_t)st.st_size);
	if (rc < 0)
		return rc;
	sg->end = sf.end;
	if (!fd->slotted)
		sg->synced = sg->end;
	if (!fd->knows_settled || !fd->knows_skip)
		rv->replayed += sg->waiting;
	lg->waiting += sg->waiting;
	return 0;
}

/* One that is not there is gone, and if it should be, lost. */
static void
recover_gone(struct recovery *rv, struct log_segment *sg, const struct found *fd)
{
	if (!fd->knows_settled || !fd->knows_committed || fd->settled < fd->committed)
		log_damage_add(rv->log, sg, 0, 0);
	log_cursor_free(&rv->log->cursor, fd->slot);
	free(sg);
}

/* Every word anew: some may have been damaged. */
static void
store_words(struct log *lg, struct log_segment *sg)
{
	log_segment_store(lg, sg, LOG_COMMITTED, sg->end);
	log_segment_store(lg, sg, LOG_SKIP_TO, 0);
	log_segment_store(lg, sg, LOG_SETTLED, sg->settled);
	log_segment_store(lg, sg, LOG_SKIP_FROM, sg->skip_from);
}

static int
recover_opened(
    struct recovery *rv, struct log_segment *sg, const struct found *fd, int file)
{
	bool was_summed;
	uint64_t skip_to;
	int rc = recover_words(rv, sg, fd);

	was_summed = sg->summed;

	if (rc == 0)
		rc = recover_file(rv, sg, fd, file);
	if (rc == 0)
		rc = log_index_add(rv->log, sg);
	if (rc < 0)
		return rc;
	if (!fd->knows_committed || !fd->knows_settled || !fd->knows_skip) {
		skip_to = sg->skip_to;
		store_words(rv->log, sg);
		log_segment_store(rv->log, sg, LOG_SKIP_TO, skip_to);
	}
	if (sg->summed && !was_summed)
		log_cursor_store_sum(
		    &rv->log->cursor, sg->slot, sg->number, sg->end, &sg->sum);
	log_segment_account(rv->log, sg);
	return 0;
}

static int
recover_segment(struct recovery *rv, const struct found *fd)
{
	struct log_segment *sg = calloc(1, sizeof(*sg));
	char name[LOG_SEGMENT_NAME];
	int file, rc;

	if (sg == NULL)
		return -ENOMEM;
	sg->number = fd->number;
	file = openat(rv->log->dir_fd, log_segment_name(name, sg->number),
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file < 0 && errno == ENOENT && fd->slotted) {
		recover_gone(rv, sg, fd);
		return 0;
	}
	if (file >= 0) {
		rc = recover_opened(rv, sg, fd, file);
		(void)close(file);
		if (rc == 0)
			return 0;
	} else {
		rc = -errno;
	}
	free(sg);
	return rc;
}

/* ---- all of them ---------------------------------------------------------------------- */

static int
compare_found(const void *a, const void *b)
{
	const struct found *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return (int)right->slotted - (int)left->slotted;
}

static void
tell_slots(struct log *lg, uint64_t offset)
{
	char file[sizeof(((struct log_damage *)NULL)->file)], text[ID_TEXT];

	(void)snprintf(file, sizeof(file), "log-%s", id_format(text, &lg->id));
	log_damage_tell(lg, file, offset, 0);
}

static void
found_slot(struct found *fd, const struct log_slot_state *ss, uint32_t slot)
{
	*fd = (struct found){
		.number = ss->value[LOG_SEGMENT],
		.slotted = true,
		.slot = slot,
		.knows_committed = !ss->damaged[LOG_COMMITTED] &&
				   ss->value[LOG_COMMITTED] < SEGMENT_MAX,
		.knows_settled = !ss->damaged[LOG_SETTLED],
		.knows_skip = !ss->damaged[LOG_SKIP_FROM] && !ss->damaged[LOG_SKIP_TO],
		.committed = ss->value[LOG_COMMITTED],
		.settled = ss->value[LOG_SETTLED],
		.skip_from = ss->value[LOG_SKIP_FROM],
		.skip_to = ss->value[LOG_SKIP_TO],
	};
}

/* A slot is damaged whose segment nobody knows, so a file without one may be its. */
static size_t
find_slots(struct log *lg, struct found *found, bool *ret_damaged)
{
	uint64_t used = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < lg->cursor.n_slots; i++) {
		struct log_slot_state ss;

		if (log_cursor_read(&lg->cursor, i, &ss) == 0)
			continue;
		used++;
		for (unsigned which = 0; which < LOG_WORDS; which++)
			if (ss.damaged[which]) {
				tell_slots(lg,
				    LOG_CURSOR_HEADER + i * sizeof(struct log_slot));
				break;
			}
		if (ss.damaged[LOG_SEGMENT] || ss.value[LOG_SEGMENT] == 0)
			*ret_damaged = true;
		else
			found_slot(&found[n++], &ss, i);
	}
	/* More were in use, or nobody knows: a file without one may be of those. */
	if (used < lg->cursor.used)
		*ret_damaged = true;
	if (lg->cursor.used == UINT64_MAX)
		log_cursor_set_used(&lg->cursor, used + 1);
	return n;
}

/* Nothing has to be found out about them any more. */
static void
mend_slots(struct log *lg)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < lg->cursor.n_slots; i++) {
		struct log_slot_state ss;

		if (log_cursor_read(&lg->cursor, i, &ss) == 0)
			continue;
		if (ss.damaged[LOG_SEGMENT])
			log_cursor_free(&lg->cursor, i);
		else
			used++;
	}
	log_cursor_set_used(&lg->cursor, used);
}

/* So many of all are done: may it go on? */
static bool
goes_on(const struct recovery *rv, size_t done, size_t all)
{
	struct log_progress *pg = rv->progress;

	if (pg == NULL)
		return true;
	__atomic_store_n(&pg->all, all, __ATOMIC_RELAXED);
	__atomic_store_n(&pg->done, done, __ATOMIC_RELAXED);
	return !__atomic_load_n(&pg->ended, __ATOMIC_RELAXED);
}

void
log_progress_read(const struct log_progress *pg, struct log_progress *ret)
{
	*ret = (struct log_progress){
		.done = __atomic_load_n(&pg->done, __ATOMIC_RELAXED),
		.all = __atomic_load_n(&pg->all, __ATOMIC_RELAXED),
		.ended = __atomic_load_n(&pg->ended, __ATOMIC_RELAXED),
	};
}

void
log_progress_end(struct log_progress *pg)
{
	__atomic_store_n(&pg->ended, true, __ATOMIC_RELAXED);
}

static int
recover_each(struct recovery *rv, struct found *found, size_t n, bool adopt)
{
	struct log *lg = rv->log;
	uint64_t last = 0;

	if (n > 1)
		qsort(found, n, sizeof(*found), compare_found);
	for (size_t i = 0; i < n; i++) {
		char name[LOG_SEGMENT_NAME];
		int rc;

		if (!goes_on(rv, i, n))
			return -ECANCELED;
		/* A file that has its slot. */
		if (i > 0 && found[i].number == last)
			continue;
		last = found[i].number;
		if (found[i].slotted || (adopt && last != 0 && last <= UINT32_MAX)) {
			/* No kill leaves a file without its slot. */
			if (!found[i].slotted && rv->alive)
				tell_slots(lg, LOG_CURSOR_USED);
			rc = recover_segment(rv, &found[i]);
		} else {
			rc = set_aside(lg, log_segment_name(name, last));
		}
		if (rc < 0)
			return rc;
		if (last <= UINT32_MAX && last > lg->cursor.numbers)
			lg->cursor.numbers = last;
	}
	return 0;
}

/* A segment has its slot before its file: what has none is nobody's, unless slots are damaged or
 * there are none at all. */
static int
recover_all(struct recovery *rv, bool alive)
{
	struct log *lg = rv->log;
	struct found *found = calloc(lg->cursor.n_slots + rv->files.n, sizeof(*found));
	bool adopt = !alive;
	size_t n;
	int rc;

	if (found == NULL)
		return -ENOMEM;
	n = find_slots(lg, found, &adopt);
	for (size_t i = 0; i < rv->files.n; i++)
		found[n++] = (struct found){ .number = name_number(rv->files.at[i]) };
	if (rv->saved.numbers > lg->cursor.numbers)
		lg->cursor.numbers = rv->saved.numbers;
	rc = recover_each(rv, found, n, adopt);
	free(found);
	if (rc < 0)
		return rc;
	log_cursor_set_numbers(&lg->cursor, lg->cursor.numbers);
	mend_slots(lg);
	return 0;
}

/* Kept, and nothing that it says is believed. */
static int
set_cursor_aside(struct log *lg)
{
	char name[STATE_FILE_NAME], kept[STATE_FILE_NAME + sizeof("damaged--99")];
	char text[ID_TEXT];
	int rc;

	(void)snprintf(name, sizeof(name), "log-%s", id_format(text, &lg->id));
	(void)snprintf(kept, sizeof(kept), "damaged-%s", name);
	rc = file_set_aside(lg->env.runtime_fd, name, kept, sizeof(kept));
	if (rc < 0)
		return rc;
	log_damage_tell(lg, name, 0, 0);
	return 0;
}

static int
recover_with(struct recovery *rv)
{
	struct log *lg = rv->log;
	int rc = log_cursor_open(&lg->cursor, lg->env.runtime_fd, &lg->id);
	bool alive = rc == 0;

	rv->alive = alive;
	if (alive) {
		lg->dirty = lg->dir_dirty = true; /* nobody knows */
		return recover_all(rv, true);
	}
	log_cursor_close(&lg->cursor);
	if (rc == -EBADMSG)
		rc = set_cursor_aside(lg);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	rc = log_cursor_make(&lg->cursor, lg->env.runtime_fd, &lg->id);
	CRASH_POINT("log_recover.slots");
	if (rc == 0)
		rc = recover_all(rv, false);
	if (rc == 0)
		rc = log_cursor_publish(&lg->cursor, lg->env.runtime_fd);
	CRASH_POINT("log_recover.published");
	if (rc < 0)
		log_cursor_discard(&lg->cursor, lg->env.runtime_fd);
	return rc;
}

int
log_recover(struct log *lg, const struct log_spec *spec, uint64_t *ret_replayed)
{
	struct recovery rv = { .log = lg, .progress = spec->progress };
	int rc;

	rc = log_about_renew(lg, spec);
	if (rc == 0)
		rc = names_remove(lg->dir_fd, is_temporary);
	if (rc == 0)
		rc = names_list(&rv.files, lg->dir_fd, is_segment);
	if (rc == 0)
		rc = log_saved_read(&rv.saved, lg->dir_fd, &lg->id);
	if (rc == 0)
		rc = recover_with(&rv);
	free(rv.saved.entries);
	names_done(&rv.files);
	if (rc < 0)
		return rc;
	/* From the end, as what is settled goes. */
	for (size_t i = lg->n_segments; i-- > 0;)
		log_segment_check(lg, lg->segments[i]);
	*ret_replayed = rv.replayed;
	return 0;
}
