package dev.edgekd.core.preprocessing.tokenizer

import java.text.Normalizer

/** Changes a text before it is cut into words. */
internal fun interface TextNormalizer {
    fun normalize(text: String): String
}

/** The steps of BERT's original tokenizer. */
internal class BertNormalizer(
    private val cleanText: Boolean,
    private val spaceIdeographs: Boolean,
    private val stripAccents: Boolean,
    private val lowercase: Boolean,
) : TextNormalizer {
    override fun normalize(text: String): String {
        var changed = text
        if (cleanText) changed = cleaned(changed)
        if (spaceIdeographs) changed = spaced(changed)
        if (stripAccents) {
            changed =
                Normalizer
                    .normalize(changed, Normalizer.Form.NFD)
                    .without { Character.getType(it).toByte() == Character.NON_SPACING_MARK }
        }
        return if (lowercase) lowercase(changed) else changed
    }

    private fun cleaned(text: String): String {
        val kept = StringBuilder(text.length)
        text.forEachCharacter {
            when {
                it == 0 || it == 0xFFFD -> Unit
                it == '\t'.code || it == '\n'.code || it == '\r'.code -> kept.append(' ')
                isControl(it) -> Unit
                isSpace(it) -> kept.append(' ')
                else -> kept.appendCodePoint(it)
            }
        }
        return kept.toString()
    }

    private fun spaced(text: String): String {
        val wide = StringBuilder(text.length)
        text.forEachCharacter {
            if (isIdeograph(it)) {
                wide.append(' ').appendCodePoint(it).append(' ')
            } else {
                wide.appendCodePoint(it)
            }
        }
        return wide.toString()
    }
}

/** Each character by itself: a final sigma is like any other. */
internal fun lowercase(text: String): String {
    val lower = StringBuilder(text.length)
    text.forEachCharacter {
        // The one character whose lower case is two.
        if (it ==
            0x130
        ) {
            lower.append("i\u0307")
        } else {
            lower.appendCodePoint(Character.toLowerCase(it))
        }
    }
    return lower.toString()
}

/** The normalizer `StripAccents`: every mark goes, where BERT drops those without a width. */
internal fun withoutMarks(text: String): String =
    text.without {
        when (Character.getType(it).toByte()) {
            Character.NON_SPACING_MARK, Character.ENCLOSING_MARK -> true
            Character.COMBINING_SPACING_MARK -> true
            else -> false
        }
    }

private inline fun String.without(dropped: (Int) -> Boolean): String {
    val kept = StringBuilder(length)
    forEachCharacter { if (!dropped(it)) kept.appendCodePoint(it) }
    return kept.toString()
}
