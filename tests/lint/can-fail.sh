#!/bin/sh
# Every lint finds the fault that is put before it: a lint that cannot fail is none.
. "$(dirname -- "$0")/lib.sh"

lints=$lint_root/tests/lint
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT

new_tree()
{
	rm -rf "$tree"
	mkdir -p "$tree/src/base" "$tree/src/lib" "$tree/src/link" "$tree/src/daemon" \
		"$tree/src/client" "$tree/src/wire" "$tree/tests/unit" "$tree/conf" "$tree/man" \
		"$tree/scripts"
	cp "$lint_root/.clang-format" "$tree"
	: >"$tree/tests/unit/suites.def"
}

# expect LINT ANSWER: the lint, let loose on the tree, gives the answer.
expect()
{
	said=$(cd "$tree" && LINT_ROOT=$tree "$lints/$1.sh" 2>&1)
	if printf '%s\n' "$said" | grep -qxF "$2"; then
		return
	fi
	not_ok "can-fail/$1" "expected: $2
$said"
	wrong=yes
}

# plant FILE TEXT: a tree with nothing but this, as printf(1) writes it.
plant()
{
	new_tree
	# shellcheck disable=SC2059 # the texts are all of this file
	printf "$2" >"$tree/$1"
}

layers()
{
	plant src/lib/a.c '#include "daemon/a.h"\n'
	expect layers "not ok layers"
	plant src/daemon/a.c '#include "client/a.h"\n'
	expect layers "not ok layers"
	plant src/lib/a.c '#include <event2/event.h>\n'
	expect layers "not ok layers"
	plant src/lib/a.c '#include "a.h"\n'
	expect layers "not ok layers"
	plant src/link/a.c '#include <event2/event.h>\n#include "base/a.h"\n#include "record/a.h"\n'
	expect layers "ok layers"
}

sizes()
{
	new_tree
	yes 'int a;' | head -n 601 >"$tree/src/base/a.c"
	expect sizes "not ok sizes/files"
	for lines in 60 61; do
		plant src/base/a.c 'static int\nlong_one(void)\n{\n'
		yes '	a();' | head -n "$lines" >>"$tree/src/base/a.c"
		echo '}' >>"$tree/src/base/a.c"
		[ "$lines" -eq 61 ] || expect sizes "ok sizes/functions"
	done
	expect sizes "not ok sizes/functions"
	plant src/base/a.c 'int\nf(int a, int b, int c, int (*d)(int, int),\n    int e, int g)\n{\n}\n'
	expect sizes "not ok sizes/functions"
	plant src/base/a.c 'int\nf(int a, int b, int c, int (*d)(int, int),\n    int e)\n{\n}\n'
	expect sizes "ok sizes/functions"
}

forbidden()
{
	plant src/base/a.c '/* TO''DO: later */\n'
	expect forbidden "not ok forbidden/todo-without-issue"
	plant src/base/a.c '/* TO''DO(#12): later */\n'
	expect forbidden "ok forbidden/todo-without-issue"
	plant scripts/a '. /ro''ot/x\n'
	expect forbidden "not ok forbidden/machine-paths"
	plant src/base/a.c 'int a; \n'
	expect forbidden "not ok forbidden/trailing-blanks"
	plant src/base/a.c 'int a;\r\n'
	expect forbidden "not ok forbidden/carriage-returns"
	plant src/base/a.c '\tstr''cpy(a, b);\n'
	expect forbidden "not ok forbidden/functions"
	plant src/base/a.c '/* strcpy(3) */\n\tsnprintf(a, 1, b);\n'
	expect forbidden "ok forbidden/functions"
}

