#include "served.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "control/command.h"
#include "control/server.h"

#define PATIENCE_MS 20000 /* for conditions that come at once on a machine at rest */

static char dir[] = "/tmp/check_server.XXXXXX";
char served_path[sizeof(dir) + 10];
struct event_base *served_base;
struct control_server *served;
int served_runs;

static int
run_count(void *context, struct control_reply *reply)
{
	int *n = context;

	(*n)++;
	reply->kind = "count";
	json_array_append_new(reply->items, json_pack("{s:i}", "runs", *n));
	return 0;
}

static int
run_big(void *context, struct control_reply *reply)
{
	int *n = context;

	(*n)++;
	reply->kind = "big";
	for (int i = 0; i < BIG_ITEMS; i++)
		json_array_append_new(
		    reply->items, json_pack("{s:s}", "runs",
				      "0123456789012345678901234567890123456789"));
	return 0;
}

/* Keeps the loop from its other work. */
static int
run_burn(void *context, struct control_reply *reply)
{
	int64_t end_ns = clock_monotonic_ns() + BURN_MS * 1000000;

	while (clock_monotonic_ns() < end_ns)
		;
	return run_count(context, reply);
}

static void
on_gone(void *owner)
{
	int *n = owner;

	(*n) += 1000;
}

static int
run_wait(void *context, struct control_reply *reply)
{
	static const struct control_later later = { NULL, on_gone };

	reply->later = &later;
	reply->owner = context;
	return CONTROL_LATER;
}

static const struct control_column columns[] = {
	{ "runs", "RUNS" },
	{ NULL, NULL },
};

static const struct control_command commands[] = {
	{ "show count", CONTROL_VIEWER, "runs so far", columns, 1, run_count },
	{ "show big", CONTROL_VIEWER, "a big table", columns, 0, run_big },
	{ "burn", CONTROL_VIEWER, "takes long", columns, 0, run_burn },
	{ "wait", CONTROL_VIEWER, "answers never", columns, 0, run_wait },
	{ "change", CONTROL_OPERATOR, "changes", columns, 1, run_count },
};

void
served_open(uint32_t idle_ms)
{
	struct control_spec spec = {
		.path = served_path,
		.name = "edge-1",
		.commands = commands,
		.n_commands = ARRAY_LEN(commands),
		.context = &served_runs,
		.idle_ms = idle_ms,
	};

	served_runs = 0;
	ck_assert_int_eq(control_server_open(&served, served_base, &spec), 0);
}

void
served_set_up(void)
{
	memset(dir + sizeof(dir) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(served_path, sizeof(served_path), "%s/control", dir);
	served_base = event_base_new();
	ck_assert_ptr_nonnull(served_base);
	served_open(0);
}

void
served_tear_down(void)
{
	control_server_close(served);
	event_base_free(served_base);
	(void)rmdir(dir);
}

int
served_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, served_path, sizeof(served_path));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

void
served_turn(void)
{
	ck_assert_int_ge(event_base_loop(served_base, EVLOOP_NONBLOCK), 0);
}

/* Send all, turning the loop while the socket is full. Returns 0, or -1 when the served has
 * hung up. */
int
served_say_bytes(int fd, const void *bytes, size_t len)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;

	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n > 0) {
			bytes = (const char *)bytes + n;
			len -= (size_t)n;
		}
		served_turn();
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	return 0;
}

void
served_say(int fd, const char *text)
{
	ck_assert_int_eq(served_say_bytes(fd, text, strlen(text)), 0);
}

/* Read until want bytes are there or the served hangs up, turning the loop. Returns their
 * number. */
size_t
served_hear_bytes(int fd, char *buf, size_t want)
{
	uint64_t end = clock_monotonic_ms() + PATIENCE_MS;
	size_t have = 0;

	while (have < want) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		served_turn();
		(void)poll(&pfd, 1, 1);
		n = recv(fd, buf + have, want - have, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		if (n > 0)
			have += (size_t)n;
		ck_assert_uint_lt(clock_monotonic_ms(), end);
	}
	return have;
}

void
served_hear(int fd, const char *text)
{
	char buf[2000];
	size_t want = strlen(text);

	ck_assert_uint_lt(want, sizeof(buf));
	buf[served_hear_bytes(fd, buf, want)] = '\0';
	ck_assert_str_eq(buf, text);
}

void
served_hear_end(int fd)
{
	char byte;

	ck_assert_uint_eq(served_hear_bytes(fd, &byte, 1), 0);
	(void)close(fd);
}
