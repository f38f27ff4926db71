#include "assembly/accept.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>

#include "assembly/assembly.h"
#include "base/compiler.h"
#include "config/conf.h"
#include "suites.h"
#include "wire/frame.h"

/* The daemon "hub" here: "edge" may send to "in" and "gone"; "back" goes to edge/out from the
 * queue that "in" is, its types 1 to 5. No case gets as far as the target. */
static char *edge_may[] = { (char[]){ "in" }, (char[]){ "gone" } };
static struct conf_queue queues[] = {
	{ .name = (char[]){ "in" },
	    .uri = (char[]){ "sysv:0x77" },
	    .take_text = (char[]){ "" },
	    .enabled = true },
	{ .name = (char[]){ "replies" },
	    .uri = (char[]){ "sysv:0x77" },
	    .take_text = (char[]){ "..5" },
	    .take = { .select = -5 },
	    .enabled = true },
};
static struct conf_peer peers[] = {
	{ .name = (char[]){ "edge" },
	    .enabled = true,
	    .may_send_to = edge_may,
	    .n_may_send_to = ARRAY_LEN(edge_may) },
};
static struct conf_route routes[] = {
	{ .name = (char[]){ "back" },
	    .from = (char[]){ "replies" },
	    .to = (char[]){ "edge/out" },
	    .to_peer = (char[]){ "edge" },
	    .to_entry = (char[]){ "out" },
	    .enabled = true },
};
static struct conf conf = { .name = (char[]){ "hub" },
	.queues = queues,
	.n_queues = ARRAY_LEN(queues),
	.peers = peers,
	.n_peers = ARRAY_LEN(peers),
	.routes = routes,
	.n_routes = ARRAY_LEN(routes) };
static char some_target; /* only its address is used */
static struct assembly_queue end = { .conf = &queues[0],
	.target = (struct target *)(void *)&some_target };
static struct assembly_queue *ends[] = {
	&end,
};
static struct assembly assembly = {
	.conf = &conf, .queues = ends, .n_queues = ARRAY_LEN(ends)
};

static const struct {
	const char *peer, *entry, *source, *take;
	unsigned code;
	const char *text;
	uint64_t in_flight;
} refusals[] = {
	{ "edge", "replies", "out", "", REFUSE_FORBIDDEN, "no such entry", 0 },
	{ "edge", "absent", "out", "", REFUSE_FORBIDDEN, "no such entry", 0 },
	{ "stranger", "in", "out", "", REFUSE_FORBIDDEN, "no such entry", 0 },
	{ "edge", "gone", "out", "", REFUSE_NO_ENTRY, "no such entry", 0 },
	{ "edge", "in", "out", "about 7", REFUSE_INVALID, "take is not valid", 0 },
	{ "edge", "in", "out", "", REFUSE_LOOP,
	    "a route here goes straight back to out", 0 },
	{ "edge", "in", "out", "5", REFUSE_LOOP,
	    "a route here goes straight back to out", 0 },
	/* As much as the protocol allows: it is refused for another reason. */
	{ "edge", "in", "out", "", REFUSE_LOOP,
	    "a route here goes straight back to out", 65536 },
	{ "edge", "in", "out", "", REFUSE_INVALID,
	    "more in flight than the protocol allows", 65537 },
	{ "edge", "in", "in", "", REFUSE_INVALID,
	    "more in flight than the protocol allows", UINT64_MAX - 8 },
};

START_TEST(open_refused_says_why)
{
	struct frame_open open = { .entry = frame_text(refusals[_i].entry),
		.source = frame_text(refusals[_i].source),
		.take = frame_text(refusals[_i].take) };
	struct source_info info = { .acked = 7, .next = 8 + refusals[_i].in_flight };
	const struct link_offer offer = { refusals[_i].peer, &open, &info };
	struct link_refusal why = { 0 };
	struct sink *snk = NULL;

	ck_assert_int_eq(
	    accept_link_ops.on_open(&assembly, &offer, &snk, &why), -EPERM);
	ck_assert_ptr_null(snk);
	ck_assert_uint_eq(why.code, refusals[_i].code);
	ck_assert_str_eq(why.text, refusals[_i].text);
}
END_TEST

Suite *
suite_accept(void)
{
	Suite *s = suite_create("accept");
	TCase *tc = tcase_create("refusals");

	tcase_add_loop_test(tc, open_refused_says_why, 0, (int)ARRAY_LEN(refusals));
	suite_add_tcase(s, tc);
	return s;
}
