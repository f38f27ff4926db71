/* A whole configuration, from a file in memory. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/conf.h"
#include "fuzz.h"
#include "lib/ipcq.h"
#include "net/address.h"

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* arg counts them. */
static void
on_fault(void *arg, const char *file, int line, const char *key, const char *why)
{
	int *faults = arg;

	must(file != NULL && key[0] != '\0' && why[0] != '\0');
	must(line >= 0);
	(*faults)++;
}

/* What is taken here, the layers that use it take too. */
static void
check_conf(const struct conf *cf)
{
	enum ipcq_kind kind;
	struct address ad;

	must(cf->name[0] != '\0' && cf->control[0] == '/');
	for (size_t i = 0; i < cf->n_queues; i++) {
		must(ipcq_parse(cf->queues[i].uri, &kind) == 0);
		must((kind == IPCQ_POSIX) == (cf->queues[i].kind == CONF_POSIX));
		must(conf_queue_find(cf, cf->queues[i].name) == &cf->queues[i]);
		must(cf->queues[i].place.line > 0);
	}
	for (size_t i = 0; i < cf->n_listeners; i++) {
		must(address_parse(&ad, cf->listeners[i].address) == 0);
		must(cf->listeners[i].insecure || address_is_local(&ad));
	}
	for (size_t i = 0; i < cf->n_peers; i++)
		must(conf_peer_find(cf, cf->peers[i].name) == &cf->peers[i]);
	for (size_t i = 0; i < cf->n_routes; i++) {
		must(conf_queue_find(cf, cf->routes[i].from) != NULL);
		must(cf->routes[i].to_entry[0] != '\0');
	}
}

/* An include of /dev/stdin must not wait for somebody to type. */
static int
open_memory(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	must(null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO);
	(void)close(null);
	return memfd_create("conf", MFD_CLOEXEC);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static int fd = -1;
	struct conf *cf = NULL;
	int faults = 0;
	char path[64];
	int rc;

	if (fd < 0)
		fd = open_memory();
	must(fd >= 0 && ftruncate(fd, 0) == 0);
	must(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rc = conf_load(&cf, path, on_fault, &faults);
	must(rc == faults && (rc == 0) == (cf != NULL));
	if (cf != NULL)
		check_conf(cf);
	conf_free(cf);
	return 0;
}
