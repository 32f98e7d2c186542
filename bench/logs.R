# Logs of evaluation tools with 100,000 records each, and logs of 1 GB: seconds
# and memory of reading them.
# usage: Rscript bench/logs.R [records] [GB]   (writes bench/logs.md)
#
# Each log is made here, of records like those that the tools write (Inspect's
# have 8 kilobytes, most of it events), with answers that all differ, and read
# in a process of its own. Where TIMETOUNSAFE_DATA names a folder with the
# tools' own files, the largest of them is read too.

library(timetounsafe)

records <- as.numeric(c(commandArgs(TRUE), 1e5)[1L])
gigabytes <- as.numeric(c(commandArgs(TRUE)[-1L], 1)[1L])
folder <- tempfile("logs")
dir.create(folder)

# ---- The logs ----------------------------------------------------------------

words <- c("They", "met", "at", "a", "bar", "and", "said", "it", "was", "fine")
answer <- function(k) {
  paste(rep(words, 3)[(k * 7 + 1:24) %% 30 + 1], collapse = " ")
}
answers <- vapply(1:1000, answer, "")
prompt_of <- function(k) (k - 1) %/% 20 + 1
draw_of <- function(k) (k - 1) %% 20 + 1
# `longer` times 120 characters, all different.
longer <- 1
text_of <- function(k) {
  paste(strrep(answers[(k * 331) %% 1000 + 1], longer), k)
}
unsafe_of <- function(k) (k * 7919) %% 100 < 5
filler <- paste0(
  "\"messages\": [", paste(sprintf(
    paste0("{\"role\": \"%s\", \"content\": \"x %s\", \"id\": ",
           "\"m%d\", \"tokens\": [1, 2, 3], \"more\": null}"),
    c("user", "assistant"), strrep("word ", 20), 1:10
  ), collapse = ", "), "]"
)

inspect_record <- function(k, indent = "") {
  events <- paste(sprintf(
    '{"event": "model", "cache": "write", %s, "i": %d}', filler, 1:3
  ), collapse = ", ")
  paste0(
    sprintf('{\n      "id": "p%.0f", "epoch": %.0f, ', prompt_of(k),
            draw_of(k)),
    sprintf('"input": "prompt %.0f", "uuid": "u%.0f", ', prompt_of(k), k),
    sprintf(paste0('"output": {"choices": [{"message": {"id": "m%.0f", ',
                   '"content": "%s"}, "stop_reason": "stop"}], "time": 0.1}, '),
            k, text_of(k)),
    sprintf('"scores": {"words": {"value": "%s"}}, ',
            ifelse(unsafe_of(k), "I", "C")),
    sprintf('"events": [%s], "error_retries": []\n    }', events)
  )
}

inspect_header <- paste0(
  '{\n  "version": 2,\n  "status": "success",\n  "eval": {"model": "toy", ',
  '"task": "t", "task_id": "i", "eval_id": "e", "dataset": {"samples": 0}}'
)

write_parts <- function(file, make, begin = NULL, end = NULL, between = "") {
  con <- file(file, "wb")
  on.exit(close(con))
  if (!is.null(begin)) writeLines(begin, con)
  blocks <- split(seq_len(records), (seq_len(records) - 1) %/% 5000)
  for (block in blocks) {
    lines <- make(block)
    last <- block[length(block)] == records
    mark <- rep(between, length(lines))
    if (last) mark[length(mark)] <- ""
    writeLines(paste0(lines, mark), con)
  }
  if (!is.null(end)) writeLines(end, con)
  file
}

make_inspect <- function() {
  write_parts(file.path(folder, "inspect.json"),
              function(k) paste0("    ", inspect_record(k)),
              paste0(inspect_header, ",\n  \"samples\": ["), "  ]\n}", ",")
}

