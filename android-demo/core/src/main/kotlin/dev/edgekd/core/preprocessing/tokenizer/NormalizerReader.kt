package dev.edgekd.core.preprocessing.tokenizer

import java.text.Normalizer

/** The `normalizer` of a tokenizer file. */
internal object NormalizerReader {
    private const val MOST_STEPS = 16

    private val PLAIN =
        mapOf(
            "Lowercase" to TextNormalizer(::lowercase),
            "StripAccents" to TextNormalizer(::withoutMarks),
            "NFC" to form(Normalizer.Form.NFC),
            "NFD" to form(Normalizer.Form.NFD),
            "NFKC" to form(Normalizer.Form.NFKC),
            "NFKD" to form(Normalizer.Form.NFKD),
        )

    /** Throws `Problem` (`model`): it is none of those that are supported. */
    fun read(part: Component?): TextNormalizer {
        if (part == null) return TextNormalizer { it }
        if (part.type != "Sequence") return single(part)
        val steps = part.parts("normalizers", MOST_STEPS).map { single(it) }
        return TextNormalizer { text ->
            steps.fold(text) { changed, step -> step.normalize(changed) }
        }
    }

    private fun single(part: Component): TextNormalizer {
        if (part.type != "BertNormalizer") return PLAIN[part.type] ?: part.unsupported()
        val lowercase = part.flag("lowercase")
        return BertNormalizer(
            cleanText = part.flag("clean_text"),
            spaceIdeographs = part.flag("handle_chinese_chars"),
            stripAccents = part.flagOrNull("strip_accents") ?: lowercase,
            lowercase = lowercase,
        )
    }

    private fun form(form: Normalizer.Form) = TextNormalizer { Normalizer.normalize(it, form) }
}
