#!/bin/sh
# Every header compiles by itself, and that of the library as C++ too.
. "$(dirname -- "$0")/lib.sh"

alone_faults()
{
	files_like h | grep -e '^src/' | while read -r header; do
		echo "#include \"${header#src/}\"" |
			${CC:-gcc} -std=gnu11 -D_GNU_SOURCE= -Wall -Wextra -Werror -Isrc \
				-fsyntax-only -x c - 2>&1 || echo "$header does not compile alone"
	done
}

judge headers/alone "$(alone_faults)"
if ! command -v "${CXX:-g++}" >/dev/null; then
	skip headers/c++ "${CXX:-g++} is not installed"
elif [ -e src/lib/ipcq.h ]; then
	judge headers/c++ "$(echo '#include "lib/ipcq.h"' | ${CXX:-g++} -std=c++11 -pedantic \
		-Wall -Wextra -Werror -Isrc -fsyntax-only -x c++ - 2>&1)"
fi
finish
