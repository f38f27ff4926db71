/* One daemon's link, and a peer made of a bare socket that speaks a version of its choice. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake.h"
#include "net/address.h"
#include "net/listener.h"
#include "spool/deadletter.h"
#include "suites.h"
#include "wire/frame.h"

static struct fake_pair fp;

static struct {
	unsigned version;
	int listening, fd;
	uint8_t in[FRAME_HEADER + FRAME_PAYLOAD_MAX];
	size_t length;
	uint64_t mark;
	uint64_t bad_seq, given_up; /* damaged once, twice */
	unsigned opened, voids, bad;
	unsigned refused, closed; /* frames that came */
	unsigned close_code;
} raw;

static void
raw_say(const uint8_t *bytes, size_t length)
{
	ck_assert_uint_gt(length, 0);
	ck_assert_int_eq(send(raw.fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void
raw_hello(const char *name)
{
	const struct frame_hello he = { .version_min = 1,
		.version_max = (uint16_t)raw.version,
		.heartbeat_ms = 10000,
		.name = frame_text(name) };
	uint8_t buf[FRAME_ENCODE_MAX];

	raw_say(buf, frame_encode_hello(buf, sizeof(buf), &he));
}

static void
raw_opened(uint32_t channel)
{
	struct frame_opened od = {
		.mark = raw.mark, .credit = 1 << 20, .max_body = 100, .kind = FLOW_POSIX
	};
	uint8_t buf[FRAME_ENCODE_MAX];

	if (raw.given_up != 0)
		od.reject[od.rejects++] =
		    (struct frame_reject_item){ raw.given_up, DEAD_CHECKSUM };
	raw.opened++;
	raw_say(buf, frame_encode_opened(buf, sizeof(buf), channel, &od));
}

/* As version 1 does it: the second time in a row it is rejected, and each time the connection ends. */
static void
raw_bad(void)
{
	const struct frame_close cl = { .code = CLOSE_CHECKSUM };
	uint8_t buf[FRAME_ENCODE_MAX];

	raw.bad++;
	if (raw.bad_seq == raw.mark + 1)
		raw.given_up = raw.mark = raw.bad_seq;
	else
		raw.bad_seq = raw.mark + 1;
	raw_say(buf, frame_encode_close(buf, sizeof(buf), &cl));
	(void)close(raw.fd);
	raw.fd = -1;
}

static void
raw_data(const struct frame *fr)
{
	struct frame_data da;
	uint32_t at = 0;

	ck_assert_int_eq(frame_decode_data(&da, fr), 0);
	ck_assert_uint_eq(da.first_seq, raw.mark + 1);
	for (uint32_t i = 0; i < da.count; i++) {
		const struct record *rec =
		    (const struct record *)(const void *)(da.records + at);

		if (record_check(rec, da.length - at, record_seed(&fp.source.ring)) <
		    0) {
			raw_bad();
			return;
		}
		at += (uint32_t)record_stride(rec->length);
		raw.mark++;
	}
}

static void
raw_ack(uint32_t channel)
{
	const struct frame_ack ac = { .mark = raw.mark, .credit = 1 << 20 };
	uint8_t buf[FRAME_ENCODE_MAX];

	if (raw.fd >= 0)
		raw_say(buf, frame_encode_ack(buf, sizeof(buf), channel, &ac));
}

static void
raw_on_frame(const struct frame *fr)
{
	struct frame_hello he;
	struct frame_close cl;
	uint64_t seq;

	switch (fr->type) {
	case FRAME_HELLO:
		ck_assert_int_eq(frame_decode_hello(&he, fr), 0);
		ck_assert_uint_eq(he.version_min, 1);
		ck_assert_uint_eq(he.version_max, 2);
		break;
	case FRAME_OPEN:
		raw_opened(fr->channel);
		break;
	case FRAME_DATA:
		raw_data(fr);
		raw_ack(fr->channel);
		break;
	case FRAME_VOID:
		ck_assert_int_eq(frame_decode_number(&seq, fr), 0);
		ck_assert_uint_eq(seq, ++raw.mark);
		raw.voids++;
		raw_ack(fr->channel);
		break;
	case FRAME_REFUSED:
		raw.refused++;
		break;
	case FRAME_CLOSE:
		ck_assert_int_eq(frame_decode_close(&cl, fr), 0);
		raw.closed++;
		raw.close_code = cl.code;
		break;
	default:
		break;
	}
}

/* All that came; the peer may end the connection on the way. */
static void
raw_turn(void)
{
	struct frame fr;
	size_t size;
	ssize_t n;

	if (raw.fd < 0 && raw.listening >= 0) {
		raw.fd = accept4(raw.listening, NULL, NULL, SOCK_CLOEXEC);
		raw.length = 0;
		if (raw.fd >= 0)
			raw_hello("beta");
	}
	if (raw.fd < 0)
		return;
	n = recv(
	    raw.fd, raw.in + raw.length, sizeof(raw.in) - raw.length, MSG_DONTWAIT);
	if (n <= 0)
		return;
	raw.length += (size_t)n;
	while (raw.fd >= 0 &&
	       frame_decode(&fr, &size, raw.in, raw.length, FRAME_PAYLOAD_MAX) == 0) {
		raw_on_frame(&fr);
		raw.length -= size;
		memmove(raw.in, raw.in + size, raw.length);
	}
}

static int
raw_socket(struct sockaddr_un *ret)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)fake_path(&fp, ret->sun_path, sizeof(ret->sun_path));
	return fd;
}

static void
setup(void)
{
	memset(&raw, 0, sizeof(raw));
	raw.fd = raw.listening = -1;
	fake_setup(&fp, 8, 100);
}

static void
teardown(void)
{
	if (raw.fd >= 0)
		(void)close(raw.fd);
	if (raw.listening >= 0)
		(void)close(raw.listening);
	fake_teardown(&fp);
}

static bool
all_settled(struct fake_pair *p)
{
	raw_turn();
	return p->source.acked == p->source.count;
}

/* "alpha" with its source dials us. */
static void
start_sender(void)
{
	struct link_spec spec = { .base = fp.base,
		.runtime = fp.runtime,
		.name = "alpha",
		.receive_memory = 64 << 20 };
	char address[160], path[128];
	struct peer_spec beta = { "beta", address, 1000 };
	struct sockaddr_un sa;

	raw.listening = raw_socket(&sa);
	ck_assert_int_eq(bind(raw.listening, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(raw.listening, 4), 0);
	(void)snprintf(
	    address, sizeof(address), "unix://%s", fake_path(&fp, path, sizeof(path)));
	ck_assert_int_eq(link_new(&fp.a, &spec), 0);
	ck_assert_int_eq(peer_new(&fp.beta, fp.a, &beta), 0);
	ck_assert_int_eq(sender_new(&fp.sender, fp.beta, "orders"), 0);
	flow_join(&fp.source.source, fp.sender);
	peer_start(fp.beta);
}

/* Sequences 3 and 6 were sent, and nothing is left of them. */
START_TEST(damaged_record_in_flight_passes_at_a_peer_of_either_version)
{
	raw.version = (unsigned)_i;
	fp.source.high = 6;
	fp.source.void_each = 3;
	start_sender();
	ck_assert(fake_until(&fp, all_settled));
	ck_assert_uint_eq(raw.mark, 8);
	ck_assert_uint_eq(raw.voids, _i == 1 ? 0 : 2);
	ck_assert_uint_eq(raw.bad, _i == 1 ? 4 : 0);
	ck_assert_uint_eq(raw.opened, _i == 1 ? 5 : 1);
	ck_assert_uint_eq(fp.source.rejected_seq, _i == 1 ? 6 : 0);
}
END_TEST

static int
take_stream(void *owner, const struct link_offer *offer, struct sink **ret,
    struct link_refusal *why)
{
	(void)owner;
	(void)offer;
	(void)why;
	*ret = &fp.sink.sink;
	fp.opened++;
	return 0;
}

static bool
may_not_stay(void *owner, const char *peer, const char *entry, const struct sink *snk,
    struct link_refusal *why)
{
	(void)owner;
	(void)peer;
	(void)entry;
	(void)snk;
	why->code = REFUSE_FORBIDDEN;
	return false;
}

static bool
stream_open(struct fake_pair *p)
{
	raw_turn();
	return p->opened == 1;
}

static bool
told(struct fake_pair *p)
{
	(void)p;
	raw_turn();
	return raw.refused + raw.closed > 0;
}

static void
start_receiver(void)
{
	static const struct link_ops ops = { .on_open = take_stream,
		.may_stay = may_not_stay };
	struct link_spec spec = { .base = fp.base,
		.runtime = fp.runtime,
		.name = "beta",
		.receive_memory = 64 << 20,
		.ops = &ops };
	struct peer_spec alpha = { "alpha", NULL, 1000 };
	char address[160], path[128];
	struct address ad;
	struct listener_spec ls = { .address = &ad, .mode = 0600 };

	(void)snprintf(
	    address, sizeof(address), "unix://%s", fake_path(&fp, path, sizeof(path)));
	ck_assert_int_eq(address_parse(&ad, address), 0);
	ck_assert_int_eq(link_new(&fp.b, &spec), 0);
	ck_assert_int_eq(link_listen(fp.b, address, &ls), 0);
	ck_assert_int_eq(peer_new(&fp.alpha, fp.b, &alpha), 0);
}

static void
raw_dials_and_opens(void)
{
	const struct frame_open op = { .stream = fp.source.stream,
		.ring = fp.source.ring,
		.next = 1,
		.kind = FLOW_POSIX,
		.max_body = 100,
		.entry = frame_text("orders") };
	struct sockaddr_un sa;
	uint8_t buf[FRAME_ENCODE_MAX];

	raw.fd = raw_socket(&sa);
	ck_assert_int_eq(connect(raw.fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	raw_hello("alpha");
	raw_say(buf, frame_encode_open(buf, sizeof(buf), 1, &op));
}

START_TEST(stream_that_may_not_stay_is_ended_as_the_peers_version_knows)
{
	raw.version = (unsigned)_i;
	start_receiver();
	raw_dials_and_opens();
	ck_assert(fake_until(&fp, stream_open));
	link_review(fp.b);
	ck_assert(fake_until(&fp, told));
	ck_assert_uint_eq(raw.refused, _i == 1 ? 0 : 1);
	ck_assert_uint_eq(raw.closed, _i == 1 ? 1 : 0);
	ck_assert_uint_eq(raw.close_code, CLOSE_ORDERLY);
}
END_TEST

Suite *
suite_link_version(void)
{
	Suite *s = suite_create("link_version");
	TCase *tc = tcase_create("link_version");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, damaged_record_in_flight_passes_at_a_peer_of_either_version, 1, 4);
	tcase_add_loop_test(
	    tc, stream_that_may_not_stay_is_ended_as_the_peers_version_knows, 1, 4);
	suite_add_tcase(s, tc);
	return s;
}
