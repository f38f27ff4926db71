#include "damage_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "spool/disk.h"
#include "spool/log.h"
#include "spool/names.h"

#define ITEMS   600
#define BATCH   12
#define LIMIT   (UINT64_C(1) << 20) /* bytes; so segments are closed above 64 KiB */
#define WAIT_MS 20000

struct item {
	uint64_t place;
	int64_t priority;
	uint32_t length;
	enum fate fate;
	bool seen;
};

struct log_file {
	struct bytes bytes;
	bool runtime;     /* in the runtime directory */
	uint64_t segment; /* its number, 0: it is none */
};

struct log_state {
	int runtime_fd, state_fd;
	struct disk *disk;
	struct id id;
	struct item items[ITEMS];
	size_t n;
	size_t flight[ITEMS], n_flight; /* in the order in which they were taken */
	struct log_file *files;
	size_t n_files;
	bool swapped; /* blocks of a file changed places */
};

struct opened { /* a log at work */
	struct log_state *state;
	struct log *log;
	bool moved;
	size_t moving[BATCH], n_moving;
};

struct log_judged log_judged;

static const struct id of_stream = { { 1 } }, from_ring = { { 2 } };

static void
must(int rc, const char *what)
{
	if (rc < 0)
		damage_die(what, rc);
}

static struct log_spec
log_spec(void)
{
	return (struct log_spec){ .stream = of_stream,
		.ring = from_ring,
		.seed = record_seed(&from_ring),
		.uri = "posix:/damage",
		.take = "",
		.label = "hub/a",
		.limit = LIMIT };
}

static struct log_env
log_env(const struct log_state *ls)
{
	return (struct log_env){
		.runtime_fd = ls->runtime_fd, .state_fd = ls->state_fd, .disk = ls->disk
	};
}

static void
wait_log(const struct opened *op)
{
	struct pollfd pfd = { .fd = disk_fd(op->state->disk), .events = POLLIN };

	while (log_busy(op->log)) {
		if (poll(&pfd, 1, WAIT_MS) != 1)
			damage_die("the disk thread does not end", -ETIMEDOUT);
		disk_collect(op->state->disk);
	}
}

/* ---- messages ------------------------------------------------------------------------ */

static uint8_t
body_byte(uint64_t item, uint32_t at)
{
	if (at < sizeof(item))
		return (uint8_t)(item >> (8 * at));
	return (uint8_t)(item * 31 + at * 7 + (at >> 9));
}

static struct record *
make_record(const struct log_state *ls, size_t item)
{
	const struct item *it = &ls->items[item];
	struct record *rec = calloc(1, record_stride(it->length));

	if (rec == NULL)
		damage_die("memory", -ENOMEM);
	rec->length = it->length;
	rec->number = item + 1;
	rec->captured_ns = (int64_t)item + 1;
	rec->type = it->priority;
	for (uint32_t i = 0; i < it->length; i++)
		rec->body[i] = body_byte(item, i);
	record_seal(rec, record_seed(&from_ring));
	return rec;
}

/* Which one it is: its index, or ITEMS: none that was put in. */
static size_t
item_of(const struct log_state *ls, const struct record *rec)
{
	uint64_t item;

	if (rec->length < sizeof(item))
		return ITEMS;
	memcpy(&item, rec->body, sizeof(item));
	if (item >= ls->n || rec->length != ls->items[item].length ||
	    rec->type != ls->items[item].priority || rec->number != item + 1)
		return ITEMS;
	for (uint32_t i = 0; i < rec->length; i++)
		if (rec->body[i] != body_byte(item, i))
			return ITEMS;
	return (size_t)item;
}

/* ---- a life -------------------------------------------------------------------------- */

static void
on_moved(void *owner, const struct log_item *items, size_t count, int rc)
{
	struct opened *op = owner;

	must(rc, "log_append");
	for (size_t i = 0; i < count; i++)
		op->state->items[op->moving[i]].place = items[i].place;
	op->moved = true;
}