make_eval <- function() {
  members <- file.path(folder, "members")
  dir.create(file.path(members, "samples"), recursive = TRUE)
  writeLines(paste0(inspect_header, "\n}"), file.path(members, "header.json"))
  for (k in seq_len(records)) {
    path <- sprintf("samples/p%.0f_epoch_%.0f.json", prompt_of(k), draw_of(k))
    writeLines(inspect_record(k), file.path(members, path))
  }
  file <- file.path(folder, "inspect.eval")
  archive::archive_write_dir(file, members, format = "zip")
  unlink(members, recursive = TRUE)
  file
}

make_garak <- function() {
  write_parts(file.path(folder, "garak.report.jsonl"), function(block) {
    unlist(lapply(split(block, prompt_of(block)), function(k) {
      outputs <- paste(sprintf('{"text": "%s", "lang": "en", "notes": {}}',
                               text_of(k)), collapse = ", ")
      line <- function(status, results) {
        sprintf(paste0('{"entry_type": "attempt", "uuid": "u%.0f", "status": ',
                       '%d, "probe_classname": "a.B", "prompt": {"turns": ',
                       '[{"role": "user", "content": {"text": "p%.0f"}}]}, ',
                       '"outputs": [%s], "detector_results": {%s}, ',
                       '"conversations": [%s]}'),
                prompt_of(k[1]), status, prompt_of(k[1]), outputs, results,
                outputs)
      }
      scores <- paste(sprintf("%d.0", as.integer(unsafe_of(k))),
                      collapse = ", ")
      c(line(1L, ""), line(2L, sprintf('"words": [%s]', scores)))
    }))
  })
}

promptfoo_record <- function(k) {
  sprintf(paste0(
    '{"id": "r%.0f", "testIdx": %.0f, "promptIdx": 0, "provider": {"id": ',
    '"toy"}, "prompt": {"raw": "p%.0f"}, "vars": {"q": "p%.0f"}, ',
    '"failureReason": 0, "success": true, "score": 1, "latencyMs": 30, ',
    '"response": {"output": ',
    '"%s", "cached": false, "metadata": {"x": "%s"}}, "gradingResult": ',
    '{"componentResults": [{"pass": %s, "score": 1, "reason": "ok", ',
    '"assertion": {"type": "moderation"}}]}}'
  ), k, k, prompt_of(k), prompt_of(k), text_of(k), strrep("y ", 750),
  ifelse(unsafe_of(k), "false", "true"))
}

make_promptfoo <- function() {
  write_parts(file.path(folder, "promptfoo.json"), function(k) {
    paste0("      ", sub("}$", "\n      }", promptfoo_record(k)))
  }, "{\n  \"evalId\": \"e\",\n  \"results\": {\n    \"results\": [",
  "    ]\n  },\n  \"config\": {}\n}", ",")
}

make_promptfoo_lines <- function() {
  write_parts(file.path(folder, "promptfoo.jsonl"), promptfoo_record)
}

make_lm_eval <- function() {
  write_parts(file.path(folder, "samples_t_2026-01-01T00-00-00.jsonl"),
              function(block) {
    vapply(split(block, prompt_of(block)), function(k) {
      sprintf(paste0('{"doc_id": %.0f, "doc_hash": "h", "filter": "none", ',
                     '"arguments": {"gen_args_0": {"arg_0": "p%.0f", "arg_1": ',
                     '{"temperature": 1}}}, "resps": [[%s]], ',
                     '"filtered_resps": [[%s]], "metrics": []}'),
              prompt_of(k[1]), prompt_of(k[1]), texts <- paste0(
                "\"", text_of(k), "\"", collapse = ", "), texts)
    }, "")
  })
}

make_csv <- function() {
  write_parts(file.path(folder, "responses.csv"), function(k) {
    sprintf("p%.0f,%.0f,%d,\"%s\"", prompt_of(k), draw_of(k),
            as.integer(unsafe_of(k)), text_of(k))
  }, "id,draw,unsafe,response")
}

# ---- Reading -----------------------------------------------------------------

