# Shared by tests of hazard fits.

# The counts of prompts as fit_hazard() takes them.
counts <- function(unsafe, draws) {
  cbind(unsafe = unsafe, safe = draws - unsafe)
}

# A response_log of these counts, the unsafe responses first.
log_of <- function(prompts, unsafe, draws) {
  draws <- rep_len(draws, length(unsafe))
  row <- rep(seq_along(unsafe), draws)
  draw <- sequence(draws)
  as_response_log(data.frame(
    id = paste0("p", row), prompt = prompts[row], draw = draw,
    unsafe = draw <= unsafe[row]
  ))
}
