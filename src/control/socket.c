#include "control/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64 /* connections that wait to be accepted */

static int
address_of(struct sockaddr_un *ret, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (path[0] == '\0')
		return -EINVAL;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	*ret = addr;
	return 0;
}

/* Does anybody listen at the address? 1, 0 or -errno. */
static int
is_answered(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		rc = -errno;
	(void)close(fd);
	switch (rc) {
	case 0:
	case -EAGAIN: /* it has more clients waiting than it takes */
		return 1;
	case -ECONNREFUSED:
	case -ENOENT:
		return 0;
	default:
		return rc;
	}
}

/* Make room for a socket at the address, unless something living is there. */
static int
clear_address(const struct sockaddr_un *addr)
{
	struct stat st;
	int rc;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	rc = is_answered(addr);
	if (rc != 0)
		return rc < 0 ? rc : -EADDRINUSE;
	if (unlink(addr->sun_path) != 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* Bind and listen. sk->dev and sk->ino are set as soon as there is a file to remove. */
static int
bind_exactly(struct control_socket *sk, const struct sockaddr_un *addr, mode_t mode,
    const gid_t *group)
{
	struct stat st;

	/* The file gets the mode of the socket less the umask, so this makes it at most what is
	 * wanted from its first moment on; setting the umask would reach other threads. */
	if (fchmod(sk->fd, mode) != 0)
		return -errno;
	if (bind(sk->fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		return -errno;
	if (lstat(addr->sun_path, &st) != 0)
		return -errno;
	sk->dev = st.st_dev;
	sk->ino = st.st_ino;
	if (group != NULL && chown(addr->sun_path, (uid_t)-1, *group) != 0)
		return -errno;
	/* Gives back what the umask took. */
	if (chmod(addr->sun_path, mode) != 0)
		return -errno;
	if (listen(sk->fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

int
control_socket_open(
    struct control_socket *ret, const char *path, mode_t mode, const gid_t *group)
{
	struct control_socket sk = { .fd = -1 };
	struct sockaddr_un addr;
	int rc;

	rc = address_of(&addr, path);
	if (rc != 0)
		return rc;
	rc = clear_address(&addr);
	if (rc != 0)
		return rc;
	sk.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sk.fd < 0)
		return -errno;
	rc = bind_exactly(&sk, &addr, mode, group);
	if (rc != 0) {
		control_socket_close(&sk, path);
		return rc;
	}
	*ret = sk;
	return 0;
}

void
control_socket_adopt(struct control_socket *ret, int fd)
{
	/* No file has this number. */
	*ret = (struct control_socket){ .fd = fd, .ino = 0 };
}

void
control_socket_close(struct control_socket *sk, const char *path)
{
	struct stat st;

	if (sk->fd < 0)
		return;
	if (lstat(path, &st) == 0 && st.st_dev == sk->dev && st.st_ino == sk->ino)
		(void)unlink(path);
	(void)close(sk->fd);
	sk->fd = -1;
}
