package dev.edgekd.core.preprocessing.tokenizer

/** Cuts one word into tokens of a vocabulary. */
internal fun interface TokenModel {
    /** Append the ids of the word's tokens. */
    fun encode(word: String, into: MutableList<Int>)
}

/** Each word is one token. */
internal class WordLevel(private val vocabulary: Map<String, Int>, private val unknown: Int) :
    TokenModel {
    override fun encode(word: String, into: MutableList<Int>) {
        into.add(vocabulary[word] ?: unknown)
    }
}

/** The longest piece first, from left to right; a word that cannot be covered is unknown. */
internal class WordPiece(
    private val vocabulary: Map<String, Int>,
    private val unknown: Int,
    private val prefix: String,
    private val mostCharacters: Int,
) : TokenModel {
    override fun encode(word: String, into: MutableList<Int>) {
        val before = into.size
        if (word.codePointCount(0, word.length) > mostCharacters || !cover(word, into)) {
            while (into.size > before) into.removeAt(into.size - 1)
            into.add(unknown)
        }
    }

    private fun cover(word: String, into: MutableList<Int>): Boolean {
        var start = 0
        while (start < word.length) {
            var end = word.length
            var id: Int? = null
            while (end > start) {
                val piece = word.substring(start, end)
                id = vocabulary[if (start == 0) piece else prefix + piece]
                if (id != null) break
                end = word.offsetByCodePoints(end, -1)
            }
            into.add(id ?: return false)
            start = end
        }
        return true
    }
}

/** Two neighbouring tokens become one; the lowest [rank] first. */
internal class Merge(val rank: Int, val merged: Int)

/**
 * Byte pair encoding over characters.
 *
 * A character outside the vocabulary is [unknown], or dropped where that is null. [merges] are
 * found by `left shl 32 or right`.
 */
internal class BytePairs(
    private val vocabulary: Map<String, Int>,
    private val merges: Map<Long, Merge>,
    private val unknown: Int?,
    private val fuseUnknown: Boolean,
) : TokenModel {
    override fun encode(word: String, into: MutableList<Int>) {
        var tokens = characters(word)
        while (true) {
            val best =
                (1 until tokens.size)
                    .mapNotNull { merges[pair(tokens[it - 1], tokens[it])] }
                    .minByOrNull { it.rank } ?: break
            tokens = merged(tokens, best)
        }
        into.addAll(tokens)
    }

    private fun characters(word: String): List<Int> {
        val tokens = ArrayList<Int>()
        var afterUnknown = false
        word.forEachCharacter {
            val known = vocabulary[String(Character.toChars(it))]
            val repeated = known == null && fuseUnknown && afterUnknown
            val id = known ?: unknown
            if (id != null && !repeated) tokens.add(id)
            afterUnknown = known == null
        }
        return tokens
    }

    private fun merged(tokens: List<Int>, merge: Merge): List<Int> {
        val joined = ArrayList<Int>(tokens.size)
        var index = 0
        while (index < tokens.size) {
            val next = tokens.getOrNull(index + 1)
            val both = next != null && merges[pair(tokens[index], next)] === merge
            joined.add(if (both) merge.merged else tokens[index])
            index += if (both) 2 else 1
        }
        return joined
    }

    companion object {
        fun pair(left: Int, right: Int): Long = left.toLong() shl 32 or right.toLong()
    }
}
