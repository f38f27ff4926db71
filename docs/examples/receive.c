/* Receive one message, body and type: receive URI. The buffer is as large as the largest
 * message; one that is larger nevertheless stays, and we come back with more room. */
#include <errno.h>
#include <ipcq.h>
#include <stdio.h>
#include <stdlib.h>

static ssize_t
receive_any(struct ipcq *q, char **buf, struct ipcq_message *msg)
{
	struct ipcq_attributes at;
	ssize_t len = ipcq_attributes(q, &at);
	size_t room = len == 0 ? at.message_size : 0;

	while (len >= 0) {
		char *larger = realloc(*buf, IPCQ_HEAD + room);

		if (larger == NULL)
			return -ENOMEM;
		*buf = larger;
		len = ipcq_receive(q, *buf, IPCQ_HEAD + room, NULL, msg);
		if (len != -E2BIG)
			break;
		room = msg->length;
		len = 0;
	}
	return len;
}

int
main(int argc, char **argv)
{
	struct ipcq_message msg;
	char *buf = NULL;
	struct ipcq *q;
	char why[1000];
	ssize_t len;

	if (argc != 2)
		return 2;
	len = ipcq_open(&q, argv[1], IPCQ_READ, NULL);
	if (len == 0) {
		len = receive_any(q, &buf, &msg);
		if (len >= 0)
			(void)printf("%lld %.*s\n", (long long)msg.type,
			    (int)msg.length, (const char *)msg.body);
		ipcq_close(q);
	}
	if (len < 0)
		(void)fprintf(stderr, "%s\n",
		    ipcq_explain(why, sizeof(why), argv[1], NULL, (int)len));
	free(buf);
	return len < 0;
}
