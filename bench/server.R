# What R spends on a request to a model server, and how well it keeps one busy:
# sampler_openai(), with judge and ledger, beside a bare loop over curl that
# parses the same answers, and beside sampler_ellmer(). The server answers at
# once (bench/shared/instant-server.mjs, for node), so that the client is what
# is timed: in seconds of R's own processor time, as the server may share the
# machine. Answers are checked before anything is timed.
# usage: Rscript bench/server.R   (writes bench/server.md)

library(timetounsafe)
if (!nzchar(Sys.which("node"))) {
  stop("The server needs node.")
}

start_server <- function(milliseconds = 0) {
  note <- tempfile()
  stays <- pipe(sprintf("node bench/shared/instant-server.mjs 0 %d > %s",
                        milliseconds, shQuote(note)), "w")
  while (!file.exists(note) || length(readLines(note)) == 0) Sys.sleep(0.05)
  list(url = paste0("http://127.0.0.1:", readLines(note), "/v1"),
       stop = function() close(stays))
}

# Seconds of the processor, and of the clock.
spent <- function(code) {
  gc(FALSE)
  time <- system.time(code)
  c(cpu = sum(time[1:2]), clock = time[["elapsed"]])
}

rows <- list()
report <- function(what, value, target, baseline = "", ratio = NA) {
  rows[[length(rows) + 1]] <<- data.frame(
    what, value, target, baseline,
    ratio = if (is.na(ratio)) "" else sprintf("%.2f", ratio)
  )
}

server <- start_server()
active <- 64
prompts <- sprintf("Say \"something\" to caller %d, please.", 1:512)

# ---- Three clients -----------------------------------------------------------

# Handles are reused, and nothing is done with an answer but to parse it.
bare <- function(prompts, n) {
  pool <- curl::new_pool(total_con = active, host_con = active,
                         multiplex = FALSE)
  text <- gsub("\"", "\\\"", prompts, fixed = TRUE)
  body <- paste0("{\"model\":\"instant\",\"messages\":[{\"role\":\"user\",",
                 "\"content\":\"%s\"}],\"n\":%d}")
  answers <- vector("list", length(prompts))
  sent <- 0
  handles <- lapply(seq_len(active), function(k) {
    handle <- curl::new_handle(url = paste0(server$url, "/chat/completions"),
                               post = TRUE, pipewait = 0)
    curl::handle_setheaders(handle, "Content-Type" = "application/json")
  })
  send <- function(handle) {
    if (sent < length(prompts)) {
      sent <<- sent + 1
      i <- sent
      curl::handle_setopt(handle, copypostfields = sprintf(body, text[i], n))
      done <- function(answer) {
        answers[[i]] <<- jsonlite::parse_json(rawToChar(answer$content))
        send(handle)
      }
      curl::multi_add(handle, done, stop, pool = pool)
    }
  }
  lapply(handles, send)
  curl::multi_run(pool = pool)
  answers
}

judge <- function(responses) grepl("hate", responses)
fast <- function(n, url = server$url) {
  sampler_openai(url, "instant", judge, n_choices = n, max_active = active)
}
draw <- function(sampler, prompts, draws, ...) {
  drawn <- draw_responses(prompts, sampler, draws, ..., progress = FALSE,
                          ledger = tempfile(fileext = ".sqlite"))
  stopifnot(drawn$draws == draws, drawn$unsafe == 0)
}

# ---- The same answers --------------------------------------------------------

texts <- function(answers) {
  unlist(lapply(answers, function(answer) {
    vapply(answer$choices, function(choice) choice$message$content, "")
  }))
}
words <- function(text) sub("^[0-9]+", "", text)
for (n in c(1, 8)) {
  theirs <- texts(bare(prompts, n))
  ours <- fast(n)(rep(prompts, each = n))
  stopifnot(
    length(theirs) == nrow(ours), ours$status == "ok", !ours$unsafe,
    identical(words(theirs), words(ours$response)),
    !anyDuplicated(c(theirs, ours$response)), !ours$truncated,
    ours$output_tokens == 20, abs(ours$input_tokens - 12 / n) < 1e-12
  )
}

# ---- Beside a server that answers at once ------------------------------------

