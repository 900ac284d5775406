test("many errors of one service, few of another", function(t)
  t:log("1m", { level = "ERROR", service = "api", message = "boom" }, 60)
  t:log("1m", { level = "ERROR", service = "web", message = "boom" }, 10)
  t:log("1m", { level = "INFO", service = "web", message = "fine" }, 500)
  t:at("2m"):fires("PythonErrorBurst", { service = "api" }, "P3"):quiet("PythonErrorBurst", { service = "web" })
  t:at("7m"):quiet("PythonErrorBurst")
end)

test("one exception again and again, named in the message", function(t)
  t:log("1m", { level = "ERROR", service = "api", fingerprint = "f1", exception = "TimeoutError", message = "x", trace_id = "t1" }, 25)
  t:at("2m"):fires("PythonExceptionBurst", { fingerprint = "f1" }, "P3"):with{ message = has"TimeoutError" }
end)

test("a fatal error, and slow requests", function(t)
  t:log("1m", { level = "FATAL", service = "api", message = "out of memory" })
  for i = 1, 60 do t:log(i * 10 .. "s", { level = "INFO", service = "web", event = "request", duration_ms = i % 10 == 0 and "9000" or "20" }) end
  t:at("90s"):fires("PythonFatal", { service = "api" }, "P2"):with{ message = has"out of memory" }
  t:at("9m50s"):fires("PythonSlowRequests", { service = "web" }, "P4")
end)
