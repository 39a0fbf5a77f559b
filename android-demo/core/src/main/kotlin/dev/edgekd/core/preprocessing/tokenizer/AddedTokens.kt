package dev.edgekd.core.preprocessing.tokenizer

/**
 * A token that is looked for in the text itself, before any word is.
 *
 * [leftSpace] and [rightSpace]: it takes the spaces beside it along; [wholeWord]: it counts only
 * where no word goes on beside it.
 */
internal class AddedToken(
    val id: Int,
    val content: String,
    val wholeWord: Boolean,
    val leftSpace: Boolean,
    val rightSpace: Boolean,
)

/** A piece of a text: an added token, or text that is still to be cut ([id] is null). */
internal class Piece(val text: String, val id: Int?)

/** Finds added tokens: the leftmost first, and the longest where several begin there. */
internal class AddedTokens(tokens: List<AddedToken>) {
    private val byFirst = tokens.sortedByDescending { it.content.length }.groupBy { it.content[0] }

    fun split(text: String): List<Piece> {
        val pieces = ArrayList<Piece>()
        var done = 0
        var index = 0
        while (index < text.length) {
            val token = byFirst[text[index]]?.find { text.startsWith(it.content, index) }
            if (token == null) {
                index++
                continue
            }
            val start = index
            index += token.content.length
            if (token.wholeWord && !standsAlone(text, start, index)) continue
            val from = if (token.leftSpace) maxOf(done, spaceBefore(text, start)) else start
            if (from > done) pieces.add(Piece(text.substring(done, from), null))
            done = if (token.rightSpace) spaceAfter(text, index) else index
            pieces.add(Piece(text.substring(from, done), token.id))
            index = maxOf(index, done)
        }
        if (done < text.length) pieces.add(Piece(text.substring(done), null))
        return pieces
    }

    private fun standsAlone(text: String, start: Int, end: Int): Boolean =
        (start == 0 || !isWord(text.codePointBefore(start))) &&
            (end == text.length || !isWord(text.codePointAt(end)))

    private fun spaceBefore(text: String, start: Int): Int {
        var index = start
        while (index > 0 && isSpace(text[index - 1].code)) index--
        return index
    }

    private fun spaceAfter(text: String, end: Int): Int {
        var index = end
        while (index < text.length && isSpace(text[index].code)) index++
        return index
    }
}
