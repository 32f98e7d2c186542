# The pieces of HTML that a report is made of. Whatever a user may have written
# passes escape_html() and goes into a raw block, which pandoc does not read.

# Nothing is left that HTML, markdown or R would act upon: backticks could end
# the raw block, and invisible controls are of no use.
escape_html <- function(x) {
  x <- as_text(x)
  x[is.na(x)] <- "NA"
  bad <- !validUTF8(x)
  x[bad] <- iconv(x[bad], "UTF-8", "UTF-8", sub = "byte")
  x <- gsub("[\001-\010\013-\037\177]", "", x, perl = TRUE)
  # Those that turn the direction of the text around them stay, in sight.
  x <- show_text(x, keep = c("\n", "\t"))
  marks <- c("&" = "&amp;", "<" = "&lt;", ">" = "&gt;", "\"" = "&quot;",
             "'" = "&#39;", "`" = "&#96;")
  for (mark in names(marks)) {
    x <- gsub(mark, marks[[mark]], x, fixed = TRUE)
  }
  x
}

raw_html <- function(...) {
  knitr::asis_output(paste(c("\n```{=html}", ..., "```\n"), collapse = "\n"))
}

html_tag <- function(tag, text, class = NULL) {
  sprintf("<%s%s>%s</%s>", tag,
          if (is.null(class)) "" else sprintf(" class=\"%s\"", class), text,
          tag)
}

# ---- Tables, facts, notes and plots ------------------------------------------

# A table of text; the columns named in `numbers` are set to the right.
html_table <- function(columns, numbers = names(columns)[-1L]) {
  class <- ifelse(names(columns) %in% numbers, "number", "text")
  cells <- Map(function(column, class) {
    html_tag("td", escape_html(column), class)
  }, columns, class)
  head <- mapply(html_tag, "th", escape_html(names(columns)), class)
  raw_html(
    "<div class=\"wide\"><table>",
    html_tag("thead", html_tag("tr", paste(head, collapse = ""))), "<tbody>",
    html_tag("tr", do.call(paste0, unname(cells))), "</tbody></table></div>"
  )
}

# What is known, with what it means below it: rows are c(name, value, remark).
html_facts <- function(...) {
  rows <- vapply(Filter(Negate(is.null), list(...)), function(row) {
    # What is short is not broken, however narrow the page.
    class <- if (nchar(row[2L]) <= 22L) "short"
    row <- escape_html(row)
    remark <- if (length(row) > 2L) html_tag("small", row[3L]) else ""
    html_tag("div", paste0(html_tag("dt", paste0(row[1L], remark)),
                           html_tag("dd", row[2L], class)))
  }, "")
  raw_html("<dl>", rows, "</dl>")
}

# The few numbers that come first: rows are c(number, what it is).
html_tiles <- function(...) {
  tiles <- vapply(list(...), function(tile) {
    tile <- escape_html(tile)
    html_tag("div", paste0(html_tag("b", tile[1L]), html_tag("span", tile[2L])))
  }, "")
  raw_html("<div class=\"tiles\">", tiles, "</div>")
}

html_note <- function(text, class) {
  if (length(text) > 0L) {
    raw_html(html_tag("p", escape_html(text), class))
  }
}

# A plot in the page itself. Base graphics, which are always there.
html_figure <- function(draw, alt, height = 3.2) {
  file <- tempfile(fileext = ".png")
  on.exit(unlink(file))
  grDevices::png(file, 5.4, height, units = "in", res = 200, pointsize = 10)
  tryCatch({
    graphics::par(mar = c(4, 4.3, 0.6, 0.6), mgp = c(2.7, 0.7, 0), tcl = -0.3)
    draw()
  }, finally = grDevices::dev.off())
  raw_html(sprintf("<figure><img src=\"%s\" alt=\"%s\"></figure>",
                   knitr::image_uri(file), escape_html(alt)))
}
