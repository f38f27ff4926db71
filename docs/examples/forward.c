/* Take one message and send it on: forward FROM TO. Between the two calls it is not copied:
 * a body received has the headroom that sending wants. */
#include <ipcq.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	char buf[IPCQ_HEAD + 8192];
	struct ipcq_message msg;
	struct ipcq *from = NULL;
	struct ipcq *to = NULL;
	ssize_t rc;

	if (argc != 3)
		return 2;
	rc = ipcq_open(&from, argv[1], IPCQ_READ, NULL);
	if (rc == 0)
		rc = ipcq_open(&to, argv[2], IPCQ_WRITE | IPCQ_CREATE, NULL);
	if (rc == 0)
		rc = ipcq_receive(from, buf, sizeof(buf), NULL, &msg);
	if (rc >= 0)
		rc = ipcq_send(to, msg.body, msg.length, msg.type, IPCQ_HEADROOM);
	if (rc < 0)
		(void)fprintf(stderr, "not forwarded: error %zd\n", -rc);
	ipcq_close(to);
	ipcq_close(from);
	return rc < 0;
}
