#include "net/retry_after.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

static int64_t bounded(int64_t ms)
{
    return ms < 0 ? 0 : ms > RETRY_AFTER_MOST_MS ? RETRY_AFTER_MOST_MS : ms;
}

int64_t retry_after_parse(const char *value, size_t len, int64_t now_ms)
{
    char text[64];
    int64_t seconds = 0;
    time_t at;

    while (len && isspace((unsigned char)*value))
        value++, len--;
    while (len && isspace((unsigned char)value[len - 1]))
        len--;
    if (len == 0 || len >= sizeof text)
        return -1;
    memcpy(text, value, len);
    text[len] = 0;
    if (strspn(text, "0123456789") == len) {
        for (size_t i = 0; i < len && seconds <= RETRY_AFTER_MOST_MS; i++)
            seconds = seconds * 10 + (text[i] - '0');
        return bounded(seconds > RETRY_AFTER_MOST_MS ? RETRY_AFTER_MOST_MS : seconds * 1000);
    }
    if (!isalpha((unsigned char)text[0])) /* every form of an HTTP date begins with the weekday */
        return -1;
    at = curl_getdate(text, NULL);
    return at < 0 ? -1 : bounded((int64_t)at * 1000 - now_ms);
}
