#include "tools/spool_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "spool/deadletter.h"
#include "spool/image_load.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/stream.h"
#include "spool/why.h"

#define COPY_CHUNK 65536 /* bytes */

static const char *
mend_text(enum store_mend mend)
{
	switch (mend) {
	case STORE_MEND_ASIDE:
		return "rename it, after its messages were exported as far as they can be";
	case STORE_MEND_JOURNAL:
		return "give the stream a new journal: what was in flight is sent again, "
		       "perhaps twice";
	case STORE_MEND_START:
		break;
	}
	return "nothing: the next start goes on so";
}

void
store_fault(struct spool_store *ss, const char *file, int64_t offset,
    enum store_mend mend, const char *what)
{
	json_t *object = json_pack("{s:s, s:o, s:s, s:s, s:i}", "file", file, "offset",
	    offset < 0 ? json_null() : json_integer(offset), "what", what, "repair",
	    mend_text(mend), "mend", (int)mend);

	/* Without memory the list is shorter; that a fault was found must not be lost. */
	if (object == NULL || json_array_append_new(ss->faults, object) < 0)
		(void)fprintf(stderr, "mqbridge-spool: %s: %s\n", file, what);
}

static const char *
error_text(int rc)
{
	if (rc == -EBADMSG)
		return "cannot be read: damaged, or something else";
	return rc == -ENOTSUP ? "made by a newer version" : strerror(-rc);
}

static int
copy_bytes(int from, int to)
{
	char chunk[COPY_CHUNK];
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = read(from, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? -errno : file_write_all(to, chunk, (size_t)n);
	}
	return rc;
}

static int
copy_file(const struct spool_store *ss, const char *name)
{
	int from = openat(ss->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc, to;

	if (from < 0)
		return -errno;
	to =
	    openat(ss->scratch_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = to < 0 ? -errno : copy_bytes(from, to);
	if (to >= 0)
		(void)close(to);
	(void)close(from);
	return rc;
}

static int
copy_state(struct spool_store *ss)
{
	struct names nm;
	int rc = names_list(&nm, ss->dir_fd, state_file_is);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && rc == 0; i++) {
		rc = copy_file(ss, nm.at[i]);
		if (rc < 0)
			rc = why_set(ss->error, rc, "%s cannot be copied to %s: %s",
			    nm.at[i], ss->scratch, strerror(-rc));
	}
	names_done(&nm);
	return rc;
}

static void
check_image(struct spool_store *ss)
{
	struct image_info info;
	char *error = NULL;
	int rc = image_check(ss->state_fd, &info, &error);

	if (rc < 0)
		store_fault(ss, "image", -1, STORE_MEND_START,
		    error == NULL ? error_text(rc) : error);
	free(error);
}

static bool
is_any(const char *name)
{
	return name[0] != '.';
}

/* Logs and dead letters can be read all the same. Takes over error. */
static int
give_up_image(struct spool_store *ss, int rc, char *error)
{
	store_fault(
	    ss, "image", -1, STORE_MEND_START, error == NULL ? error_text(rc) : error);
	free(error);
	ss->image_lost = true;
	return names_remove(ss->scratch_fd, is_any);
}

/* The state from its image, as a start would load it; the image stays. */
static int
load_image(struct spool_store *ss)
{
	struct image_info info;
	char *error = NULL;
	char text[256];
	int rc = image_load_look(ss->scratch_fd, ss->state_fd, &info, &error);

	if (rc == -ENOMEM || rc == -ENOSPC) {
		*ss->error = error;
		return rc;
	}
	if (rc < 0)
		return give_up_image(ss, rc, error);
	ss->anchor = info.anchor;
	if (info.damage == NULL)
		return 0;
	(void)snprintf(text, sizeof(text),
	    "damaged (%s): %u files can be read, %u of them with gaps; %u cannot be "
	    "trusted",
	    info.damage, info.files, info.partial, info.dropped);
	store_fault(ss, "image", -1, STORE_MEND_START, text);
	return 0;
}

static int
make_scratch(struct spool_store *ss)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		(void)snprintf(ss->scratch, sizeof(ss->scratch),
		    "%s/mqbridge-spool.XXXXXX", places[i]);
		if (mkdtemp(ss->scratch) == NULL) {
			ss->scratch[0] = '\0';
			continue;
		}
		ss->scratch_fd = open(ss->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return ss->scratch_fd < 0 ? -errno : 0;
	}
	return why_set(ss->error, -EIO, "neither /dev/shm nor /tmp can be written to");
}

