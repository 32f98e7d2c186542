# The README's example: what it prints, and its picture.
# usage: Rscript tools/readme.R --write|--check

library(timetounsafe)

lines <- readLines("README.md", encoding = "UTF-8")
fences <- grep("^```", lines)
code <- fences[match("```r", lines[fences])]
code_end <- fences[fences > code][1]
shown <- fences[fences > code_end][1]
shown_end <- fences[fences > shown][1]
inside <- function(from, to) lines[seq(from + 1, to - 1)]

options(width = 80, cli.num_colors = 1L)
example <- new.env()
printed <- utils::capture.output(source(
  exprs = parse(text = inside(code, code_end)), local = example,
  print.eval = TRUE
))

draw <- function(file) {
  grDevices::png(file, 1500, 640, res = 150, type = "cairo")
  on.exit(grDevices::dev.off())
  graphics::par(mfrow = 1:2, mar = c(4.2, 4.4, 1.2, 1), cex = 0.8)
  plot(example$lpb)
  plot(example$lpb, "bound")
}

if (identical(commandArgs(TRUE), "--write")) {
  lines <- c(lines[seq_len(shown)], printed, lines[-seq_len(shown_end - 1)])
  writeLines(lines, "README.md", useBytes = TRUE)
  draw("man/figures/lpb.png")
} else if (!identical(printed, inside(shown, shown_end))) {
  writeLines(c("README.md: the example prints something else:", printed))
  quit(status = 1)
}
