/* Link protocol 1: frames to structs and back. Pure: no socket, no allocation; decoded
 * strings and byte runs point into the caller's buffer. docs/wire-protocol.md is the
 * specification; its section numbers stand beside the structs. */
#ifndef MQBRIDGE_WIRE_FRAME_H
#define MQBRIDGE_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/id.h"

#define FRAME_HEADER 16 /* bytes; section 3 */
#define FRAME_PAYLOAD_MAX                                                              \
	65536               /* bytes after the header, extension included; section 3 */
#define FRAME_HELLO_MAX 512 /* bytes of payload that a stranger may send; section 5 */
#define FRAME_MAGIC     UINT32_C(0x3142514d) /* "MQB1" */
/* Of the protocol; section 5 has what each is. */
#define FRAME_VERSION_MIN 1
#define FRAME_VERSION     2
#define FRAME_NAME_MAX    255 /* bytes of a name of a daemon, entry, route */
#define FRAME_URI_MAX     511
#define FRAME_TAKE_MAX    31  /* bytes of a take selection, as of a ring */
#define FRAME_TEXT_MAX    255 /* bytes of a reason in words */
#define FRAME_HEARTBEAT_MAX_MS                                                         \
	600000               /* a HELLO that announces 0 or more than this is wrong */
#define FRAME_REJECTS_MAX 64 /* in one OPENED; invariant I12 */
/* records in flight, next - acked - 1, that an OPEN may claim; section 15. The receiver counts
 * them as in doubt when it lost its state, so what a peer says there has a bound. */
#define FRAME_WINDOW_MAX   65536
#define FRAME_DATA_HEADER  24 /* bytes of a DATA payload before the records */
#define FRAME_CHUNK_HEADER 32 /* bytes of a CHUNK payload before the bytes */
#define FRAME_VOID_BYTES   8  /* bytes of a VOID payload */

/* Types from 128 on may be skipped by a receiver that does not know them; an unknown
 * type below 128 ends the connection with CLOSE_PROTOCOL. */
enum frame_type {
	FRAME_HELLO = 1, /* both sides, first */
	FRAME_CLOSE = 2, /* either side, last: code and reason */
	FRAME_PING = 3,
	FRAME_PONG = 4,
	/* from a stream's sender; channel is numbered by the sender, from 1 */
	FRAME_OPEN = 16,
	FRAME_DATA = 17,
	FRAME_CHUNK = 18,
	FRAME_STORED = 19,
	FRAME_SHUT = 20, /* the sender uses this channel no more */
	FRAME_VOID = 21, /* nothing is left of a sequence */
	/* from a stream's receiver, with the sender's channel */
	FRAME_OPENED = 32,
	FRAME_REFUSED = 33,
	FRAME_ACK = 34,
	FRAME_LIMITS = 35,
	FRAME_REJECT = 36,
	/* from a stream's receiver; may be skipped */
	FRAME_CAUSE = 160,
};
#define FRAME_OPTIONAL 128

enum close_code {               /* of CLOSE; section 12 */
	CLOSE_ORDERLY = 0,      /* the daemon stops or the peer was reconfigured */
	CLOSE_PROTOCOL = 1,     /* a frame broke a rule */
	CLOSE_VERSION = 2,      /* no common version */
	CLOSE_UNKNOWN_NAME = 3, /* the claimed name is not a configured peer */
	CLOSE_REPLACED = 4,     /* a newer connection of the same peer took over */
	CLOSE_CROSSED = 5,      /* both dialled; this one gives way */
	CLOSE_TIMEOUT = 6,      /* silence */
	CLOSE_LIMIT = 7,        /* too many connections or streams */
	CLOSE_CHECKSUM = 8,     /* a record was damaged; resume */
	CLOSE_SELF = 9,         /* the peer's name is our own */
};

enum refuse_code {           /* of REFUSED; section 7 */
	REFUSE_NO_ENTRY = 1, /* no such entry, or not enabled */
	REFUSE_FORBIDDEN =
	    2, /* may_send_to does not list it (answered like NO_ENTRY in text) */
	REFUSE_LOOP = 3,         /* a route comes straight back */
	REFUSE_BACK_IN_TIME = 4, /* mark >= next: I15 */
	REFUSE_MEMORY = 5,       /* receive_memory is all reserved */
	REFUSE_STREAMS = 6,      /* too many streams */
	REFUSE_INVALID = 7,      /* a field is out of its range */
};

struct frame { /* section 3 */
	uint8_t type;
	uint8_t flags;
	uint32_t channel;
	const uint8_t *payload; /* behind the header extension */
	uint32_t length;        /* of payload */
};

struct frame_text { /* not terminated; points into the frame */
	const char *bytes;
	uint16_t length;
};

struct frame_hello { /* section 5 */
	uint16_t version_min, version_max;
	struct id instance;    /* random per start of the daemon */
	uint32_t heartbeat_ms; /* so often its sender will at least be heard */
	struct frame_text name;
};

struct frame_open { /* section 6 */
	struct id stream, ring;
	uint64_t acked, next;
	uint8_t kind;      /* 1 POSIX, 2 System V: enum ring_kind */
	uint32_t max_body; /* largest message of the source */
	uint64_t max_messages,
	    max_bytes; /* attributes of the source queue, 0: not known */
	uint32_t mode;
	struct frame_text route, source, uri, take,
	    entry; /* source, entry: names of queues */
};

