---@meta
-- Editor definitions for rule files, tests and tocsin.lua (LuaLS). Never executed by Tocsin.
-- .luarc.json beside your rules:
--   { "workspace.library": ["/usr/local/share/tocsin/luals"], "runtime.version": "Lua 5.4",
--     "runtime.builtin": { "io": "disable", "os": "disable", "debug": "disable", "coroutine": "disable",
--                          "package": "disable", "utf8": "disable" } }

---@alias Duration string          # "30s", "5m", "1h30m", "7d", "2w"
---@alias Quantity number|string   # 0.02, "2%", "400ms", "10GiB"
---@alias Level "P1"|"P2"|"P3"|"P4"|"P5"
---@alias Matcher string|number|boolean|MatcherObject
---@class MatcherObject

---@class Expr
---@operator add(Expr|number): Expr
---@operator sub(Expr|number): Expr
---@operator mul(Expr|number): Expr
---@operator div(Expr|number): Expr
---@operator mod(Expr|number): Expr
---@operator pow(Expr|number): Expr
---@operator unm: Expr
local Expr = {}

---Merge the data of all series that share these labels (one window per group); none: one total.
---@param ... string
---@return Expr
function Expr:by(...) end
---Merge the data of all series that differ only in these labels.
---@param ... string
---@return Expr
function Expr:without(...) end
---@param ... string labels to keep
---@return Expr
function Expr:sum_by(...) end
---@param ... string
---@return Expr
function Expr:avg_by(...) end
---@param ... string
---@return Expr
function Expr:min_by(...) end
---@param ... string
---@return Expr
function Expr:max_by(...) end
---How many series have a value.
---@param ... string
---@return Expr
function Expr:count_by(...) end
---@param ... string
---@return Expr
function Expr:stddev_by(...) end
---@param q number 0 … 1
---@param ... string
---@return Expr
function Expr:quantile_by(q, ...) end
---@param ... string labels to drop
---@return Expr
function Expr:sum_without(...) end
---@param ... string
---@return Expr
function Expr:avg_without(...) end
---@param ... string
---@return Expr
function Expr:min_without(...) end
---@param ... string
---@return Expr
function Expr:max_without(...) end
---@param ... string
---@return Expr
function Expr:count_without(...) end
---@param ... string
---@return Expr
function Expr:stddev_without(...) end
---@param q number
---@param ... string
---@return Expr
function Expr:quantile_without(q, ...) end
---@return Expr
function Expr:abs() end
---@return Expr
function Expr:round() end
---@return Expr
function Expr:floor() end
---@return Expr
function Expr:ceil() end
---@param lo Quantity
---@param hi Quantity
---@return Expr
function Expr:clamp(lo, hi) end
---The value for groups without data that stand on the other side of an operator.
---@param v Quantity
---@return Expr
function Expr:default(v) end
---Missing where the condition does not hold.
---@param c Cond
---@return Expr
function Expr:where(c) end
---The same expression, `d` ago.
---@param d Duration
---@return Expr
function Expr:offset(d) end
---The same values under these labels only.
---@param ... string
---@return Expr
function Expr:on(...) end

---@class Clear
---@field clear? Quantity|Expr   once true, stays true until the value crosses this

---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function Expr:above(limit, o) end
---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function Expr:below(limit, o) end
---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function Expr:at_least(limit, o) end
---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function Expr:at_most(limit, o) end
---@param limit Quantity|Expr|Per
---@return Cond
function Expr:equals(limit) end
---@param limit Quantity|Expr|Per
---@return Cond
function Expr:differs(limit) end
---@param lo Quantity|Expr
---@param hi Quantity|Expr
---@return Cond
function Expr:between(lo, hi) end
---@param lo Quantity|Expr
---@param hi Quantity|Expr
---@return Cond
function Expr:outside(lo, hi) end
---True where the expression has no value.
---@return Cond
function Expr:missing() end

---@class Cond
---@operator band(Cond): Cond
---@operator bor(Cond): Cond
---@operator bnot: Cond
local Cond = {}
---True once the condition has held for `d` without a break.
---@param d Duration
---@return Cond
function Cond:lasting(d) end
---Share (0 … 1) of the groups for which the condition is true.
---@param ... string
---@return Expr
function Cond:share_by(...) end
---Number of groups for which the condition is true.
---@param ... string
---@return Expr
function Cond:count_by(...) end
---@param ... string
---@return Cond
function Cond:on(...) end

