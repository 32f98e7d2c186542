# Checks that the files of R/ form layers: each uses only files below it.
# Prints the layers; or, with status 1, what is against the rule: a circle with
# the names that tie it, a name that is defined twice, a constant that needs a
# file which R reads later.
#
# usage: Rscript tools/layers.R            the layers
#        Rscript tools/layers.R --uses     and what each file uses
#        Rscript tools/layers.R --edges    and by which names
#        Rscript tools/layers.R --write    the table and the picture of
#                                          ARCHITECTURE.md (needs Graphviz)
#        Rscript tools/layers.R --check    and status 1 where the table is old
#
# A file uses another one where one of its definitions, a function or a
# constant, names a definition of the other. Local variables and quoted code do
# not count, nor does S3 dispatch: a generic does not use its methods.

# The code of this template counts as that of the file that renders it.
templates <- c("report.R" = "inst/report/report.Rmd")

# The steps of the data's way, by the first word of a file's name.
steps <- list(
  Ground = c("conditions", "text", "integer64", "format", "calls", "clock",
             "tables", "methods", "checks", "files", "random", "price",
             "prompts", "defunct", "timetounsafe"),
  Draws = c("sampler", "server", "judge", "draws", "response", "read"),
  Hazard = c("features", "geometric", "hazard"),
  Plan = c("allocation", "clusters", "design", "plan"),
  Audit = c("audit", "batch", "ledger"),
  Calibration = c("miscoverage", "weights", "evidence", "betting",
                  "calibrate", "lpb"),
  Conclusions = c("assess", "risk", "claim", "advise", "report", "time",
                  "study")
)

# ---- What is defined, and what it names --------------------------------------

# A list with an element for each definition: its file and its value.
find_definitions <- function(folder) {
  # In the order in which R reads them.
  files <- sort(list.files(folder, "[.]R$"), method = "radix")
  found <- list()
  for (file in files) {
    for (e in parse(file.path(folder, file), keep.source = FALSE)) {
      if (is_definition(e)) {
        name <- as.character(e[[2L]])
        if (!is.null(found[[name]])) {
          refuse(sprintf("%s is defined in %s and in %s.", name,
                         found[[name]]$file, file))
        }
        found[[name]] <- list(file = file, value = e[[3L]])
      }
    }
  }
  for (file in names(templates)) {
    found[[templates[[file]]]] <- list(file = file, value = call(
      "function", NULL, template_code(templates[[file]])
    ))
  }
  structure(found, files = files)
}

is_definition <- function(e) {
  is.call(e) && is.name(e[[1L]]) && as.character(e[[1L]]) %in% c("<-", "=") &&
    is.name(e[[2L]])
}

# The chunks of an R Markdown file, their options and its inline code, as one
# expression.
template_code <- function(path) {
  text <- paste(readLines(path, encoding = "UTF-8"), collapse = "\n")
  cut <- function(pattern) {
    regmatches(text, gregexpr(pattern, text, perl = TRUE))[[1L]]
  }
  chunks <- cut("(?s)```\\{r[^\n]*\n.*?\n```")
  options <- sub("(?s)^```\\{r[ ,]*([^\n]*)\\}\n.*", "list(\\1)", chunks,
                 perl = TRUE)
  chunks <- sub("(?s)^```[^\n]*\n(.*)\n```$", "\\1", chunks, perl = TRUE)
  inline <- sub("^`r (.*)`$", "\\1", cut("(?s)`r [^`]*`"))
  as.call(c(as.name("{"), as.list(parse(text = c(options, chunks, inline)))))
}

is_function <- function(value) {
  is.call(value) && identical(value[[1L]], as.name("function"))
}

# The global names in a definition.
global_names <- function(value) {
  # A constant is looked at as the body of a function without arguments.
  f <- if (is_function(value)) {
    eval(value, baseenv())
  } else {
    as.function(list(value), envir = baseenv())
  }
  intersect(union(codetools::findGlobals(f), called_names(value)),
            all.names(value, unique = TRUE))
}

# codetools takes a call f() for one of a local variable f. R does not, unless
# that is a function.
called_names <- function(value) {
  heads <- local_functions <- character()
  walk <- function(e) {
    if (is.call(e) && is.name(e[[1L]])) {
      head <- as.character(e[[1L]])
      if (head %in% c("quote", "bquote", "::", ":::")) {
        return(invisible())
      }
      heads <<- c(heads, head)
      if (head %in% c("<-", "<<-") && is.name(e[[2L]]) &&
            is_function(e[[3L]])) {
        local_functions <<- c(local_functions, as.character(e[[2L]]))
      }
      if (head == "function") {
        local_functions <<- c(local_functions, names(e[[2L]]))
      }
    }
    if (is.call(e) || is.pairlist(e)) {
      for (part in as.list(e)) {
        if (!missing(part)) walk(part)
      }
    }
  }
  walk(value)
  setdiff(heads, local_functions)
}

