x = m.a:above(1) and m.b
y = { a = 1, ["a"] = 2 } --[==[ ]==] not z:below("\"")
