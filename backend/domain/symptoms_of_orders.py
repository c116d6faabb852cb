"""What cannot work as it was ordered: precision, layers, levers, numbers that went wrong. None is worth repeating."""

from backend.domain.symptom import symptom

ORDERS = (
    symptom(
        r"Attempting to unscale FP16 gradients|doesn't support bf16|mixed precision requires|requires Ampere or a newer"
        r"|non_finite_check_and_unscale\w* not implemented|bf16 is not supported",
        "precision-unsupported",
        "this machine or model cannot compute in the precision that was ordered",
        "Set training.precision to auto, or to float32.",
    ),
    symptom(
        r"must have the same dtype, but got|expected scalar type \w+ but found|Input type \(.*\) and \w+ type",
        "precision-mixed",
        "numbers of two formats met where only one can be",
        "Set training.precision to float32.",
    ),
    symptom(
        r"Flash\s?Attention\w*\S* (has been toggled on|only supports)|flash_attn (seems to be not|is not) installed"
        r"|attn_implementation=",
        "attention-unavailable",
        "the attention that was ordered cannot be used here",
        "Set speed.attention to auto.",
    ),
    symptom(
        r"Target modules? .* not found in the base model|NoMatchingPeftModuleError"
        r"|Target module .* is not supported\. Currently",
        "target-modules-unknown",
        "the base model has no layers of the names in target_modules that the method can go on",
        'Set method.target_modules to "all-linear".',
    ),
    symptom(
        r"`r` should be a positive integer|fine-tuning on purely quantized models|on a different device than the one",
        "method-unsuitable",
        "the method cannot go on this model as it was ordered",
        "Choose another method, or another quantization.",
    ),
    symptom(
        r"does not require grad and does not have a grad_fn|None of the inputs have requires_grad",
        "nothing-to-train",
        "no gradient reaches the weights that are to be trained",
        "Switch training.gradient_checkpointing off, or choose another method.",
    ),
    symptom(
        r"torch\.utils\.checkpoint: |CheckpointError|backward through the graph a second time"
        r"|modified by an inplace operation|mark a variable ready only once",
        "graph-broken",
        "this model cannot recompute its activations",
        "Switch training.gradient_checkpointing off.",
    ),
    symptom(
        r"returned nan values in its|contains either `inf`, `nan` or element < 0",
        "loss-not-finite",
        "a number was not finite: training has diverged",
        "Lower training.learning_rate, or compute in float32.",
    ),
    symptom(
        r"shapes cannot be multiplied|must match the size of tensor|Sizes of tensors must match",
        "shapes-do-not-fit",
        "two tables of numbers do not fit together",
        "Most often a model, its tokenizer and its adapter are not of one kind.",
    ),
    symptom(
        r"must be divisible by|requires the save and eval strategy to match|got an unexpected keyword argument",
        "order-contradicts-itself",
        "settings of the run contradict one another",
        "Correct what the log names, and start a new run.",
    ),
)