static void
step_append(struct opened *op, uint64_t *seed)
{
	static const int64_t priorities[] = { 1, 4, 9 };
	struct log_item items[BATCH];
	struct record *records[BATCH];
	struct log_state *ls = op->state;
	size_t count = 1 + damage_random(seed, BATCH);

	if (ls->n + count > ITEMS)
		return;
	for (size_t i = 0; i < count; i++) {
		size_t item = ls->n++;
		uint64_t length = damage_random(seed, 8) == 0
				      ? 600 + damage_random(seed, 6000)
				      : 8 + damage_random(seed, 200);

		ls->items[item] =
		    (struct item){ .priority = priorities[damage_random(seed, 3)],
			    .length = (uint32_t)length };
		op->moving[i] = item;
		records[i] = make_record(ls, item);
		items[i] = (struct log_item){ .rec = records[i],
			.priority = ls->items[item].priority };
	}
	op->moved = false;
	must(log_append(op->log, items, count, on_moved, op), "log_append");
	wait_log(op);
	for (size_t i = 0; i < count; i++)
		free(records[i]);
}

static const struct record *
peek(const struct opened *op, uint64_t *ret_place)
{
	const struct record *rec;
	int64_t priority;

	while ((rec = log_peek(op->log, ret_place)) == NULL &&
	       log_first(op->log, &priority)) {
		if (!log_busy(op->log))
			damage_die("the log neither reads nor ends", -EIO);
		wait_log(op);
	}
	return rec;
}

static void
step_take(struct opened *op, uint64_t *seed)
{
	struct log_state *ls = op->state;

	for (uint64_t i = damage_random(seed, 16); i > 0; i--) {
		uint64_t place;
		const struct record *rec = peek(op, &place);

		if (rec == NULL)
			return;
		ls->flight[ls->n_flight] = item_of(ls, rec);
		ls->items[ls->flight[ls->n_flight++]].fate = FATE_IN_FLIGHT;
		log_pop(op->log);
	}
}

static void
step_settle(struct opened *op, uint64_t *seed)
{
	struct log_state *ls = op->state;
	size_t count = damage_random(seed, ls->n_flight + 1);

	for (size_t i = 0; i < count; i++) {
		struct item *it = &ls->items[ls->flight[i]];

		it->fate = FATE_SETTLED;
		log_settle(op->log, it->place);
	}
	ls->n_flight -= count;
	memmove(ls->flight, ls->flight + count, ls->n_flight * sizeof(ls->flight[0]));
}

static void
live(struct log_state *ls, uint64_t *seed)
{
	const struct log_env env = log_env(ls);
	const struct log_spec spec = log_spec();
	struct opened op = { .state = ls };

	must(log_create(&op.log, &env, &spec), "log_create");
	ls->id = *log_id(op.log);
	for (uint64_t steps = 20 + damage_random(seed, 120); steps > 0; steps--) {
		switch (damage_random(seed, 8)) {
		case 0:
			step_take(&op, seed);
			break;
		case 1:
			step_settle(&op, seed);
			break;
		case 2:
			log_save_cursors(op.log);
			wait_log(&op);
			break;
		default:
			step_append(&op, seed);
		}
	}
	/* Killed: what it began on the disk ends, before anybody looks. */
	log_close(op.log);
	disk_free(ls->disk);
}

/* ---- files --------------------------------------------------------------------------- */

static bool
is_any(const char *name)
{
	return name[0] != '.';
}

static int
open_log_dir(const struct log_state *ls)
{
	char path[64], text[ID_TEXT];
	int fd;

	(void)snprintf(path, sizeof(path), "logs/%s", id_format(text, &ls->id));
	fd = openat(ls->state_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd < 0 ? -errno : 0, path);
	return fd;
}

static void
load_file(struct log_file *lf, int dir_fd, const char *name)
{
	struct bytes *by = &lf->bytes;
	char *bytes;

	(void)snprintf(by->name, sizeof(by->name), "%s", name);
	must(file_read(&bytes, &by->len, dir_fd, name, 1 << 24), name);
	by->at = (uint8_t *)bytes;
	by->was = by->len;
	by->touched = calloc(by->len + 1, sizeof(*by->touched));
	if (by->touched == NULL)
		damage_die("memory", -ENOMEM);
	if (strncmp(name, "segment-", 8) == 0)
		lf->segment = strtoull(name + 8, NULL, 16);
}

static void
load_files(struct log_state *ls, int dir_fd, bool runtime)
{
	struct names nm;

	must(names_list(&nm, dir_fd, is_any), "list");
	ls->files = realloc(ls->files, (ls->n_files + nm.n) * sizeof(*ls->files));
	if (ls->files == NULL)
		damage_die("memory", -ENOMEM);
	for (size_t i = 0; i < nm.n; i++) {
		struct log_file *lf = &ls->files[ls->n_files++];

		*lf = (struct log_file){ .runtime = runtime };
		load_file(lf, dir_fd, nm.at[i]);
	}
	names_done(&nm);
}

