#include "fuzz_decode.h"

#include "decode/decoders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_decode(decode_heartbeat, data, size);
}
