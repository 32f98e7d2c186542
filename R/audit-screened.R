# A log whose draws are divided: some of each prompt, at random, take the place
# of screening draws, the others are its audit.

# list(rows, screened): outcomes of the draws that are left, and how many of the
# `m` screening draws were unsafe. Draws that failed count as unsafe in both.
screen_logged <- function(rows, m, call) {
  few <- rows$limit <= m
  if (any(few)) {
    found <- sprintf("%s, with %s of \"%s\"", format(m),
                     counted(rows$limit[few][1L], "draw"),
                     show_text(as_text(rows$id[few][1L])))
    stop_argument("screen_draws", "must be below the draws of each prompt",
                  found, call = call)
  }
  unsafe <- replicated_unsafe(rows)
  seen <- stats::rhyper(nrow(rows), unsafe, rows$limit - unsafe, m)
  left <- outcome_rows(rows$limit - m, unsafe - seen, rows$limit - m)
  # Which draws these are is not known.
  left$refused <- left$truncated <- NA_real_
  rows[names(left)] <- left
  list(rows = rows, screened = list(unsafe = seen, draws = m))
}
