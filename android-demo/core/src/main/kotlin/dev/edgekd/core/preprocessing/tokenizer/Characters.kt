package dev.edgekd.core.preprocessing.tokenizer

/*
 * Classes of characters as Hugging Face `tokenizers` has them. Its own tables are of Unicode 8, and
 * a phone's are newer: characters that came later may fall into another class here.
 */

/** Unicode's White_Space. */
internal fun isSpace(character: Int): Boolean =
    when (character) {
        in 0x09..0x0D, 0x20, 0x85, 0xA0, 0x1680, in 0x2000..0x200A -> true
        0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true
        else -> false
    }

/** What BERT drops: control and format characters, halves of pairs, private use. */
internal fun isControl(character: Int): Boolean =
    when (Character.getType(character).toByte()) {
        Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE -> true
        else -> false
    }

/** What BERT makes a token of its own. */
internal fun isPunctuation(character: Int): Boolean =
    when (Character.getType(character).toByte()) {
        Character.CONNECTOR_PUNCTUATION, Character.DASH_PUNCTUATION -> true
        Character.START_PUNCTUATION, Character.END_PUNCTUATION -> true
        Character.INITIAL_QUOTE_PUNCTUATION, Character.FINAL_QUOTE_PUNCTUATION -> true
        Character.OTHER_PUNCTUATION -> true
        else -> character < 0x80 && "$+<=>^`|~".indexOf(character.toChar()) >= 0
    }

/** What a regular expression's `\w` matches: letters, marks, digits, connectors, joiners. */
internal fun isWord(character: Int): Boolean =
    when (Character.getType(character).toByte()) {
        Character.NON_SPACING_MARK, Character.ENCLOSING_MARK -> true
        Character.COMBINING_SPACING_MARK -> true
        Character.DECIMAL_DIGIT_NUMBER, Character.CONNECTOR_PUNCTUATION -> true
        else -> Character.isAlphabetic(character) || character == 0x200C || character == 0x200D
    }

/** The ideographs that BERT puts spaces around. */
internal fun isIdeograph(character: Int): Boolean =
    when (character) {
        in 0x3400..0x4DBF, in 0x4E00..0x9FFF, in 0xF900..0xFAFF -> true
        in 0x20000..0x2A6DF, in 0x2A700..0x2B81F, in 0x2B920..0x2CEAF, in 0x2F800..0x2FA1F -> true
        else -> false
    }

/** Call [action] with each character, a surrogate pair being one. */
internal inline fun String.forEachCharacter(action: (Int) -> Unit) {
    var index = 0
    while (index < length) {
        val character = codePointAt(index)
        action(character)
        index += Character.charCount(character)
    }
}
