#include "tools/spool_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/quote.h"
#include "spool/deadletter.h"
#include "spool/image_load.h"
#include "spool/log_look.h"
#include "spool/look.h"
#include "spool/marks.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/state_file.h"
#include "spool/why.h"

/* Members are set one by one; what memory did not suffice for is found out at the end. */
struct list {
	int dir_fd;   /* runtime directory; -1: no state */
	int state_fd; /* -1: no state directory */
	int rc;
	char **error;
};

static void
set(struct list *li, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0 && li->rc == 0)
		li->rc = -ENOMEM;
}

static void
append(struct list *li, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0 && li->rc == 0)
		li->rc = -ENOMEM;
}

static void
set_number(struct list *li, json_t *object, const char *key, uint64_t value)
{
	/* JSON's integers are signed here; nothing counted gets that far. */
	set(li, object, key,
	    json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value));
}

static void
set_text(struct list *li, json_t *object, const char *key, const char *value)
{
	set(li, object, key, json_string(quote(value).text));
}

static void
set_id(struct list *li, json_t *object, const char *key, const struct id *id)
{
	char text[ID_TEXT];

	set(li, object, key, json_string(id_format(text, id)));
}

static void
set_time(struct list *li, json_t *object, const char *key, int64_t wall_ns)
{
	char text[40];

	set(li, object, key, json_string(clock_format(text, sizeof(text), wall_ns)));
}

static void
set_damage(struct list *li, json_t *object, const char *file, int rc)
{
	set_text(li, object, "file", file);
	set_text(li, object, "error",
	    rc == -EBADMSG ? "damaged, or made by a newer version" : strerror(-rc));
}

static json_t *
list_ring(struct list *li, const char *file)
{
	json_t *object = json_object();
	struct look_ring lr;
	int rc = look_ring(&lr, li->dir_fd, file);

	if (rc < 0) {
		set_damage(li, object, file, rc);
		return object;
	}
	set_id(li, object, "id", &lr.id);
	set_text(li, object, "uri", lr.uri);
	set_text(li, object, "take", lr.take);
	set_number(li, object, "bytes", lr.bytes);
	set_number(li, object, "used", lr.used);
	set_number(li, object, "messages", lr.records);
	set_number(li, object, "next_number", lr.next_number);
	set(li, object, "unfinished", json_boolean(lr.unfinished));
	return object;
}

static json_t *
list_stream(struct list *li, const char *file)
{
	json_t *object = json_object();
	struct look_stream ls;
	int rc = look_stream(&ls, li->dir_fd, file);

	if (rc < 0) {
		set_damage(li, object, file, rc);
		return object;
	}
	set_id(li, object, "id", &ls.id);
	set_id(li, object, "ring", &ls.ring);
	set_text(li, object, "to", ls.label);
	set_number(li, object, "acknowledged", ls.acked);
	set_number(li, object, "next", ls.next);
	set_number(li, object, "in_flight", ls.next - ls.acked - 1);
	set_number(li, object, "in_flight_in_log", ls.logged);
	return object;
}

static int
list_files(struct list *li, json_t *all)
{
	json_t *rings = json_array();
	json_t *streams = json_array();
	struct names nm = { 0 };
	int rc;

	rc = names_list(&nm, li->dir_fd, state_file_is);
	if (rc < 0) {
		json_decref(rings);
		json_decref(streams);
		return rc;
	}
	for (size_t i = 0; i < nm.n; i++) {
		enum state_file_kind kind = state_file_kind(nm.at[i]);

		if (kind == STATE_FILE_RING)
			append(li, rings, list_ring(li, nm.at[i]));
		else if (kind == STATE_FILE_STREAM)
			append(li, streams, list_stream(li, nm.at[i]));
	}
	names_done(&nm);
	set(li, all, "rings", rings);
	set(li, all, "streams", streams);
	return 0;
}

struct log_count {
	uint64_t damaged; /* places */
};

static void
on_fault(void *owner, enum log_look_fault kind, const char *file, int64_t offset,
    const char *what)
{
	struct log_count *lc = owner;

	(void)file;
	(void)offset;
	(void)what;
	if (kind != LOG_LOOK_KEPT)
		lc->damaged++;
}

