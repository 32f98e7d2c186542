# Calibration within groups (Mondrian): each group is a calibration of its own,
# with its own tau. Why that keeps the guarantee: methods vignette, "Groups".

# ---- Who is in which group ---------------------------------------------------

# A factor, from values or from the name of a column.
read_groups <- function(groups, audit, call = rlang::caller_env()) {
  named <- is.character(groups) && length(groups) == 1L && nrow(audit) > 1L
  if (named) {
    groups <- find_group_column(groups, audit, call)
  }
  check_groups(groups, nrow(audit), call)
}

# A column of the prompts, or one that the user added to the audit. What the
# plan drew, or the audit saw, must not decide the group.
find_group_column <- function(name, audit, call) {
  own <- c(plan_columns, outcome_columns)
  places <- list(if (is.data.frame(audit$prompt)) audit$prompt,
                 audit[setdiff(names(audit), own)])
  found <- Filter(function(place) name %in% names(place), places)
  if (length(found) != 1L) {
    stop_argument(
      "groups", "must name one column of the prompts, or of the audit",
      sprintf("\"%s\", which %s", name, if (length(found) > 1L) {
        "both have"
      } else if (name %in% own) {
        "the plan or the audit made"
      } else {
        "is not there"
      }),
      fix = "Or supply a vector with one value for each row of `audit`.",
      call = call
    )
  }
  found[[1L]][[name]]
}

# What is independent must not be in several groups.
refuse_split_clusters <- function(groups, audit, call = rlang::caller_env()) {
  cluster <- audit[["cluster"]]
  first <- match(cluster, cluster)
  split <- which(groups != groups[first])
  if (length(split) > 0L) {
    stop_argument(
      "groups", "must keep the prompts of a cluster together",
      sprintf("\"%s\" and \"%s\" for cluster \"%s\"",
              groups[first[split[1L]]], groups[split[1L]], cluster[split[1L]]),
      call = call
    )
  }
}

# A rule that was fixed before the draws cannot tell their outcomes.
warn_outcome_groups <- function(groups, audit, call = rlang::caller_env()) {
  drawn <- audit$draws > 0
  unsafe <- audit$unsafe[drawn] > 0
  counts <- rowsum(cbind(unsafe, !unsafe) + 0, as.character(groups)[drawn])
  perfect <- all(counts[, 1L] * counts[, 2L] == 0)
  if (sum(drawn) >= 50 && any(unsafe) && perfect) {
    warn_classed("outcome_groups", c(
      "`groups` separates prompts with and without unsafe draws perfectly.",
      x = "Groups that are made after the outcomes have no guarantee."
    ), call = call)
  }
}

# ---- A tau for each group ----------------------------------------------------

# As select_by(), with the table of the groups in place of one tau.
select_groups <- function(audit, rule, row_groups, simultaneous) {
  rows <- split(seq_along(row_groups), row_groups)
  rule$delta <- delta_of_group(rule$delta, simultaneous, length(rows))
  # A group whose draws all failed, and were dropped, is one not calibrated.
  rows <- Filter(length, rows)
  parts <- lapply(rows, function(at) {
    part <- take_part(audit, at)
    c(select_by(part, rule), describe_audit(part))
  })
  table <- do.call(rbind, Map(group_row, names(rows), parts))
  rownames(table) <- NULL
  table$delta <- rule$delta %||% NA_real_
  list(
    tau = NA_real_, tau_marginal = NA_real_, at_tau_max = any(table$at_tau_max),
    trivial = all(table$trivial), exact = is.null(rule$tau_grid),
    curve = do.call(rbind, Map(group_curve, names(rows), parts)),
    certificate = join_certificates(lapply(parts, `[[`, "certificate")),
    groups = table, row_groups = row_groups, simultaneous = simultaneous
  )
}

# The delta of one group. Shared by Sidak: given their groups, prompts of
# different groups are independent. The random last step of the bets is common
# to all groups, and all certified taus fall as its share rises: failures then
# go together, so that the chance of none is at least what it would be if they
# were independent (Chebyshev's association inequality).
delta_of_group <- function(delta, simultaneous, groups) {
  if (is.null(delta) || !simultaneous) {
    return(delta)
  }
  -expm1(log1p(-delta) / groups)
}

group_row <- function(name, part) {
  data.frame(
    group = name, n = part$n, n_included = part$n_included,
    nevent = part$nevent, n_refused = part$n_refused, tau = part$tau,
    tau_marginal = part$tau_marginal,
    at_tau_max = part$at_tau_max, trivial = part$trivial,
    max_share = part$max_share,
    certificate = part$certificate$kind %||% NA_character_
  )
}

group_curve <- function(name, part) {
  data.frame(group = rep(name, nrow(part$curve)), part$curve, row.names = NULL)
}

join_certificates <- function(certificates) {
  certificates <- Filter(Negate(is.null), certificates)
  if (length(certificates) == 0L) {
    return(NULL)
  }
  each <- function(part) unique(unlist(lapply(certificates, `[[`, part)))
  list(kind = paste(each("kind"), collapse = " or "), remarks = each("remarks"))
}
