# Small logs of the tools' kinds, written by the tests, and the large ones that
# are there where TIMETOUNSAFE_DATA names their folder.

logs_folder <- function(...) {
  folder <- Sys.getenv("TIMETOUNSAFE_DATA")
  skip_if(!nzchar(folder), "TIMETOUNSAFE_DATA is not set")
  file.path(folder, "logs", ...)
}

to_json <- function(x, ...) {
  as.character(jsonlite::toJSON(x, auto_unbox = TRUE, null = "null",
                                digits = NA, na = "null", ...))
}

write_text <- function(lines, ext, folder = NULL) {
  file <- if (is.null(folder)) tempfile(fileext = ext) else
    file.path(folder, ext)
  con <- file(file, "wb")
  on.exit(close(con))
  writeLines(enc2utf8(lines), con, useBytes = TRUE)
  file
}

# What the counts of a log are compared with.
log_counts <- function(log) {
  unlist(generics::glance(log)[c("ok", "unsafe", "error", "refused", "copy",
                                 "unjudged", "invalid")])
}

expect_counts <- function(log, ..., label = NULL) {
  want <- c(...)
  expect_equal(log_counts(log)[names(want)], want, label = label)
}

log_summaries <- function(pattern) {
  lines <- readLines(logs_folder("summary-garak-promptfoo.jsonl"),
                     encoding = "UTF-8")
  all <- lapply(lines, jsonlite::fromJSON, simplifyVector = FALSE)
  all[grepl(pattern, vapply(all, `[[`, "", "log"))]
}

# ---- Inspect -----------------------------------------------------------------

inspect_sample <- function(id, epoch, answer = paste("answer", id, epoch),
                           scores = list(words = "C"), stop = "stop", ...) {
  output <- if (is.null(answer)) list(choices = list()) else list(
    choices = list(list(message = list(
      id = paste("m", id, epoch), role = "assistant", content = answer
    ), stop_reason = stop)), time = 0.5
  )
  sample <- list(
    id = id, epoch = epoch, input = paste("prompt", id), output = output,
    scores = lapply(scores, function(value) list(value = value)),
    uuid = paste("u", id, epoch), events = list(), error_retries = list()
  )
  utils::modifyList(sample, list(...), keep.null = TRUE)
}

inspect_log <- function(samples, status = "success", config = list(),
                        eval = list(), ...) {
  ids <- unique(lapply(samples, `[[`, "id"))
  about <- list(
    eval_id = "e", task = "toy", task_id = "t", model = "toy/model",
    dataset = list(samples = length(ids), sample_ids = ids),
    config = list(epochs = length(samples) / max(1, length(ids))),
    model_generate_config = config
  )
  list(version = 2, status = status, eval = utils::modifyList(about, eval),
       ..., samples = samples)
}

write_inspect <- function(samples, ..., pretty = 2) {
  text <- to_json(inspect_log(samples, ...), pretty = pretty)
  write_text(gsub("\"<NaN>\"", "NaN", text, fixed = TRUE), ".json")
}

# The same as an archive; a sample that occurs twice is there twice.
write_eval <- function(samples, ..., header = TRUE, method = 8,
                       large = FALSE) {
  log <- inspect_log(samples, ...)
  samples <- log$samples
  log$samples <- NULL
  file <- tempfile(fileext = ".eval")
  members <- vapply(samples, function(sample) {
    sprintf("samples/%s_epoch_%d.json", sample$id, sample$epoch)
  }, "")
  texts <- c(vapply(samples, to_json, ""), to_json(log["eval"]),
             if (header) to_json(log))
  write_zip(file, c(members, "_journal/start.json",
                    if (header) "header.json"), texts, method, large)
}

# A ZIP archive, by hand: libraries refuse to write a name twice. Methods are
# those of the format: 0 (stored), 8 (deflate), 93 (zstd). `large` writes the
# numbers of archives with more than 4 GB or 65,535 members.
write_zip <- function(file, members, texts, method = 0, large = FALSE) {
  number <- function(x, size) {
    as.raw(floor(x / 256^(seq_len(size) - 1)) %% 256)
  }
  body <- directory <- raw()
  method <- rep(method, length.out = length(members))
  for (k in seq_along(members)) {
    name <- charToRaw(enc2utf8(members[k]))
    data <- charToRaw(enc2utf8(texts[k]))
    packed <- pack_member(data, method[k])
    # Version, flags (names in UTF-8), method, time, sum, sizes, lengths.
    common <- function(size, offset, extra) {
      c(number(20, 2), number(2048, 2), number(method[k], 2), number(0, 2),
        number(33, 2), crc32(data), number(size[1], 4), number(size[2], 4),
        number(length(name), 2), number(extra, 2))
    }
    size <- c(length(packed), length(data))
    at <- number(length(body), if (large) 8 else 4)
    more <- if (large) c(number(9, 2), number(2, 2), raw(2), number(1, 2),
                         number(24, 2), number(size[2], 8), number(size[1], 8),
                         at)
    most <- rep(2^32 - 1, 2)
    directory <- c(directory, charToRaw("PK\001\002"), number(20, 2),
                   common(if (large) most else size, at, length(more)),
                   raw(10), if (large) number(2^32 - 1, 4) else at, name, more)
    body <- c(body, charToRaw("PK\003\004"), common(size, at, 3), name, raw(3),
              packed)
  }
  n <- length(members)
  place <- function(size) {
    c(number(n, size), number(n, size), number(length(directory), max(size, 4)),
      number(length(body), max(size, 4)))
  }
  end <- if (large) {
    c(charToRaw("PK\006\006"), number(44, 8), raw(12), place(8),
      charToRaw("PK\006\007"), raw(4),
      number(length(body) + length(directory), 8), number(1, 4),
      charToRaw("PK\005\006"), raw(4), as.raw(rep(255, 12)), raw(2))
  } else {
    c(charToRaw("PK\005\006"), raw(4), place(2), raw(2))
  }
  writeBin(c(body, directory, end), file)
  file
}

