skip_if_not_installed("jsonlite")

test_that("each draw of a plan is asked for once, whatever the design", {
  for (design in names(audit_designs)[1:5]) {
    set.seed(1)
    plan <- known_plan(10^runif(30, -3, -1), 15, design)
    for (n_choices in c(1, 3, 8)) {
      file <- write_batch(plan, tempfile(), "m", n_choices = n_choices)
      requests <- read_requests(file)
      draws <- requested_draws(requests)
      expect_setequal(paste(draws$prompt, draws$draw),
                      paste(rep(plan$prompt, plan$limit),
                            sequence(plan$limit)))
      expect_equal(nrow(draws), sum(plan$limit))
      # As few requests as there can be.
      expect_length(requests, sum(ceiling(plan$limit / n_choices)))
      ids <- vapply(requests, `[[`, "", "custom_id")
      expect_match(ids, "^[a-zA-Z0-9_-]{1,64}$")
      expect_equal(anyDuplicated(ids), 0)
    }
  }
})

test_that("custom ids know their draws, in any order of the plan's rows", {
  set.seed(1)
  plan <- known_plan(rep(0.05, 12), 10)
  ids <- make_custom_ids(plan, c(3, 12), c(1, 2e9), c(1, 128))
  expect_lte(max(nchar(ids)), 64)
  back <- read_custom_ids(c(ids, "mine", NA, paste0(ids[1], "0x")))
  expect_equal(back$order[1:2], as.numeric(plan$order[c(3, 12)]))
  expect_equal(back$first[1:2], c(1, 2e9))
  expect_equal(back$n[1:2], c(1, 128))
  expect_identical(back$plan_id, c(rep(plan$plan_id[1], 2), NA, NA, NA))
  turned <- plan[rev(seq_len(nrow(plan))), ]
  expect_identical(make_custom_ids(turned, 10, 1, 1),
                   make_custom_ids(plan, 3, 1, 1))
})

test_that("a request is what the service's protocol asks for", {
  set.seed(1)
  texts <- c("a \"quote\", a\\backslash", "two\nlines\tand a tab\r", "",
             paste("na\u00efve \u2211 \U1F600", strrep("long ", 1e4)),
             "\001\037\b</script>")
  args <- list(max_tokens = 20, stop = list("x"), temperature = 0.7,
               logit_bias = NULL, response_format = list(type = "text"))
  requests <- function(...) {
    read_requests(write_batch(..., file = tempfile(), model = "a/\"b\""))
  }
  set.seed(1)
  plan <- known_plan(rep(0.05, 5), 20, "replicated", prompts = texts)
  chat <- requests(plan, system_prompt = "Be \"kind\".", n_choices = 2,
                   api_args = args)
  expect_setequal(requested_draws(chat)$prompt, texts[plan$limit > 0])
  one <- Filter(function(request) !is.null(request$body$n), chat)[[1]]
  expect_named(one, c("custom_id", "method", "url", "body"))
  expect_identical(one$method, "POST")
  expect_identical(one$url, "/v1/chat/completions")
  expect_identical(one$body, list(
    model = "a/\"b\"", max_tokens = 20L, stop = list("x"), temperature = 0.7,
    logit_bias = NULL, response_format = list(type = "text"),
    messages = list(
      list(role = "system", content = "Be \"kind\"."),
      list(role = "user", content = one$body$messages[[2]]$content)
    ), n = 2L
  ))
  single <- requests(plan)[[1]]
  expect_named(single$body, c("model", "messages"))
  expect_length(single$body$messages, 1)

  base <- requests(plan, type = "completion", api_args = args[1])[[1]]
  expect_identical(base$url, "/v1/completions")
  expect_identical(base$body, list(
    model = "a/\"b\"", max_tokens = 20L, prompt = texts[plan$limit > 0][1]
  ))

  claude <- requests(plan, type = "messages", system_prompt = "Be kind.",
                     api_args = args[1])
  expect_named(claude[[1]], c("custom_id", "params"))
  expect_identical(claude[[1]]$params, list(
    model = "a/\"b\"", max_tokens = 20L, system = "Be kind.",
    messages = list(list(role = "user", content = texts[plan$limit > 0][1]))
  ))
  expect_equal(nrow(requested_draws(claude)), sum(plan$limit))
})