static json_t *
list_log(struct list *li, const char *name)
{
	static const struct log_look_ops ops = { .fault = on_fault };
	const struct log_look_place at = {
		.runtime_fd = li->dir_fd, .state_fd = li->state_fd, .name = name
	};
	json_t *object = json_object();
	struct log_count lc = { 0 };
	struct log_look found;
	int rc = log_look(&found, &at, &ops, &lc);

	if (rc < 0) {
		set_damage(li, object, name, rc);
		return object;
	}
	set_text(li, object, "directory", name);
	set_id(li, object, "id", &found.about.log);
	if (found.has_about) {
		set_id(li, object, "stream", &found.about.stream);
		set_text(li, object, "uri", found.about.uri);
		set_text(li, object, "take", found.about.take);
		set_text(li, object, "to", found.about.label);
	}
	set_number(li, object, "messages", found.messages);
	set_number(li, object, "segments", found.segments);
	set_number(li, object, "bytes", found.bytes);
	set_number(li, object, "faults", lc.damaged);
	return object;
}

static int
list_logs(struct list *li, json_t *all)
{
	json_t *logs = json_array();
	struct names nm = { 0 };
	int rc = li->state_fd < 0 ? 0 : log_look_list(&nm, li->state_fd);

	for (size_t i = 0; i < nm.n && rc == 0; i++)
		append(li, logs, list_log(li, nm.at[i]));
	names_done(&nm);
	set(li, all, "logs", logs);
	return rc;
}

static json_t *
list_mark(struct list *li, const struct mark *m)
{
	json_t *object = json_object();
	json_t *rejects = json_array();

	set_id(li, object, "stream", mark_stream(m));
	set_text(li, object, "to", mark_label(m));
	set_number(li, object, "mark", mark_value(m));
	set(li, object, "in_doubt", json_boolean(mark_in_doubt(m)));
	for (unsigned i = 0; i < mark_rejects(m); i++) {
		uint64_t seq;
		uint16_t reason;
		json_t *entry = json_object();

		mark_reject_at(m, i, &seq, &reason);
		set_number(li, entry, "sequence", seq);
		set_text(li, entry, "reason", dead_reason_text(reason));
		append(li, rejects, entry);
	}
	set(li, object, "rejected", rejects);
	return object;
}

static json_t *
list_doubt(struct list *li, struct marks *mk, unsigned i)
{
	json_t *object = json_object();
	struct doubt db;

	marks_doubt_at(mk, i, &db);
	set_time(li, object, "noticed", db.wall_ns);
	set_id(li, object, "stream", &db.stream);
	set_text(li, object, "to", marks_doubt_label(mk, &db));
	set_number(li, object, "first_sequence", db.seq);
	set_number(li, object, "last_sequence", db.last_seq);
	set_text(li, object, "outcome", doubt_outcome_name(db.outcome));
	if (db.number != 0) {
		set_number(li, object, "number", db.number);
		set(li, object, "type", json_integer(db.type));
		set_number(li, object, "length", db.length);
	}
	return object;
}

static int
list_marks(struct list *li, json_t *all)
{
	json_t *slots = json_array();
	json_t *doubts = json_array();
	const struct mark *m = NULL;
	struct marks *mk = NULL;
	uint64_t total = 0;
	int rc = -ENOENT;

	if (li->dir_fd >= 0)
		rc = marks_look(&mk, li->dir_fd);
	while (rc == 0 && (m = marks_next(mk, m)) != NULL)
		append(li, slots, list_mark(li, m));
	if (rc == 0) {
		total = marks_doubts_total(mk);
		for (unsigned i = 0; i < marks_doubts_listed(mk); i++)
			append(li, doubts, list_doubt(li, mk, i));
		marks_close(mk);
	}
	set(li, all, "marks", slots);
	set_number(li, all, "in_doubt_total", total);
	set(li, all, "in_doubt", doubts);
	if (rc < 0 && rc != -ENOENT)
		return why_set(li->error, rc, "the file \"marks\" cannot be read: %s",
		    rc == -EBADMSG ? "damaged, or made by a newer version"
				   : strerror(-rc));
	return 0;
}

struct letters {
	struct list *list;
	json_t *array;
};

