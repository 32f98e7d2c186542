# The drawing of the live audit, from prompts to a finished audit: the process
# that is killed, and started again by the same command. What is in the ledgers
# is not drawn again.
# usage: Rscript bench/live/draw.R ADDRESS

live <- new.env()
sys.source("bench/live/common.R", live)

sampler <- live$model_sampler(commandArgs(TRUE)[1])
set.seed(1)
training <- draw_responses(
  live$prompts_of("train"), sampler, live$train_draws,
  ledger = live$at("training.sqlite"), control = live$control
)
hazard <- fit_hazard(live$features_of("train"), training)
plan <- plan_audit(hazard, live$prompts_of("calibrate"), live$budget,
                   live$features_of("calibrate"))
audit <- run_audit(plan, sampler, ledger = live$at("audit.sqlite"),
                   control = live$control)
saveRDS(list(training = training, plan = plan, audit = audit),
        live$at("drawn.rds"))
