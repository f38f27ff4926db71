/* How much of the loop's time the listener may take: a bucket that fills with time. Pure. */
#ifndef MQBRIDGE_WEB_BUDGET_H
#define MQBRIDGE_WEB_BUDGET_H

#include <stdint.h>

#define BUDGET_PER_MS 8192      /* bytes of answers: 8 MB/s */
#define BUDGET_MAX    (8 << 20) /* bytes, after a second of silence */
#define BUDGET_FIXED  32768 /* what a connection or a request costs beside its bytes */

struct budget {
	int64_t left; /* bytes; below zero: something larger was allowed */
	uint64_t at_ms;
};

void budget_init(struct budget *bu, uint64_t now_ms); /* full */
void budget_spend(struct budget *bu, uint64_t bytes);
/* 0: spend what you need; else: wait so many milliseconds. */
uint64_t budget_wait_ms(struct budget *bu, uint64_t now_ms);

#endif