static void
fault_spans(struct spool_store *ss, const char *file, const struct ring_report *rp)
{
	char text[160];

	for (uint64_t i = 0; i < rp->spans && i < RING_SPANS; i++) {
		const struct ring_span *sp = &rp->span[i];

		if (sp->records > 0)
			(void)snprintf(text, sizeof(text),
			    "%" PRIu64 " damaged messages in %" PRIu64
			    " bytes, from number %" PRIu64 " on",
			    sp->records, sp->bytes, sp->number);
		else
			(void)snprintf(text, sizeof(text),
			    "%" PRIu64 " bytes are neither free nor messages: the "
			    "newest, from number %" PRIu64 " on, may be lost there",
			    sp->bytes, sp->number);
		store_fault(ss, file, (int64_t)sp->offset, STORE_MEND_START, text);
	}
	if (rp->spans > RING_SPANS) {
		(void)snprintf(text, sizeof(text), "%" PRIu64 " more damaged places",
		    rp->spans - RING_SPANS);
		store_fault(ss, file, -1, STORE_MEND_START, text);
	}
}

static void
fault_report(struct spool_store *ss, const char *file, const struct ring_report *rp)
{
	char text[96];

	if (rp->header_mended)
		store_fault(ss, file, 0, STORE_MEND_START,
		    "the header is damaged; its copy is whole");
	if (rp->tail_mended)
		store_fault(ss, file, 4096, STORE_MEND_START,
		    "the words are damaged; the messages tell where they begin");
	if (rp->missing > 0) {
		(void)snprintf(text, sizeof(text),
		    "the last %" PRIu64 " bytes are gone", rp->missing);
		store_fault(ss, file, -1, STORE_MEND_START, text);
	}
	fault_spans(ss, file, rp);
}

static int
open_ring(struct spool_store *ss, const char *file)
{
	struct store_ring *all =
	    realloc(ss->rings, (ss->n_rings + 1) * sizeof(*ss->rings));
	struct ring_report report;
	struct store_ring *sr;
	int rc;

	if (all == NULL)
		return -ENOMEM;
	ss->rings = all;
	sr = &all[ss->n_rings++];
	*sr = (struct store_ring){ 0 };
	(void)snprintf(sr->file, sizeof(sr->file), "%s", file);
	rc = ring_open(&sr->ring, ss->scratch_fd, file, ss->anchor.clock_ns, &report);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0)
		store_fault(ss, file, -1, STORE_MEND_ASIDE, error_text(rc));
	else
		fault_report(ss, file, &report);
	return 0;
}

static struct store_ring *
ring_of(const struct spool_store *ss, const struct id *id)
{
	for (size_t i = 0; i < ss->n_rings; i++)
		if (ss->rings[i].ring != NULL &&
		    id_equal(ring_id(ss->rings[i].ring), id))
			return &ss->rings[i];
	return NULL;
}

/* What it has in flight in its log is judged when the log is read. */
static int
open_logged(struct spool_store *ss, struct store_stream *st, unsigned *ret_mended)
{
	int rc = journal_open(&st->journal, ss->scratch_fd, st->file);

	if (rc == 0)
		rc = journal_recover(&st->journal, st->of->ring);
	*ret_mended = st->journal.mended;
	if (rc < 0)
		journal_close(&st->journal);
	return rc;
}

static int
open_sent(struct spool_store *ss, struct store_stream *st, unsigned *ret_mended)
{
	int rc;

	if (store_log_of(ss, &st->header.stream) != NULL)
		return open_logged(ss, st, ret_mended);
	rc = stream_open(&st->stream, ss->scratch_fd, st->file, st->of->ring, NULL);
	if (rc == 0)
		*ret_mended = stream_mended(st->stream);
	return rc;
}

