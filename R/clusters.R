# Clusters: prompts that depend on each other (paraphrases, templates, turns of
# one conversation). What is independent, and bet on, is the unit: a cluster,
# or, without clusters, a prompt. Derivation: methods vignette, "For whom".

# ---- Checks ------------------------------------------------------------------

# The cluster of each prompt, as text or whole numbers; NULL for none.
check_cluster <- function(cluster, n, call = rlang::caller_env()) {
  if (is.null(cluster)) {
    return(NULL)
  }
  if (!is.atomic(cluster) || length(cluster) != n || anyNA(cluster)) {
    found <- if (is.atomic(cluster) && anyNA(cluster)) {
      sprintf("NA (element %d)", which(is.na(cluster))[1L])
    } else {
      describe(cluster)
    }
    stop_argument(
      "cluster",
      sprintf("must contain %d values, one for each prompt, none missing", n),
      found, call = call
    )
  }
  whole <- is.numeric(cluster) && !is.object(cluster) &&
    all(cluster == round(cluster) & abs(cluster) <= .Machine$integer.max)
  if (whole) as.integer(cluster) else as_text(cluster)
}

# The most rows that a cluster of the traffic can have; NULL where each cluster
# counts once. It is also a limit of clusters that nobody has seen yet.
check_cluster_size <- function(cluster_size, cluster,
                               call = rlang::caller_env()) {
  cluster_size <- check_number(cluster_size, "cluster_size", min = 1,
                               whole = TRUE, null_ok = TRUE, call = call)
  if (is.null(cluster_size)) {
    return(NULL)
  }
  if (is.null(cluster)) {
    stop_argument("cluster_size", "is for prompts with `cluster` only",
                  format(cluster_size), call = call)
  }
  size <- table(cluster)
  largest <- which.max(size)
  if (size[largest] > cluster_size) {
    stop_argument(
      "cluster_size", "must be at least the rows of every cluster",
      sprintf("%s, as cluster \"%s\" has %s", format(cluster_size),
              names(size)[largest], format(size[largest])),
      fix = paste("It is a limit of the traffic, fixed before the prompts were",
                  "sampled. NULL counts each cluster once, whatever its size."),
      call = call
    )
  }
  cluster_size
}

# The number of each row's unit, in the order in which they come.
number_units <- function(cluster, n) {
  if (is.null(cluster)) seq_len(n) else match(cluster, unique(cluster))
}

# ---- Order -------------------------------------------------------------------

# The random order in which the certificate looks at prompts: those of a cluster
# one after the other, clusters in a random order that does not depend on
# their sizes.
random_order <- function(n, cluster = NULL) {
  if (is.null(cluster)) {
    return(sample.int(n))
  }
  unit <- number_units(cluster, n)
  place <- sample.int(max(unit))[unit]
  order(order(place, sample.int(n)))
}

# Whether each cluster is in one piece of the order.
is_contiguous <- function(order, cluster) {
  ordered <- as_text(cluster)[order(order)]
  sum(ordered[-1L] != ordered[-length(ordered)]) + 1L ==
    length(unique(ordered))
}

# ---- Units of an audit -------------------------------------------------------

# (A column of the user's may have a longer name.)
is_clustered <- function(audit) !is.null(audit[["cluster"]])

# Whether rows count, and not clusters: then the rows of a cluster are added up.
adds_rows <- function(audit) !is.null(audit$constants$cluster_size)

# The place of each row's unit in the plan's random order: 1 to n.
unit_place <- function(audit) {
  if (!is_clustered(audit)) {
    return(rank(audit$order, ties.method = "first"))
  }
  unit <- unit_numbers(audit)
  first <- vapply(split(as.double(audit$order), unit), min, 0)
  unname(rank(first)[unit])
}

unit_numbers <- function(audit) {
  cluster <- audit[["cluster"]]
  match(cluster, unique(cluster))
}

count_units <- function(audit) {
  if (is_clustered(audit)) {
    max(unit_numbers(audit))
  } else {
    length(audit$limit)
  }
}

# How many rows of the audit are of the same unit as this one.
unit_size <- function(audit) {
  if (!is_clustered(audit)) {
    return(rep(1, length(audit$limit)))
  }
  unit <- unit_numbers(audit)
  as.double(tabulate(unit))[unit]
}

# What a row counts for within its unit: its share of the mean, or all.
row_share <- function(audit) {
  if (adds_rows(audit)) rep(1, length(audit$limit)) else 1 / unit_size(audit)
}

# A sum over rows for each unit, by their places.
add_by_place <- function(value, place, n) {
  if (length(value) == 0L) {
    return(numeric(n))
  }
  total <- numeric(n)
  sums <- rowsum(value, place)
  total[as.integer(rownames(sums))] <- sums
  total
}

# The same for each unit in the plan's random order, where each row has its
# share.
add_by_unit <- function(value, audit) {
  if (!is_clustered(audit)) {
    return(value[order(audit$order)])
  }
  add_by_place(value * row_share(audit), unit_place(audit), count_units(audit))
}

# ---- In words ----------------------------------------------------------------

# Whom a statement is about: "rows", a random row of traffic whose rows are
# independent; "clusters", a random prompt of a random cluster; "clustered
# rows", a random row of traffic that comes in clusters.
target_kind <- function(plan) {
  if (!is_clustered(plan)) {
    "rows"
  } else if (adds_rows(plan)) {
    "clustered rows"
  } else {
    "clusters"
  }
}

# One line, or two, of a print.
target_lines <- function(plan) {
  units <- counted(count_units(plan), "cluster")
  switch(target_kind(plan),
    rows = c(
      "Target: rows of traffic like these, repeats included",
      if (has_copies(plan$prompt)) {
        "For distinct prompts of a list sampled at random, supply each once."
      }
    ),
    clusters = sprintf("Target: a random prompt of a random cluster (%s)",
                       units),
    "clustered rows" = sprintf(
      "Target: rows of clustered traffic (%s, of up to %s rows)", units,
      big(plan$constants$cluster_size)
    )
  )
}

has_copies <- function(prompts) {
  !is.null(prompts) && anyDuplicated(prompts) > 0L
}
