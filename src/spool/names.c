#include "spool/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
add(struct names *nm, size_t *room, const char *name)
{
	if (nm->n == *room) {
		size_t more = *room == 0 ? 16 : 2 * *room;
		char **at = realloc(nm->at, more * sizeof(*at));

		if (at == NULL)
			return -ENOMEM;
		nm->at = at;
		*room = more;
	}
	nm->at[nm->n] = strdup(name);
	if (nm->at[nm->n] == NULL)
		return -ENOMEM;
	nm->n++;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
collect(struct names *nm, DIR *dir, bool (*wanted)(const char *name))
{
	const struct dirent *de;
	size_t room = 0;
	int rc;

	while (errno = 0, (de = readdir(dir)) != NULL) {
		if (!wanted(de->d_name))
			continue;
		rc = add(nm, &room, de->d_name);
		if (rc < 0)
			return rc;
	}
	return -errno;
}

int
names_list(struct names *ret, int dir_fd, bool (*wanted)(const char *name))
{
	struct names nm = { 0 };
	DIR *dir;
	int fd;
	int rc;

	/* A descriptor of its own, so that no reading position is shared. */
	fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = -errno;
		(void)close(fd);
		return rc;
	}
	rc = collect(&nm, dir, wanted);
	(void)closedir(dir);
	if (rc < 0) {
		names_done(&nm);
		return rc;
	}
	if (nm.n > 1)
		qsort(nm.at, nm.n, sizeof(*nm.at), compare);
	*ret = nm;
	return 0;
}

void
names_done(struct names *nm)
{
	for (size_t i = 0; i < nm->n; i++)
		free(nm->at[i]);
	free(nm->at);
	nm->at = NULL;
	nm->n = 0;
}

int
names_remove(int dir_fd, bool (*wanted)(const char *name))
{
	struct names nm = { 0 };
	int rc;

	rc = names_list(&nm, dir_fd, wanted);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nm.n; i++)
		if (unlinkat(dir_fd, nm.at[i], 0) < 0 && errno != ENOENT && rc == 0)
			rc = -errno;
	names_done(&nm);
	return rc;
}
