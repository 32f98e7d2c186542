# From a log to an audit, without a plan: its draws counted by prompt, a hazard
# for its prompts, and an order.

# `settings` are what reached `...`; conditions are those of `call`.
audit_logged <- function(x, hazard, newdata, train, refusal, cluster, seed,
                         settings, call) {
  settings <- logged_settings(settings, train, call)
  check_hazard_source(hazard, train, call)
  seed <- check_number(seed, "seed", min = -(2^31 - 1), max = 2^31 - 1,
                       whole = TRUE, null_ok = TRUE, call = call)
  seed <- seed %||% sample.int(2^31 - 1, 1L)
  counts <- count_draws(x, refusal, call)
  rows <- counts$rows
  n <- nrow(rows)
  newdata <- features_of_log(newdata, rows, call)
  cluster <- check_cluster(by_prompt(cluster, counts), n, call)
  check_cluster_size(settings$cluster_size, cluster, call)
  with_seed(own_seed(seed), {
    first <- training_part(train, counts, cluster, call)
    if (is.null(train)) {
      check_class(hazard, "hazard_fit", "hazard", "fit_hazard() or as_hazard()",
                  call = call)
      refuse_training_rows(hazard, rows$prompt, newdata, rows$id, "x", call)
    } else {
      hazard <- fit_part(rows[first, ], take_rows(newdata, first), settings)
    }
    rest <- setdiff(which(rows$limit > 0), first)
    prob <- predict_hazard(hazard, take_rows(newdata, rest), "newdata",
                           call = call)
    trained <- rows$limit[first]
    drawn <- rows[rest, ]
    screening <- NULL
    law <- list(prob = prob)
    if (!is.null(settings$screen_draws)) {
      rule <- find_precision_rule(hazard, NULL, call)
      divided <- screen_logged(drawn, settings$screen_draws, call)
      law <- screen_rows(prob, divided$screened, rule)
      law$screen_unsafe <- divided$screened$unsafe
      drawn <- divided$rows
      trained <- trained - settings$screen_draws
      screening <- screen_constants(divided$screened, rule)
    }
    planned <- data.frame(id = drawn$id)
    planned$prompt <- take_rows(rows$prompt, rest)
    planned$cluster <- cluster[rest]
    planned[names(law)] <- law
    planned$limit <- drawn$limit
    fixed <- fix_logged_cap(settings$cap, planned$limit, trained[trained > 0],
                            call)
    plan <- plan_logged(planned, c(fixed, screening = list(screening)),
                        settings$cluster_size, seed, hazard)
  })
  warn_few_of_log(plan, call)
  audit <- start_audit(plan)
  audit[outcome_columns] <- drawn[outcome_columns]
  warn_failed_draws(audit, call)
  audit <- new_audit(audit)
  attr(audit, "log") <- c(trained = sum(trained > 0),
                          absent = counts$absent + sum(rows$limit == 0))
  audit
}

# Which no generator has that was seeded with the same number to make the draws.
own_seed <- function(seed) seed_of(c("as_audit", seed))

# ---- Arguments ---------------------------------------------------------------

# list(cap, cluster_size, screen_draws, engine, fit): what `...` may contain, by
# name.
logged_settings <- function(given, train, call) {
  own <- c("cap", "cluster_size", "screen_draws")
  names <- names(given) %||% rep("", length(given))
  fit <- given[!names %in% c(own, "engine")]
  engine <- check_choice(given$engine %||% "glm", c("glm", "mlp"), "engine",
                         call = call)
  known <- if (!is.null(train)) c("engine", engine_settings(engine))
  unknown <- setdiff(names, c(own, known))
  if (length(unknown) > 0L) {
    refuse_arguments(unknown, c(names(formals(audit_logged))[1:7], own, known),
                     call)
  }
  cap <- check_number(given$cap, "cap", min = 2, whole = TRUE, null_ok = TRUE,
                      call = call)
  screen_draws <- check_number(given$screen_draws, "screen_draws", min = 1,
                               whole = TRUE, null_ok = TRUE, call = call)
  list(cap = cap, cluster_size = given$cluster_size,
       screen_draws = screen_draws, engine = engine, fit = fit)
}

check_hazard_source <- function(hazard, train, call) {
  if (is.null(hazard) == is.null(train)) {
    stop_argument(
      "hazard", if (is.null(hazard)) {
        "is required without `plan`, or `train`, which fits one"
      } else {
        "must be NULL with `train`, which fits one"
      },
      fix = if (is.null(hazard)) {
        paste("train = 0.5 fits it on half of the prompts. certify_risk(x, k)",
              "and estimate_risk(x) need none.")
      }, call = call
    )
  }
}

