/* Send one message: send URI TYPE-OR-PRIORITY TEXT. Waits at most two seconds for room. A
 * queue that is not there is made so that the group may read it. */
#include <ipcq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
	const struct ipcq_options wait = { .flags = IPCQ_TIMED,
		.timeout_ns = 2000000000 };
	/* What is not given is what the system presets. */
	const struct ipcq_create create = { .set = IPCQ_SET_MODE, .mode = 0640 };
	char why[1000];
	struct ipcq *q;
	int rc;

	if (argc != 4)
		return 2;
	rc = ipcq_open(&q, argv[1], IPCQ_WRITE | IPCQ_CREATE, &create);
	if (rc == 0) {
		rc = ipcq_send_with(
		    q, argv[3], strlen(argv[3]), strtol(argv[2], NULL, 10), &wait);
		ipcq_close(q);
	}
	if (rc < 0)
		(void)fprintf(stderr, "%s\n",
		    ipcq_explain(why, sizeof(why), argv[1], &create, rc));
	return rc < 0;
}
