test("a full disk is told by level, tmpfs is not looked at", function(t)
  for _, d in ipairs{ { "/", "ext4", 3 }, { "/var", "ext4", 8 }, { "/home", "ext4", 50 }, { "/run", "tmpfs", 1 } } do
    t:series("node_filesystem_avail_bytes", { instance = "a", mountpoint = d[1], fstype = d[2] }, d[3] .. "x60")
    t:series("node_filesystem_size_bytes", { instance = "a", mountpoint = d[1], fstype = d[2] }, "100x60")
  end
  t:at("4m"):quiet("HostDiskLow")
  t:at("7m"):fires("HostDiskLow", { mountpoint = "/" }, "P2"):fires("HostDiskLow", { mountpoint = "/var" }, "P3")
            :quiet("HostDiskLow", { mountpoint = "/home" }):quiet("HostDiskLow", { mountpoint = "/run" })
end)

test("busy processors, with hysteresis", function(t)
  t:series("node_cpu_seconds_total", { instance = "a", cpu = "0", mode = "idle" }, "0+0.3x80 24+5x80")
  t:series("node_cpu_seconds_total", { instance = "a", cpu = "0", mode = "user" }, "0+14.7x80 1176+10x80")
  t:at("9m"):quiet("HostCpuHigh")
  t:at("14m"):fires("HostCpuHigh", { instance = "a" }, "P2")
  t:at("38m"):quiet("HostCpuHigh")
end)

test("a host that is down, and one that is up", function(t)
  t:series("up", { job = "node", instance = "a" }, "1x4 0x20")
  t:series("up", { job = "node", instance = "b" }, "1x24")
  t:series("up", { job = "api", instance = "c" }, "0x24")
  t:at("4m"):fires("HostDown", { instance = "a" }, "P2"):quiet("HostDown", { instance = "b" }):quiet("HostDown", { instance = "c" })
end)
