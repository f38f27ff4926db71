/* Damages a store at random and lets the spool recover it: never a crash, what was not touched
 * is there, what is lost is reported. tests/torture/run damage runs it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damage.h"
#include "damage_log.h"
#include "spool/disk.h"
#include "spool/image.h"
#include "spool/runtime.h"

#define CASES_A_STATE 20
#define WHAT          256 /* bytes; of a text of what was damaged */

static void
touch(struct bytes *by, size_t from, size_t len)
{
	for (size_t i = from; i < from + len && i < by->was; i++)
		by->touched[i] = true;
}

static void
flip(struct bytes *by, uint64_t *seed)
{
	/* Half of them where headers and words are. */
	size_t below = damage_random(seed, 2) == 0 || by->len < 8448 ? by->len : 8448;
	size_t at = damage_random(seed, below);

	by->at[at] ^= (uint8_t)(1 << damage_random(seed, 8));
	touch(by, at, 1);
}

static void
swap_blocks(struct bytes *by, uint64_t *seed)
{
	size_t size = damage_random(seed, 2) == 0 ? 512 : 4096;
	size_t blocks = by->len / size;
	size_t a, b;

	if (blocks < 2)
		return;
	a = damage_random(seed, blocks) * size;
	b = damage_random(seed, blocks) * size;
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = by->at[a + i];

		if (byte == by->at[b + i])
			continue;
		by->at[a + i] = by->at[b + i];
		by->at[b + i] = byte;
		touch(by, a + i, 1);
		touch(by, b + i, 1);
	}
}

void
damage_file(struct bytes *by, uint64_t *seed, char *what, size_t what_size)
{
	static const char *const names[] = { "flipped", "flipped", "truncated",
		"swapped" };
	unsigned kind = (unsigned)damage_random(seed, 4);
	uint64_t n = kind == 1 ? 1 + damage_random(seed, 4) : 1;

	(void)snprintf(what, what_size, "%s %s", by->name, names[kind]);
	if (by->len == 0)
		return; /* the piece before cut it off */
	if (kind == 2) {
		by->len = damage_random(seed, by->len);
		touch(by, by->len, by->was - by->len);
		return;
	}
	while (n-- > 0)
		if (kind == 3)
			swap_blocks(by, seed);
		else
			flip(by, seed);
}

struct place { /* where recovery works */
	char base[64], runtime[80], state[80], logs[80];
	int runtime_fd, state_fd;
	int logs_fd; /* a state directory for the log alone */
};

static int
open_dir(const char *path)
{
	int fd;

	if (mkdir(path, 0700) < 0)
		damage_die(path, -errno);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		damage_die(path, -errno);
	return fd;
}

static void
make_place(struct place *pl)
{
	(void)snprintf(pl->base, sizeof(pl->base), "/dev/shm/mqbridge-damage.XXXXXX");
	if (mkdtemp(pl->base) == NULL)
		damage_die(pl->base, -errno);
	(void)snprintf(pl->runtime, sizeof(pl->runtime), "%s/run", pl->base);
	(void)snprintf(pl->state, sizeof(pl->state), "%s/lib", pl->base);
	pl->runtime_fd = open_dir(pl->runtime);
	(void)snprintf(pl->logs, sizeof(pl->logs), "%s/log", pl->base);
	pl->state_fd = open_dir(pl->state);
	pl->logs_fd = open_dir(pl->logs);
}

static void
clear_place(const struct place *pl)
{
	if (damage_empty(pl->runtime_fd) < 0 || damage_empty(pl->state_fd) < 0)
		damage_die("empty", -EIO);
}

static void
remove_place(struct place *pl)
{
	clear_place(pl);
	(void)close(pl->runtime_fd);
	(void)close(pl->state_fd);
	(void)close(pl->logs_fd);
	(void)rmdir(pl->logs);
	(void)rmdir(pl->runtime);
	(void)rmdir(pl->state);
	(void)rmdir(pl->base);
}

/* The files of a state, one of them damaged, recovered where they lie. */
static const char *
play_files(const struct state *st, const struct place *pl, uint64_t *seed, char *what)
{
	struct state damaged;
	const char *wrong;

	state_copy(&damaged, st);
	/* The ring has most of the messages. */
	damage_file(
	    &damaged.files[damage_random(seed, 2) == 0 ? FILE_RING
						       : damage_random(seed, FILES)],
	    seed, what, WHAT);
	damaged.swapped = strstr(what, "swapped") != NULL;
	state_write(&damaged, pl->runtime_fd);
	wrong = state_judge(&damaged, pl->runtime_fd);
	state_free(&damaged);
	return wrong;
}

static void
load_image(struct bytes *by, const struct place *pl)
{
	struct stat sb;
	int fd = openat(pl->state_fd, "image", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &sb) < 0)
		damage_die("image", -errno);
	(void)snprintf(by->name, sizeof(by->name), "image");
	by->was = by->len = (size_t)sb.st_size;
	by->at = malloc(by->len);
	by->touched = calloc(by->len, sizeof(*by->touched));
	if (by->at == NULL || by->touched == NULL ||
	    read(fd, by->at, by->len) != (ssize_t)by->len)
		damage_die("image", -EIO);
	(void)close(fd);
}

static void
save_image(const struct state *st, const struct place *pl)
{
	struct runtime *rt;
	int rc;

	state_write(st, pl->runtime_fd);
	rc = runtime_open(&rt, pl->runtime, pl->state, NULL);
	if (rc == 0)
		rc = image_save(rt, NULL);
	if (rc < 0)
		damage_die("image", rc);
	runtime_close(rt);
}