pack_member <- function(data, method) {
  if (method == 8) {
    # Without the head and the sum of zlib.
    packed <- memCompress(data, "gzip")
    return(packed[3:(length(packed) - 4)])
  }
  if (method == 93 && length(data) == 0L) {
    return(as.raw(c(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0)))
  }
  if (method == 93) {
    file <- tempfile()
    con <- archive::file_write(file, "wb", filter = "zstd")
    writeBin(data, con)
    close(con)
    return(readBin(file, "raw", file.size(file)))
  }
  data
}

# The checksum is in the trailer of what gzip makes.
crc32 <- function(data) {
  file <- tempfile()
  con <- gzfile(file, "wb")
  writeBin(data, con)
  close(con)
  packed <- readBin(file, "raw", file.size(file))
  packed[length(packed) - 7:4]
}

# ---- garak -------------------------------------------------------------------

garak_attempt <- function(uuid, outputs, scores, status = 2, ...) {
  attempt <- list(
    entry_type = "attempt", uuid = uuid, seq = 0, status = status,
    probe_classname = "toy.Probe", prompt = garak_prompt(paste("say", uuid)),
    outputs = lapply(outputs, function(text) {
      if (!is.null(text)) list(text = if (is.na(text)) NULL else text)
    }),
    detector_results = lapply(scores, as.list),
    notes = list(a = 1)[0]
  )
  utils::modifyList(attempt, list(...))
}

garak_prompt <- function(...) {
  list(turns = lapply(list(...), function(text) {
    list(role = "user", content = list(text = text, lang = "en"))
  }))
}

# Each attempt before and after it was judged; `evals` as garak counts.
write_garak <- function(attempts, evals = list(), end = TRUE) {
  before <- lapply(attempts, function(attempt) {
    utils::modifyList(attempt, list(status = 1, detector_results = NULL))
  })
  done <- vapply(attempts, function(attempt) attempt$status == 2, NA)
  lines <- c(
    list(list(entry_type = "start_run setup", plugins.target_type = "toy",
              plugins.target_name = "model", run.generations = 9),
         list(entry_type = "init", run = "r", garak_version = "0.17.1"),
         list(entry_type = "a kind to come")),
    before, attempts[done],
    lapply(evals, function(eval) c(list(entry_type = "eval"), eval)),
    if (end) list(list(entry_type = "completion", run = "r"))
  )
  write_text(vapply(lines, to_json, ""), ".report.jsonl")
}

# ---- promptfoo ---------------------------------------------------------------

# `verdicts` by the name of the assertion: TRUE passes, NA throws.
promptfoo_row <- function(test, answer, verdicts = list(words = TRUE),
                          prompt = "say it", provider = "toy", ...) {
  parts <- lapply(names(verdicts), function(name) {
    pass <- verdicts[[name]]
    list(pass = pass %in% TRUE, score = as.numeric(pass %in% TRUE),
         reason = if (is.na(pass)) "Custom function threw error: x" else "ok",
         assertion = list(type = sub("#.*", "", name)))
  })
  row <- list(
    id = paste("row", test, provider, prompt), testIdx = test, promptIdx = 0,
    provider = list(id = provider, label = ""), prompt = list(raw = prompt),
    vars = list(q = prompt), failureReason = 0, latencyMs = 30 + test,
    success = all(unlist(verdicts) %in% TRUE), score = 1,
    response = list(output = answer, cached = FALSE, finishReason = "stop"),
    gradingResult = list(componentResults = parts)
  )
  utils::modifyList(row, list(...))
}

promptfoo_document <- function(rows, ...) {
  list(evalId = "e", results = list(version = 3, results = rows),
       config = list(...))
}

write_promptfoo <- function(rows, ..., ext = ".json") {
  text <- switch(ext,
    .json = to_json(promptfoo_document(rows, ...), pretty = 2),
    .jsonl = vapply(rows, to_json, ""),
    .yaml = yaml::as.yaml(promptfoo_document(rows, ...))
  )
  write_text(text, ext)
}

# ---- lm-eval -----------------------------------------------------------------

lm_document <- function(id, answers, temperature = 1, filter = "none", ...) {
  document <- list(
    doc_id = id, doc_hash = paste("hash", id), filter = filter,
    arguments = list(gen_args_0 = list(
      arg_0 = paste("prompt", id), arg_1 = list(temperature = temperature)
    )),
    resps = list(as.list(answers)), filtered_resps = list(answers[[1]]),
    metrics = list("bad"), bad = 0.5
  )
  utils::modifyList(document, list(...))
}

write_lm_eval <- function(documents, task = "toy", model = NULL) {
  folder <- tempfile("lm")
  dir.create(folder)
  time <- "2026-01-01T00-00-00.5"
  if (!is.null(model)) {
    write_text(to_json(list(model_name = model, x = "<NaN>")),
               sprintf("results_%s.json", time), folder)
  }
  write_text(vapply(documents, to_json, ""),
             sprintf("samples_%s_%s.jsonl", task, time), folder)
}
