/* Print messages as they come, told by a callback: notify URI COUNT. The callback
 * registers again first and then receives all there is, so that nothing is missed. It
 * comes also when a System V queue is removed; then both fail, and we end. */
#include <errno.h>
#include <ipcq.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static sem_t news; /* for each message, and for the failure */
static atomic_int failure;

static void
fail(int rc)
{
	atomic_store(&failure, rc);
	(void)sem_post(&news);
}

static void
on_message(struct ipcq *q, void *arg)
{
	const struct ipcq_notification again = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = on_message };
	const struct ipcq_options now = { .flags = IPCQ_NOWAIT };
	char buf[IPCQ_HEAD + 8192];
	struct ipcq_message msg;
	int rc = ipcq_notify(q, &again);
	ssize_t len;

	(void)arg;
	while ((len = ipcq_receive(q, buf, sizeof(buf), &now, &msg)) >= 0) {
		(void)printf("%.*s\n", (int)msg.length, (const char *)msg.body);
		(void)sem_post(&news);
	}
	if (len != -EAGAIN)
		fail((int)len);
	else if (rc < 0)
		fail(rc);
}

int
main(int argc, char **argv)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = on_message };
	struct ipcq *q = NULL;
	char why[1000];
	long rest;
	int rc;

	if (argc != 3 || sem_init(&news, 0, 0) != 0)
		return 2;
	rc = ipcq_open(&q, argv[1], IPCQ_READ | IPCQ_CREATE, NULL);
	if (rc == 0)
		rc = ipcq_notify(q, &what);
	if (rc == 0) {
		(void)puts("ready");
		(void)fflush(stdout);
	}
	for (rest = strtol(argv[2], NULL, 10); rc == 0 && rest > 0; rest--) {
		(void)sem_wait(&news);
		rc = atomic_load(&failure);
	}
	ipcq_close(q); /* no callback runs after this */
	if (rc < 0)
		(void)fprintf(
		    stderr, "%s\n", ipcq_explain(why, sizeof(why), argv[1], NULL, rc));
	return rc < 0;
}
