/* A fuzzer is one function, named as libFuzzer wants it. */
#ifndef MQBRIDGE_TESTS_FUZZ_FUZZ_H
#define MQBRIDGE_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0; aborts when a rule of the tested code does not hold for these bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
