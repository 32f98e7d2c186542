# Random numbers: the session's generator, fixed seeds, independent streams and
# the processes that draw from them.

# ---- The session's generator -------------------------------------------------

# Evaluates its argument and leaves the session's generator as it was.
keep_generator <- function(code) {
  kind <- RNGkind()
  state <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(restore_generator(kind, state))
  code
}

restore_generator <- function(kind, state) {
  # R warns of generators that it keeps only for old results.
  suppressWarnings(RNGkind(kind[1L], kind[2L], kind[3L]))
  if (is.null(state)) {
    rm(".Random.seed", envir = globalenv())
  } else {
    set_stream(state)
  }
}

# The same random numbers in `code` each time, whatever the caller's generator,
# which stays as it is.
with_seed <- function(seed, code) {
  keep_generator({
    set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
    code
  })
}

# A seed that `x` fixes, for with_seed().
seed_of <- function(x) strtoi(substr(rlang::hash(x), 1L, 7L), 16L)

# A seed from the session's generator, which moves by one number, whatever is
# then drawn in with_stream().
draw_seed <- function() stats::runif(1)

# Evaluates `code` on a stream of random numbers that `key`, a vector of
# numbers, fixes: another key, another stream. The session's stays as it is.
with_stream <- function(key, code) {
  # Where the key is drawn from the session's stream, that stays moved.
  force(key)
  keep_generator({
    set_stream(stream_of(key))
    code
  })
}

# A state of L'Ecuyer's generator, six positive integers, from 168 bits of the
# key's hash. Its period is 2^191, so that streams do not overlap.
stream_of <- function(key) {
  hash <- paste0(rlang::hash(key), rlang::hash(list(key)))
  words <- substring(hash, seq(1, 36, by = 7), seq(7, 42, by = 7))
  c(10407L, 1L + strtoi(words, 16L))
}

# ---- Streams and workers -----------------------------------------------------

# Independent streams, so that results do not depend on who draws from which.
random_streams <- function(seed, count) {
  set.seed(seed, "L'Ecuyer-CMRG", "Inversion", "Rejection")
  first <- get(".Random.seed", globalenv(), inherits = FALSE)
  Reduce(function(stream, i) parallel::nextRNGStream(stream),
         seq_len(count - 1), first, accumulate = TRUE)
}

# The value of f() under each stream.
run_streams <- function(streams, f, workers, fork = .Platform$OS.type == "unix",
                        call = rlang::caller_env()) {
  workers <- min(workers, length(streams))
  task <- function(stream) {
    set_stream(stream)
    catch_conditions(f())
  }
  results <- if (workers == 1) {
    lapply(streams, task)
  } else if (fork) {
    parallel::mclapply(streams, task, mc.cores = workers, mc.set.seed = FALSE)
  } else {
    run_cluster(streams, task, workers)
  }
  raise_conditions(results, call)
  lapply(results, function(result) result$value)
}

set_stream <- function(stream) {
  assign(".Random.seed", stream, envir = globalenv())
}

# list(value, error, warnings): conditions travel from worker to session.
catch_conditions <- function(code) {
  warnings <- list()
  caught <- function(w) {
    warnings[[length(warnings) + 1L]] <<- w
    invokeRestart("muffleWarning")
  }
  value <- tryCatch(withCallingHandlers(code, warning = caught),
                    error = identity)
  failed <- inherits(value, "error")
  list(value = if (!failed) value, error = if (failed) value,
       warnings = warnings)
}

run_cluster <- function(streams, task, workers) {
  cluster <- parallel::makePSOCKcluster(workers)
  on.exit(parallel::stopCluster(cluster))
  parallel::clusterCall(cluster, .libPaths, .libPaths())
  parallel::parLapply(cluster, streams, task)
}

# In the session, each warning once.
raise_conditions <- function(results, call) {
  for (result in results) {
    if (!identical(names(result), c("value", "error", "warnings"))) {
      stop_classed("internal", c("A worker died.", i = "Use fewer `workers`?"),
                   call = call)
    }
    if (!is.null(result$error)) {
      stop(result$error)
    }
  }
  warnings <- unlist(lapply(results, function(result) result$warnings), FALSE)
  messages <- vapply(warnings, conditionMessage, "")
  for (warning in warnings[!duplicated(messages)]) {
    warning(warning)
  }
}
