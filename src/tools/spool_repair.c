#include "tools/spool_repair.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "base/quote.h"
#include "spool/image.h"
#include "spool/image_load.h"
#include "spool/log_look.h"
#include "spool/runtime.h"
#include "spool/why.h"
#include "tools/spool_export.h"

struct repair {
	struct spool_store *store;
	const struct spool_repair *how;
	FILE *export; /* NULL: none asked for */
	unsigned changes;
	char **error;
};

static const char *
would(const struct repair *re)
{
	return re->how->apply ? "" : "would ";
}

static const struct store_stream *
stream_of_file(const struct spool_store *ss, const char *file)
{
	for (size_t i = 0; i < ss->n_streams; i++)
		if (strcmp(ss->streams[i].file, file) == 0)
			return &ss->streams[i];
	return NULL;
}

/* All that is written must be on disk before what it is the copy of goes. */
static int
export_done(struct repair *re)
{
	if (re->export == NULL)
		return 0;
	if (fflush(re->export) != 0 || fsync(fileno(re->export)) < 0)
		return why_set(re->error, -errno, "%s cannot be written: %s",
		    re->how->export_to, strerror(errno));
	return 0;
}

static int
need_export(const struct repair *re, const char *file)
{
	return why_set(re->error, -EINVAL,
	    "%s: its messages are given up: say with --export FILE where they are to be "
	    "written first",
	    file);
}

/* Every ring whose streams are not all known may hold messages of the one that cannot be read. */
static int
export_rings(struct repair *re)
{
	int rc = 0;

	for (size_t i = 0; i < re->store->n_rings && rc == 0; i++)
		if (re->store->rings[i].ring != NULL)
			rc = spool_export_ring(
			    re->store, &re->store->rings[i], re->export);
	return rc;
}

/* What of it the log has is given up with a stream. */
static int
export_log(struct repair *re, const struct store_stream *st)
{
	const struct store_log *sl = store_log_of(re->store, &st->header.stream);

	return sl == NULL ? 0 : spool_export_log(re->store, sl, re->export);
}

/* In the same directory, which is below the state directory for files of logs. */
static int
rename_aside(struct repair *re, const char *file)
{
	const char *slash = strrchr(file, '/');
	int dir_fd = slash == NULL ? re->store->dir_fd : re->store->state_fd;
	char name[LOG_LOOK_FILE + sizeof("damaged--99")];
	int dir_len = slash == NULL ? 0 : (int)(slash + 1 - file);
	int rc = 0;

	(void)snprintf(
	    name, sizeof(name), "%.*sdamaged-%s", dir_len, file, file + dir_len);
	if (re->how->apply)
		rc = file_set_aside(dir_fd, file, name, sizeof(name));
	if (rc < 0)
		return why_set(re->error, rc, "%s cannot be renamed to %s: %s", file,
		    name, strerror(-rc));
	(void)fprintf(re->how->out, "%s: %srename to %s\n", file, would(re), name);
	re->changes += re->how->apply ? 1 : 0;
	return 0;
}

static int
set_aside(struct repair *re, const char *file)
{
	const struct store_stream *st = stream_of_file(re->store, file);
	int rc = 0;

	if (re->how->apply && st != NULL) {
		if (re->export == NULL)
			return need_export(re, file);
		rc = export_rings(re);
		if (rc == 0)
			rc = export_log(re, st);
		if (rc == 0)
			rc = export_done(re);
	}
	return rc == 0 ? rename_aside(re, file) : rc;
}

/* A new journal of the same slot: all that is not settled waits for it. The older one goes
 * afterwards: with both a start finds the slot taken and refuses, with neither it would take
 * the messages for settled. */
static int
new_journal(struct repair *re, const char *file)
{
	const struct store_stream *st = stream_of_file(re->store, file);
	struct journal_header hd = { 0 };
	char name[STATE_FILE_NAME + sizeof("damaged--99")], text[ID_TEXT];
	struct journal jn = { 0 };
	int rc;

	if (st == NULL)
		return -ENOENT;
	hd = st->header;
	rc = id_make(&hd.stream);
	(void)snprintf(name, sizeof(name), "damaged-%s", file);
	(void)fprintf(re->how->out,
	    "%s: %sgive the stream to %s a new journal; what was in flight is sent again, "
	    "perhaps twice\n",
	    file, would(re), quote(hd.label).text);
	if (rc < 0 || !re->how->apply)
		return rc;
	rc = journal_create(&jn, re->store->dir_fd, &hd);
	journal_close(&jn);
	if (rc < 0)
		return why_set(
		    re->error, rc, "a new journal cannot be made: %s", strerror(-rc));
	rc = file_set_aside(re->store->dir_fd, file, name, sizeof(name));
	if (rc < 0)
		return why_set(re->error, rc, "%s cannot be renamed to %s: %s", file,
		    name, strerror(-rc));
	(void)fprintf(re->how->out, "    it is stream-%s now; %s is kept\n",
	    id_format(text, &hd.stream), name);
	re->changes++;
	return 0;
}

