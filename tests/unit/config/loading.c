#include "loading.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

struct loading loading;

void
loading_setup(void)
{
	loading = (struct loading){ .dir = "/tmp/check_conf.XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(loading.dir));
}

void
loading_teardown(void)
{
	struct dirent *entry;
	DIR *dir;

	conf_free(loading.cf);
	loading.cf = NULL;
	dir = opendir(loading.dir);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		(void)unlink(loading_path(entry->d_name));
	(void)closedir(dir);
	ck_assert_int_eq(rmdir(loading.dir), 0);
}

const char *
loading_path(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", loading.dir, name);
	return path;
}

void
loading_write(const char *name, const char *text)
{
	int fd =
	    open(loading_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(file_write_all(fd, text, strlen(text)), 0);
	ck_assert_int_eq(close(fd), 0);
}

static void
on_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	struct loading *lo = arg;
	size_t dir = strlen(lo->dir);

	if (strncmp(file, lo->dir, dir) == 0)
		file += dir + 1;
	ck_assert_int_lt(lo->told, LOADING_FAULTS);
	(void)snprintf(lo->faults[lo->told], sizeof(lo->faults[0]), "%s:%d: %s: %s",
	    file, line, key, why);
	lo->told++;
}

void
loading_load(const char *name)
{
	conf_free(loading.cf);
	loading.cf = NULL;
	loading.told = 0;
	loading.count = conf_load(&loading.cf, loading_path(name), on_fault, &loading);
	ck_assert_int_eq(loading.count, loading.told);
	ck_assert_int_eq(loading.count == 0, loading.cf != NULL);
}

void
loading_text(const char *text)
{
	loading_write("a.conf", text);
	loading_load("a.conf");
}
