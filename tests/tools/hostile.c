/* usage: hostile SOCKET CLIENTS
 *
 * Many clients of a control socket that mean no good, in one process that waits in poll(2), until
 * it is ended by SIGTERM. They take turns in being one that floods with requests and reads all
 * answers, one that asks for much and reads a byte now and then, one that sends half a line
 * byte by byte, and one that sends a line of a mebibyte. Who is thrown out comes back. At the
 * end it prints, as one line of JSON, how often each kind connected, the bytes that it sent and
 * received, and the seconds of processor time that all of this took. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX  256
#define LONG_LINE    (1 << 20) /* bytes */
#define TRICKLE_MS   50        /* between the bytes of those who are slow */
#define RECONNECT_MS 20        /* after having been thrown out */

enum kind { FLOOD, SLOW, HALF, LONG, KINDS };
static const char *const kind_names[KINDS] = { "flood", "slow", "half", "long" };

struct client {
	enum kind kind;
	int fd; /* -1: not connected */
	int64_t due_ms;
	size_t sent; /* bytes of its line */
};

static struct client clients[CLIENTS_MAX];
static struct pollfd polled[CLIENTS_MAX];
static size_t n_clients;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static char text[LONG_LINE + 1];
static unsigned long connected[KINDS];
static uint64_t bytes_sent, bytes_received;
static volatile sig_atomic_t ended;

static const char flood_line[] = "show routes json\nshow queues\nfrob\n";
static const char slow_line[] = "help\nshow status json\nshow routes\n";

static void
on_end(int number)
{
	(void)number;
	ended = 1;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void
leave(struct client *cl)
{
	(void)close(cl->fd);
	cl->fd = -1;
	cl->due_ms = now_ms() + RECONNECT_MS;
}

static void
come(struct client *cl)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	cl->fd = fd;
	cl->sent = 0;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		leave(cl);
	else
		connected[cl->kind]++;
}

/* Send from a text that is repeated for ever, at most so many bytes. */
static void
say(struct client *cl, const char *line, size_t len, size_t most)
{
	size_t at = cl->sent % len;
	size_t left = len - at < most ? len - at : most;
	ssize_t n = send(cl->fd, line + at, left, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		leave(cl);
		return;
	}
	if (n > 0) {
		cl->sent += (size_t)n;
		bytes_sent += (uint64_t)n;
	}
}

/* Read what is there, at most so many bytes. */
static void
hear(struct client *cl, size_t most)
{
	static char sink[65536];
	ssize_t n = recv(cl->fd, sink, most < sizeof(sink) ? most : sizeof(sink), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		leave(cl);
		return;
	}
	if (n > 0)
		bytes_received += (uint64_t)n;
}

/* Those who are slow act by the clock alone. */
static void
act_slowly(struct client *cl, int64_t now)
{
	if (now < cl->due_ms)
		return;
	cl->due_ms = now + TRICKLE_MS;
	if (cl->kind == HALF) {
		say(cl, text, LONG_LINE, 1);
		return;
	}
	say(cl, slow_line, sizeof(slow_line) - 1, sizeof(slow_line));
	if (cl->fd >= 0)
		hear(cl, 1);
}

static void
act(struct client *cl, short events, int64_t now)
{
	if (cl->fd < 0) {
		if (now >= cl->due_ms)
			come(cl);
		return;
	}
	if (cl->kind == HALF || cl->kind == SLOW) {
		act_slowly(cl, now);
		return;
	}
	if (events & (POLLIN | POLLHUP | POLLERR))
		hear(cl, sizeof(text));
	if (cl->fd >= 0 && (events & POLLOUT) && cl->kind == FLOOD)
		say(cl, flood_line, sizeof(flood_line) - 1, sizeof(flood_line));
	else if (cl->fd >= 0 && (events & POLLOUT))
		say(cl, text, LONG_LINE, LONG_LINE);
}

static void
turn(void)
{
	int64_t now;

	for (size_t i = 0; i < n_clients; i++) {
		enum kind kind = clients[i].kind;
		bool is_eager = kind == FLOOD || kind == LONG;

		polled[i].fd = clients[i].fd;
		polled[i].events = is_eager ? POLLIN | POLLOUT : 0;
		/* Whose hang-up would wake us at once looks by its clock. */
		if (!is_eager)
			polled[i].fd = -1;
		polled[i].revents = 0;
	}
	if (poll(polled, n_clients, RECONNECT_MS) < 0 && errno != EINTR)
		exit(1);
	now = now_ms();
	for (size_t i = 0; i < n_clients; i++)
		act(&clients[i], polled[i].revents, now);
}

static void
report(void)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	(void)printf("{");
	for (int i = 0; i < KINDS; i++)
		(void)printf("\"%s\": %lu, ", kind_names[i], connected[i]);
	(void)printf(
	    "\"sent_bytes\": %llu, \"received_bytes\": %llu, \"cpu_s\": %.3f}\n",
	    (unsigned long long)bytes_sent, (unsigned long long)bytes_received,
	    (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

int
main(int argc, char **argv)
{
	struct sigaction end = { .sa_handler = on_end };

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		(void)fprintf(stderr, "usage: hostile SOCKET CLIENTS\n");
		return 2;
	}
	memcpy(address.sun_path, argv[1], strlen(argv[1]));
	n_clients = strtoul(argv[2], NULL, 10);
	if (n_clients > CLIENTS_MAX)
		n_clients = CLIENTS_MAX;
	memset(text, 'a', LONG_LINE);
	(void)sigaction(SIGTERM, &end, NULL);
	for (size_t i = 0; i < n_clients; i++)
		clients[i] =
		    (struct client){ .kind = (enum kind)(i % KINDS), .fd = -1 };
	while (!ended)
		turn();
	report();
	return 0;
}
