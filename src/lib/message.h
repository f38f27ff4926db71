/* Sending and receiving at a handle: the calls of ipcq.h. Internal to the library. */
#ifndef MQBRIDGE_LIB_MESSAGE_H
#define MQBRIDGE_LIB_MESSAGE_H

struct ipcq;

/* How ipcq_send() and ipcq_receive() do their work, by kind and flags of the handle. */
void message_choose_calls(struct ipcq *q);

/* From now on no short cut: the handle has a watch, which is to be asked each time. */
void message_receive_slowly(struct ipcq *q);

#endif