static int
open_journal(struct spool_store *ss, struct store_stream *st)
{
	unsigned mended = 0;
	char text[64];
	int rc = journal_read(&st->header, ss->scratch_fd, st->file);

	if (rc < 0) {
		store_fault(ss, st->file, -1, STORE_MEND_ASIDE, error_text(rc));
		return 0;
	}
	st->of = ring_of(ss, &st->header.ring);
	if (st->of == NULL) {
		store_fault(
		    ss, st->file, -1, STORE_MEND_ASIDE, "its ring is not there");
		return 0;
	}
	st->of->streams++;
	rc = open_sent(ss, st, &mended);
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0) {
		store_fault(ss, st->file, 8192, STORE_MEND_JOURNAL,
		    rc == -EBADMSG ? "what is in flight cannot be told any more"
				   : error_text(rc));
		return 0;
	}
	if (mended == 0)
		return 0;
	(void)snprintf(
	    text, sizeof(text), "%u damaged fields, which can be told", mended);
	store_fault(ss, st->file, -1, STORE_MEND_START, text);
	return 0;
}

static int
open_stream(struct spool_store *ss, const char *file)
{
	struct store_stream *all =
	    realloc(ss->streams, (ss->n_streams + 1) * sizeof(*ss->streams));
	struct store_stream *st;

	if (all == NULL)
		return -ENOMEM;
	ss->streams = all;
	st = &all[ss->n_streams++];
	*st = (struct store_stream){ 0 };
	(void)snprintf(st->file, sizeof(st->file), "%s", file);
	return open_journal(ss, st);
}

static int
open_files(struct spool_store *ss, enum state_file_kind kind,
    int (*open_one)(struct spool_store *ss, const char *file))
{
	struct names nm;
	int rc = names_list(&nm, ss->scratch_fd, state_file_is);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n && rc == 0; i++)
		if (state_file_kind(nm.at[i]) == kind)
			rc = open_one(ss, nm.at[i]);
	names_done(&nm);
	return rc;
}

static void
open_marks(struct spool_store *ss)
{
	uint64_t doubts;
	int rc;

	if (faccessat(ss->scratch_fd, "marks", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	rc = marks_open(&ss->marks, ss->scratch_fd, &doubts);
	if (rc < 0)
		store_fault(ss, "marks", -1, STORE_MEND_ASIDE, error_text(rc));
}

static int
count_letter(const struct deadletter *dt, void *arg)
{
	(void)dt;
	(void)arg;
	return 0;
}

static void
check_letters(struct spool_store *ss)
{
	struct deadletters *dl;
	uint64_t damaged = 0;
	char text[64];

	if (ss->state_fd < 0 || deadletters_look(&dl, ss->state_fd) < 0)
		return;
	if (deadletters_each(dl, SIZE_MAX, count_letter, NULL, &damaged) == 0 &&
	    damaged > 0) {
		(void)snprintf(
		    text, sizeof(text), "%" PRIu64 " files are damaged", damaged);
		store_fault(ss, "dead-letters", -1, STORE_MEND_START, text);
	}
	deadletters_close(dl);
}

static bool
is_aside(const char *name)
{
	return strncmp(name, "damaged-", strlen("damaged-")) == 0;
}

static bool
is_image_aside(const char *name)
{
	return strncmp(name, IMAGE_SUPERSEDED, strlen(IMAGE_SUPERSEDED)) == 0;
}

/* What a start, or repair, has put away: it is told until somebody moves it. */
static int
check_aside(struct spool_store *ss, int dir_fd, bool (*which)(const char *name),
    const char *what)
{
	struct names nm;
	int rc;

	if (dir_fd < 0)
		return 0;
	rc = names_list(&nm, dir_fd, which);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n; i++)
		store_fault(ss, nm.at[i], -1, STORE_MEND_START, what);
	names_done(&nm);
	return 0;
}

static bool
has_state(int dir_fd)
{
	struct names nm;
	bool ret;

	if (names_list(&nm, dir_fd, state_file_is) < 0)
		return false;
	ret = nm.n > 0;
	names_done(&nm);
	return ret;
}

/* No daemon ran there since the boot, so there is no file to lock; the directories are. */
static int
open_unlocked(struct spool_store *ss, const char *runtime_dir, const char *state_dir)
{
	ss->dir_fd = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ss->dir_fd >= 0 && !has_state(ss->dir_fd)) {
		(void)close(ss->dir_fd);
		ss->dir_fd = -1;
	}
	ss->state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ss->state_fd < 0)
		return errno == ENOENT && ss->dir_fd >= 0
			   ? 0
			   : why_set(ss->error, -errno, "%s cannot be opened: %s",
				 state_dir, strerror(errno));
	if (flock(ss->state_fd, LOCK_EX | LOCK_NB) < 0)
		return why_set(ss->error, -EBUSY, "%s is in use", state_dir);
	return 0;
}

