#include <check.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../spool/state_fixture.h"
#include "base/compiler.h"
#include "record/record.h"
#include "spool/deadletter.h"
#include "spool/marks.h"
#include "spool/names.h"
#include "spool/runtime.h"
#include "spool/state_file.h"
#include "spool/stream.h"
#include "suites.h"
#include "tools/spool_tool.h"

static struct state_dirs dirs;
static char *out;
static char *err;

static void
forget_output(void)
{
	free(out);
	free(err);
	out = err = NULL;
}

static void
setup(void)
{
	state_dirs_make(&dirs);
}

static void
teardown(void)
{
	forget_output();
	state_dirs_remove(&dirs);
}

/* Run the program with these words, up to NULL; its output is in out and err. */
static int
run(const char *word, ...)
{
	static char program[] = "mqbridge-spool";
	char *argv[16] = { program };
	int argc = 1;
	size_t len[2];
	va_list words;
	FILE *files[2];
	int status;

	forget_output();
	va_start(words, word);
	for (; word != NULL; word = va_arg(words, const char *))
		argv[argc++] = (char *)(uintptr_t)word;
	va_end(words);
	files[0] = open_memstream(&out, &len[0]);
	files[1] = open_memstream(&err, &len[1]);
	status = spool_tool_run(argc, argv, files[0], files[1]);
	(void)fclose(files[0]);
	(void)fclose(files[1]);
	return status;
}

static int
run_here(const char *command, const char *option)
{
	return run(command, "--runtime-directory", dirs.runtime, "--state-directory",
	    dirs.state, option, NULL);
}

static void
crash_with_state(void)
{
	runtime_close(state_open(&dirs));
	state_dirs_fill(&dirs);
}

START_TEST(help_and_version_end_well)
{
	ck_assert_int_eq(run("--help", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "save"));
	ck_assert_int_eq(run("--version", NULL), SPOOL_TOOL_DONE);
	ck_assert_int_eq(strncmp(out, "mqbridge-spool ", 15), 0);
}
END_TEST

static const char *const wrong[][3] = {
	{ NULL },
	{ "fly" },
	{ "save", "--json" },
	{ "list", "--apply" },
	{ "check", "--export" },
	{ "check", "--drop-stream=1" },
	{ "save", "--nothing" },
	{ "save", "--config" },
};

START_TEST(usage_faults_are_told)
{
	const char *const *words = wrong[_i];

	ck_assert_int_eq(run(words[0], words[1], words[2], NULL), SPOOL_TOOL_USAGE);
	ck_assert_ptr_nonnull(strstr(err, "--help"));
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(config_beside_directories_is_a_usage_fault)
{
	ck_assert_int_eq(run("save", "--config", "/nonexistent", "--state-directory",
			     dirs.state, NULL),
	    SPOOL_TOOL_USAGE);
}
END_TEST

START_TEST(save_without_state_does_nothing)
{
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(state_count(dirs.state_fd, ""), 0);
	ck_assert_uint_eq(state_count(dirs.runtime_fd, ""), 0);
}
END_TEST

START_TEST(save_after_crash_writes_what_a_reboot_loads)
{
	uint32_t digest;
	struct runtime *rt;

	crash_with_state();
	digest = state_digest(dirs.runtime_fd);
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "saved"));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	state_dirs_reboot(&dirs);
	rt = state_open(&dirs);
	ck_assert(runtime_restored(rt));
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
	runtime_close(rt);
}
END_TEST

START_TEST(save_with_current_image_does_nothing)
{
	crash_with_state();
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "current"));
}
END_TEST

START_TEST(save_with_damaged_image_writes_it_anew)
{
	crash_with_state();
	state_put(dirs.state_fd, "image", "MQBIMAGE", 8);
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "saved"));
}
END_TEST

