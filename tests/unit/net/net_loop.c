#include "net_loop.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"

struct event_base *net_loop;
static char directory[64];
static char path[108];

void
net_loop_setup(void)
{
	net_loop = event_base_new();
	ck_assert_ptr_nonnull(net_loop);
}

void
net_loop_teardown(void)
{
	net_loop_turn();
	net_loop_turn();
	event_base_free(net_loop);
	net_loop_remove_paths();
}

void
net_loop_turn(void)
{
	ck_assert_int_ge(event_base_loop(net_loop, EVLOOP_NONBLOCK), 0);
}

void
net_loop_until(bool (*done)(const void *arg), const void *arg)
{
	static const struct timeval tick = { 0, 20000 };
	uint64_t deadline = clock_monotonic_ms() + NET_LOOP_DEADLINE_MS;

	while (!done(arg)) {
		ck_assert_msg(clock_monotonic_ms() < deadline, "deadline");
		(void)event_base_loopexit(net_loop, &tick);
		ck_assert_int_ge(event_base_loop(net_loop, EVLOOP_ONCE), 0);
	}
}

bool
net_loop_int_set(const void *flag)
{
	return *(const int *)flag != 0;
}

int
net_loop_listen(uint16_t *ret_port, int backlog)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	*ret_port = ntohs(sa.sin_port);
	return fd;
}

int
net_loop_connect(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

const char *
net_loop_path(const char *name)
{
	if (directory[0] == '\0') {
		(void)snprintf(directory, sizeof(directory), "/tmp/check-net-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(directory));
		ck_assert_int_eq(chmod(directory, 0755), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

void
net_loop_remove_paths(void)
{
	if (directory[0] == '\0')
		return;
	(void)unlink(path);
	ck_assert_msg(rmdir(directory) == 0, "a file was left in %s", directory);
	directory[0] = '\0';
}
