/* Datagrams in, drained per wake-up: one callback for each datagram, up to a bound per turn. */
#ifndef TOCSIN_UDP_H
#define TOCSIN_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tocsin/address.h"
#include "tocsin/loop.h"

struct udp;

struct udp_options {
    const char *listen; /* "127.0.0.1:8125"; port 0: any free one */
    void (*datagram)(const char *data, size_t len, void *arg);
    void (*drained)(void *arg); /* after the last datagram of a wake-up; may be NULL */
    void *arg;
    /* seams of tests; 0 or NULL, as in the program: what is said */
    size_t max_datagram; /* longer ones are cut and counted; 0: 65,507 */
    int receive_buffer;  /* SO_RCVBUF; 0: 4 MiB (the kernel may give less) */
};

struct udp *udp_open(struct loop *l, const struct udp_options *o, struct err *e);
void udp_close(struct udp *u);
int udp_port(const struct udp *u);
void udp_address(const struct udp *u, char out[ADDRESS_LEN]); /* as bound: "127.0.0.1:43121" */

struct udp_stats {
    uint64_t datagrams;
    uint64_t dropped_by_kernel; /* SO_RXQ_OVFL */
    uint64_t cut;
};
void udp_stats(const struct udp *u, struct udp_stats *out);

/* Datagrams out, to one address: handed to the kernel at once, or dropped as the network would. `to`:
 * "127.0.0.1:8125", "[::1]:8125"; names are not resolved. NULL with `e`: it is no such address. */
struct udp_sender;
struct udp_sender *udp_sender_new(const char *to, struct err *e);
void udp_sender_free(struct udp_sender *s);
void udp_sender_put(struct udp_sender *s, const char *data, size_t len);

#endif
