/* Mail out. curl resolves, connects, greets, starts TLS and authenticates; then it is left
 * connected (CONNECT_ONLY) and the rest is spoken here:
 *
 *     > MAIL FROM:<…>   < 250
 *     > RCPT TO:<…>     < 250      for each recipient; one that is refused is noted, and the mail
 *                                  goes to the others (RFC 5321, 3.3)
 *     > DATA            < 354
 *     > the message .   < 250
 *
 * curl could send the message too, but waits for the reply to it, and for the one to QUIT, inside
 * its call: a mail server that looks for spam for five seconds would stop the whole program. */
#include <assert.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/mail_text.h"
#include "net/outbound_call.h"

#define REPLY_MOST 65536

enum mail_step { MAIL_CONNECTING, MAIL_FROM, MAIL_RCPT, MAIL_DATA, MAIL_TEXT, MAIL_OVER };

struct mail_talk {
    enum mail_step step;
    struct event *ev;
    short watched;
    struct curl_slist *rcpt; /* the one that was sent last */
    bool any_accepted;
    struct buf from;
    struct buf out; /* what is being sent */
    size_t sent;
    struct buf line;     /* a reply's line that is not yet whole */
    bool reply_is_whole; /* the next line begins another reply */
    bool in_text;        /* `out` holds the message */
    int status;
};

static void pump(struct outbound_call *c);

/* A reply is "250-first", "250-second", "250 last": the latest is kept. True with its end. */
static bool take_line(struct outbound_call *c, const char *line, size_t len)
{
    if (c->mail->reply_is_whole)
        buf_clear(&c->answer);
    c->mail->reply_is_whole = len < 4 || line[3] != '-';
    if (c->answer.len + len <= REPLY_MOST)
        buf_add(&c->answer, line, len);
    return c->mail->reply_is_whole;
}

/* curl's, while it has the connection. */
static size_t on_line(char *line, size_t size, size_t n, void *arg)
{
    take_line(arg, line, size * n);
    return size * n;
}

/* --- the dialogue --- */

static void over(struct outbound_call *c, CURLcode code, const char *why)
{
    struct mail_talk *m = c->mail;
    size_t sent;

    if (why)
        snprintf(c->error, sizeof c->error, "%s", why);
    if (m->sent == m->out.len)
        curl_easy_send(c->easy, "QUIT\r\n", 6, &sent); /* out of courtesy; not waited for */
    m->step = MAIL_OVER;
    if (m->ev)
        event_free(m->ev);
    m->ev = NULL;
    outbound_over(c, code);
    assert(m->step == MAIL_OVER && !m->ev);
}

static void say(struct mail_talk *m, enum mail_step step, const char *before, const char *address)
{
    m->step = step;
    m->sent = 0;
    buf_clear(&m->out);
    buf_adds(&m->out, before);
    if (address)
        buf_addf(&m->out, "<%s>", address);
    buf_adds(&m->out, "\r\n");
}

static void say_text(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;

    m->step = MAIL_TEXT;
    m->in_text = true;
    m->sent = 0;
    buf_clear(&m->out);
    mail_text(&m->out, c->data, c->len);
}

/* The server does not want this recipient. False: no memory. */
static bool note_refusal(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;
    char *reply;

    assert(m->step == MAIL_RCPT && m->rcpt);
    if (mem_grow((void **)&c->refused, &c->cap_refused, c->n_refused + 1, sizeof *c->refused) !=
            0 ||
        !(reply = mem_strdup(buf_str(&c->answer))))
        return false;
    for (char *p = reply; *p; p++)
        *p = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
    for (size_t n = strlen(reply); n > 0 && reply[n - 1] == ' ';)
        reply[--n] = '\0';
    c->refused[c->n_refused++] = (struct outbound_refusal){m->rcpt->data, m->status, reply};
    return true;
}

/* Nobody takes it: the reply that gives hope stands for all, where there is one. */
static void all_refused(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;

    for (size_t i = 0; i < c->n_refused; i++)
        if (c->refused[i].status < 500) {
            m->status = c->refused[i].status;
            buf_clear(&c->answer);
            buf_adds(&c->answer, c->refused[i].reply);
            break;
        }
    over(c, CURLE_OK, NULL);
}

