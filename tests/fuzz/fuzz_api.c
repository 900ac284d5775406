/* What the API reads from outside beside JSON: forms, labels as text, tokens, origins, paths. The
 * first byte chooses; each must end, stay within its bytes and keep what it promises. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "api/access.h"
#include "api/form.h"
#include "api/history.h"
#include "api/routes.h"
#include "base/mem.h"
#include "page/html.h"

static void fuzz_form(const char *s, size_t n)
{
    struct form f;
    struct err e;

    if (form_parse(&f, s, n, &e) != 0)
        return;
    assert(f.n <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < f.n; i++)
        assert(strlen(f.field[i].name) + strlen(f.field[i].value) <= n);
    form_free(&f);
}

static void fuzz_labels(const char *s)
{
    struct label_list l;
    struct buf text = BUF_INIT;
    struct label_list again;

    if (labels_of_text(s, &l) != 0)
        return;
    labels_text(l.l, l.n, &text); /* what was read can be written and read again */
    if (buf_ok(&text)) {
        assert(labels_of_text(buf_str(&text), &again) == 0 && again.n == l.n);
        for (size_t i = 0; i < l.n; i++)
            assert(strcmp(l.l[i].value, again.l[i].value) == 0);
        label_list_free(&again);
    }
    buf_free(&text);
    label_list_free(&l);
}

static void fuzz_html(const char *s)
{
    struct buf b = BUF_INIT;

    html_text(&b, s);
    assert(!b.failed);
    for (size_t i = 0; i < b.len; i++)
        assert(!strchr("<>\"'", b.data[i]));
    buf_clear(&b);
    html_url(&b, s);
    html_link(&b, s);
    buf_free(&b);
}

static void fuzz_access(const char *s)
{
    static struct secret *secret;
    struct access a;
    struct config_token token = {.name = "t", .roles = ROLE_ADMIN};
    struct config_server server = {.tokens_given = true, .tokens = &token, .n_tokens = 1};
    char arg[2][ARG_MAX], allow[64];

    if (!secret)
        secret = secret_new("a secret that no input guesses 7fa3", 35);
    token.token = secret;
    assert(!access_of(&server, s, &a) && a.roles == 0);
    (void)origin_refused(&(struct origin){.host = s, .origin = s, .referer = s}, s);
    (void)origin_refused(&(struct origin){.host = "127.0.0.1:9393", .origin = s}, NULL);
    (void)host_refused(s, s);
    (void)route_of("GET", s, arg, allow);
    (void)route_of("POST", s, arg, allow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = size > 0 ? mem_dup((const char *)data + 1, size - 1) : NULL;

    if (!s)
        return 0;
    switch (data[0] % 4) {
    case 0:
        fuzz_form(s, size - 1);
        break;
    case 1:
        fuzz_labels(s);
        break;
    case 2:
        fuzz_html(s);
        break;
    default:
        fuzz_access(s);
    }
    mem_free(s);
    return 0;
}