START_TEST(check_with_image_set_aside_names_it)
{
	crash_with_state();
	ck_assert_int_eq(run_here("check", NULL), SPOOL_TOOL_DONE);
	state_put(dirs.state_fd, "image.superseded-20260101T000000Z", "MQBIMAGE", 8);
	ck_assert_int_ne(run_here("check", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "image.superseded-20260101T000000Z"));
}
END_TEST

START_TEST(commands_beside_a_running_daemon_are_refused)
{
	struct runtime *rt = state_open(&dirs);

	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "in use"));
	ck_assert_int_eq(run_here("list", NULL), SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "mqbridgectl"));
	ck_assert(!state_has(dirs.state_fd, "image"));
	runtime_close(rt);
}
END_TEST

START_TEST(save_that_fails_says_why)
{
	char path[100];

	crash_with_state();
	(void)snprintf(path, sizeof(path), "%s/none", dirs.base);
	ck_assert_int_eq(run("save", "--runtime-directory", dirs.runtime,
			     "--state-directory", path, NULL),
	    SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, path));
}
END_TEST

START_TEST(configuration_names_the_directories)
{
	char text[400];
	char path[100];

	crash_with_state();
	(void)snprintf(path, sizeof(path), "%s/conf", dirs.base);
	(void)snprintf(text, sizeof(text),
	    "name = \"a\";\nring_directory = \"%s\";\nstate_directory = \"%s\";\n",
	    dirs.runtime, dirs.state);
	state_put(dirs.state_fd, "../conf", text, strlen(text));
	ck_assert_msg(
	    run("save", "--config", path, NULL) == SPOOL_TOOL_DONE, "%s", err);
	ck_assert(state_has(dirs.state_fd, "image"));
	state_put(dirs.state_fd, "../conf", "nmae = 1;\n", 10);
	ck_assert_int_eq(run("save", "--config", path, NULL), SPOOL_TOOL_CONFIG);
	ck_assert_ptr_nonnull(strstr(err, "nmae"));
}
END_TEST

static void
store_letter(void)
{
	struct record *rec = calloc(1, RECORD_HEADER);
	struct deadletters *dl = NULL;
	struct deadletter dt = {
		.ring = state_id(9),
		.number = 7,
		.stream = state_id(8),
		.reason = DEAD_TOO_BIG,
		.uri = "posix:/orders",
		.label = "hub/orders",
		.route = "a \x1b[31mroute",
		.detail = "",
		.rec = rec,
	};

	ck_assert_int_eq(deadletters_open(&dl, dirs.state_fd, 1 << 20), 0);
	ck_assert_int_eq(deadletters_store(dl, &dt), 0);
	deadletters_close(dl);
	free(rec);
}