static int
on_letter(const struct deadletter *dt, void *arg)
{
	const struct letters *ls = arg;
	json_t *object = json_object();
	struct list *li = ls->list;

	set_id(li, object, "ring", &dt->ring);
	set_number(li, object, "number", dt->number);
	set_id(li, object, "stream", &dt->stream);
	set_time(li, object, "stored", dt->wall_ns);
	set_text(li, object, "reason", dead_reason_text(dt->reason));
	set_text(li, object, "detail", dt->detail);
	set_text(li, object, "from", dt->uri);
	set_text(li, object, "to", dt->label);
	set_text(li, object, "route", dt->route);
	set(li, object, "type", json_integer(dt->rec->type));
	set_number(li, object, "length", dt->rec->length);
	append(li, ls->array, object);
	return li->rc;
}

static int
list_letters(struct list *li, json_t *all)
{
	struct letters ls = { .list = li, .array = json_array() };
	struct deadletters *dl;
	uint64_t damaged = 0;
	uint64_t bytes = 0;
	int rc = -ENOENT;

	if (li->state_fd >= 0)
		rc = deadletters_look(&dl, li->state_fd);
	if (rc == 0) {
		bytes = deadletters_bytes(dl);
		rc = deadletters_each(dl, SIZE_MAX, on_letter, &ls, &damaged);
		deadletters_close(dl);
	}
	set(li, all, "dead_letters", ls.array);
	set_number(li, all, "dead_letter_bytes", bytes);
	set_number(li, all, "dead_letters_damaged", damaged);
	return rc == -ENOENT ? 0 : rc;
}

static void
list_image(struct list *li, json_t *all)
{
	json_t *object = json_object();
	struct image_info info;
	char *error = NULL;
	int rc;

	if (li->state_fd < 0 || image_exists(li->state_fd) == 0) {
		json_decref(object);
		set(li, all, "image", json_null());
		return;
	}
	rc = image_check(li->state_fd, &info, &error);
	if (rc < 0) {
		set_damage(li, object, "image", rc);
		if (error != NULL)
			set_text(li, object, "error", error);
	} else {
		set_time(li, object, "saved", info.anchor.wall_ns);
		set_number(li, object, "files", info.files);
		set_number(li, object, "bytes", info.bytes);
	}
	free(error);
	set(li, all, "image", object);
}

static int
list_all(struct list *li, json_t *all, const struct runtime *rt)
{
	int rc = 0;

	set(li, all, "complete", json_boolean(rt != NULL && runtime_complete(rt)));
	list_image(li, all);
	if (li->dir_fd >= 0) {
		rc = list_files(li, all);
	} else {
		set(li, all, "rings", json_array());
		set(li, all, "streams", json_array());
	}
	if (rc == 0)
		rc = list_logs(li, all);
	if (rc == 0)
		rc = list_marks(li, all);
	if (rc == 0)
		rc = list_letters(li, all);
	return rc < 0 ? rc : li->rc;
}

/* Since the boot no daemon ran, so there is nothing to lock. */
static int
list_unlocked(struct list *li, json_t *all, const char *state_dir)
{
	int rc;

	li->state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (li->state_fd < 0 && errno != ENOENT)
		return why_set(li->error, -errno, "%s cannot be opened: %s", state_dir,
		    strerror(errno));
	rc = list_all(li, all, NULL);
	if (li->state_fd >= 0)
		(void)close(li->state_fd);
	return rc;
}

int
spool_list(json_t **ret, const char *runtime_dir, const char *state_dir, char **error)
{
	struct list li = { .dir_fd = -1, .state_fd = -1, .error = error };
	json_t *all = json_object();
	struct runtime *rt = NULL;
	int rc;

	rc = runtime_open_stopped(&rt, runtime_dir, state_dir, error);
	set_text(&li, all, "runtime_directory", runtime_dir);
	set_text(&li, all, "state_directory", state_dir);
	if (rc == 0) {
		li.dir_fd = runtime_dir_fd(rt);
		li.state_fd = runtime_state_fd(rt);
		rc = list_all(&li, all, rt);
		runtime_close(rt);
	} else if (rc == 1) {
		rc = list_unlocked(&li, all, state_dir);
	}
	if (rc < 0) {
		json_decref(all);
		return rc;
	}
	*ret = all;
	return 0;
}
