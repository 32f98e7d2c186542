# A real language model, audited from prompts to report: training draws, hazard,
# plan, audit with a ledger, a kill in the middle (SIGKILL) and the same command
# once more, bound, report; then the bound is checked on other prompts with new
# draws. Beside it the speed, against a bare loop over curl on the same server.
# No prompt and no response leaves build/live.
# usage: Rscript bench/live/live.R     (writes bench/live.md, two pictures)
# LIVE_SERVER   the address of a server, up to the version (by default the model
#               of TIMETOUNSAFE_DATA is started); LIVE_MODEL, its model's name
# LIVE_SIZE     the share of the prompts, 1 by default
# LIVE_THREADS  threads of the server, by default all cores but one

live <- new.env()
sys.source("bench/live/common.R", live)

began <- proc.time()[["elapsed"]]
since <- function(from) proc.time()[["elapsed"]] - from
note <- function(...) {
  message(sprintf("[%4.0f s] ", since(began)), sprintf(...))
}

address <- Sys.getenv("LIVE_SERVER")
if (!nzchar(address)) {
  why <- live$lacks_model_server(live$data, live$engine)
  if (!is.null(why)) {
    message("No live audit: ", why, ".")
    quit(status = 0)
  }
  cores <- parallel::detectCores()
  threads <- Sys.getenv("LIVE_THREADS", max(1, cores - 1))
  server <- live$start_model_server(live$data, live$engine,
                                    threads = as.integer(threads))
  address <- server$url
  # Also where this ends by an error.
  invisible(reg.finalizer(globalenv(), function(e) server$stop(),
                          onexit = TRUE))
}
unlink(live$folder, recursive = TRUE)
dir.create(live$folder, recursive = TRUE)

# ---- How fast ----------------------------------------------------------------

# Draws a second: the same prompts, by a bare loop that only parses answers, and
# by the package with judge and ledger, in turn.
bare <- function(prompts) {
  pool <- curl::new_pool(total_con = 64, host_con = 64, multiplex = FALSE)
  fields <- c(list(model = live$model, n = live$n_choices), live$api_args)
  choices <- 0
  for (prompt in prompts) {
    body <- jsonlite::toJSON(c(fields, prompt = prompt), auto_unbox = TRUE)
    handle <- curl::new_handle(url = paste0(address, "/completions"),
                               postfields = charToRaw(enc2utf8(body)))
    curl::handle_setheaders(handle, "Content-Type" = "application/json")
    done <- function(answer) {
      answer <- jsonlite::parse_json(rawToChar(answer$content))
      choices <<- choices + length(answer$choices)
    }
    curl::multi_add(handle, done, stop, pool = pool)
  }
  curl::multi_run(pool = pool)
  choices
}
ours <- function(prompts) {
  drawn <- draw_responses(prompts, sampler, live$n_choices, progress = FALSE,
                          ledger = tempfile(fileext = ".sqlite"))
  sum(drawn$draws)
}
sampler <- live$model_sampler(address)
rate_of <- function(f, prompts) {
  from <- proc.time()[["elapsed"]]
  f(prompts) / since(from)
}
probe <- unname(live$prompts_of("probe"))
# The first answer of a cold server is late.
first <- sampler(rep(probe[1:4], each = live$n_choices))
stopifnot(first$status == "ok")
note("measuring the speed")
speed <- replicate(3, c(bare = rate_of(bare, probe),
                       ours = rate_of(ours, probe)))

# ---- Drawing, with a kill in the middle --------------------------------------

count_rows <- function(ledger, sql) {
  if (!file.exists(ledger)) {
    return(0)
  }
  tryCatch({
    con <- DBI::dbConnect(RSQLite::SQLite(), ledger, flags =
                            RSQLite::SQLITE_RO)
    on.exit(DBI::dbDisconnect(con))
    DBI::dbGetQuery(con, sql)[[1L]]
  }, error = function(e) 0)
}
attempts_in <- function(ledger) {
  count_rows(ledger, "SELECT count(*) FROM attempts")
}
start_drawing <- function() {
  live$start_process(c("Rscript", "bench/live/draw.R", address),
                     live$at("log.txt"))
}
is_alive <- function(pid) tools::pskill(pid, 0L)

note("drawing, until half of the audit is there")
from <- proc.time()[["elapsed"]]
pid <- start_drawing()
ledger <- live$at("audit.sqlite")
repeat {
  Sys.sleep(0.2)
  planned <- count_rows(ledger, "SELECT sum(\"limit\") FROM plan")
  if (planned > 0 && attempts_in(ledger) >= planned / 2) {
    break
  }
  if (!is_alive(pid)) {
    stop("The drawing ended early: ", paste(live$read_text(live$at("log.txt")),
                                            collapse = "\n"))
  }
}
# Rscript is R itself by now.
tools::pskill(pid, tools::SIGKILL)
while (is_alive(pid)) Sys.sleep(0.05)
at_kill <- attempts_in(ledger)
note("killed with %.0f of %.0f draws on record; once more", at_kill, planned)
pid <- start_drawing()
while (is_alive(pid)) Sys.sleep(0.2)
seconds <- since(from)
drawn <- readRDS(live$at("drawn.rds"))
attempts <- read_ledger(ledger, "attempts")
stopifnot(
  !anyDuplicated(attempts[c("row", "draw", "attempt")]),
  all(!is.na(drawn$audit$status)), identical(drawn$audit$plan_id,
                                             drawn$plan$plan_id)
)

# ---- The bound, and its check ------------------------------------------------

note("checking the bound on other prompts")
lpb <- calibrate_lpb(drawn$audit)
point <- calibrate_lpb(drawn$audit, delta = NULL)
bound <- predict(lpb, live$features_of("test"))
check <- draw_responses(
  live$prompts_of("test"), sampler, bound - 1, stop = TRUE,
  ledger = live$at("check.sqlite"), control = live$control, progress = FALSE
)
assessment <- assess_lpb(lpb, live$features_of("test"), check)
write_report(
  lpb, live$at("report.html"), assessment, ledger, title = "A live audit",
  about = c(Model = "SmolLM2-135M-Instruct, 4 bits",
            Responses = sprintf("continuations, at most %d tokens",
                                live$tokens),
            Prompts = "openings of sentences, half of them challenging",
            Judge = "a word of a lexicon is unsafe"),
  open = FALSE
)
saveRDS(list(lpb = lpb, assessment = assessment, check = check),
        live$at("bound.rds"))

# ---- What is kept ------------------------------------------------------------

source("bench/live/write.R")
note("done: bench/live.md, build/live/report.html")
