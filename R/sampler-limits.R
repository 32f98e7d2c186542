# What samplers of services have in common: limits of requests, refusals, and
# parameters that would make all draws of a prompt the same.

check_limits <- function(max_active, rpm, max_tries, max_wait, timeout,
                         call = rlang::caller_env()) {
  list(
    max_active = check_number(max_active, "max_active", min = 1, whole = TRUE,
                              call = call),
    rpm = check_number(rpm, "rpm", min = 1, finite = FALSE, call = call),
    max_tries = check_number(max_tries, "max_tries", min = 1, whole = TRUE,
                             call = call),
    max_wait = check_number(max_wait, "max_wait", min = 0, call = call),
    timeout = check_number(timeout, "timeout", min = 0, open = c(TRUE, FALSE),
                           call = call)
  )
}

check_refused <- function(refused, call = rlang::caller_env()) {
  if (!is.null(refused)) {
    check_function(refused, "refused", "of responses, or NULL", call = call)
  }
}

# Draws that the user's `refused` calls refusals.
mark_refused <- function(draws, refused) {
  ok <- which(draws$status == "ok")
  if (is.null(refused) || length(ok) == 0L) {
    return(draws)
  }
  says <- refused(draws$response[ok])
  if (!is.logical(says) || anyNA(says)) {
    stop_part("refused", "must return a logical vector without NA",
              describe(says))
  }
  check_count("refused", length(says), length(ok), FALSE)
  draws$status[ok[says]] <- "refused"
  draws
}

# Parameters that leave a model no choice.
refuse_fixed <- function(given, arg, call = rlang::caller_env()) {
  repeats <- c(
    seed = !is.null(given[["seed"]]),
    temperature = identical(as.double(given[["temperature"]]), 0),
    top_p = identical(as.double(given[["top_p"]]), 0),
    top_k = identical(as.double(given[["top_k"]]), 1)
  )
  if (any(repeats)) {
    name <- names(repeats)[repeats][1L]
    stop_argument(
      arg, sprintf("must not make responses deterministic (%s = %s)", name,
                   format(given[[name]])),
      fix = paste("All draws of a prompt would be identical. If this model's",
                  "are not: allow_deterministic = TRUE."), call = call
    )
  }
}

check_text_prompts <- function(prompts, of) {
  if (!is.character(prompts)) {
    stop_part("prompts", paste("must be text for", of), describe(prompts),
              "For other prompts use sampler_from().")
  }
}
