package dev.edgekd.core.preprocessing.tokenizer

/** A tokenizer file of nine tokens. */
internal object SmallTokenizer {
    private val members =
        mapOf(
            "version" to "\"1.0\"",
            "added_tokens" to """[{"id": 4, "content": "[MASK]", "normalized": false}]""",
            "normalizer" to """{"type": "BertNormalizer", "lowercase": true, "clean_text": true}""",
            "pre_tokenizer" to """{"type": "BertPreTokenizer"}""",
            "post_processor" to
                """{"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}""",
            "model" to
                """{"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[PAD]": 0, "[UNK]": 1,
                "[CLS]": 2, "[SEP]": 3, "hello": 5, "world": 6, "##s": 7, ",": 8}}""",
        )

    /** The file, with other [changes] as JSON text. */
    fun text(vararg changes: Pair<String, String>): String =
        (members + changes).entries.joinToString(",", "{", "}") { "\"${it.key}\":${it.value}" }
}
