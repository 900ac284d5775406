server { listen = "127.0.0.1:9393", external_url = "https://a", redis = "unix:/run/r", tokens = secret_file "tokens" }
receiver "a" { inbox {}, webhook { url = "http://x/", sign = secret_env "K", headers = { A = "b" } }, fallback = "b" }
receiver "b" { email { to = "a@b", from = "c@d", smtp = "smtp://h:25", tls = "none" }, slack { webhook_url = secret_file "key" } }
route { receiver = "a", group_by = { "service" }, route { match = { x = re"y", z = is_not"w" }, receiver = { "a", "b" }, group_wait = "0s" } }
priorities { critical = "P1" }
deadman { url = "http://x", every = "1m" }