static void
empty(const struct log_state *ls)
{
	int fd = open_log_dir(ls);

	must(damage_empty(fd), "empty");
	(void)close(fd);
	must(damage_empty(ls->runtime_fd), "empty");
}

struct log_state *
log_state_make(int runtime_fd, int state_fd, struct disk *disk, uint64_t *seed)
{
	struct log_state *ls = calloc(1, sizeof(*ls));
	int fd;

	if (ls == NULL)
		damage_die("memory", -ENOMEM);
	ls->runtime_fd = runtime_fd;
	ls->state_fd = state_fd;
	must(disk_new(&ls->disk), "disk_new");
	live(ls, seed);
	ls->disk = disk;
	fd = open_log_dir(ls);
	load_files(ls, fd, false);
	load_files(ls, runtime_fd, true);
	(void)close(fd);
	empty(ls);
	return ls;
}

static void
free_files(struct log_state *ls)
{
	for (size_t i = 0; i < ls->n_files; i++) {
		free(ls->files[i].bytes.at);
		free(ls->files[i].bytes.touched);
	}
	free(ls->files);
}

static void
remove_dirs(const struct log_state *ls)
{
	char path[64], text[ID_TEXT];

	(void)snprintf(path, sizeof(path), "logs/%s", id_format(text, &ls->id));
	(void)unlinkat(ls->state_fd, path, AT_REMOVEDIR);
	(void)unlinkat(ls->state_fd, "logs", AT_REMOVEDIR);
}

void
log_state_free(struct log_state *ls)
{
	if (ls == NULL)
		return;
	remove_dirs(ls);
	free_files(ls);
	free(ls);
}

static void
copy_files(struct log_state *to, const struct log_state *from)
{
	*to = *from;
	to->files = calloc(from->n_files, sizeof(*to->files));
	if (to->files == NULL)
		damage_die("memory", -ENOMEM);
	for (size_t i = 0; i < from->n_files; i++) {
		const struct bytes *by = &from->files[i].bytes;

		to->files[i] = from->files[i];
		to->files[i].bytes.at = malloc(by->len + 1);
		to->files[i].bytes.touched = calloc(by->was + 1, sizeof(*by->touched));
		if (to->files[i].bytes.at == NULL || to->files[i].bytes.touched == NULL)
			damage_die("memory", -ENOMEM);
		memcpy(to->files[i].bytes.at, by->at, by->len);
	}
}