test_that("files keep the services' limits", {
  expect_identical(assign_parts(c(5, 5, 5, 1, 9, 10), 3, 10),
                   c(1, 1, 2, 2, 3, 4))
  expect_identical(assign_parts(rep(1, 7), 3, 100), c(1, 1, 1, 2, 2, 2, 3))
  set.seed(2)
  plan <- known_plan(10^runif(40, -3, -1), 15,
                     prompts = strrep("\u00e9", sample(100, 40)))
  whole <- readLines(write_batch(plan, tempfile(), "m"))
  split_up <- function(format, file, ...) {
    format[names(list(...))] <- list(...)
    write_requests(start_audit(plan), file, 1, format, FALSE, NULL)
  }
  chat <- openai_batch("chat", "m", NULL, list(), NULL)
  file <- tempfile(fileext = ".jsonl.gz")
  paths <- split_up(chat, file, max_requests = 50)
  expect_identical(paths, name_parts(file, length(paths)))
  expect_match(basename(paths[2]), "^file.*-2[.]jsonl[.]gz$")
  sizes <- lengths(lapply(paths, readLines))
  expect_identical(sizes[-length(sizes)], rep(50L, length(sizes) - 1))
  expect_identical(unlist(lapply(paths, readLines)), whole)

  paths <- split_up(chat, tempfile(), max_bytes = 10000)
  expect_gt(length(paths), 5)
  expect_lte(max(file.size(paths)), 10000)
  expect_gt(min(file.size(paths[-length(paths)])), 9500)
  expect_identical(unlist(lapply(paths, readLines)), whole)

  claude <- anthropic_batch("m", NULL, 1, list(max_tokens = 9), NULL)
  paths <- split_up(claude, tempfile(), max_bytes = 10000 - 100)
  expect_lte(max(file.size(paths)), 10000)
  all <- do.call(c, lapply(paths, read_requests))
  expect_equal(nrow(requested_draws(all)), sum(plan$limit))
  expect_error(split_up(chat, tempfile(), max_bytes = 200),
               "must fit into 200 bytes",
               class = "timetounsafe_error_argument")
})

test_that("of an unfinished audit only what is missing is asked for", {
  set.seed(3)
  for (design in c("replicated", "optimized")) {
    plan <- known_plan(10^runif(25, -2, -0.5), 20, design)
    outcome <- matrix(runif(25 * max(plan$limit)) < 0.1, 25)
    # Some draws, with gaps.
    have <- matrix(runif(length(outcome)) < 0.5, 25)
    have[col(have) > plan$limit] <- FALSE
    row <- row(have)[have]
    draws <- data.frame(
      row = row, draw = as.numeric(col(have)[have]), unsafe = outcome[have],
      status = "ok", truncated = FALSE, failed = FALSE
    )
    audit <- add_draws(start_audit(plan), draws, "safe", FALSE)
    wanted <- list()
    for (i in seq_len(25)) {
      need <- setdiff(seq_len(plan$limit[i]), which(have[i, ]))
      hit <- which(have[i, ] & outcome[i, ])
      if (plan$stop[i] && length(hit) > 0) need <- need[need < min(hit)]
      wanted[[i]] <- paste(i, need)[seq_along(need)]
    }
    for (n_choices in c(1, 4)) {
      file <- write_batch(audit, tempfile(), "m", n_choices = n_choices)
      asked <- requested_draws(read_requests(file))
      expect_setequal(paste(asked$prompt, asked$draw), unlist(wanted))
      expect_equal(nrow(asked), length(unlist(wanted)))
    }
  }
  done <- run_audit(plan, function(prompts) rep(FALSE, length(prompts)))
  expect_error(write_batch(done, tempfile(), "m"), "must have draws to make",
               class = "timetounsafe_error_argument")
})

