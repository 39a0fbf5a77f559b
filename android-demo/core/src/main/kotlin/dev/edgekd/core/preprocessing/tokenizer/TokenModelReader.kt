package dev.edgekd.core.preprocessing.tokenizer

import dev.edgekd.core.json.JsonArray
import dev.edgekd.core.json.JsonText
import dev.edgekd.core.json.JsonValue

/** The `model` of a tokenizer file. */
internal object TokenModelReader {
    private const val MOST_TOKENS = 1_000_000
    private const val MOST_WORD_CHARACTERS = 1000
    private const val DEFAULT_WORD_CHARACTERS = 100

    /** Tokens to ids; throws `Problem` (`model`). */
    fun vocabulary(model: Component): Map<String, Int> {
        val part = model.part("vocab") ?: model.fail("vocab is missing")
        if (part.names.size > MOST_TOKENS) model.fail("vocab holds more than $MOST_TOKENS tokens")
        return part.names.associateWith { part.id(it) }
    }

    /** Throws `Problem` (`model`): it is none of those that are supported. */
    fun read(model: Component, vocabulary: Map<String, Int>): TokenModel =
        when (model.type) {
            "WordPiece" -> wordPiece(model, vocabulary)
            "WordLevel" -> WordLevel(vocabulary, unknown(model, vocabulary))
            "BPE" -> bytePairs(model, vocabulary)
            else -> model.unsupported()
        }

    private fun wordPiece(model: Component, vocabulary: Map<String, Int>): WordPiece {
        val most =
            if (MOST_CHARACTERS_KEY in model.names) {
                model.id(MOST_CHARACTERS_KEY)
            } else {
                DEFAULT_WORD_CHARACTERS
            }
        if (most > MOST_WORD_CHARACTERS) model.fail("$MOST_CHARACTERS_KEY is $most")
        val prefix = model.textOrNull("continuing_subword_prefix") ?: "##"
        return WordPiece(vocabulary, unknown(model, vocabulary), prefix, most)
    }

    private fun bytePairs(model: Component, vocabulary: Map<String, Int>): BytePairs {
        for (option in listOf("byte_fallback", "ignore_merges")) {
            if (model.flag(option)) model.fail("BPE with $option is not supported by this app")
        }
        for (option in listOf("continuing_subword_prefix", "end_of_word_suffix")) {
            if (!model.textOrNull(option).isNullOrEmpty()) {
                model.fail("BPE with $option is not supported by this app")
            }
        }
        // Dropout is for training, and off in a file that is to be used.
        val merges = HashMap<Long, Merge>()
        model.items("merges", MOST_TOKENS).forEachIndexed { rank, item ->
            val (left, right) = halves(model, item, rank)
            val ids =
                listOf(left, right, left + right).map {
                    vocabulary[it]
                        ?: model.fail("merges[$rank] holds a token outside the vocabulary")
                }
            merges[BytePairs.pair(ids[0], ids[1])] = Merge(rank, ids[2])
        }
        val unknown = model.textOrNull("unk_token")?.let { unknown(model, vocabulary) }
        return BytePairs(vocabulary, merges, unknown, model.flag("fuse_unk"))
    }

    /** Two texts, or in older files one with a space between them. */
    private fun halves(model: Component, item: JsonValue, rank: Int): List<String> {
        val found =
            when (item) {
                is JsonArray -> item.items.map { (it as? JsonText)?.value }
                is JsonText -> item.value.split(' ')
                else -> emptyList()
            }.filterNotNull()
        return if (found.size == 2) found else model.fail("merges[$rank] is no pair of tokens")
    }

    private fun unknown(model: Component, vocabulary: Map<String, Int>): Int {
        val token = model.text("unk_token")
        return vocabulary[token] ?: model.fail("unk_token $token is not in the vocabulary")
    }

    private const val MOST_CHARACTERS_KEY = "max_input_chars_per_word"
}
