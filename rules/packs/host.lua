-- Hosts, by the metrics of node_exporter.

defaults { every = "15s", labels = { pack = "host" } }

alert "HostDown" {
  priority = "P2",
  value    = m.up{ job = glob"*node*" },
  fire     = equals(0),
  lasting  = "1m",
  summary  = "{instance} does not answer",
}

-- The share of time that all processors together were not idle.
local cpu  = m.node_cpu_seconds_total
local busy = 1 - ratio(cpu{ mode = "idle" }:rate("5m"):by("instance"), cpu:rate("5m"):by("instance"))
alert "HostCpuHigh" {
  value   = busy,
  fire    = { P2 = above("97%", { clear = "90%" }), P3 = above("90%", { clear = "80%" }) },
  lasting = "10m", clear_after = "5m",
  summary = "{instance}: {value:percent} of the processors' time is used",
}

local free = m.node_memory_MemAvailable_bytes / m.node_memory_MemTotal_bytes
alert "HostMemoryLow" {
  value   = free,
  fire    = { P2 = below("3%", { clear = "6%" }), P3 = below("8%", { clear = "12%" }) },
  lasting = "5m",
  summary = "{instance}: {value:percent} of memory is left",
}

local real = { fstype = is_not(re"tmpfs|fuse.*|overlay|squashfs|ramfs") }
local disk = m.node_filesystem_avail_bytes(real) / m.node_filesystem_size_bytes(real)
alert "HostDiskLow" {
  value   = disk,
  fire    = { P2 = below("4%", { clear = "6%" }), P3 = below("10%", { clear = "12%" }) },
  lasting = "5m",
  unless  = m.node_filesystem_readonly:equals(1),
  summary = "{instance} {mountpoint}: {value:percent} of the disk is left",
}

alert "HostInodesLow" {
  priority = "P3",
  value    = m.node_filesystem_files_free(real) / m.node_filesystem_files(real),
  fire     = below("5%", { clear = "8%" }),
  lasting  = "10m",
  summary  = "{instance} {mountpoint}: {value:percent} of the inodes are left",
}

alert "HostClockOff" {
  priority = "P3",
  value    = m.node_timex_offset_seconds:max("5m") + 0,
  fire     = outside(-0.05, 0.05),
  lasting  = "10m",
  summary  = "{instance}: the clock is off by {value:duration}",
}

alert "HostRestarted" {
  priority = "P4",
  value    = m.node_boot_time_seconds:changes("15m"),
  fire     = above(0),
  summary  = "{instance} was restarted",
}

alert "HostOomKill" {
  priority = "P3",
  value    = m.node_vmstat_oom_kill:increase("5m"),
  fire     = above(0),
  summary  = "{instance}: the kernel killed {value:number} processes for want of memory",
}