test_that("nothing that was paid for is replaced", {
  set.seed(1)
  plan <- known_plan(rep(0.1, 5), 20)
  file <- tempfile(fileext = ".jsonl")
  expect_identical(expect_invisible(write_batch(plan, file, "m")), file)
  expect_error(write_batch(plan, file, "m"), "overwrite = TRUE",
               class = "timetounsafe_error_file")
  write_batch(plan, file, "other", overwrite = TRUE)
  expect_identical(read_requests(file)[[1]]$body$model, "other")
  results <- serve_batch(file, scripted_text)
  writeLines(results, file)
  expect_error(write_batch(plan, file, "m", overwrite = TRUE),
               "contains results of a batch", class = "timetounsafe_error_file")
  expect_identical(readLines(file), results)
  writeLines(serve_batch(write_batch(plan, tempfile(), "m", type = "messages",
                                     api_args = list(max_tokens = 9)),
                         scripted_text, type = "messages"), file)
  expect_error(write_batch(plan, file, "m", overwrite = TRUE),
               "contains results", class = "timetounsafe_error_file")
  # A part of an earlier batch, which was longer.
  part <- name_parts(file, 2)[1]
  unlink(file)
  write_batch(plan, part, "m")
  error <- expect_error(write_batch(plan, file, "m"), "of another batch",
                        class = "timetounsafe_error_file")
  expect_identical(error$argument, "file")
  writeLines("notes", part)
  expect_identical(write_batch(plan, file, "m"), file)
})

test_that("fields that would spoil a batch are refused", {
  set.seed(1)
  plan <- known_plan(rep(0.1, 5), 20)
  refused <- function(pattern, ...) {
    error <- expect_error(write_batch(plan, tempfile(), "m", ...), pattern,
                          class = "timetounsafe_error_argument")
    expect_identical(error$argument, "api_args")
  }
  for (name in names(useless_fields)) {
    refused(sprintf("must not contain `%s`", name),
            api_args = stats::setNames(list(1), name))
  }
  for (name in c("model", "messages", "prompt", "n")) {
    refused(sprintf("an argument sets, not \"%s\"", name),
            api_args = stats::setNames(list(1), name))
  }
  refused("seed = 7", api_args = list(seed = 7))
  refused("temperature = 0", api_args = list(temperature = 0L))
  refused("top_p = 0", api_args = list(max_tokens = 1, top_p = 0))
  refused("top_k = 1", api_args = list(top_k = 1))
  refused("`system_prompt`", api_args = list(system = "a", max_tokens = 5),
          type = "messages")
  refused("must contain `max_tokens`", type = "messages")
  refused("must be a named list", api_args = list(1))
  refused("must be a named list", api_args = c(a = 1))
  sure <- write_batch(plan, tempfile(), "m", api_args = list(seed = 7),
                      allow_deterministic = TRUE)
  expect_identical(read_requests(sure)[[1]]$body$seed, 7L)
  expect_error(write_batch(plan, tempfile(), "m", n_choices = 2,
                           type = "messages", api_args = list(max_tokens = 5)),
               "`n_choices` must be 1", class = "timetounsafe_error_argument")
  expect_error(write_batch(plan, tempfile(), "m", "Be kind",
                           type = "completion"),
               "`system_prompt` must be NULL",
               class = "timetounsafe_error_argument")
  nowhere <- file.path(tempfile(), "a.jsonl")
  bad_arguments(write_batch, list(plan = plan, file = tempfile(), model = "m"),
                list(plan = list(NULL, 1, plan[-1, ]),
                     file = list(NULL, 1, nowhere), model = list(NULL, 1, ""),
                     system_prompt = list(1, ""),
                     n_choices = list(0, 1.5, "a", NULL),
                     overwrite = list(NA), type = list("audio"),
                     allow_deterministic = list(NA)))
  expect_error(write_batch(plan, tempfile()), "`model` is missing",
               class = "timetounsafe_error_argument")
  wide <- known_plan(c(0.1, 0.1), 100,
                     prompts = data.frame(text = c("a", "b")))
  expect_error(write_batch(wide, tempfile(), "m"), "must be text for a batch",
               class = "timetounsafe_error_argument")
  bare <- read_plan(write_plan(plan, tempfile(), keep_prompts = FALSE))
  expect_error(write_batch(bare, tempfile(), "m"), "no prompts",
               class = "timetounsafe_error_plan")
})