---@class Metric: Expr
---@overload fun(matchers: table<string, Matcher>): Metric
local Metric = {}
---Newest value not older than `lookback` (5 min); what a bare metric means.
---@param lookback? Duration
---@return Expr
function Metric:last(lookback) end
---Per-second increase of a counter; resets handled, nothing extrapolated.
---@param window Duration
---@return Expr
function Metric:rate(window) end
---Increase of a counter; whole numbers stay whole.
---@param window Duration
---@return Expr
function Metric:increase(window) end
---Per-second increase between the last two samples.
---@param window Duration
---@return Expr
function Metric:irate(window) end
---@param window Duration
---@return Expr
function Metric:count(window) end
---@param window Duration
---@return Expr
function Metric:sum(window) end
---@param window Duration
---@return Expr
function Metric:avg(window) end
---@param window Duration
---@return Expr
function Metric:min(window) end
---@param window Duration
---@return Expr
function Metric:max(window) end
---@param window Duration
---@return Expr
function Metric:first(window) end
---Last minus first of the window.
---@param window Duration
---@return Expr
function Metric:delta(window) end
---@param window Duration
---@return Expr
function Metric:stddev(window) end
---@param window Duration
---@return Expr
function Metric:changes(window) end
---@param window Duration
---@return Expr
function Metric:resets(window) end
---Seconds since the newest sample.
---@return Expr
function Metric:since_last() end
---@param q number 0 … 1
---@param window Duration
---@return Expr
function Metric:quantile(q, window) end
---Share of values at or below the limit.
---@param limit Quantity
---@param window Duration
---@return Expr
function Metric:fraction_below(limit, window) end

---@class MetricSpace
---@field [string] Metric
m = {}

---@class Logs
---@overload fun(matchers: table<string, Matcher>): Logs
logs = {}
---Number of events; needs :by(…).
---@param window Duration
---@return Expr
function logs:count(window) end
---Events per second; needs :by(…).
---@param window Duration
---@return Expr
function logs:rate(window) end
---Seconds since the newest event; needs :by(…).
---@return Expr
function logs:since_last() end
---The numbers of one field: count sum avg min max stddev quantile fraction_below work on it.
---@param name string
---@return Metric
function logs:field(name) end

---@param pattern string anchored regular expression
---@return MatcherObject
function re(pattern) end
---@param pattern string `*` stands for anything
---@return MatcherObject
function glob(pattern) end
---@param text string
---@return MatcherObject
function contains(text) end
---@param values (string|number)[]
---@return MatcherObject
function one_of(values) end
---@param matcher Matcher
---@return MatcherObject
function is_not(matcher) end
---Several tests of one label.
---@param matchers Matcher[]
---@return MatcherObject
function all_of(matchers) end
---@param n Quantity
---@return MatcherObject
function gte(n) end
---@param n Quantity
---@return MatcherObject
function lt(n) end
---@type MatcherObject
present = nil

---part / total; no value where total is 0 or below `min`; a missing part beside a total is 0.
---@param part Expr
---@param total Expr
---@param o? { min?: Quantity }
---@return Expr
function ratio(part, total, o) end
---@param ... Expr|Quantity
---@return Expr
function max_of(...) end
---@param ... Expr|Quantity
---@return Expr
function min_of(...) end
---The first that has a value.
---@param ... Expr|Quantity
---@return Expr
function coalesce(...) end
---Unix seconds of the look.
---@return Expr
function now() end
---@param x Quantity
---@return Expr
function const(x) end
---@param selector Metric
---@param target Quantity
---@param window Duration
---@param ... string
---@return Expr
function apdex(selector, target, window, ...) end

---@class Per
---A threshold by the value of one label; names may contain `*`.
---@param label string
---@param rows table<string, Quantity> with `default`
---@return Per
function per(label, rows) end

---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function above(limit, o) end
---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function below(limit, o) end
---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function at_least(limit, o) end
---@param limit Quantity|Expr|Per
---@param o? Clear
---@return Cond
function at_most(limit, o) end
---@param limit Quantity|Expr|Per
---@return Cond
function equals(limit) end
---@param limit Quantity|Expr|Per
---@return Cond
function differs(limit) end
---@param lo Quantity|Expr
---@param hi Quantity|Expr
---@return Cond
function between(lo, hi) end
---@param lo Quantity|Expr
---@param hi Quantity|Expr
---@return Cond
function outside(lo, hi) end
---@return Cond
function missing() end
---True where the other alert fires.
---@param name string
---@param o? { by?: string[], level?: Level }
---@return Cond
function firing(name, o) end

---@class Group
---@field level "ok"|Level
---@field now number Unix seconds
---@field state table<string, number|string>
---@field [string] string value of a label