static void
put_image(const struct bytes *by, const struct place *pl)
{
	int fd = openat(
	    pl->state_fd, "image", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, by->at, by->len) != (ssize_t)by->len)
		damage_die("image", -errno);
	(void)close(fd);
}

/* What the image has of a file is compared with what was in it before: that is what was
 * touched, whatever was damaged. A file that is not there is touched everywhere. */
static void
find_touched(struct state *st, const struct place *pl)
{
	for (unsigned i = 0; i < FILES; i++) {
		struct bytes *by = &st->files[i];
		int fd = openat(pl->runtime_fd, by->name, O_RDONLY | O_CLOEXEC);
		uint8_t *now = calloc(1, by->was);
		ssize_t n = fd < 0 ? 0 : read(fd, now, by->was);

		for (size_t at = 0; at < by->was; at++)
			by->touched[at] = (ssize_t)at >= n || now[at] != by->at[at];
		free(now);
		if (fd >= 0)
			(void)close(fd);
	}
}

/* The same through a damaged image. Loading it is never silent: the text tells that it was. */
static const char *
play_image(const struct state *st, const struct place *pl, uint64_t *seed, char *what)
{
	struct bytes image = { 0 };
	struct state loaded;
	struct runtime *rt = NULL;
	const char *wrong = NULL;
	bool changed;
	int rc;

	save_image(st, pl);
	load_image(&image, pl);
	damage_file(&image, seed, what, WHAT);
	changed = damage_touched(&image, 0, image.was);
	clear_place(pl);
	put_image(&image, pl);
	rc = runtime_open(&rt, pl->runtime, pl->state, NULL);
	if (rc == 0 && changed && runtime_damage(rt) == NULL)
		wrong = "a damaged image is not told";
	if (rc < 0 && rc != -EBADMSG)
		wrong = "an image cannot be loaded";
	state_copy(&loaded, st);
	loaded.swapped = strstr(what, "swapped") != NULL;
	if (rc == 0)
		find_touched(&loaded, pl);
	if (rc == 0 && wrong == NULL &&
	    faccessat(pl->runtime_fd, loaded.files[FILE_RING].name, F_OK, 0) == 0)
		wrong = state_judge(&loaded, pl->runtime_fd);
	state_free(&loaded);
	runtime_close(rt);
	free(image.at);
	free(image.touched);
	return wrong;
}

struct game {
	struct place place;
	struct disk *disk;
	struct state state; /* of rings, journals, marks */
	struct log_state *log;
	bool made;
	uint64_t seed;
};

static void
free_states(struct game *gm)
{
	if (gm->made)
		state_free(&gm->state);
	log_state_free(gm->log);
	gm->log = NULL;
	gm->made = false;
}

static void
make_states(struct game *gm, uint64_t n)
{
	uint64_t seed = gm->seed * 7919 + n + 1;

	free_states(gm);
	state_make(&gm->state, gm->place.runtime_fd,
	    n / CASES_A_STATE % 2 == 0 ? RING_POSIX : RING_SYSV, &seed);
	gm->log =
	    log_state_make(gm->place.runtime_fd, gm->place.logs_fd, gm->disk, &seed);
	gm->made = true;
}

static const char *
play_case(struct game *gm, uint64_t n, char what[WHAT])
{
	uint64_t seed = gm->seed * 1000003 + n + 1;
	const char *wrong;

	if (n % 5 < 2)
		return log_state_play(gm->log, &seed, what, WHAT);
	wrong = n % 5 == 4 ? play_image(&gm->state, &gm->place, &seed, what)
			   : play_files(&gm->state, &gm->place, &seed, what);
	clear_place(&gm->place);
	return wrong;
}

static int
play(struct game *gm, uint64_t cases, uint64_t only)
{
	for (uint64_t n = 0; n < cases; n++) {
		char what[WHAT] = "";
		const char *wrong;

		if (n % CASES_A_STATE == 0)
			make_states(gm, n);
		if (only != UINT64_MAX && n != only)
			continue;
		wrong = play_case(gm, n, what);
		if (wrong != NULL) {
			(void)printf("case %" PRIu64 " of seed %" PRIu64 ": %s: %s\n",
			    n, gm->seed - 1, what, wrong);
			return 1;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct game *gm = calloc(1, sizeof(*gm));
	int status;

	if (argc < 3 || argc > 4) {
		(void)fputs("usage: damage CASES SEED [CASE]\n", stderr);
		return 2;
	}
	if (gm == NULL || disk_new(&gm->disk) < 0)
		damage_die("memory", -ENOMEM);
	gm->seed = strtoull(argv[2], NULL, 10) + 1;
	make_place(&gm->place);
	status = play(gm, strtoull(argv[1], NULL, 10),
	    argc == 4 ? strtoull(argv[3], NULL, 10) : UINT64_MAX);
	free_states(gm);
	remove_place(&gm->place);
	disk_free(gm->disk);
	free(gm);
	(void)printf("damage: cases %" PRIu64 ", lost %" PRIu64 ", reported %" PRIu64
		     ", mended %" PRIu64 ", refused: rings %" PRIu64
		     ", streams %" PRIu64 ", marks %" PRIu64 "; of logs: cases %" PRIu64
		     ", lost %" PRIu64 ", reported %" PRIu64
		     ", settled and again %" PRIu64
		     "; not as many, as blocks changed places %" PRIu64
		     ", the slots were hit %" PRIu64 ", settled ones too %" PRIu64 "\n",
	    judged.cases, judged.lost, judged.reported, judged.mended,
	    judged.rings_refused, judged.streams_refused, judged.marks_refused,
	    log_judged.cases, log_judged.lost, log_judged.reported, log_judged.again,
	    log_judged.swapped, log_judged.slots, log_judged.settled);
	return status;
}