static int
open_directories(struct spool_store *ss, const char *runtime_dir, const char *state_dir)
{
	int rc = runtime_open_stopped(&ss->runtime, runtime_dir, state_dir, ss->error);

	if (rc == 1)
		return open_unlocked(ss, runtime_dir, state_dir);
	if (rc < 0)
		return rc;
	ss->state_fd = runtime_state_fd(ss->runtime);
	if (runtime_complete(ss->runtime))
		ss->dir_fd = runtime_dir_fd(ss->runtime);
	if (runtime_damage(ss->runtime) != NULL)
		store_fault(
		    ss, "epoch", 0, STORE_MEND_START, runtime_damage(ss->runtime));
	return 0;
}

static int
fill_scratch(struct spool_store *ss)
{
	bool image = ss->state_fd >= 0 && image_exists(ss->state_fd) == 1;

	anchor_boot(&ss->anchor.boot);
	ss->anchor.boot_ns = clock_boot_ns();
	ss->anchor.wall_ns = clock_wall_ns();
	ss->anchor.clock_ns =
	    ss->runtime == NULL ? ss->anchor.boot_ns : runtime_clock_ns(ss->runtime);
	if (ss->dir_fd < 0)
		return image ? load_image(ss) : 0;
	if (image)
		check_image(ss);
	return copy_state(ss);
}

static int
open_all(struct spool_store *ss, const char *runtime_dir, const char *state_dir)
{
	int rc = open_directories(ss, runtime_dir, state_dir);

	if (rc == 0)
		rc = make_scratch(ss);
	if (rc == 0)
		rc = fill_scratch(ss);
	if (rc == 0)
		rc = open_files(ss, STATE_FILE_RING, open_ring);
	if (rc == 0)
		rc = store_logs_check(ss);
	if (rc == 0)
		rc = store_logs_list(ss);
	if (rc == 0)
		rc = open_files(ss, STATE_FILE_STREAM, open_stream);
	if (rc == 0)
		rc = store_logs_read(ss);
	if (rc < 0)
		return rc;
	open_marks(ss);
	check_letters(ss);
	rc = check_aside(ss, ss->dir_fd, is_aside,
	    "was set aside; move it away when it is of no use any more");
	if (rc < 0)
		return rc;
	return check_aside(ss, ss->state_fd, is_image_aside,
	    "an image of another state than the one that counts: copied to a directory "
	    "of its own as \"image\", export shows its messages; move it away when it "
	    "is of no use any more");
}

int
store_open(struct spool_store **ret, const char *runtime_dir, const char *state_dir,
    char **error)
{
	struct spool_store *ss = calloc(1, sizeof(*ss));
	int rc = -ENOMEM;

	*error = NULL;
	if (ss == NULL)
		return rc;
	ss->dir_fd = ss->state_fd = ss->scratch_fd = -1;
	ss->error = error;
	ss->faults = json_array();
	if (ss->faults != NULL)
		rc = open_all(ss, runtime_dir, state_dir);
	if (rc < 0) {
		store_close(ss);
		return rc;
	}
	*ret = ss;
	return 0;
}

void
store_close(struct spool_store *ss)
{
	if (ss == NULL)
		return;
	for (size_t i = 0; i < ss->n_streams; i++) {
		stream_close(ss->streams[i].stream);
		journal_close(&ss->streams[i].journal);
	}
	store_logs_free(ss);
	for (size_t i = 0; i < ss->n_rings; i++)
		ring_close(ss->rings[i].ring);
	marks_close(ss->marks);
	free(ss->streams);
	free(ss->rings);
	if (ss->scratch_fd >= 0) {
		(void)names_remove(ss->scratch_fd, is_any);
		(void)close(ss->scratch_fd);
	}
	if (ss->scratch[0] != '\0')
		(void)rmdir(ss->scratch);
	if (ss->runtime == NULL && ss->dir_fd >= 0)
		(void)close(ss->dir_fd);
	if (ss->runtime == NULL && ss->state_fd >= 0)
		(void)close(ss->state_fd);
	runtime_close(ss->runtime);
	json_decref(ss->faults);
	free(ss);
}