/* Behind the last recipient: the text, if anybody wants it. */
static void next_recipient(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;

    assert(m->step == MAIL_FROM || m->step == MAIL_RCPT);
    m->rcpt = m->step == MAIL_FROM ? c->list : m->rcpt->next;
    if (m->rcpt)
        say(m, MAIL_RCPT, "RCPT TO:", m->rcpt->data);
    else if (m->any_accepted)
        say(m, MAIL_DATA, "DATA", NULL);
    else
        all_refused(c);
}

/* 421 closes the connection, whatever it answers (RFC 5321, 3.8). */
static bool is_refused_recipient(const struct mail_talk *m)
{
    return m->step == MAIL_RCPT && m->status >= 400 && m->status < 600 && m->status != 421;
}

/* A whole reply came. */
static void answer(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;
    int class;

    m->status = c->answer.len >= 3 ? atoi(buf_str(&c->answer)) : 0;
    class = m->status / 100;
    if (is_refused_recipient(m)) {
        if (note_refusal(c))
            next_recipient(c);
        else
            over(c, CURLE_OUT_OF_MEMORY, "no memory for the message");
    } else if (class == 4 || class == 5) {
        over(c, CURLE_OK, NULL);
    } else if (class != (m->step == MAIL_DATA ? 3 : 2)) {
        over(c, CURLE_WEIRD_SERVER_REPLY, "the mail server's reply makes no sense");
    } else if (m->step == MAIL_FROM || m->step == MAIL_RCPT) {
        m->any_accepted = m->any_accepted || m->step == MAIL_RCPT;
        next_recipient(c);
    } else if (m->step == MAIL_DATA) {
        say_text(c);
    } else {
        over(c, CURLE_OK, NULL);
    }
    if (m->step != MAIL_OVER && !buf_ok(&m->out))
        over(c, CURLE_OUT_OF_MEMORY, "no memory for the message");
}

static void take_bytes(struct outbound_call *c, const char *data, size_t len)
{
    struct mail_talk *m = c->mail;

    while (len > 0 && m->step != MAIL_OVER) {
        const char *lf = memchr(data, '\n', len);
        size_t n = lf ? (size_t)(lf - data) + 1 : len;

        buf_add(&m->line, data, n);
        data += n;
        len -= n;
        if (m->line.len > REPLY_MOST || !buf_ok(&m->line)) {
            over(c, CURLE_WEIRD_SERVER_REPLY, "the mail server's reply is too long");
        } else if (lf) {
            bool whole = take_line(c, m->line.data, m->line.len);

            buf_clear(&m->line);
            if (!whole)
                continue;
            if (m->sent < m->out.len) /* a reply to what was not yet said */
                over(c, CURLE_WEIRD_SERVER_REPLY, buf_str(&c->answer));
            else
                answer(c);
        }
    }
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    pump(arg);
}

static void watch(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;
    short want = (short)(EV_READ | EV_PERSIST | (m->sent < m->out.len ? EV_WRITE : 0));
    curl_socket_t fd = CURL_SOCKET_BAD;

    assert(m->step != MAIL_OVER && m->sent <= m->out.len);
    if (m->ev && m->watched == want)
        return;
    if (m->ev)
        event_free(m->ev);
    m->ev = NULL;
    curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd != CURL_SOCKET_BAD)
        m->ev = event_new(outbound_base(c->o), fd, want, on_event, c);
    m->watched = want;
    if (!m->ev || event_add(m->ev, NULL) != 0)
        over(c, CURLE_SEND_ERROR, "the connection to the mail server was lost");
}

/* Sends and reads as far as it goes. */
static void pump(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;
    CURLcode code = CURLE_OK;
    char data[4096];
    size_t n = 0;

    while (m->step != MAIL_OVER) {
        while (m->sent < m->out.len && code == CURLE_OK) {
            code = curl_easy_send(c->easy, m->out.data + m->sent, m->out.len - m->sent, &n);
            if (code == CURLE_OK)
                m->sent += n;
        }
        if (code == CURLE_OK || code == CURLE_AGAIN)
            code = curl_easy_recv(c->easy, data, sizeof data, &n);
        if (code == CURLE_AGAIN)
            break;
        if (code != CURLE_OK || n == 0)
            over(c, code == CURLE_OK ? CURLE_RECV_ERROR : code, "the mail server hung up");
        else
            take_bytes(c, data, n);
    }
    if (m->step != MAIL_OVER)
        watch(c);
}

