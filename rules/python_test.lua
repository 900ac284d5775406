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
