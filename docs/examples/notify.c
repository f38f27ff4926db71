/* Print messages as they come, told by a callback: notify URI COUNT. The callback
 * registers again first and then receives all there is, so that nothing is missed. */
#include <ipcq.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

static sem_t printed;

static void
on_message(struct ipcq *q, void *arg)
{
	const struct ipcq_notification again = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = on_message };
	const struct ipcq_options now = { .flags = IPCQ_NOWAIT };
	char buf[IPCQ_HEAD + 8192];
	struct ipcq_message msg;

	(void)arg;
	if (ipcq_notify(q, &again) < 0)
		exit(1);
	while (ipcq_receive(q, buf, sizeof(buf), &now, &msg) >= 0) {
		(void)printf("%.*s\n", (int)msg.length, (const char *)msg.body);
		(void)sem_post(&printed);
	}
}

int
main(int argc, char **argv)
{
	const struct ipcq_notification what = { .how = IPCQ_NOTIFY_CALLBACK,
		.callback = on_message };
	struct ipcq *q;

	if (argc != 3 || sem_init(&printed, 0, 0) != 0)
		return 2;
	if (ipcq_open(&q, argv[1], IPCQ_READ | IPCQ_CREATE, NULL) < 0)
		return 1;
	if (ipcq_notify(q, &what) < 0)
		return 1;
	(void)puts("ready");
	(void)fflush(stdout);
	for (long count = strtol(argv[2], NULL, 10); count > 0; count--)
		(void)sem_wait(&printed);
	ipcq_close(q); /* no callback runs after this */
	return 0;
}