/* A start would find it for a route with the same ends, and send its messages. */
static int
drop_log(struct repair *re, const struct store_stream *st)
{
	const struct store_log *sl = store_log_of(re->store, &st->header.stream);
	char file[LOG_LOOK_FILE];

	if (sl == NULL)
		return 0;
	(void)snprintf(file, sizeof(file), "logs/%s", sl->name);
	return rename_aside(re, file);
}

static int
drop_stream(struct repair *re)
{
	const char *id = re->how->drop_stream;
	char file[STATE_FILE_NAME];
	const struct store_stream *st;
	int rc;

	(void)snprintf(file, sizeof(file), "stream-%s", id);
	st = stream_of_file(re->store, file);
	if (st == NULL || st->of == NULL)
		return why_set(re->error, -EINVAL,
		    "there is no stream %s whose ring can be read", id);
	if (re->export == NULL)
		return need_export(re, file);
	(void)fprintf(re->how->out,
	    "%s: %swrite its messages to %s and give it up (%s to %s)\n", file,
	    would(re), re->how->export_to, ring_uri(st->of->ring),
	    quote(st->header.label).text);
	if (!re->how->apply)
		return drop_log(re, st);
	rc = spool_export_stream(re->store, st, re->export);
	if (rc == 0)
		rc = export_done(re);
	if (rc == 0)
		rc = drop_log(re, st);
	if (rc == 0 && unlinkat(re->store->dir_fd, file, 0) < 0)
		rc = -errno;
	if (rc < 0)
		return why_set(
		    re->error, rc, "%s cannot be given up: %s", file, strerror(-rc));
	re->changes++;
	return 0;
}

static int
mend_faults(struct repair *re)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(re->store->faults, i, fault)
	{
		const char *file = json_string_value(json_object_get(fault, "file"));
		json_int_t mend = json_integer_value(json_object_get(fault, "mend"));
		int rc = 0;

		if (mend == STORE_MEND_ASIDE)
			rc = set_aside(re, file);
		else if (mend == STORE_MEND_JOURNAL)
			rc = new_journal(re, file);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* An older image would bring back after a reboot what is no more. */
static int
renew_image(struct repair *re)
{
	struct spool_store *ss = re->store;

	if (re->changes == 0 || image_exists(ss->state_fd) != 1)
		return 0;
	return image_save(ss->runtime, re->error);
}

static bool
has_work(const struct repair *re)
{
	const json_t *fault;
	size_t i;

	if (re->how->drop_stream != NULL)
		return true;
	json_array_foreach(re->store->faults, i,
	    fault) if (json_integer_value(json_object_get(fault, "mend")) !=
		       STORE_MEND_START) return true;
	return false;
}

static int
open_export(struct repair *re)
{
	int fd;

	if (re->how->export_to == NULL || !re->how->apply) {
		/* Only whether there is one is looked at then. */
		re->export = re->how->export_to == NULL ? NULL : re->how->out;
		return 0;
	}
	fd = open(re->how->export_to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		re->export = fdopen(fd, "w");
	if (re->export == NULL) {
		int rc = -errno;

		if (fd >= 0)
			(void)close(fd);
		return why_set(re->error, rc, "%s cannot be made: %s",
		    re->how->export_to, strerror(-rc));
	}
	return 0;
}

int
spool_repair(struct spool_store *ss, const struct spool_repair *how, char **error)
{
	struct repair re = { .store = ss, .how = how, .error = error };
	int rc;

	if (!has_work(&re)) {
		(void)fputs("nothing to repair\n", how->out);
		return 0;
	}
	if (ss->runtime == NULL || ss->dir_fd < 0)
		return why_set(error, -EINVAL,
		    "the state is not in the runtime directory: start the daemon, stop "
		    "it, and repair then");
	rc = open_export(&re);
	if (rc < 0)
		return rc;
	if (how->drop_stream != NULL)
		rc = drop_stream(&re);
	else
		rc = mend_faults(&re);
	if (rc == 0)
		rc = renew_image(&re);
	if (how->apply && re.export != NULL && fclose(re.export) != 0 && rc == 0)
		rc = why_set(error, -EIO, "%s cannot be written", how->export_to);
	return rc == 0 && !how->apply ? 1 : rc;
}