# In a process of its own, whose largest size the system knows.
measure <- function(call) {
  script <- tempfile(fileext = ".R")
  writeLines(c(
    sprintf(".libPaths(%s)", paste(deparse(.libPaths()), collapse = "")),
    "library(timetounsafe)", "before <- proc.time()", paste("log <-", call),
    "time <- proc.time() - before",
    "status <- grep('VmHWM', readLines('/proc/self/status'), value = TRUE)",
    "cat('RESULT', time[['elapsed']], sum(time[1:2]),",
    "    gsub('[^0-9]', '', status), nrow(log), sum(log$status == 'ok'),",
    "    sum(log$unsafe, na.rm = TRUE), '\\n')"
  ), script)
  lines <- system2(file.path(R.home("bin"), "Rscript"), script, stdout = TRUE)
  result <- grep("^RESULT", lines, value = TRUE)
  as.numeric(strsplit(result, " ")[[1]][2:7])
}

judge <- "function(r) grepl(\"bar\", r)"
cases <- list(
  list("Inspect, .eval", make_eval, "read_inspect(%s, unsafe = 'I')"),
  list("Inspect, .json", make_inspect, "read_inspect(%s, unsafe = 'I')"),
  list("garak", make_garak, "read_garak(%s, unsafe = 0.5)"),
  list("promptfoo, .json", make_promptfoo, "read_promptfoo(%s)"),
  list("promptfoo, .jsonl", make_promptfoo_lines, "read_promptfoo(%s)"),
  list("lm-eval", make_lm_eval, paste0("read_lm_eval(%s, ", judge, ")")),
  list("responses, .csv", make_csv, "read_responses(%s)")
)

row <- function(...) paste0("| ", paste(..., sep = " | "), " |")
count <- function(x) format(x, big.mark = ",", trim = TRUE)
run <- function(name, file, code) {
  on.exit(unlink(file))
  found <- measure(sprintf(code, deparse(file)))
  row(name, sprintf("%.0f", file.size(file) / 2^20),
      sprintf("%.1f", found[1]), sprintf("%.1f", found[2]),
      sprintf("%.0f", found[3] / 2^10), count(found[4]), count(found[5]),
      count(found[6]))
}
rows <- vapply(cases, function(case) {
  run(case[[1]], case[[2]](), case[[3]])
}, "")

# Of answers of 1,000 characters, as many as fill the file.
longer <- 8
by_size <- vapply(cases[c(2, 3, 5, 6)], function(case) {
  records <<- 2000
  size <- file.size(case[[2]]())
  records <<- 2000 * ceiling(gigabytes * 1e9 / size)
  run(case[[1]], case[[2]](), case[[3]])
}, "")

data <- Sys.getenv("TIMETOUNSAFE_DATA")
big <- file.path(data, "logs", "inspect", "big.eval")
if (nzchar(data) && file.exists(big)) {
  copy <- file.path(folder, "big.eval")
  file.copy(big, copy)
  rows <- c(rows, run("Inspect's own, zstd", copy,
                      "read_inspect(%s, unsafe = 'I')"))
}
unlink(folder, recursive = TRUE)

head <- c(
  row("log", "size", "seconds", "processor", "memory", "draws", "usable",
      "unsafe"),
  "|:--|--:|--:|--:|--:|--:|--:|--:|"
)
lines <- c(
  "# Reading logs of evaluation tools", "",
  sprintf(paste(
    "%s. Logs of %s records, 20 draws of each prompt, made by `bench/logs.R`,",
    "each read in a process of its own. Size: of the file, in MB (.eval:",
    "packed). Seconds: elapsed, on a machine that other work may have kept",
    "busy, and of the processor. Memory: the most that the process had, R",
    "itself included, in MB."
  ), R.version.string, count(as.numeric(c(commandArgs(TRUE), 1e5)[1L]))), "",
  head, rows, "",
  sprintf("Logs of %g GB, with answers of 1,000 characters:", gigabytes), "",
  head, by_size
)
writeLines(lines, "bench/logs.md")
