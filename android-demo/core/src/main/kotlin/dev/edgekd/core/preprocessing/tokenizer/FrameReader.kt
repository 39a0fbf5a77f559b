package dev.edgekd.core.preprocessing.tokenizer

/** The `post_processor`, `padding` and `truncation` of a tokenizer file. */
internal object FrameReader {
    private const val MOST_PIECES = 64
    private val USUAL_PADDING = listOf("[PAD]", "<pad>")

    /** Throws `Problem` (`model`): one of them is not supported, or no token is for padding. */
    fun read(root: Component, vocabulary: Map<String, Int>): Frame {
        val (before, after) = surroundings(root.part("post_processor"))
        val padding = root.part("padding")
        return Frame(
            before = before,
            after = after,
            padding =
                padding?.id("pad_id")
                    ?: USUAL_PADDING.firstNotNullOfOrNull { vocabulary[it] }
                    ?: root.fail("no token is for padding"),
            cut = side(root.part("truncation")),
            padded = side(padding),
        )
    }

    private fun side(part: Component?): Side =
        when (part?.textOrNull("direction")) {
            null, "Right" -> Side.RIGHT
            "Left" -> Side.LEFT
            else -> part.fail("direction is neither Left nor Right")
        }

    private fun surroundings(part: Component?): Pair<List<Int>, List<Int>> =
        when (part?.type) {
            null -> Pair(emptyList(), emptyList())
            "BertProcessing" -> Pair(listOf(tokenOf(part, "cls")), listOf(tokenOf(part, "sep")))
            "TemplateProcessing" -> template(part)
            else -> part.unsupported()
        }

    /** A token and its id. */
    private fun tokenOf(part: Component, name: String): Int {
        val items = part.items(name, 2)
        return part.idOf(items.getOrNull(1), name)
    }

    private fun template(part: Component): Pair<List<Int>, List<Int>> {
        val special = part.part("special_tokens")
        val before = ArrayList<Int>()
        val after = ArrayList<Int>()
        var sequences = 0
        for (piece in part.parts("single", MOST_PIECES)) {
            val name = piece.part("SpecialToken")?.text("id")
            if (name == null) {
                if (piece.part("Sequence")?.text("id") != "A") piece.fail("is no known piece")
                sequences++
                continue
            }
            val token = special?.part(name) ?: piece.fail("$name is no special token")
            val ids = token.items("ids", MOST_PIECES).map { token.idOf(it, "ids") }
            (if (sequences == 0) before else after).addAll(ids)
        }
        if (sequences != 1) part.fail("single does not hold the text once")
        return Pair(before, after)
    }
}