# Features in the order of the prompts: by `id`, or as they are.
features_of_log <- function(newdata, rows, call) {
  if (is.null(newdata)) {
    if (is.null(rows$prompt)) {
      stop_argument("newdata", paste("is required: `x` does not have the text",
                                     "of each prompt"), call = call)
    }
    return(rows$prompt)
  }
  if (is.data.frame(newdata) && "id" %in% names(newdata)) {
    at <- match(as_text(rows$id), as_text(newdata$id))
    if (anyNA(at)) {
      stop_argument("newdata", "must have a row for each prompt of `x`",
                    paste("none for", list_names(as_text(rows$id)[is.na(at)])),
                    call = call)
    }
    newdata <- newdata[at, setdiff(names(newdata), "id"), drop = FALSE]
  }
  check_rows(newdata, nrow(rows), "newdata", call)
  newdata
}

# Values in the order of the prompts, where there is one for each response.
by_prompt <- function(value, counts) {
  row <- counts$row
  if (length(value) == length(row) && length(row) > nrow(counts$rows)) {
    first <- value[match(seq_len(nrow(counts$rows)), row)]
    if (identical(as.vector(first[row]), as.vector(value))) {
      return(first)
    }
  }
  value
}

# ---- Training ----------------------------------------------------------------

# The rows of the prompts that train the hazard.
training_part <- function(train, counts, cluster, call) {
  if (is.null(train)) {
    return(integer())
  }
  n <- nrow(counts$rows)
  unit <- number_units(cluster, n)
  share <- is.numeric(train) && length(train) == 1L && !is.na(train) &&
    train > 0 && train < 1
  first <- if (share) {
    units <- max(unit)
    which(unit %in% sample.int(units, min(units, max(1, round(train * units)))))
  } else if (is.logical(train)) {
    which(check_flags_by_prompt(by_prompt(train, counts), n, call))
  } else {
    find_training_ids(train, counts$rows$id, call)
  }
  drawn <- which(counts$rows$limit > 0)
  found <- c("none to train", "none to audit")[
    c(!any(drawn %in% first), all(drawn %in% first))
  ]
  if (length(found) > 0L) {
    stop_argument("train", "must leave prompts to train and prompts to audit",
                  found[1L], call = call)
  }
  if (any(unit[-first] %in% unit[first])) {
    stop_argument("train", "must take each cluster as a whole", call = call)
  }
  first
}

check_flags_by_prompt <- function(train, n, call) {
  if (length(train) != n || anyNA(train)) {
    stop_argument("train", sprintf(
      "must contain %d logical values, one for each prompt, none missing", n
    ), describe(train), call = call)
  }
  train
}

find_training_ids <- function(train, id, call) {
  at <- if (is.atomic(train)) match(as_text(train), as_text(id)) else NA
  if (anyNA(at)) {
    stop_argument(
      "train", paste("must be a share strictly between 0 and 1, ids of `x`, or",
                     "a logical value for each prompt"),
      if (is.atomic(train) && length(train) > 0L) {
        show_text(as_text(train[is.na(at)][1L]))
      } else {
        describe(train)
      }, call = call
    )
  }
  sort(unique(at))
}

fit_part <- function(rows, x, settings) {
  y <- if (is.null(rows$prompt)) {
    cbind(unsafe = rows$unsafe, safe = rows$draws - rows$unsafe)
  } else {
    new_prompt_draws(rows)
  }
  rlang::inject(fit_hazard(x, y, settings$engine, !!!settings$fit))
}

# ---- Draws by prompt ---------------------------------------------------------

# list(rows, row, absent): outcomes in the form of prompt_draws, with the column
# `prompt` where all are known; which of the rows each response belongs to; and
# how many prompts have no draw.
count_draws <- function(x, refusal, call) {
  if (inherits(x, "prompt_draws")) {
    return(count_prompt_draws(x, call))
  }
  if (all(c("id", "unsafe", "draws") %in% names(x)) && !"draw" %in% names(x)) {
    return(count_table(x, call))
  }
  about <- attr(x, "about")
  refuse_told(about, call)
  x <- as_response_log(x)
  validate_response_log(x, "x", call)
  if (nrow(x) == 0L) {
    stop_argument("x", "must not be empty", call = call)
  }
  if (any(!is.na(x$plan_id))) {
    stop_classed("plan", c(
      "`x` contains draws of a plan: their numbers are not fixed.",
      i = "Supply it: as_audit(x, plan)."
    ), argument = "x", call = call)
  }
  absent <- about$absent
  counts <- count_log(x, refusal, call)
  counts$absent <- if (is.numeric(absent)) sum(absent) else length(absent)
  counts
}