START_TEST(list_as_json_has_everything_and_changes_nothing)
{
	static const struct {
		const char *key;
		size_t n;
	} arrays[] = {
		{ "rings", 2 },
		{ "streams", 3 },
		{ "marks", 2 },
		{ "in_doubt", 0 },
		{ "dead_letters", 1 },
	};
	const json_t *letter;
	uint32_t digest;
	json_t *all;

	crash_with_state();
	store_letter();
	digest = state_digest(dirs.runtime_fd);
	ck_assert_int_eq(run_here("list", "--json"), SPOOL_TOOL_DONE);
	all = json_loads(out, 0, NULL);
	ck_assert_ptr_nonnull(all);
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
		ck_assert_uint_eq(
		    json_array_size(json_object_get(all, arrays[i].key)), arrays[i].n);
	ck_assert(json_is_true(json_object_get(all, "complete")));
	ck_assert(json_is_null(json_object_get(all, "image")));
	letter = json_array_get(json_object_get(all, "dead_letters"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(letter, "stream")),
	    "0800000000000000000000000000005a");
	json_decref(all);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

START_TEST(list_as_text_names_what_matters_and_quotes)
{
	static const char *const words[] = { "posix:/orders", "sysv:0x4d51", "hub/one",
		"the next one in doubt", "rejected 1: too big", "in flight 1",
		"image: none", "dead letters: 1",
		"-7-0800000000000000000000000000005a ", "\\x1b[31mroute" };

	crash_with_state();
	store_letter();
	ck_assert_int_eq(run_here("list", NULL), SPOOL_TOOL_DONE);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		ck_assert_msg(
		    strstr(out, words[i]) != NULL, "%s is not in\n%s", words[i], out);
	ck_assert_ptr_null(strchr(out, '\x1b'));
}
END_TEST

START_TEST(list_shows_doubts_that_a_start_noticed)
{
	crash_with_state();
	{
		struct runtime *rt = state_open(&dirs);
		struct marks *mk;
		uint64_t found;

		ck_assert_int_eq(marks_open(&mk, runtime_dir_fd(rt), &found), 0);
		ck_assert_uint_eq(found, 1);
		marks_close(mk);
		runtime_close(rt);
	}
	ck_assert_int_eq(run_here("list", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "in doubt: 1"));
	ck_assert_ptr_nonnull(strstr(out, "sequence 42 to 42, pending"));
}
END_TEST

START_TEST(list_after_reboot_shows_the_image)
{
	crash_with_state();
	store_letter();
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	state_dirs_reboot(&dirs);
	ck_assert_int_eq(run_here("list", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "image: 6 files"));
	ck_assert_ptr_nonnull(strstr(out, "dead letters: 1"));
	ck_assert_uint_eq(state_count(dirs.runtime_fd, ""), 0);
}
END_TEST

START_TEST(list_with_damaged_files_goes_on)
{
	runtime_close(state_open(&dirs));
	state_put(dirs.runtime_fd, "ring-1", "x", 1);
	state_put(dirs.runtime_fd, "stream-1", "x", 1);
	state_put(dirs.state_fd, "image", "x", 1);
	ck_assert_int_eq(run_here("list", NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "ring-1: damaged"));
	ck_assert_ptr_nonnull(strstr(out, "stream-1: damaged"));
	ck_assert_ptr_nonnull(strstr(out, "image: the image is damaged"));
}
END_TEST

static void
find_stream(const char *label, char *file)
{
	struct names nm;

	file[0] = '\0';
	ck_assert_int_eq(names_list(&nm, dirs.runtime_fd, state_file_is), 0);
	for (size_t i = 0; i < nm.n; i++) {
		char found[512];
		struct id ring;

		if (state_file_kind(nm.at[i]) == STATE_FILE_STREAM &&
		    stream_identify(
			dirs.runtime_fd, nm.at[i], &ring, found, sizeof(found)) == 0 &&
		    strcmp(found, label) == 0)
			(void)snprintf(file, 256, "%s", nm.at[i]);
	}
	names_done(&nm);
	ck_assert_str_ne(file, "");
}

static void
flip(int dir_fd, const char *name, size_t at)
{
	size_t len;
	uint8_t *bytes = state_get(dir_fd, name, &len);

	bytes[at] ^= 4;
	state_put(dir_fd, name, bytes, len);
	free(bytes);
}

START_TEST(check_of_sound_store_is_quiet_and_changes_nothing)
{
	uint32_t digest;

	crash_with_state();
	store_letter();
	digest = state_digest(dirs.runtime_fd);
	ck_assert_int_eq(run("check", dirs.runtime, dirs.state, NULL), SPOOL_TOOL_DONE);
	ck_assert_str_eq(out, "2 rings, 3 streams, 0 logs, 0 faults\n");
	ck_assert_int_eq(run("check", dirs.state, dirs.runtime, NULL), SPOOL_TOOL_DONE);
	ck_assert_int_eq(run_here("check", "--json"), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

START_TEST(check_tells_faults_with_file_and_offset)
{
	const json_t *fault;
	char name[256];
	json_t *all;
	uint32_t digest;

	crash_with_state();
	state_find_file(dirs.runtime_fd, "marks", name);
	find_stream("hub/orders", name);
	flip(dirs.runtime_fd, name, 20);
	digest = state_digest(dirs.runtime_fd);
	ck_assert_int_eq(run_here("check", "--json"), SPOOL_TOOL_FAILED);
	all = json_loads(out, 0, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(all, "faults")), 1);
	fault = json_array_get(json_object_get(all, "faults"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(fault, "file")), name);
	ck_assert_ptr_nonnull(json_object_get(fault, "repair"));
	json_decref(all);
	state_put(dirs.runtime_fd, "ring-1", "x", 1);
	ck_assert_int_eq(run_here("check", NULL), SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "ring-1: cannot be read"));
	ck_assert_int_eq(unlinkat(dirs.runtime_fd, "ring-1", 0), 0);
	ck_assert_uint_eq(state_digest(dirs.runtime_fd), digest);
}
END_TEST

/* Lines with that text. */
static unsigned
lines_with(const char *text)
{
	unsigned n = 0;

	for (const char *at = out; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

START_TEST(export_has_every_message_from_tmpfs_and_from_image)
{
	crash_with_state();
	store_letter();
	ck_assert_int_eq(run_here("save", NULL), SPOOL_TOOL_DONE);
	for (int reboot = 0; reboot < 2; reboot++) {
		ck_assert_int_eq(run_here("export", NULL), SPOOL_TOOL_DONE);
		/* Two of three are not acknowledged; the third stream came later. */
		ck_assert_uint_eq(lines_with("\"destination\":\"hub/orders\""), 3);
		ck_assert_uint_eq(lines_with("\"state\":\"in flight\""), 3);
		ck_assert_uint_eq(lines_with("\"sequence\":2"), 3);
		ck_assert_uint_eq(lines_with("\"state\":\"dead letter\""), 1);
		ck_assert_uint_eq(lines_with("\"state\":\"in doubt\""), 1);
		ck_assert_uint_ge(lines_with("\"body\":\"three\""), 3);
		state_dirs_reboot(&dirs);
	}
}
END_TEST

START_TEST(image_that_cannot_be_read_is_one_fault_and_the_rest_is_exported)
{
	static const char *const contents[] = { "", "MQBIMAGE", "not an image at all" };

	crash_with_state();
	store_letter();
	state_dirs_reboot(&dirs);
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		state_put(dirs.state_fd, "image", contents[i], strlen(contents[i]));
		ck_assert_int_eq(run_here("check", NULL), SPOOL_TOOL_FAILED);
		ck_assert_ptr_nonnull(strstr(out, "image: the image is damaged"));
		ck_assert_ptr_nonnull(strstr(out, " 1 faults"));
		ck_assert_int_eq(run_here("export", NULL), SPOOL_TOOL_FAILED);
		ck_assert_uint_eq(lines_with("\"state\":\"dead letter\""), 1);
	}
}
END_TEST

START_TEST(repair_shows_first_and_applies_when_told)
{
	char name[256], aside[300], file[100];
	size_t len;
	uint8_t *bytes;

	crash_with_state();
	find_stream("hub/orders", name);
	bytes = state_get(dirs.runtime_fd, name, &len);
	memset(bytes + 8192, 0xa5, 1024);
	state_put(dirs.runtime_fd, name, bytes, len);
	free(bytes);
	ck_assert_int_eq(run_here("repair", NULL), SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "would give the stream to hub/orders"));
	ck_assert(state_has(dirs.runtime_fd, name));
	ck_assert_int_eq(run_here("repair", "--apply"), SPOOL_TOOL_DONE);
	ck_assert(!state_has(dirs.runtime_fd, name));
	(void)snprintf(aside, sizeof(aside), "damaged-%s", name);
	ck_assert(state_has(dirs.runtime_fd, aside));
	(void)snprintf(file, sizeof(file), "%s/out", dirs.base);
	ck_assert_int_eq(run_here("export", NULL), SPOOL_TOOL_DONE);
	ck_assert_uint_eq(lines_with("\"destination\":\"hub/orders\""), 2);
	ck_assert_int_eq(run_here("repair", NULL), SPOOL_TOOL_DONE);
}
END_TEST

START_TEST(drop_of_stream_exports_it_first)
{
	char name[256], file[100];

	crash_with_state();
	find_stream("other/jobs", name);
	(void)snprintf(file, sizeof(file), "%s/dropped", dirs.base);
	ck_assert_int_eq(run("repair", "--apply", "--drop-stream",
			     name + strlen("stream-"), dirs.runtime, dirs.state, NULL),
	    SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "--export"));
	ck_assert(state_has(dirs.runtime_fd, name));
	ck_assert_int_eq(
	    run("repair", "--apply", "--drop-stream", name + strlen("stream-"),
		"--export", file, dirs.runtime, dirs.state, NULL),
	    SPOOL_TOOL_DONE);
	ck_assert(!state_has(dirs.runtime_fd, name));
	ck_assert_int_eq(access(file, R_OK), 0);
	ck_assert_int_eq(run("check", dirs.runtime, dirs.state, NULL), SPOOL_TOOL_DONE);
	ck_assert_ptr_nonnull(strstr(out, "2 streams"));
	/* Never over a file that is there. */
	find_stream("hub/jobs", name);
	ck_assert_int_eq(
	    run("repair", "--apply", "--drop-stream", name + strlen("stream-"),
		"--export", file, dirs.runtime, dirs.state, NULL),
	    SPOOL_TOOL_FAILED);
	ck_assert(state_has(dirs.runtime_fd, name));
}
END_TEST