struct frame_reject_item {
	uint64_t seq;
	uint16_t reason; /* enum dead_reason */
};

struct frame_opened { /* section 7 */
	uint64_t mark;
	/* Bytes of record strides that may have been sent since the channel was opened;
	 * never falls. Section 10. */
	uint64_t credit;
	uint32_t max_body; /* 0: the queue is not there yet, send nothing; section 10 */
	uint8_t kind;
	uint16_t rejects;
	struct frame_reject_item reject[FRAME_REJECTS_MAX];
};

struct frame_refused {
	uint16_t code;
	uint32_t retry_ms;
	struct frame_text text;
};

/* section 8. count >= 1, first_seq >= 1, first_seq + count does not overflow, length is
 * a multiple of RECORD_ALIGN and has room for count headers. The records themselves are
 * not looked at: record_check() of each, with what is left of length, tells a damaged
 * one; bytes left behind the last are a broken rule. They are aligned if the frame is;
 * the frame before it may have any length. */
struct frame_data {
	uint64_t first_seq;
	uint32_t count;
	int64_t clock_ns; /* sender's runtime clock */
	const uint8_t *records;
	uint32_t length;
};

/* section 9: a piece of one record (header included); length >= 1 and inside total,
 * total the stride of a possible record. */
struct frame_chunk {
	uint64_t seq;
	uint32_t total; /* bytes of the record's stride */
	uint32_t offset;
	int64_t clock_ns;
	const uint8_t *bytes;
	uint32_t length;
};

struct frame_ack { /* section 10 */
	uint64_t mark;
	uint64_t credit; /* as in OPENED */
};

struct frame_limits { /* section 10 */
	uint32_t max_body;
	uint64_t credit; /* as in OPENED */
	uint8_t kind;
};

struct frame_reject { /* section 11 */
	uint64_t seq;
	uint16_t reason;
	struct frame_text text;
};

struct frame_cause {              /* section 10 */
	struct frame_text reason; /* a code of base/reason.h, "": it flows */
	struct frame_text detail;
};

struct frame_close { /* section 12 */
	uint16_t code;
	struct frame_text text;
};

/* Take one frame from the front of len bytes. 0 and its whole size in *ret_size;
 * -EAGAIN: more bytes are needed; -EBADMSG: the header is wrong (length above
 * max_payload, extension larger than the length or not a multiple of RECORD_ALIGN).
 * max_payload: FRAME_HELLO_MAX before the handshake is done. */
int frame_decode(struct frame *ret, size_t *ret_size, const uint8_t *bytes, size_t len,
    uint32_t max_payload) MUST_CHECK;

/* Payload to struct: 0 or -EBADMSG (too short, too long, a string or count out of
 * bounds; texts must not contain NUL). Trailing bytes are -EBADMSG: additions go into
 * the header extension. */
int frame_decode_hello(struct frame_hello *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_open(struct frame_open *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_opened(struct frame_opened *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_refused(struct frame_refused *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_data(struct frame_data *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_chunk(struct frame_chunk *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_ack(struct frame_ack *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_limits(struct frame_limits *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_reject(struct frame_reject *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_cause(struct frame_cause *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_close(struct frame_close *ret, const struct frame *fr) MUST_CHECK;
/* STORED, VOID and PING, PONG carry one number: a sequence, or the pinger's token. */
int frame_decode_number(uint64_t *ret, const struct frame *fr) MUST_CHECK;
int frame_decode_shut(const struct frame *fr) MUST_CHECK; /* no payload */

/* Struct to a whole frame in buf; returns its bytes, or 0 when size is too small or a
 * name is above its bound (our own mistake); the texts of REFUSED, REJECT, CAUSE and CLOSE are
 * cut to FRAME_TEXT_MAX instead. FRAME_ENCODE_MAX is enough for all of these. */
#define FRAME_ENCODE_MAX 4096
size_t frame_encode_hello(uint8_t *buf, size_t size, const struct frame_hello *he);
size_t frame_encode_open(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_open *op);
size_t frame_encode_opened(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_opened *od);
size_t frame_encode_refused(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_refused *re);
size_t frame_encode_ack(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_ack *ac);
size_t frame_encode_limits(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_limits *li);
size_t frame_encode_reject(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_reject *re);
size_t frame_encode_cause(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_cause *ca);
size_t frame_encode_close(uint8_t *buf, size_t size, const struct frame_close *cl);
size_t frame_encode_number(
    uint8_t *buf, size_t size, enum frame_type type, uint32_t channel, uint64_t number);
size_t frame_encode_shut(uint8_t *buf, size_t size, uint32_t channel);

/* Frame header and data or chunk header alone (FRAME_HEADER + FRAME_DATA_HEADER or
 * FRAME_CHUNK_HEADER bytes), for a writev with the records' own memory behind it:
 * fields records/bytes are not read, length is. */
size_t frame_encode_data(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_data *da);
size_t frame_encode_chunk(
    uint8_t *buf, size_t size, uint32_t channel, const struct frame_chunk *ch);

/* A C string as frame_text, for encoding. */
struct frame_text frame_text(const char *text);
/* A decoded text into a terminated buffer (cut to fit); returns buf. */
char *frame_text_copy(char *buf, size_t size, struct frame_text text);

#endif