count_log <- function(x, refusal, call) {
  id <- unique(x$id)
  row <- match(x$id, id)
  n <- length(id)
  verdict <- apply_refusal(x$unsafe, x$status, refusal)
  at <- order(row, x$draw)
  draw <- x$draw[at]
  refuse_twice(row[at], draw, x$row[at], id, call)
  last <- !duplicated(row[at], fromLast = TRUE)
  limit <- draw[last]
  check_fixed_numbers(row[at], draw, verdict[at], limit, id, call)
  count <- function(which) as.double(tabulate(row[which], n))
  used <- !is.na(verdict)
  rows <- outcome_rows(count(used), count(verdict %in% TRUE), limit)
  rows$refused <- count(used & x$status == "refused")
  rows$truncated <- count(used & x$truncated %in% TRUE)
  # The first that was unsafe, failed, or is missing.
  gap <- draw != rank_within(row[at])
  bad <- gap | !(verdict[at] %in% FALSE)
  bad[bad] <- !duplicated(row[at][bad])
  rows$time[row[at][bad]] <- ifelse(gap, rank_within(row[at]), draw)[bad]
  rows <- data.frame(id = id, rows)
  rows$prompt <- prompts_of_log(x, row, id, call)
  list(rows = rows, row = row)
}

refuse_twice <- function(row, draw, from, id, call) {
  again <- which(row[-1L] == row[-length(row)] &
                   draw[-1L] == draw[-length(draw)])
  if (length(again) > 0L) {
    k <- again[1L]
    stop_audit(sprintf("draw %.0f is duplicated", draw[k]), id[row[k]], call,
               sort(from[row == row[k] & draw == draw[k]]))
  }
}

# NULL where they are not known of all.
prompts_of_log <- function(x, row, id, call) {
  known <- which(!is.na(x$prompt))
  prompt <- x$prompt[known][match(seq_along(id), row[known])]
  other <- known[comparable_prompts(x$prompt[known]) !=
                   comparable_prompts(prompt)[row[known]]]
  if (length(other) > 0L) {
    stop_audit("has several texts", x$id[other[1L]], call, x$row[other])
  }
  if (!anyNA(prompt)) prompt
}

# ---- Counts, without their draws ---------------------------------------------

count_prompt_draws <- function(x, call) {
  refuse_unfinished(x, "Prompts ended early are not a fixed number of draws.",
                    "x", call)
  if (any(x$stop)) {
    refuse_dependent("It was drawn with stop = TRUE.", call, x$id[x$stop])
  }
  rows <- data.frame(id = x$id, outcome_rows(x$draws, x$unsafe, x$limit))
  rows$prompt <- x$prompt
  hit <- rows$status == 1
  rows$time[hit] <- x$time[hit]
  for (name in intersect(c("refused", "truncated"), names(x))) {
    rows[[name]] <- x[[name]]
  }
  check_fixed_counts(rows$unsafe, rows$limit, rows$id, call)
  list(rows = rows, absent = 0)
}

count_table <- function(x, call) {
  count <- function(name) {
    check_numeric(x[[name]], paste0("x$", name), min = 0, whole = TRUE,
                  finite = TRUE, call = call)
  }
  draws <- count("draws")
  unsafe <- count("unsafe")
  id <- check_ids(x$id, nrow(x), "x$id", call)
  refuse_impossible(unsafe > draws, unsafe, draws, id, call)
  rows <- data.frame(id = id, outcome_rows(draws, unsafe, draws))
  if (!is.null(x$prompt)) {
    rows$prompt <- check_prompts(x$prompt, "x$prompt", call)
  }
  check_fixed_counts(unsafe, draws, id, call)
  list(rows = rows, absent = 0)
}

# ---- Warnings ----------------------------------------------------------------

warn_few_of_log <- function(plan, call) {
  parts <- plan_parts(plan)
  constants <- parts$constants
  if (cannot_certify(plan_betting(parts, constants$alpha, constants$delta))) {
    units <- count_units(parts)
    warn_classed("few_prompts", c(
      sprintf("%s are too few to certify a bound.",
              counted(units, if (is_clustered(parts)) "cluster" else "prompt")),
      i = "calibrate_lpb(audit, delta = NULL) has the marginal guarantee."
    ), call = call)
  }
}
