# Audits whose draws come out of a record, which has only a given number of each
# prompt: none is asked for that is not there, and which prompts ran out.

# A sampler may say by its attribute `recorded` how many draws it has of each
# prompt: the queue hands out no more. What is certain to run out ends the run
# before its first draw. Whether a prompt that stops at an unsafe draw does, its
# draws will tell.
limit_to_recorded <- function(rows, run, control) {
  if (is.null(control$sampler$recorded)) {
    return(invisible())
  }
  state <- run$state
  recorded <- control$sampler$recorded(rows$prompt)
  state$most <- pmin(state$limit, recorded)
  state$fewest <- min(recorded)
  least <- ifelse(state$stop, pmin(state$limit, state$draws + 1), state$limit)
  run$error <- find_exhausted(rows, state, state$open & recorded < least)
}

# When nothing is under way: an error where all that is open has run out.
run_out <- function(rows, state) {
  over <- state$open & state$handed >= state$most
  if (all(over == state$open) && next_due(state) == Inf) {
    find_exhausted(rows, state, over)
  }
}

find_exhausted <- function(rows, state, over) {
  if (any(over)) {
    exhausted_error(rows$id[over], state$most[over], state$fewest)
  }
}

# `recorded`: how many draws of each there are, `fewest`: of any prompt of the
# audit; NULL where that is not known.
exhausted_error <- function(id, recorded = NULL, fewest = NULL) {
  names <- show_text(as_text(id))
  if (!is.null(recorded)) {
    names <- sprintf("%s (%s)", names, format(recorded, trim = TRUE))
  }
  rlang::error_cnd(
    paste0("timetounsafe_error",
           c("_exhausted", "_sampler_contract", "_sampler", "")),
    message = sprintf(
      "%s more draws than are recorded: %s%s",
      if (length(id) == 1L) "1 prompt needs" else
        sprintf("%s prompts need", big(length(id))),
      shorten(paste(utils::head(names, 3L), collapse = ", "), 200),
      if (length(id) > 3L) ", ..." else ""
    ), id = id, recorded = recorded, fewest = fewest
  )
}

# What to ask for instead.
name_recorded <- function(error) {
  fewest <- error$fewest
  ask <- if (is.null(fewest)) {
    "Ask for fewer draws of a prompt (`max_limit` of plan_audit(), `draws`)"
  } else if (fewest == 0) {
    "Leave out prompts without recorded draws"
  } else {
    sprintf(paste("Every prompt has at least %s: ask for no more, by",
                  "plan_audit(max_limit = %s) or `draws`"),
            counted(fewest, "draw"), format(fewest))
  }
  paste0(ask, ", or see `replace` of sampler_replay().")
}