---@class AlertSpec
---@field value? Expr            what is measured; shown in messages
---@field fire? Cond|table<Level, Cond>
---@field inputs? table<string, Expr>
---@field when? fun(i: table<string, number>, g: Group): Level|"ok"|boolean|nil, number?
---@field state? table<string, number|string>
---@field priority? Level        default P3
---@field severity? string
---@field lasting? Duration      must hold this long before firing
---@field clear_after? Duration  must be false this long before resolving
---@field every? Duration        longest time between two looks, default 10s
---@field delay? Duration        how long to wait for the last source, default 5s
---@field early? boolean         false: look only at the ticks of `every`
---@field missing? "keep"|"clear"|"fire"|Level
---@field forget? Duration       default 24h
---@field gone? Duration         default 15m
---@field expect? table<string, string>[] label sets that must exist
---@field unless? Cond           holds messages back
---@field limit? integer         groups, default 10000
---@field notify? boolean        false: only for firing()
---@field shadow? boolean
---@field labels? table<string, string|number|boolean>
---@field annotations? table<string, string>
---@field summary? string        "{service}: {value:percent} of requests fail"
---@field description? string
---@field runbook_url? string
---@field attach? { events?: integer, fields?: string[], from?: Logs }
---@field team? string
---@field unit? string           "ratio", "seconds", "bytes", "percent" or your own
---@field renamed_from? string

---@param name string
---@return fun(spec: AlertSpec)
function alert(name) end
---@class HeartbeatSpec
---@field every Duration         how often a good ping is due
---@field grace? Duration        how late it may be; default a tenth of `every`, at least 1m
---@field priority? Level        default P2
---@field failed? Level          of a run that failed; default the same
---@field severity? string
---@field clear_after? Duration
---@field unless? Cond
---@field notify? boolean
---@field shadow? boolean
---@field labels? table<string, string|number|boolean>
---@field annotations? table<string, string>
---@field summary? string        default "{job}: {reason}"
---@field description? string
---@field runbook_url? string
---@field team? string
---@field renamed_from? string

---A job that pings /ping/NAME, and an alert when it does not, or when a run fails.
---@param name string
---@return fun(spec: HeartbeatSpec)
function heartbeat(name) end
---Keys for all alerts that follow in this file.
---@param keys AlertSpec
function defaults(keys) end
---The value that a file below the rules' folder returns.
---@param path string
---@return any
function include(path) end
---Rows of a .csv file (keyed by its first line) or the value of a .json file.
---@param path string
---@return table
function data(path) end

-- tests -----------------------------------------------------------------------------------------

---@class FeedOptions
---@field every? Duration  default 15s
---@field from? Duration
---@field type? "gauge"|"counter"|"delta"

---@class Moment
local Moment = {}
---@param rule string
---@param labels? table<string, string>
---@param level? Level
---@return Moment
function Moment:fires(rule, labels, level) end
---@param rule string
---@param labels? table<string, string>
---@return Moment
function Moment:quiet(rule, labels) end
---@param rule string
---@param labels? table<string, string>
---@return Moment
function Moment:suppressed(rule, labels) end
---What the alert of the last :fires() shows: value, threshold, message, labels, fields of events.
---@param expected table<string, any>
---@return Moment
function Moment:with(expected) end

---@class Test
local Test = {}
---@param name string
---@param labels? table<string, string|number>
---@param row string "0+95x60 _x3 5 stale"
---@param o? FeedOptions
function Test:series(name, labels, row, o) end
---@param name string
---@param labels? table<string, string|number>
---@param length Duration
---@param f fun(seconds: number): number?
---@param o? FeedOptions
function Test:gen(name, labels, length, f, o) end
---@param name string
---@param labels? table<string, string|number>
---@param value number
---@param o { at: Duration, time?: Duration, type?: string }
function Test:sample(name, labels, value, o) end
---@param at Duration
---@param name string
---@param labels? table<string, string|number>
function Test:stale(at, name, labels) end
---@param name string
---@param labels? table<string, string|number>
---@param at Duration
---@param values number[]
function Test:timer(name, labels, at, values) end
---@param name string
---@param labels? table<string, string|number>
---@param buckets table<number|string, string> [0.1] = "0+9x60", inf = "0+10x60"
---@param o? FeedOptions
function Test:histogram(name, labels, buckets, o) end
---@param at Duration
---@param fields table<string, string|number>
---@param times? integer
function Test:log(at, fields, times) end
---A ping of a heartbeat; without options a good end at 0.
---@param name string
---@param o? { at?: Duration, status?: "ok"|"start"|"fail"|integer, log?: string, duration?: Duration }
function Test:ping(name, o) end
---@param at Duration
---@param matchers table<string, Matcher>
---@param length Duration
function Test:silence(at, matchers, length) end
---@param time string "2026-03-02 08:55" (UTC)
function Test:start(time) end
---Nothing was seen before the test begins, as at a start without data: windows warm up.
function Test:cold() end
---@param path string
function Test:config(path) end
---@return number -1 … 1, the same row in every run
function Test:noise() end
---@param at Duration
---@return Moment
function Test:at(at) end
---@param rule string
---@param labels? table<string, string>
function Test:never(rule, labels) end
---@param rule string
---@param labels? table<string, string>
---@param spans string[] "4m30s..5m30s P1", "8m..9m ok"
function Test:transitions(rule, labels, spans) end

