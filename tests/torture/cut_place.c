#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cut.h"

void
cut_die(const char *what, int rc)
{
	(void)fprintf(
	    stderr, "power-cut: %s: %s\n", what, strerror(rc < 0 ? -rc : errno));
	exit(2);
}

/* splitmix64 */
uint64_t
cut_random(uint64_t *seed, uint64_t below)
{
	uint64_t mixed = *seed += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return (mixed ^ mixed >> 31) % below;
}

static int
make_dir(char path[80], const char *base, const char *name, const char *part)
{
	int fd;

	(void)snprintf(path, 80, "%s/%s-%s", base, name, part);
	if (mkdir(path, 0700) < 0)
		cut_die(path, 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		cut_die(path, 0);
	return fd;
}

void
cut_place_make(struct cut_place *pl, const char *base, const char *name)
{
	pl->run_fd = make_dir(pl->run, base, name, "run");
	pl->lib_fd = make_dir(pl->lib, base, name, "lib");
}

void
cut_place_remove(struct cut_place *pl)
{
	cut_empty(pl->run_fd);
	cut_empty(pl->lib_fd);
	(void)close(pl->run_fd);
	(void)close(pl->lib_fd);
	(void)rmdir(pl->run);
	(void)rmdir(pl->lib);
}

static void
remove_name(int dir_fd, const char *name)
{
	int fd;

	if (unlinkat(dir_fd, name, 0) == 0)
		return;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		cut_die(name, 0);
	cut_empty(fd);
	(void)close(fd);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		cut_die(name, 0);
}

void
cut_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (dir == NULL)
		cut_die("fdopendir", 0);
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			remove_name(dir_fd, de->d_name);
	(void)closedir(dir);
}