# One row for each pair of definitions of which one names the other, in
# different files.
find_edges <- function(found) {
  file <- vapply(found, `[[`, "", "file")
  rows <- lapply(names(found), function(name) {
    used <- intersect(global_names(found[[name]]$value), names(found))
    used <- used[file[used] != file[[name]]]
    data.frame(from = rep(file[[name]], length(used)), to = unname(file[used]),
               by = rep(name, length(used)), uses = used,
               constant = rep(!is_function(found[[name]]$value), length(used)))
  })
  do.call(rbind, rows)
}

# ---- Layers, or a circle -----------------------------------------------------

# 0 for files that use none, and one more than the highest that it uses for any
# other. NA on a circle, and above one.
find_layers <- function(files, edges) {
  layer <- stats::setNames(rep(NA_integer_, length(files)), files)
  repeat {
    used <- lapply(files, function(file) layer[edges$to[edges$from == file]])
    ready <- is.na(layer) & !vapply(used, anyNA, NA)
    if (!any(ready)) {
      return(layer)
    }
    layer[ready] <- vapply(used[ready], function(at) max(-1L, at) + 1L, 0L)
  }
}

# The shortest circle among files without a layer, by a search in breadth from
# each of them.
find_circle <- function(files, edges) {
  circles <- lapply(files, circle_from, files = files, edges = edges)
  circles <- Filter(length, circles)
  circles[[which.min(lengths(circles))]]
}

circle_from <- function(start, files, edges) {
  parent <- stats::setNames(rep(NA_character_, length(files)), files)
  queue <- start
  while (length(queue) > 0L) {
    here <- queue[1L]
    onward <- intersect(edges$to[edges$from == here], files)
    if (start %in% onward) {
      path <- here
      while (path[1L] != start) path <- c(parent[[path[1L]]], path)
      return(path)
    }
    new <- onward[is.na(parent[onward])]
    parent[new] <- here
    queue <- c(queue[-1L], new)
  }
  NULL
}

circle_text <- function(circle, edges) {
  onward <- c(circle[-1L], circle[1L])
  steps <- Map(function(from, to) {
    at <- which(edges$from == from & edges$to == to)
    shown <- utils::head(at, 4L)
    c(sprintf("  %s -> %s", from, to),
      sprintf("      %s names %s", edges$by[shown], edges$uses[shown]),
      if (length(at) > 4L) sprintf("      and %d more", length(at) - 4L))
  }, circle, onward)
  c("R/ has a circle of files:", unlist(steps, use.names = FALSE))
}

# ---- What is shown -----------------------------------------------------------

show_layers <- function(layer, edges, uses) {
  for (at in sort(unique(layer))) {
    here <- names(layer)[layer == at]
    cat(sprintf("%2d  %s\n", at, paste(here, collapse = " ")))
    for (file in if (uses) here) {
      used <- sort(unique(edges$to[edges$from == file]))
      cat(sprintf("      %s: %s\n", file, paste(used, collapse = " ")))
    }
  }
}

step_of <- function(files) {
  word <- sub("[-.].*", "", files)
  step <- vapply(word, function(w) {
    c(names(steps)[vapply(steps, function(words) w %in% words, NA)], NA)[1L]
  }, "")
  if (anyNA(step)) {
    refuse(sprintf("%s belongs to no step: see `steps` in tools/layers.R.",
                   files[is.na(step)]))
  }
  factor(step, names(steps))
}

# What a file says of itself: the comment that it begins with.
head_comment <- function(path) {
  lines <- readLines(path, encoding = "UTF-8")
  n <- match(FALSE, grepl("^# ", lines)) - 1L
  if (n < 1L) {
    refuse(sprintf("%s does not begin with a comment that says what it holds.",
                   path))
  }
  text <- paste(sub("^# ", "", lines[seq_len(n)]), collapse = " ")
  gsub("|", "\\|", text, fixed = TRUE)
}

