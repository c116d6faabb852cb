"""What is wrong with what a run is made from: the hub, the model's files, the tokenizer, the rows."""

from backend.domain.symptom import symptom

HUB = (
    symptom(
        r"CERTIFICATE_VERIFY_FAILED|WRONG_VERSION_NUMBER|TLSV1_ALERT|SSLCertVerificationError",
        "connection-not-secure",
        "the secure connection to the hub could not be made",
        "Check the proxy (HTTPS_PROXY) and the certificates of this machine (SSL_CERT_FILE).",
    ),
    symptom(
        r"GatedRepoError|Access to (model|dataset) .* is restricted|Cannot access gated repo",
        "hub-gated",
        "the model is gated on the hub",
        "Accept its licence on the hub, and set HF_TOKEN to a token that may read it.",
    ),
    symptom(
        r"DisabledRepoError|Access to this resource is disabled",
        "hub-disabled",
        "the hub has switched this repository off",
        "Take another model, or a copy that you have on this machine.",
    ),
    symptom(
        r"401 (Client Error|Unauthorized)|403 Forbidden|Unauthorized for url|Invalid credentials"
        r"|Invalid (user|username or) (token|password)",
        "hub-unauthorized",
        "the hub did not accept the token",
        "Set HF_TOKEN to a valid token; a wrong repository name is answered in the same way.",
    ),
    symptom(
        r"OfflineModeIsEnabled|offline mode is enabled|outgoing traffic has been disabled",
        "hub-offline",
        "the model is not on this machine, and the hub is switched off",
        "Give a folder with the model, or allow the hub (PEFT_STUDIO_HUB_OFFLINE=0).",
    ),
    symptom(
        r"404 Client Error|RepositoryNotFoundError|RevisionNotFoundError|\b(Remote)?EntryNotFoundError: 404"
        r"|is not a local folder and is not a valid model identifier|does not appear to have a file named"
        r"|Repo id must be|DatasetNotFoundError",
        "hub-not-found",
        "the hub has no such model, revision or file",
        "Check the name and the revision, or give a folder on this machine.",
    ),
    symptom(
        r"We couldn't connect to|LocalEntryNotFoundError|ConnectionError|ConnectError|ConnectTimeout|Couldn't reach '"
        r"|ReadTimeout|ReadError|RemoteProtocolError|Max retries exceeded|name resolution|Name or service not known"
        r"|Connection (reset by peer|aborted|refused)|Remote end closed|Too Many Requests|Network is unreachable"
        r"|(429|5\d\d) (Client|Server) Error|Server error '5\d\d|UNEXPECTED_EOF_WHILE_READING|IncompleteRead",
        "network",
        "the network or the hub did not answer",
        "Check the connection; a model that was loaded once is kept on this machine.",
        is_worth_retrying=True,
    ),
)

MATERIALS = (
    symptom(
        r"Error while deserializing|invalid header|MetadataIncompleteBuffer|header ?too ?(large|small)"
        r"|PytorchStreamReader failed|file not fully covered",
        "weights-damaged",
        "a weight file is damaged or incomplete",
        "Load the model again, or compare the file's size with the original's; git needs git-lfs for it.",
    ),
    symptom(
        r"Weights only load failed|Unsupported global|upgrade torch to at least v2\.6",
        "weights-unsafe",
        "a weight file is a pickle, which could run any program",
        "Take the model's .safetensors files.",
    ),
    symptom(
        r"no file named (model\.safetensors|pytorch_model)|Can't find ('adapter_config\.json'|a valid checkpoint)",
        "weights-missing",
        "the folder has no weights that can be read",
        "Give the folder that holds config.json and the .safetensors files.",
    ),
    symptom(
        r"Some tensors share memory",
        "weights-share-memory",
        "weights that are to be saved are one and the same tensor",
        "Choose a method that does not train tied weights, or train fewer layers.",
    ),
    symptom(
        r"size mismatch for |Missing key\(s\) in state_dict|ignore_mismatched_sizes",
        "weights-do-not-fit",
        "the weights do not fit the model",
        "A checkpoint can only go on with the base model and the method that it was made with.",
    ),
    symptom(
        r"Transformers does not recognize this architecture|Unrecognized (model in|configuration class)"
        r"|Should have a `model_type` key",
        "model-unknown",
        "the installed transformers does not know this kind of model as a causal language model",
        "Take another model, or a version of the studio with a newer transformers.",
    ),
    symptom(
        r"contains custom code which must be executed|trust_remote_code",
        "model-code-untrusted",
        "the model brings code of its own, which does not run unasked",
        "Read it, then trust its hash (base_model.trusted_code).",
    ),
    symptom(
        r"is not a valid JSON file|untagged enum|stream did not contain valid UTF-8|EOF while parsing an?"
        r"|JSONDecodeError: Expecting (property name|value)",
        "model-file-damaged",
        "a JSON file, most often of the model or its tokenizer, cannot be read",
        "Load the model again; a tokenizer.json may also be made for a newer version of tokenizers.",
    ),
    symptom(
        r"Couldn't instantiate the backend tokenizer|Can't load tokenizer for|does not have a padding token"
        r"|the `pad_token` exists in the vocabulary",
        "tokenizer-unusable",
        "the tokenizer is missing or lacks what training needs",
        "Give a model folder with its tokenizer.json and a padding token.",
    ),
    symptom(
        r"tokenizer\.chat_template is not set|jinja2\.exceptions\.|Conversation roles must alternate",
        "chat-template-unsuitable",
        "the model's chat template is missing or refuses the conversations",
        "`peft-studio data check` shows which rows; take an instruct model, or rows that its template allows.",
    ),
    symptom(
        r"Column (name )?(\[?'[^']*'\]?) (doesn't exist|not in the dataset)|The batch received was empty"
        r"|No columns in the dataset match",
        "dataset-columns",
        "the dataset lacks a column that training needs",
        "Name the columns (dataset.columns), or choose the recipe that fits the rows.",
    ),
    symptom(
        r"Unknown split |DataFilesNotFoundError|Unable to find '|doesn't contain any data files|EmptyDatasetError",
        "dataset-not-found",
        "the dataset, or the part of it that is named, is not there",
        "Correct the path or the split.",
    ),
    symptom(
        r"Dataset scripts are no longer supported",
        "dataset-hub-program",
        "the dataset is a program, which does not run",
        "Take a copy of it as Parquet or JSON files.",
    ),
    symptom(
        r"DatasetGeneration(Cast)?Error|ArrowInvalid|ArrowTypeError|Parquet magic bytes|JSON parse error"
        r"|UnicodeDecodeError|activate truncation and/or padding|stack expects each tensor to be equal size",
        "dataset-rows-broken",
        "rows of the dataset cannot be used as they are",
        "`peft-studio data check` names them by line.",
    ),
)