static void
put_files(const struct log_state *ls)
{
	int log_fd = open_log_dir(ls);

	for (size_t i = 0; i < ls->n_files; i++) {
		const struct bytes *by = &ls->files[i].bytes;
		int fd = openat(ls->files[i].runtime ? ls->runtime_fd : log_fd,
		    by->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		must(fd < 0 ? -errno : 0, by->name);
		must(file_write_all(fd, by->at, by->len), by->name);
		(void)close(fd);
	}
	(void)close(log_fd);
}

/* ---- judging ------------------------------------------------------------------------- */

static bool
touched(const struct log_state *ls, bool runtime)
{
	for (size_t i = 0; i < ls->n_files; i++)
		if (ls->files[i].runtime == runtime &&
		    damage_touched(&ls->files[i].bytes, 0, ls->files[i].bytes.was))
			return true;
	return false;
}

/* All of a record, with its padding, which a cut may take, but its state, which means nothing in a
 * log. */
static bool
item_touched(const struct log_state *ls, const struct item *it)
{
	uint64_t segment = it->place >> 31 & UINT32_MAX;
	uint64_t offset = it->place & ((UINT64_C(1) << 31) - 1);

	for (size_t i = 0; i < ls->n_files; i++) {
		const struct bytes *by = &ls->files[i].bytes;

		if (ls->files[i].segment == segment)
			return damage_touched(by, offset, 32) ||
			       damage_touched(
				   by, offset + 36, record_stride(it->length) - 36);
	}
	return false; /* all of that segment was settled */
}

static const char *
judge_flight(struct opened *op)
{
	struct log_state *ls = op->state;

	for (size_t i = 0; i < ls->n_flight; i++) {
		struct item *it = &ls->items[ls->flight[i]];

		if (log_place_sent(op->log, it->place) < 0)
			return "what is in flight is not known";
	}
	for (size_t i = 0; i < ls->n_flight; i++) {
		struct item *it = &ls->items[ls->flight[i]];
		const struct record *rec;
		size_t at;

		while ((rec = log_at(op->log, it->place)) == NULL &&
		       !log_lost(op->log, it->place))
			wait_log(op);
		at = rec == NULL ? ITEMS : item_of(ls, rec);
		/* What stands there for it must have changed its place with it. */
		if (rec != NULL && at != ls->flight[i] &&
		    (!ls->swapped || at == ITEMS || ls->items[at].seen))
			return "a place in flight is another record";
		if (rec != NULL)
			ls->items[at].seen = true;
		log_settle(op->log, it->place);
	}
	return NULL;
}

static const char *
judge_waiting(struct opened *op)
{
	struct log_state *ls = op->state;
	const struct record *rec;
	uint64_t place;

	while ((rec = peek(op, &place)) != NULL) {
		size_t item = item_of(ls, rec);

		if (item == ITEMS)
			return "a record comes that was not put in";
		if (ls->items[item].seen)
			return "a record comes twice";
		ls->items[item].seen = true;
		if (ls->items[item].fate == FATE_SETTLED) {
			log_judged.again++;
			/* Its block stands elsewhere now, or nobody knows how far it was. */
			if (!touched(ls, true) && !item_touched(ls, &ls->items[item]))
				return "a settled record comes again";
		}
		log_pop(op->log);
		log_settle(op->log, place);
	}
	return NULL;
}

/* Lost is what was not settled and did not come, and only what was damaged. As many are told, but for
 * what had been settled in a place that is damaged as a whole. Where blocks changed places nobody knows
 * which of the records of a frame are missing. */
static const char *
judge_items(const struct opened *op, uint64_t reported, bool told)
{
	const struct log_state *ls = op->state;
	uint64_t lost = 0, settled = 0;

	for (size_t i = 0; i < ls->n; i++) {
		const struct item *it = &ls->items[i];

		if (it->seen || it->fate == FATE_SETTLED) {
			settled += !it->seen && item_touched(ls, it);
			continue;
		}
		lost++;
		if (!item_touched(ls, it))
			return "an untouched record is lost";
	}
	log_judged.lost += lost;
	log_judged.reported += reported;
	if (lost > 0 && !told)
		return "a loss is not told";
	if (lost == reported)
		return NULL;
	if (ls->swapped) {
		log_judged.swapped++;
		return NULL;
	}
	if (reported > lost + settled)
		return "more are told than are lost";
	/* How many were there is told by the slots, if those are whole. */
	if (touched(ls, true))
		log_judged.slots++;
	else if (reported > lost)
		log_judged.settled++;
	else
		return "fewer are told than are lost";
	return NULL;
}

static const char *
judge(struct log_state *ls)
{
	const struct log_env env = log_env(ls);
	const struct log_spec spec = log_spec();
	struct opened op = { .state = ls };
	struct log_damage damage;
	struct log_numbers nb;
	const char *wrong;
	uint64_t replayed;
	int rc = log_open(&op.log, &env, &ls->id, &spec, &replayed);

	if (rc < 0)
		return "the log is refused";
	wrong = judge_flight(&op);
	if (wrong == NULL)
		wrong = judge_waiting(&op);
	log_numbers(op.log, &nb);
	if (wrong == NULL)
		wrong = judge_items(&op, nb.damaged, log_damage(op.log, &damage));
	wait_log(&op);
	log_close(op.log);
	return wrong;
}

const char *
log_state_play(const struct log_state *ls, uint64_t *seed, char *what, size_t what_size)
{
	uint64_t pieces = 1 + damage_random(seed, 4);
	struct log_state damaged;
	const char *wrong;

	copy_files(&damaged, ls);
	while (pieces-- > 0) {
		size_t used = strlen(what);

		if (used > 0 && used + 1 < what_size)
			(void)snprintf(what + used, what_size - used, ", ");
		used = strlen(what);
		damage_file(&damaged.files[damage_random(seed, ls->n_files)].bytes,
		    seed, what + used, what_size - used);
	}
	damaged.swapped = strstr(what, "swapped") != NULL;
	put_files(&damaged);
	log_judged.cases++;
	wrong = judge(&damaged);
	empty(&damaged);
	free_files(&damaged);
	return wrong;
}