others()
{
	plant src/base/a.h 'int a(size_t b);\n'
	expect headers "not ok headers/alone"
	plant src/lib/ipcq.h 'int a(int class);\n'
	expect headers "not ok headers/c++"
	plant src/base/a.c 'int a;\n'
	expect lists "not ok lists/files"
	plant tests/unit/check_a.c 'Suite *\nsuite_a(void)\n{\n}\n'
	expect lists "not ok lists/suites"
	plant src/base/a.c 'int  a;\n'
	expect_unless_skipped format "not ok format"
	plant man/mqbridged.8 '.Dd whenever\n.Xx\n'
	expect_unless_skipped man "not ok man/mqbridged.8"
	# shellcheck disable=SC2016 # for the script, not for us
	plant scripts/a '#!/bin/sh\necho $1\n'
	expect_unless_skipped shell "not ok shell"
}

# The tool that the lint needs may be missing.
expect_unless_skipped()
{
	if (cd "$tree" && LINT_ROOT=$tree "$lints/$1.sh" 2>&1) | grep -q '^skip'; then
		return
	fi
	expect "$1" "$2"
}

examples()
{
	plant conf/a.conf ''
	# shellcheck disable=SC2016 # for the script, not for us
	printf '#!/bin/sh\nexit "$(cat "$(dirname "$0")/status")"\n' >"$tree/src/daemon/mqbridged"
	chmod +x "$tree/src/daemon/mqbridged"
	export MQBRIDGE_BUILD="$tree"
	echo 78 >"$tree/src/daemon/status"
	expect examples "not ok examples/a.conf"
	echo 0 >"$tree/src/daemon/status"
	expect examples "ok examples/a.conf"
}

# The lists as they are, and the manual; then the manual says something else.
reasons()
{
	new_tree
	cp "$lint_root/src/base/reason.h" "$lint_root/src/base/state.h" "$tree/src/base"
	cp "$lint_root/man/mqbridgectl.1" "$tree/man"
	expect reasons "ok reasons"
	sed -i 's/^\(.It Sy queue-\)full$/\1fat/' "$tree/man/mqbridgectl.1"
	expect reasons "not ok reasons"
}

# The schema as it is; then a reason, a kind, a member and an end of a name are wrong.
schema()
{
	new_tree
	mkdir -p "$tree/docs" "$tree/src/spool"
	for file in src/base/reason.h src/base/state.h src/base/state.c \
		src/spool/deadletter_reason.c; do
		cp "$lint_root/$file" "$tree/$file"
	done
	for layer in client control change commands assembly; do
		mkdir -p "$tree/src/$layer"
		cp "$lint_root/src/$layer"/*.c "$tree/src/$layer"
	done
	for fault in '' 's/"queue-full",//' 's/"const": "peers"/"const": "piers"/' \
		's/"uri",//' 's/oldest_age_s/oldest_age_ms/'; do
		sed "$fault" "$lint_root/docs/control.schema.json" >"$tree/docs/control.schema.json"
		expect schema "${fault:+not }ok schema"
	done
}

# One kind of event, logged, and in the catalog; then one thing after the other is wrong.
catalog()
{
	plant src/base/a.c ''
	mkdir "$tree/systemd"
	for code in A B C D E F G H I J; do
		id=$(printf '%032x' "'$code")
		echo "EVENT_$code," >>"$tree/src/base/a.c"
		echo "	EVENT($code, \"x\", \"$id\")" >>"$tree/src/base/event_id.h"
		printf -- '-- %s\nSubject: a\nDefined-By: b\nDocumentation: c\nWhat to do: d\n' \
			"$id" >>"$tree/systemd/mqbridge.catalog"
	done
	expect catalog "ok catalog/events"
	echo '#include "base/event_id.h"' >"$tree/src/base/a.c"
	expect catalog "not ok catalog/events"
	sed -n 's/^.*EVENT(\([A-Z]\).*/EVENT_\1/p' "$tree/src/base/event_id.h" >"$tree/src/base/a.c"
	expect catalog "ok catalog/events"
	sed '1s/.$/f/' -i "$tree/systemd/mqbridge.catalog"
	expect catalog "not ok catalog/events"
}

wrong=no
layers
sizes
forbidden
others
examples
reasons
schema
catalog
[ "$wrong" = yes ] || ok can-fail
finish