START_TEST(new_commands_beside_a_running_daemon_are_refused)
{
	struct runtime *rt = state_open(&dirs);

	ck_assert_int_eq(run_here("check", NULL), SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "in use"));
	ck_assert_int_eq(run_here("export", NULL), SPOOL_TOOL_FAILED);
	ck_assert_int_eq(run_here("repair", "--apply"), SPOOL_TOOL_FAILED);
	/* The state directory alone is held too. */
	ck_assert_int_eq(run("check", dirs.state, NULL), SPOOL_TOOL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "in use"));
	runtime_close(rt);
}
END_TEST

Suite *
suite_spool_tool(void)
{
	Suite *su = suite_create("spool_tool");
	TCase *tc = tcase_create("spool_tool");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, help_and_version_end_well);
	tcase_add_loop_test(tc, usage_faults_are_told, 0, (int)ARRAY_LEN(wrong));
	tcase_add_test(tc, config_beside_directories_is_a_usage_fault);
	tcase_add_test(tc, save_without_state_does_nothing);
	tcase_add_test(tc, save_after_crash_writes_what_a_reboot_loads);
	tcase_add_test(tc, save_with_current_image_does_nothing);
	tcase_add_test(tc, save_with_damaged_image_writes_it_anew);
	tcase_add_test(tc, check_with_image_set_aside_names_it);
	tcase_add_test(tc, commands_beside_a_running_daemon_are_refused);
	tcase_add_test(tc, save_that_fails_says_why);
	tcase_add_test(tc, configuration_names_the_directories);
	tcase_add_test(tc, list_as_json_has_everything_and_changes_nothing);
	tcase_add_test(tc, list_as_text_names_what_matters_and_quotes);
	tcase_add_test(tc, list_shows_doubts_that_a_start_noticed);
	tcase_add_test(tc, list_after_reboot_shows_the_image);
	tcase_add_test(tc, list_with_damaged_files_goes_on);
	tcase_add_test(tc, check_of_sound_store_is_quiet_and_changes_nothing);
	tcase_add_test(tc, check_tells_faults_with_file_and_offset);
	tcase_add_test(tc, export_has_every_message_from_tmpfs_and_from_image);
	tcase_add_test(
	    tc, image_that_cannot_be_read_is_one_fault_and_the_rest_is_exported);
	tcase_add_test(tc, repair_shows_first_and_applies_when_told);
	tcase_add_test(tc, drop_of_stream_exports_it_first);
	tcase_add_test(tc, new_commands_beside_a_running_daemon_are_refused);
	suite_add_tcase(su, tc);
	return su;
}
