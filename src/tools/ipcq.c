#include <stdio.h>

#include "tools/ipcq_tool.h"

int
main(int argc, char **argv)
{
	return tool_run(argc, argv, stdin, stdout, stderr);
}
