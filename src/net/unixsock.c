#include "net/unixsock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
set_path(struct sockaddr_un *un, const char *path)
{
	size_t len = strlen(path);

	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (len >= sizeof(un->sun_path))
		return -ENAMETOOLONG;
	memcpy(un->sun_path, path, len);
	return 0;
}

void
unixsock_unlink(const char *path, const struct stat *file)
{
	struct stat now;

	if (lstat(path, &now) == 0 && now.st_dev == file->st_dev &&
	    now.st_ino == file->st_ino)
		(void)unlink(path);
}

/* Remove a socket file that nobody listens on: only then does connect() say
 * ECONNREFUSED. Two daemons that start at the same moment are kept apart by the lock of
 * the runtime directory. */
static int
remove_stale(const struct sockaddr_un *un)
{
	struct stat file;
	int fd, rc;

	if (lstat(un->sun_path, &file) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(file.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ? 0 : -errno;
	(void)close(fd);
	if (rc != -ECONNREFUSED)
		return -EADDRINUSE;
	unixsock_unlink(un->sun_path, &file);
	return 0;
}

int
unixsock_listen(const char *path, mode_t mode, int backlog, struct stat *ret_file)
{
	struct sockaddr_un un;
	struct stat file;
	int fd = -1, rc;

	rc = set_path(&un, path);
	if (rc == 0)
		rc = remove_stale(&un);
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* bind() gives the file the mode of the socket's own inode, less the umask:
	 * mode 0 leaves no moment in which others could connect. */
	if (fchmod(fd, 0) != 0 ||
	    bind(fd, (const struct sockaddr *)&un, sizeof(un)) != 0) {
		rc = -errno;
		goto fail;
	}
	if (lstat(path, &file) != 0) {
		rc = -errno;
		goto fail;
	}
	if (listen(fd, backlog) != 0 || chmod(path, mode) != 0) {
		rc = -errno;
		unixsock_unlink(path, &file);
		goto fail;
	}
	*ret_file = file;
	return fd;
fail:
	(void)close(fd);
	return rc;
}