void mail_begin(struct outbound_call *c)
{
    assert(c->mail && c->mail->step == MAIL_CONNECTING);
    say(c->mail, MAIL_FROM, "MAIL FROM:", buf_str(&c->mail->from));
    pump(c);
}

/* --- from options, to the result --- */

static bool is_address(const char *s)
{
    return s && !s[strcspn(s, "\r\n<> \t")];
}

static int set_recipients(struct outbound_call *c, const char *const *to, struct err *e)
{
    if (!to || !to[0])
        return err_set(e, ERR_INPUT, "a mail needs recipients");
    for (; *to; to++) {
        struct curl_slist *list;

        if (!is_address(*to) || !**to)
            return err_set(e, ERR_INPUT, "\"%.100s\" is not an address", *to);
        list = curl_slist_append(c->list, *to);
        if (!list)
            return err_set(e, ERR_MEMORY, "out of memory");
        c->list = list;
    }
    return 0;
}

/* Encryption that is only a bonus takes any certificate. */
static bool takes_any(const struct outbound_mail *m)
{
    return m->tls == MAIL_TLS_IF_OFFERED && !m->ca_file && strncmp(m->url, "smtps:", 6) != 0;
}

int outbound_call_mail(struct outbound_call *c, const struct outbound_mail *m, struct err *e)
{
    static const char *const schemes[] = {"smtp", "smtps", NULL};
    static const long use_ssl[] = {
        [MAIL_TLS_UNSET] = CURLUSESSL_NONE,
        [MAIL_TLS_NONE] = CURLUSESSL_NONE,
        [MAIL_TLS_IF_OFFERED] = CURLUSESSL_TRY,
        [MAIL_TLS_REQUIRED] = CURLUSESSL_ALL,
    };

    if (outbound_call_url(m->url, schemes, e) != 0 || set_recipients(c, m->to, e) != 0)
        return -1;
    if (!is_address(m->from))
        return err_set(e, ERR_INPUT, "the sender is not an address");
    c->mail = mem_zalloc(sizeof *c->mail);
    c->data = mem_dup(m->data, m->len);
    if (!c->mail || !c->data)
        return err_set(e, ERR_MEMORY, "no memory for the message");
    c->len = m->len;
    c->mail->reply_is_whole = true;
    buf_adds(&c->mail->from, m->from);
    outbound_call_common(c);
    curl_easy_setopt(c->easy, CURLOPT_URL, m->url);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_USE_SSL, use_ssl[m->tls]);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_line);
    outbound_call_access(c, &(struct outbound_access){m->user, m->password, m->ca_file,
                                                      m->insecure_skip_verify || takes_any(m),
                                                      m->timeout_ms});
    return 0;
}

void mail_refusals_free(struct outbound_call *c)
{
    for (size_t i = 0; i < c->n_refused; i++)
        mem_free((char *)c->refused[i].reply);
    mem_free(c->refused);
}

void mail_free(struct outbound_call *c)
{
    struct mail_talk *m = c->mail;

    if (!m)
        return;
    if (m->ev)
        event_free(m->ev);
    buf_free(&m->from);
    buf_free(&m->out);
    buf_free(&m->line);
    mem_free(m);
    c->mail = NULL;
}

void mail_result(struct outbound_call *c, CURLcode code, struct outbound_result *out)
{
    struct mail_talk *m = c->mail;

    if (m->status)
        out->status = m->status;
    if (m->step == MAIL_CONNECTING) {
        /* a refusal is an answer; one to STARTTLS is not about the mail */
        out->ok =
            out->status >= 400 && code != CURLE_OPERATION_TIMEDOUT && code != CURLE_USE_SSL_FAILED;
    } else {
        out->ok = m->step == MAIL_OVER && code == CURLE_OK;
        out->maybe_done = !out->ok && m->in_text && m->sent == m->out.len;
        out->refused = c->refused;
        out->n_refused = m->any_accepted ? c->n_refused : 0;
    }
}