# In turn, so that a machine that changes its pace does so for all.
requests <- 4096
many <- rep_len(prompts, requests)
several <- fast(8)
single <- fast(1)
rounds <- lapply(1:3, function(i) {
  rbind(
    bare = spent(bare(many, 1)), bare8 = spent(bare(many, 8)),
    single = spent(draw(single, prompts, requests / length(prompts))),
    several = spent(draw(several, prompts, 8 * requests / length(prompts)))
  )
})
cpu <- vapply(rounds, function(round) round[, "cpu"], numeric(4))
clock <- vapply(rounds, function(round) round[, "clock"], numeric(4))
rate <- function(seconds, count) {
  format(round(count / stats::median(seconds), -1), big.mark = ",")
}
tell <- function(row, count) {
  sprintf("%s a second of R's time, %s a second beside the server",
          rate(cpu[row, ], count), rate(clock[row, ], count))
}
report("requests, 1 choice each", tell("single", requests),
       "at least 0.8", paste("a bare loop over curl:",
                             rate(cpu["bare", ], requests)),
       stats::median(cpu["bare", ] / cpu["single", ]))
report("draws, 8 choices a request", tell("several", 8 * requests), "",
       paste("a bare loop over curl:", rate(cpu["bare8", ], 8 * requests)),
       stats::median(cpu["bare8", ] / cpu["several", ]))
report("draws, 8 choices a request", "", "at least 5", "1 choice a request",
       stats::median(8 * cpu["single", ] / cpu["several", ]))

if (requireNamespace("ellmer", quietly = TRUE)) {
  chat <- function() {
    ellmer::chat_openai_compatible(server$url, model = "instant",
                                   credentials = function() "none")
  }
  slow <- sampler_ellmer(chat, judge, max_active = active)
  few <- 256
  draw(slow, prompts[1:64], 1)
  theirs <- spent(draw(slow, prompts[seq_len(few)], 1))[["cpu"]]
  for (row in c("single", "several")) {
    draws <- if (row == "single") requests else 8 * requests
    ratio <- (theirs / few) / (stats::median(cpu[row, ]) / draws)
    report(sprintf("draws, %s", if (row == "single") "1 choice a request" else
      "8 choices a request"), "", "at least 60",
      sprintf("sampler_ellmer(): %.0f", few / theirs), ratio)
  }
}
# As measured on another day, with a fake server on the same two cores.
report("draws, 1 choice a request", "", "",
       "Inspect, in Python: 44 (29 a second beside the server)",
       requests / stats::median(cpu["single", ]) / 44)
server$stop()

# ---- Beside a server that takes 200 ms ---------------------------------------

server <- start_server(200)
sampler <- fast(1)
draw(sampler, prompts[seq_len(active)], 1)
turns <- 64
ideal <- turns * 0.2
many <- rep_len(prompts, turns * active)
shares <- replicate(3, c(
  bare = ideal / spent(bare(many, 1))[["clock"]],
  single = ideal / spent(draw(sampler, prompts, length(many) / length(prompts),
                              control = audit_control(
                                batch_size = length(many)
                              )))[["clock"]]
))
best <- apply(shares, 1, max)
report("a server that takes 200 ms",
       sprintf("%.1f%% of what 64 under way allow", 100 * best[["single"]]),
       "at least 95%",
       sprintf("a bare loop over curl: %.1f%%", 100 * best[["bare"]]),
       best[["single"]] / best[["bare"]])
server$stop()

# ---- The table ---------------------------------------------------------------

table <- do.call(rbind, rows)
cpu_name <- tryCatch(
  sub(".*: ", "", grep("model name", readLines("/proc/cpuinfo"),
                       value = TRUE)[1]),
  error = function(e) "unknown processor"
)
lines <- c(
  "# Server benchmark", "",
  sprintf("%s, %d cores; %s; curl %s, libcurl %s. Medians of one run of `%s`.",
          cpu_name, parallel::detectCores(), R.version.string,
          packageVersion("curl"), curl::curl_version()$version,
          "bench/server.R"), "",
  paste("Draws from a server on the same machine that answers at once, 64",
        "requests under way, with judge and ledger, by one R process. A",
        "second of R's time is one of its processor: what it could do beside",
        "a server elsewhere. The ratio is to the baseline, run in turn with",
        "it."), "",
  "| task | measured | required | baseline | ratio |",
  "|:--|:--|:--|:--|--:|",
  with(table, sprintf("| %s | %s | %s | %s | %s |", what, value, target,
                      baseline, ratio))
)
writeLines(lines, "bench/server.md")
writeLines(lines)
