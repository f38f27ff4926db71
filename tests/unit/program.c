#include "program.h"

#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

void
program_run(const char *name, const char *option, const char *path, const char *other)
{
	pid_t pid = fork();
	int status = -1;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)execlp(name, name, option, path, other, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
