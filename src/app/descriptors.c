#include "app/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"

#define SENDS_MAX   256
#define CLIENTS_MAX 16384 /* a few KiB each, idle */
#define CLIENTS_MIN 8

struct descriptors descriptors_share(long limit)
{
    struct descriptors d = {.limit = limit > DESCRIPTORS_WISHED ? DESCRIPTORS_WISHED : (int)limit};
    int rest;

    d.sends = d.limit / 4 < SENDS_MAX ? d.limit / 4 : SENDS_MAX;
    rest = d.limit - d.sends - DESCRIPTORS_KEPT;
    d.clients = rest > CLIENTS_MAX ? CLIENTS_MAX : rest < CLIENTS_MIN ? CLIENTS_MIN : rest;
    assert(d.clients >= CLIENTS_MIN && d.sends <= SENDS_MAX);
    return d;
}

struct descriptors descriptors_take(void)
{
    struct rlimit have, want;

    if (getrlimit(RLIMIT_NOFILE, &have) != 0)
        return descriptors_share(1024);
    want = have;
    if (want.rlim_cur < DESCRIPTORS_WISHED)
        want.rlim_cur = want.rlim_max < DESCRIPTORS_WISHED ? want.rlim_max : DESCRIPTORS_WISHED;
    if (want.rlim_cur != have.rlim_cur && setrlimit(RLIMIT_NOFILE, &want) != 0) {
        log_warn("the limit of file descriptors cannot be raised", "error", strerror(errno), NULL);
        want = have;
    }
    return descriptors_share(want.rlim_cur > DESCRIPTORS_WISHED ? DESCRIPTORS_WISHED
                                                                : (long)want.rlim_cur);
}
