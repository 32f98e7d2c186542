report_study <- function(runs, long, output) print(dim(runs))
