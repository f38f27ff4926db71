#include "lib/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include "base/parse.h"

/* mq_overview(7): the presets of fs.mqueue.msg_default and fs.mqueue.msgsize_default.
 * */
#define PRESET_MESSAGES 10
#define PRESET_SIZE     8192

/* getrlimit(2), RLIMIT_MSGQUEUE: struct msg_msg and struct posix_msg_tree_node; there
 * is at most one of the latter per priority. */
#define CHARGE_MESSAGE  48
#define CHARGE_PRIORITY 48
#define PRIORITIES      32768

int
limits_read(uint64_t *ret, const char *name)
{
	char path[128];
	char text[32]; /* the longest number has 20 digits */
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	for (char *at = path + strlen("/proc/sys/"); *at != '\0'; at++) {
		if (*at == '.')
			*at = '/';
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	if (len < 0) {
		int rc = -errno;

		(void)close(fd);
		return rc;
	}
	(void)close(fd);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(ret, text, 0, UINT64_MAX);
}

/* The kernel takes the smaller of the preset and the limit. */
static uint64_t
smaller(const char *preset_name, const char *limit_name, uint64_t preset)
{
	uint64_t limit = 0;
	uint64_t value = 0;

	if (limits_read(&value, preset_name) < 0)
		value = preset;
	if (limits_read(&limit, limit_name) == 0 && limit < value)
		return limit;
	return value;
}

uint64_t
limits_posix_default_messages(void)
{
	return smaller("fs.mqueue.msg_default", "fs.mqueue.msg_max", PRESET_MESSAGES);
}

uint64_t
limits_posix_default_size(void)
{
	return smaller(
	    "fs.mqueue.msgsize_default", "fs.mqueue.msgsize_max", PRESET_SIZE);
}

uint64_t
limits_posix_charge(uint64_t max_messages, uint64_t message_size)
{
	uint64_t nodes = max_messages < PRIORITIES ? max_messages : PRIORITIES;
	uint64_t each;
	uint64_t sum;

	if (__builtin_add_overflow(message_size, CHARGE_MESSAGE, &each) ||
	    __builtin_mul_overflow(each, max_messages, &sum) ||
	    __builtin_add_overflow(sum, nodes * CHARGE_PRIORITY, &sum))
		return UINT64_MAX;
	return sum;
}

int
limits_sysv_message(uint64_t *ret)
{
	struct msginfo info;

	if (msgctl(0, IPC_INFO, (struct msqid_ds *)(void *)&info) < 0)
		return -errno;
	*ret = (uint64_t)info.msgmax;
	return 0;
}
