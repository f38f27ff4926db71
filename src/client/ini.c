#include "client/ini.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 2048
#define BLANKS     " \t\r\n"

int
ini_path(char *ret, size_t size, const struct ini *in)
{
	char path[PATH_MAX];

	for (size_t i = 0; in->dirs[i] != NULL; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", in->dirs[i], in->file);
		if (access(path, F_OK) != 0)
			continue;
		(void)snprintf(ret, size, "%s", path);
		return 0;
	}
	return -ENOENT;
}

/* "  key = value": the value, or NULL. */
static const char *
value_in(char *line, const char *key)
{
	size_t len = strlen(key), end;

	line += strspn(line, BLANKS);
	if (strncmp(line, key, len) != 0)
		return NULL;
	line += len + strspn(line + len, BLANKS);
	if (*line != '=')
		return NULL;
	line++;
	line += strspn(line, BLANKS);
	for (end = strlen(line); end > 0 && strchr(BLANKS, line[end - 1]) != NULL;)
		end--;
	line[end] = '\0';
	return line;
}

/* Did the file have it? */
static bool
read_file(char *ret, size_t size, const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char line[LINE_BYTES];
	bool found = false;

	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *value = value_in(line, key);

		if (value == NULL)
			continue;
		(void)snprintf(ret, size, "%s", value);
		found = true;
	}
	(void)fclose(file);
	return found;
}

/* The name of a drop-in that comes next behind that one, in one directory. */
static void
look_next(char *ret, const char *dir_path, const char *behind)
{
	DIR *dir = opendir(dir_path);
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len < 5 || strcmp(entry->d_name + len - 5, ".conf") != 0 ||
		    strcmp(entry->d_name, behind) <= 0)
			continue;
		if (ret[0] == '\0' || strcmp(entry->d_name, ret) < 0)
			(void)snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
	}
	(void)closedir(dir);
}

/* The drop-in behind that one, of the most important directory that has it. */
static bool
next_drop_in(char *ret_path, size_t size, char *name, const struct ini *in)
{
	char dir[PATH_MAX], next[NAME_MAX + 1] = "";

	for (size_t i = 0; in->dirs[i] != NULL; i++) {
		(void)snprintf(dir, sizeof(dir), "%s/%s.d", in->dirs[i], in->file);
		look_next(next, dir, name);
	}
	if (next[0] == '\0')
		return false;
	(void)snprintf(name, NAME_MAX + 1, "%s", next);
	for (size_t i = 0; in->dirs[i] != NULL; i++) {
		(void)snprintf(
		    ret_path, size, "%s/%s.d/%s", in->dirs[i], in->file, name);
		if (access(ret_path, F_OK) == 0)
			break;
	}
	return true;
}

int
ini_read(char *ret, size_t size, const struct ini *in, const char *key)
{
	char path[PATH_MAX + NAME_MAX + 2], name[NAME_MAX + 1] = "";
	bool found = false;

	if (ini_path(path, sizeof(path), in) == 0)
		found = read_file(ret, size, path, key);
	while (next_drop_in(path, sizeof(path), name, in))
		found = read_file(ret, size, path, key) || found;
	return found ? 0 : -ENOENT;
}