# A row of Markdown for each file, by step and layer. Everybody may use the
# ground, so that it is left out of what the others use.
table_lines <- function(folder, layer, edges) {
  step <- step_of(names(layer))
  ground <- names(layer)[step == "Ground"]
  at <- order(step, layer, names(layer), method = "radix")
  rows <- vapply(names(layer)[at], function(file) {
    used <- unique(edges$to[edges$from == file])
    if (!file %in% ground) used <- setdiff(used, ground)
    sprintf("| %s | %d | %s | %s |", sub("[.]R$", "", file), layer[[file]],
            head_comment(file.path(folder, file)),
            paste(sub("[.]R$", "", sort(used, method = "radix")),
                  collapse = ", "))
  }, "")
  lines <- character()
  for (name in names(steps)) {
    lines <- c(lines, "", paste("###", name), "",
               "| file | layer | what it holds | what it uses |",
               "|:--|--:|:--|:--|", rows[step[at] == name])
  }
  c(unname(lines), "")
}

# The picture: an arrow from each file to what it uses, without arrows that a
# longer way implies, and without those to the ground.
dot_lines <- function(layer, edges) {
  step <- step_of(names(layer))
  ground <- names(layer)[step == "Ground"]
  edges <- unique(edges[!edges$from %in% ground & !edges$to %in% ground,
                        c("from", "to")])
  below <- list()
  for (file in names(sort(layer))) {
    direct <- edges$to[edges$from == file]
    below[[file]] <- unique(c(direct, unlist(below[direct])))
  }
  implied <- mapply(function(from, to) {
    to %in% unlist(below[edges$to[edges$from == from]])
  }, edges$from, edges$to)
  shades <- c("#f0f0f0", "#fde0c5", "#fff2b3", "#d5efcf", "#c9e4f5", "#dcd6f2",
              "#f6d5e5")
  stem <- function(file) sub("[.]R$", "", file)
  drawn <- setdiff(names(layer), ground)
  c("digraph R {",
    "  rankdir=TB; nodesep=0.15; ranksep=0.35;",
    "  node [shape=box, style=filled, fontname=Helvetica, fontsize=11];",
    "  edge [color=\"#888888\", arrowsize=0.6];",
    sprintf("  \"%s\" [fillcolor=\"%s\"];", stem(drawn),
            shades[step[match(drawn, names(layer))]]),
    sprintf("  \"%s\" -> \"%s\";", stem(edges$from), stem(edges$to))[!implied],
    "}")
}

# ---- ARCHITECTURE.md ---------------------------------------------------------

page <- "ARCHITECTURE.md"
marks <- c("<!-- The table: make layers -->", "<!-- End of the table -->")

# The page with the lines between its marks replaced.
with_table <- function(table) {
  lines <- readLines(page, encoding = "UTF-8")
  at <- match(marks, lines)
  if (anyNA(at)) {
    refuse(paste(page, "has no place for the table."))
  }
  c(lines[seq_len(at[1L])], table, lines[at[2L]:length(lines)])
}

write_page <- function(table, dot) {
  writeLines(with_table(table), page, useBytes = TRUE)
  source <- tempfile(fileext = ".dot")
  writeLines(dot, source)
  status <- system2("dot", c("-Tsvg", shQuote(source), "-o",
                             "tools/layers.svg"))
  if (status != 0) {
    refuse("The picture needs `dot` of Graphviz.")
  }
}

# ---- The whole ---------------------------------------------------------------

refuse <- function(lines) {
  cat(lines, sep = "\n")
  quit(status = 1L)
}

main <- function(arguments) {
  folder <- "R"
  found <- find_definitions(folder)
  files <- attr(found, "files")
  edges <- find_edges(found)

  early <- edges[edges$constant &
                   match(edges$to, files) > match(edges$from, files), ]
  if (nrow(early) > 0L) {
    refuse(sprintf("The constant %s in %s needs %s in %s, which R reads later.",
                   early$by, early$from, early$uses, early$to))
  }
  layer <- find_layers(files, edges)
  if (anyNA(layer)) {
    refuse(circle_text(find_circle(files[is.na(layer)], edges), edges))
  }
  show_layers(layer, edges, "--uses" %in% arguments)
  if ("--edges" %in% arguments) {
    print(edges[order(edges$from, edges$to), 1:4], row.names = FALSE)
  }
  table <- table_lines(folder, layer, edges)
  if ("--write" %in% arguments) {
    write_page(table, dot_lines(layer, edges))
  }
  if ("--check" %in% arguments &&
        !identical(with_table(table), readLines(page, encoding = "UTF-8"))) {
    refuse(paste(page, "is not current: `make layers` writes its table."))
  }
  cat(sprintf("\n%d files, %d definitions, %d layers: no circle.\n",
              length(files), length(found), length(unique(layer))))
}

main(commandArgs(TRUE))