---@param promise string
---@param f fun(t: Test)
function test(promise, f) end
---@param v Quantity
---@param tolerance? Quantity
function near(v, tolerance) end
---@param text string
function has(text) end

-- tocsin.lua ------------------------------------------------------------------------------------

---@class Secret
---@param path string
---@return Secret
function secret_file(path) end
---@param name string
---@return Secret
function secret_env(name) end

---@class ServerSpec
---@field listen? string
---@field statsd? string
---@field external_url? string
---@field redis? string|Secret
---@field data_dir? string
---@field rules? string[]
---@field tls? { cert: string, key: string }
---@field tokens? Secret
---@field log? "text"|"json"
---@param spec ServerSpec
function server(spec) end

---@class Channel
---@param o? { send_resolved?: boolean, template?: string }
---@return Channel
function inbox(o) end
---@param o { url: string|Secret, sign?: string|Secret, headers?: table<string, string|Secret>, user?: string, password?: string|Secret, bearer?: string|Secret, max_alerts?: integer, send_resolved?: boolean, timeout?: Duration, ca_file?: string, insecure_skip_verify?: boolean, template?: string }
---@return Channel
function webhook(o) end
---@param o { webhook_url: string|Secret, channel?: string, send_resolved?: boolean, timeout?: Duration, ca_file?: string, insecure_skip_verify?: boolean, template?: string }
---@return Channel
function slack(o) end
---@param o { to: string|string[], from: string, smtp: string, tls?: "none"|"if_offered"|"required", user?: string, password?: string|Secret, send_resolved?: boolean, timeout?: Duration, ca_file?: string, insecure_skip_verify?: boolean, template?: string }
---@return Channel
function email(o) end
---@class ReceiverSpec
---@field [integer] Channel
---@field fallback? string
---@field if_undelivered? Duration
---@param name string
---@return fun(spec: ReceiverSpec)
function receiver(name) end

---@class Route
---@class RouteSpec
---@field [integer] Route
---@field match? table<string, Matcher>
---@field receiver? string|string[]
---@field group_by? string[]
---@field group_wait? Duration
---@field group_interval? Duration
---@field repeat_interval? Duration
---@field continue? boolean
---@param spec RouteSpec
---@return Route
function route(spec) end
---@param map table<string, Level>
function priorities(map) end
---@param o { url: string|Secret, every?: Duration }
function deadman(o) end

---@class Calendar
---@class File
---@param path string
---@return File
function file(path) end
---@class CalendarRule
---@field start string "2026-01-06T02:00"
---@field lasts Duration
---@field rule string "FREQ=MONTHLY;BYDAY=2TU"
---@class CalendarSpec
---@field [integer] string "Mon-Fri 08:00-20:00"
---@field zone? string
---@field except? string|Calendar|(string|Calendar)[]
---@field ical? File
---@field rrule? CalendarRule|CalendarRule[]
---@param name string
---@return Calendar|fun(spec: CalendarSpec)
function calendar(name) end
---@param name string
---@return fun(spec: { receiver?: string, notify?: (string|table)[], email?: string, slack?: string, zone?: string })
function person(name) end
---@param name string
---@return fun(spec: { zone?: string, start: string, every: string, people: string[] })
function rotation(name) end
---@class ScheduleSpec
---@field [integer] string[] spans, then "rotation:…", "person:…", "schedule:…"
---@field zone? string
---@field otherwise? string|string[]
---@param name string
---@return fun(spec: ScheduleSpec)
function schedule(name) end
---@class Step
---@param o { notify: string|string[], wait?: Duration, every_round?: boolean }
---@return Step
function step(o) end
---@class EscalationSpec
---@field [integer] Step
---@field rounds? integer
---@field unanswered? string
---@field only? string[]
---@param name string
---@return fun(spec: EscalationSpec)
function escalation(name) end
