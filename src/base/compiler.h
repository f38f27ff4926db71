/* What the compiler is told about functions. */
#ifndef MQBRIDGE_BASE_COMPILER_H
#define MQBRIDGE_BASE_COMPILER_H

#define MUST_CHECK          __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, arg) __attribute__((format(printf, f, arg)))
#define NOT_INLINE          __attribute__((noinline))
#define NO_STACK_PROTECTOR  __attribute__((no_stack_protector))
#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define ARRAY_LEN(a)        (sizeof(a) / sizeof((a)[0]))

#endif
