package dev.edgekd.core.preprocessing.tokenizer

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason

/** Which end of the tokens is cut or padded. */
internal enum class Side { LEFT, RIGHT }

/** What surrounds the tokens of a text, and what fills it up; [cut] and [padded] name the end. */
internal class Frame(
    val before: List<Int>,
    val after: List<Int>,
    val padding: Int,
    val cut: Side,
    val padded: Side,
)

/** Ids of a text, and true where they are not padding. */
class Encoding(val ids: IntArray, val mask: BooleanArray)

/** Text to ids, as the same file makes Hugging Face `tokenizers` do it. */
class Tokenizer internal constructor(
    private val rawTokens: AddedTokens,
    private val normalizedTokens: AddedTokens,
    private val normalizer: TextNormalizer,
    private val preTokenizer: PreTokenizer,
    private val model: TokenModel,
    private val frame: Frame,
) {
    /**
     * Exactly [length] ids, cut or padded.
     *
     * Throws [Problem]: the text is longer than [MOST_CHARACTERS] (`inputs`), or [length] leaves no
     * room for it (`model`).
     */
    fun encode(text: String, length: Int): Encoding {
        if (text.length > MOST_CHARACTERS) {
            throw Problem(Reason.INPUTS, "the text is longer than $MOST_CHARACTERS characters")
        }
        val room = length - frame.before.size - frame.after.size
        if (room < 1) throw Problem(Reason.MODEL, "$length tokens leave no room for a text")
        val all = tokens(text)
        val kept = if (frame.cut == Side.RIGHT) all.take(room) else all.takeLast(room)
        val whole = frame.before + kept + frame.after
        val start = if (frame.padded == Side.LEFT) length - whole.size else 0
        val inside = start until start + whole.size
        return Encoding(
            IntArray(length) { if (it in inside) whole[it - start] else frame.padding },
            BooleanArray(length) { it in inside },
        )
    }

    private fun tokens(text: String): List<Int> {
        val ids = ArrayList<Int>()
        for (raw in rawTokens.split(text)) {
            if (raw.id != null) {
                ids.add(raw.id)
                continue
            }
            for (piece in normalizedTokens.split(normalizer.normalize(raw.text))) {
                if (piece.id != null) {
                    ids.add(piece.id)
                } else {
                    preTokenizer.words(piece.text).forEach { model.encode(it, ids) }
                }
            }
        }
        return ids
    }

    companion object {
        /** Of a text, in UTF-16 units. */
        const val MOST_CHARACTERS: Int = 100_000
    }
}
