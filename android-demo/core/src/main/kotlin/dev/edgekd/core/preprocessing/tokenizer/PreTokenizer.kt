package dev.edgekd.core.preprocessing.tokenizer

/** Cuts a normalized text into words, by the kinds of its characters. */
internal enum class PreTokenizer(private val kindOf: (Int) -> CharacterKind) {
    /** At spaces; each punctuation mark is a word. */
    BERT({
        when {
            isSpace(it) -> CharacterKind.SPACE
            isPunctuation(it) -> CharacterKind.ALONE
            else -> CharacterKind.WORD
        }
    }),

    /** Runs of what the regular expression `\w+|[^\w\s]+` matches. */
    WHITESPACE({
        when {
            isWord(it) -> CharacterKind.WORD
            isSpace(it) -> CharacterKind.SPACE
            else -> CharacterKind.OTHER
        }
    }),
    ;

    fun words(text: String): List<String> {
        val words = ArrayList<String>()
        var start = 0
        var running = CharacterKind.SPACE
        var index = 0
        while (index < text.length) {
            val character = text.codePointAt(index)
            val kind = kindOf(character)
            if (kind != running || kind == CharacterKind.ALONE) {
                if (running != CharacterKind.SPACE) words.add(text.substring(start, index))
                start = index
                running = kind
            }
            index += Character.charCount(character)
        }
        if (running != CharacterKind.SPACE) words.add(text.substring(start))
        return words
    }
}

/** Characters of one kind make a word together, but for [SPACE], which makes none, and [ALONE]. */
internal enum class CharacterKind { SPACE, ALONE, WORD, OTHER }
