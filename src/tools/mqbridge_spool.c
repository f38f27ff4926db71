#include <stdio.h>

#include "tools/spool_tool.h"

int
main(int argc, char **argv)
{
	return spool_tool_run(argc, argv, stdout, stderr);
}
