-- Matchers, regular expressions, units.
local matchers = require "matchers"
local regex = require "regex"
local units = require "units"

local REGEX = {
    -- pattern, accepted, refused
    { "5..", { "500", "5xx" }, { "50", "5000", "1500", "" } },
    { "a|bc|", { "a", "bc", "" }, { "b", "abc", "ac" } },
    { "(tmpfs|fuse.*)", { "tmpfs", "fuse", "fuse.sshfs" }, { "tmpfs2", "xfs" } },
    { "a(b|c)+d?", { "ab", "abcbd", "acd" }, { "a", "ad", "abdd" } },
    { "[a-c-]+[^0-9]", { "ab-x", "a-" }, { "ab-1", "d" } },
    { "[]x]+", { "]x]" }, { "", "y" } },
    { "\\d+\\.\\w*", { "12.ab_9", "1." }, { "1", ".a" } },
    { "\\D\\S", { "ab", "-_" }, { "1a", "a " } },
    { "x{2,3}y{2}z{0,}", { "xxyy", "xxxyyzz" }, { "xyy", "xxxxyy", "xxy" } },
    { "^a$|^(?:b)$", { "a", "b" }, { "ab" } },
    { "(a*)*b", { "b", ("a"):rep(200) .. "b" }, { ("a"):rep(200) } },
    { ".", { "x" }, { "\n", "" } },
    { "a.*?b", { "ab", "axxb" }, { "a" } },
}

local MATCHERS = {
    -- matcher, accepted, refused
    { matchers.exact("a"), { "a" }, { "", "b", "aa" } },
    { matchers.exact(""), { "" }, { "a" } },
    { matchers.exact(500), { "500" }, { "500.0" } },
    { matchers.glob("web-*"), { "web-", "web-1" }, { "web", "xweb-1" } },
    { matchers.glob("*.b*c"), { ".bc", "a.bxc" }, { "abc", "a.b" } },
    { matchers.one_of { "a", 2 }, { "a", "2" }, { "", "b" } },
    { matchers.contains("a.c"), { "xa.cx" }, { "abc" } },
    { matchers.is_not("a"), { "", "b" }, { "a" } },
    { matchers.is_not(matchers.re("5..")), { "404", "" }, { "503" } },
    { matchers.present, { "a" }, { "" } },
    { matchers.gte(500), { "500", "1e3" }, { "499.9", "", "x" } },
    { matchers.lt(5), { "4.9", "-1" }, { "5", "", "x" } },
    { matchers.all_of { matchers.gte(1), matchers.lt(3) }, { "1", "2.5" }, { "0", "3" } },
}

return function(T)
    for _, row in ipairs(REGEX) do
        local accepts = regex.compile(row[1])
        for _, text in ipairs(row[2]) do T.equal(row[1] .. " accepts " .. text, accepts(text), true) end
        for _, text in ipairs(row[3]) do T.equal(row[1] .. " refuses " .. text, accepts(text), false) end
    end
    for _, pattern in ipairs { "(", "a)", "[a", "*", "\\" } do
        T.equal("bad regex " .. pattern, pcall(regex.compile, pattern), false)
    end
    for i, row in ipairs(MATCHERS) do
        for _, text in ipairs(row[2]) do
            T.equal(("matcher %d accepts %q"):format(i, text), row[1].accepts(text), true)
        end
        for _, text in ipairs(row[3]) do
            T.equal(("matcher %d refuses %q"):format(i, text), row[1].accepts(text), false)
        end
    end
    T.equal("a missing label is the empty one",
        matchers.all_accept({ a = matchers.exact(""), b = matchers.is_not("x") }, {}), true)
    T.equal("numbers of fields", matchers.all_accept({ a = matchers.exact("500") }, { a = 500.0 }), true)
    for text, ms in pairs { ["5m"] = 300000, ["1h30m"] = 5400000, ["1.5s"] = 1500, ["250ms"] = 250 } do
        T.equal("duration " .. text, units.parse_duration(text), ms)
    end
    for _, text in ipairs { "", "5", "5min", "m", "0s", "-5m" } do
        T.equal("bad duration " .. text, units.parse_duration(text), nil)
    end
    for text, value in pairs { ["2%"] = 0.02, ["400ms"] = 0.4, ["10GiB"] = 10 * 2 ^ 30, ["5k"] = 5000,
        ["1h30m"] = 5400, ["-3"] = -3 } do
        T.equal("quantity " .. text, units.quantity(text, "x"), value)
    end
end
